"""`verify`: replays the golden vectors of bundles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export import artifacts
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from export.bundle.verify import Verification
    from pipeline.core.runs import Run


def verify(
    bundle_or_run: Annotated[
        str | None,
        typer.Argument(metavar="BUNDLE_OR_RUN", help="A bundle's folder, or a run; default: the newest run."),
    ] = None,
    run_option: options.RunOption = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Replay the golden vectors of a bundle.

    Checks the letterbox, then the model on built-in kernels and on XNNPACK. Reads a bundle (model,
    labels.txt, contract.json), or every bundle of a run. Writes nothing. Exit code 3: a step differs; the
    error names the first one.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.bundle import bundle
        from export.bundle import verify as verification
        from pipeline.core import runs

        bundle_or_run = options.one_of(bundle_or_run, run_option)
        given = Path(bundle_or_run) if bundle_or_run else None
        if given and (given / bundle.CONTRACT).is_file():
            _show(terminal, str(given), [verification.verify(given, terminal.progress)])
            return
        if given and any(given.glob("*.tflite")):
            bundle.read(given)  # raises, naming the missing file
        run = runs.find(bundle_or_run)
        folders = _bundles(run)
        _show(terminal, run.name, [verification.verify(f, terminal.progress) for f in folders])


def _bundles(run: Run) -> list[Path]:
    """The bundle folders of the run's flavours, without those whose conversion failed.

    Raises:
        RunError: A bundle is missing, or one of its files was changed.
    """
    from export.bundle import bundle
    from export.conversion import failures
    from pipeline.core.errors import RunError
    from pipeline.core.sections import FLAVOURS

    folders = {name: run.path(artifacts.EXPORT, name) for name in FLAVOURS}
    present = [name for name, folder in folders.items() if (folder / bundle.CONTRACT).is_file()]
    again = f"python -m export tflite {run.name}"
    if not present:
        raise RunError(f"{run.folder} holds no bundle", f"export it first: {again}")
    expected = [
        name
        for name in run.config().export.flavours
        if not failures.any_noted(run, f"{artifacts.EXPORT}/{name}")
    ]
    if absent := [name for name in expected if name not in present]:
        raise RunError(f"{folders[absent[0]]} is missing or incomplete", f"recreate it: {again}")
    for name in present:
        stage = f"{artifacts.EXPORT}/{name}"
        run.require_whole(stage, f"{stage}/labels", f"{stage}/contract")
    return [folders[name] for name in present]


def _show(terminal: Terminal, name: str, verifications: Sequence[Verification]) -> None:
    """A table of the differences of every vector, with a column per bundle."""
    vectors = dict.fromkeys(vector for result in verifications for vector in result.names)
    rows = []
    for vector in vectors:
        wrong = any(vector in result.letterbox for result in verifications)
        rows.append(
            [vector, "WRONG" if wrong else "equal", *(result.cell(vector) for result in verifications)]
        )
    rows.append(["allowed", "equal", *(result.allowed for result in verifications)])
    columns = ["vector", "letterbox", *(result.flavour for result in verifications)]
    terminal.table(f"{name}: largest difference in probability, built-in kernels / XNNPACK", columns, rows)
    for result in verifications:
        if result.weaker:
            terminal.warn(result.weaker)
    passed = all(result.passed for result in verifications)
    if passed:
        terminal.say(
            "verified",
            f"{sum(result.vectors for result in verifications)} vectors on {verifications[0].runtime}",
        )
    terminal.finish({"passed": passed, "bundles": [result.as_dict() for result in verifications]})
    for result in verifications:
        result.require()
