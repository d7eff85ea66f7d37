"""`draw`: invented thumbnails."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import options
from pipeline.cli.terminal import speaking


def draw(
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.")] = Path("data/pictures/demo"),
    train: Annotated[int, typer.Option(help="Training pictures per class.")] = 200,
    test: Annotated[int, typer.Option(help="Held-out pictures per class.")] = 100,
    size: Annotated[str, typer.Option(help="Width x height in pixels.")] = "1280x720",
    seed: Annotated[int, typer.Option(help="Another seed, other pictures.")] = 0,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Draw the thumbnails of three invented channels.

    Writes FOLDER/{train,test}/CHANNEL/*.jpg; keeps pictures that already exist.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.core.errors import UsageError
        from pipeline.core.size import parse_size
        from pipeline.data.synthetic import CHANNELS, draw_channels

        wanted = parse_size(size)
        if wanted is None:
            raise UsageError(f"--size {size}: expected width x height", "for example --size 1280x720")
        count = draw_channels(
            folder, train=train, test=test, size=wanted, seed=seed, progress=terminal.progress
        )
        terminal.say("drawn", f"{count:,} pictures of {len(CHANNELS)} invented channels in {folder}")
        terminal.finish({"pictures": count, "folder": str(folder)})
