"""`collect`: channels' thumbnails → a folder of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from pipeline.data.collect.manifest import Row

_SHOWN = 20


def collect(
    source: Annotated[Path, typer.Argument(metavar="CONFIG", help="A .toml with [[channels]].")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key.")
    ] = None,
    retry: Annotated[bool, typer.Option(help="Retry pictures that YouTube did not have.")] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Collect the newest thumbnails of YouTube channels.

    Reads the channels' lists of videos, never a video. Writes the pictures to data.pictures, split by
    time, and manifest.jsonl: every video, and why a picture is missing. Run again, it fetches only
    what is new.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.core import config as configuration
        from pipeline.core.errors import ConfigError
        from pipeline.data.collect import manifest

        config = configuration.load(source, settings or ())
        if not config.channels:
            raise ConfigError(
                f"{source} names no channels", 'add [[channels]] with channel = "@handle" and label = "NAME"'
            )
        # Loads yt-dlp, so only after the checks that need no network.
        from pipeline.data.collect import collector
        from pipeline.data.collect.youtube import Session

        folder = Path(config.data.pictures)
        with Session(config.collect, terminal) as session:
            outcome = collector.collect_channels(
                folder, config.channels, config.collect, session, terminal, retry=retry
            )
        classes = [_class(name, outcome) for name in sorted({row.label for row in outcome.rows})]
        _show(terminal, folder, classes, [row for row in outcome.rows if row.reason])
        if any(row.split == "test" for row in outcome.rows):
            terminal.say(
                "split", "by time: each channel's held-out pictures are older than its training pictures"
            )
        terminal.finish(
            {"folder": str(folder), "requests": session.requests, "classes": classes},
            [str(folder / manifest.NAME)],
        )
        terminal.next("pipeline", "train", str(source))


def _class(label: str, outcome: Any) -> dict[str, Any]:
    rows = [row for row in outcome.rows if row.label == label]
    return {
        "label": label,
        "pictures": sum(1 for row in rows if row.file),
        "train": sum(1 for row in rows if row.file and row.split == "train"),
        "test": sum(1 for row in rows if row.file and row.split == "test"),
        "new": sum(count for (name, _), count in outcome.added.items() if name == label),
        "missing": [
            {key: getattr(row, key) for key in ("id", "split", "position", "reason")}
            for row in rows
            if row.reason
        ],
    }


def _show(terminal: Terminal, folder: Path, classes: list[dict[str, Any]], missing: list[Row]) -> None:
    terminal.table(
        str(folder),
        ["class", "pictures", "training", "held out", "new", "missing"],
        [
            [
                one["label"],
                *(f"{one[key]:,}" for key in ("pictures", "train", "test", "new")),
                f"{len(one['missing']):,}",
            ]
            for one in classes
        ],
    )
    if missing:
        terminal.table(
            "Missing, and why" + (f": the first {_SHOWN} of {len(missing)}" if len(missing) > _SHOWN else ""),
            ["class", "position", "video", "reason"],
            [[row.label, str(row.position), row.id, row.reason] for row in missing[:_SHOWN]],
            words=True,
        )
