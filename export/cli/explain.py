"""`explain`: where the model and its file look, and what they get wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export import artifacts
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from pipeline.core.runs import Run

_MOST = 2000


def explain(
    places: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PICTURES...", help="Pictures or folders, in place of held-out ones."),
    ] = None,
    run_name: options.OnlyRunOption = None,
    limit: Annotated[
        int | None, typer.Option(min=10, max=_MOST, help="How many held-out pictures at most; default: 100.")
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Show where the model and its int8 file look.

    Grad-CAM and occlusion, side by side. Reads an exported run. Writes explain.json and explanations/:
    held-out pictures that tell most, their second answers, their nearest training pictures, and whether the
    border carries an answer. Pictures that are given are explained instead, into explanations/given/.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.explain import explain as stage
        from pipeline.core import runs
        from pipeline.core.errors import UsageError
        from pipeline.training import experiment as experiments

        files = _files(places or [])
        if files and limit:
            raise UsageError(
                "--limit is for held-out pictures; all that are given are explained", "leave it away"
            )
        run = runs.find(run_name)
        with run.locked():
            experiment = experiments.open_trained(run, terminal)
            if files:
                found = stage.explain_given(experiment, files, terminal)
                _show_given(terminal, found)
                terminal.finish({"run": run.name, **found}, [str(run.path(stage.GIVEN_MAPS))])
                return
            found = stage.explain(experiment, terminal, limit or stage.LIMIT)
        _show(terminal, run, found)
        terminal.finish({"run": run.name, **found}, [str(run.path(artifacts.EXPLAINED))])
        terminal.next("export", "report", run.name)


def _files(places: Sequence[Path]) -> list[Path]:
    """The pictures that are named, and those in the folders that are."""
    from pipeline.core import runs
    from pipeline.core.errors import DataError
    from pipeline.images import decode

    files: list[Path] = []
    for place in places:
        inside = sorted(path for path in place.rglob("*") if path.suffix.lower() in decode.SUFFIXES)
        if not place.exists() or (place.is_dir() and not inside):
            named = f"; to name a run: --run {place.name}" if runs.is_run(place) else ""
            raise DataError(f"{place}: no picture there", f"give a picture, or a folder of pictures{named}")
        files += inside if place.is_dir() else [place]
    return files


def _show(terminal: Terminal, run: Run, found: dict[str, Any]) -> None:
    wrong = [row for row in found["mistakes"] if not row["right"]]
    own = sum(row["flip"] for row in wrong)
    terminal.say(
        "explained", f"{len(found['pictures'])} of {found['n']} held-out pictures, {found['model']} file"
    )
    if rest := _not_shown(found):
        terminal.say("not shown", rest)
    terminal.say("wrong", f"{len(wrong)}, of which the Keras model answers {own} otherwise")
    terminal.table(
        f"{run.name}: does the border carry the answer? (bars and the outer tenth; a sample)",
        ["answer", "n", "carried by it", "its share of attention", "of the area"],
        [
            [
                row["label"],
                str(row["n"]),
                "too few to say" if row["few"] else str(row["carried"]),
                _percent(row["share"]),
                _percent(row["area"]),
            ]
            for row in found["classes"]
        ],
    )
    for sentence in found["alarms"]:
        terminal.warn(sentence)


def _not_shown(found: dict[str, Any]) -> str:
    """How many held-out pictures are not explained, and why; empty if all are."""
    count = found["n"] - len(found["pictures"])
    if not count:
        return ""
    # Half of the limit is a sample, so twice the number of pictures takes all of them.
    more = f"--limit {2 * found['n']} shows all" if 2 * found["n"] <= _MOST else "--limit N shows more"
    if len(found["pictures"]) >= found["limit"]:
        return f"{count}, because of the limit of {found['limit']}; {more}"
    return (
        f"{count} that are outside the sample, answered right by both, and not among the surest or "
        f"least sure of their class; {more}"
    )


def _show_given(terminal: Terminal, found: dict[str, Any]) -> None:
    terminal.table(
        f"{len(found['pictures'])} pictures, answered by the {found['model']} file",
        ["picture", "answer", "score", "second", "score", "on the border", "most like"],
        [
            [
                row["path"],
                row["file"]["answer"],
                f"{row['file']['score']:.3f}",
                row["file"]["second"],
                f"{row['file']['second_score']:.3f}",
                _percent(row["border"]["share"]),
                row["nearest"][0]["path"],
            ]
            for row in found["pictures"]
        ],
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
