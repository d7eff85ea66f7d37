"""`verify`: replays the golden vectors of bundles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export import artifacts
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    import numpy as np

    from export.bundle.verify import Kernels, Verification
    from export.inspection.arm import OnArm
    from pipeline.core.runs import Run


def verify(
    bundle_or_run: Annotated[
        str | None,
        typer.Argument(metavar="BUNDLE_OR_RUN", help="A bundle's folder, or a run; default: the newest run."),
    ] = None,
    run_option: options.RunOption = None,
    arm: Annotated[
        bool, typer.Option("--arm", help="Also on emulated ARM processors: int8, or the bundle given.")
    ] = False,
    pictures: Annotated[
        int, typer.Option(metavar="N", min=0, help="Held-out pictures of a run to compare on ARM, too.")
    ] = 20,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Replay the golden vectors of a bundle.

    Checks the letterbox, then the model on built-in kernels and on XNNPACK. Reads a bundle (model,
    labels.txt, contract.json), or every bundle of a run. Writes nothing. With --arm, two emulated ARM
    processors run LiteRT and the library of the run's demo.apk. Their answers may differ from the golden
    vectors, and on pictures from this computer's, by no more than the contract allows on ARM. This needs
    make judges, and takes about a second per picture. Exit code 3: a step differs; the error names the
    first one.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.bundle import bundle
        from export.bundle import verify as verification
        from pipeline.core import runs
        from pipeline.core.sections import INT8

        bundle_or_run = options.one_of(bundle_or_run, run_option)
        given = Path(bundle_or_run) if bundle_or_run else None
        if given and (given / bundle.CONTRACT).is_file():
            results = [verification.verify(given, terminal.progress)]
            _show(terminal, str(given), results, _on_arm(terminal, given, [], None) if arm else ())
            return
        if given and any(given.glob("*.tflite")):
            bundle.read(given)  # raises, naming the missing file
        run = runs.find(bundle_or_run)
        folders = _bundles(run)
        results = [verification.verify(f, terminal.progress) for f in folders]
        on_arm: Sequence[OnArm] = ()
        if arm:
            folder = next((f for f in folders if f.name == INT8), folders[0])
            on_arm = _on_arm(terminal, folder, _held_out(terminal, run, pictures), run)
        _show(terminal, run.name, results, on_arm)


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


def _held_out(terminal: Terminal, run: Run, count: int) -> list[np.ndarray]:
    """Held-out pictures of a run, from all over the set."""
    from pipeline.images import decode
    from pipeline.training import experiment as experiments

    experiment = experiments.open_trained(run, terminal)
    held_out = experiment.split.held_out
    count = min(count, len(held_out))
    chosen = [held_out[number * len(held_out) // count] for number in range(count)]
    return [decode.read(experiment.table.file(picture)) for picture in chosen]


def _on_arm(
    terminal: Terminal, folder: Path, pictures: Sequence[np.ndarray], run: Run | None
) -> Sequence[OnArm]:
    from export.android.apk import runtime
    from export.inspection import arm

    library = runtime.library_inside(run.path(artifacts.APK)) if run else None
    if library is None:
        terminal.say(
            "app's library", "not tried: verify a run with a demo.apk for arm64 (python -m export apk)"
        )
    return arm.verify_on_arm(folder, pictures, terminal, library)


def _show_arm(terminal: Terminal, on_arm: Sequence[OnArm]) -> None:
    def cell(equal: int, n: int, difference: float, allowed: float, *, passed: bool) -> str:
        if equal == n:
            return f"{n} of {n} equal"
        wrong = "" if passed else "WRONG: "
        return f"{wrong}{equal} of {n} equal, up to {difference:.4f} off ({allowed:.4f} allowed)"

    def of_kernels(kind: Kernels) -> str:
        n = len(kind.differences)
        return cell(kind.equal, n, kind.largest_difference, kind.allowed, passed=kind.passed)

    terminal.table(
        f"{on_arm[0].bundle} on emulated ARM processors",
        [
            "processor",
            "runtime",
            "XNNPACK, golden vectors",
            "XNNPACK, held-out pictures",
            "built-in, golden vectors",
        ],
        [
            [
                result.processor,
                result.runtime,
                of_kernels(result.vectors),
                cell(
                    result.equal,
                    result.pictures,
                    result.largest_difference,
                    result.allowed,
                    passed=result.pictures_passed,
                )
                if result.pictures
                else "none given",
                of_kernels(result.built_in),
            ]
            for result in on_arm
        ],
    )


def _show(
    terminal: Terminal, name: str, verifications: Sequence[Verification], on_arm: Sequence[OnArm]
) -> None:
    """A table of the differences of every vector, with a column per bundle; and what ARM gives."""
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
    if on_arm:
        _show_arm(terminal, on_arm)
    passed = all(result.passed for result in (*verifications, *on_arm))
    if passed:
        terminal.say(
            "verified",
            f"{sum(result.vectors for result in verifications)} vectors on {verifications[0].runtime}",
        )
    emulated = {"arm": [{**asdict(row), "passed": row.passed} for row in on_arm]} if on_arm else {}
    bundles = [result.as_dict() for result in verifications]
    terminal.finish({"passed": passed, "bundles": bundles, **emulated})
    for result in (*verifications, *on_arm):
        result.require()
