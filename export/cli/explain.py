"""`explain`: where the model and its file look, and what they get wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export import artifacts
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from export.explain.explanation import Explanation, OwnExplanation
    from pipeline.core.runs import Run

_MOST = 2000


def explain(
    places: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PICTURES...", help="Your own pictures or folders, instead of held-out ones."),
    ] = None,
    run_name: options.OnlyRunOption = None,
    limit: Annotated[
        int | None,
        typer.Option(min=10, max=_MOST, help="Explain at most this many held-out pictures; default: 100."),
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Show where the model and its int8 file look.

    Grad-CAM and occlusion, side by side. Reads an exported run. Writes explain.json and explanations/: the
    most telling held-out pictures, their runner-up answers, their nearest training pictures, and whether the
    border decides the answers. Your own pictures are explained into explanations/given/ instead.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.explain import explain as explaining
        from export.explain import own_pictures
        from pipeline.core import runs
        from pipeline.core.errors import UsageError
        from pipeline.training import experiment as experiments

        files = _files(places or [])
        if files and limit:
            raise UsageError("--limit is for held-out pictures; all of yours are explained", "omit --limit")
        run = runs.find(run_name)
        with run.locked():
            experiment = experiments.open_trained(run, terminal)
            if files:
                own = own_pictures.explain_files(experiment, files, terminal)
                _show_own(terminal, own)
                document = {"run": run.name, **own.model_dump(mode="json")}
                terminal.finish(document, [str(run.path(own_pictures.FOLDER))])
                return
            explanation = explaining.explain(experiment, terminal, limit or explaining.LIMIT)
        _show(terminal, run, explanation)
        document = {"run": run.name, **explanation.model_dump(mode="json")}
        terminal.finish(document, [str(run.path(artifacts.EXPLAINED))])
        terminal.next("export", "report", run.name)


def _files(places: Sequence[Path]) -> list[Path]:
    """The named pictures, and those in the named folders."""
    from pipeline.core import runs
    from pipeline.core.errors import DataError
    from pipeline.images import decode

    files: list[Path] = []
    for place in places:
        inside = sorted(path for path in place.rglob("*") if path.suffix.lower() in decode.SUFFIXES)
        if not place.exists() or (place.is_dir() and not inside):
            named = f"; a run is named by --run {place.name}" if runs.is_run(place) else ""
            raise DataError(f"{place}: no pictures there", f"give a picture, or a folder of pictures{named}")
        files += inside if place.is_dir() else [place]
    return files


def _show(terminal: Terminal, run: Run, explanation: Explanation) -> None:
    wrong = [row for row in explanation.mistakes if not row.right]
    own = sum(row.flip for row in wrong)
    terminal.say(
        "explained",
        f"{len(explanation.pictures)} of {explanation.n} held-out pictures, {explanation.model} file",
    )
    if rest := _not_shown(explanation):
        terminal.say("not shown", rest)
    terminal.say("wrong", f"{len(wrong)}; Keras answers {own} of them differently")
    rows, total = explanation.telling, len(explanation.classes)
    some = f", {len(rows)} of {total:,} classes" if len(rows) < total else ""
    terminal.table(
        f"{run.name}: does the border decide the answers? (bars and the outer tenth; a sample{some})",
        ["answer", "n", "decided by the border", "share of attention", "share of area"],
        [
            [
                row.label,
                str(row.n),
                "too few to say" if row.few else str(row.carried),
                _percent(row.share),
                _percent(row.area),
            ]
            for row in rows
        ],
    )
    for sentence in explanation.alarms:
        terminal.warn(sentence)


def _not_shown(explanation: Explanation) -> str:
    """How many held-out pictures are not explained, and why; empty if all are explained."""
    count = explanation.n - len(explanation.pictures)
    if not count:
        return ""
    # Half of the limit is a sample, so a limit of twice the number of pictures takes all of them.
    more = f"--limit {2 * explanation.n} shows all" if 2 * explanation.n <= _MOST else "--limit N shows more"
    if len(explanation.pictures) >= explanation.limit:
        return f"{count}, because of the limit of {explanation.limit}; {more}"
    return (
        f"{count} outside the sample, answered correctly by both, and not among the most or least confident "
        f"of their class; {more}"
    )


def _show_own(terminal: Terminal, own: OwnExplanation) -> None:
    terminal.table(
        f"Own pictures, answered by the {own.model} file: {len(own.pictures)}",
        ["picture", "answer", "score", "second", "score", "on the border", "most like"],
        [
            [
                row.path,
                row.file.answer,
                f"{row.file.score:.3f}",
                row.file.second,
                f"{row.file.second_score:.3f}",
                _percent(row.border.share),
                row.nearest[0].path,
            ]
            for row in own.pictures
        ],
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
