"""Prints a comparison: a table of all targets, one by class, and what it means in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from export import artifacts
from pipeline.cli.terminal import Terminal
from pipeline.core import stages

if TYPE_CHECKING:
    from export.parity.result import ParityResult, Reference, SameAnswers, Target
    from pipeline.core.runs import Run
    from pipeline.training.experiment import Experiment

_CLASSES = 20


def show(terminal: Terminal, experiment: Experiment, result: ParityResult) -> None:
    """Prints the comparison of a run; raises GateError if the gate refuses a file."""
    from export.parity import parity, recalibration, wording

    run = experiment.run
    of_run(terminal, run, result)
    shipped = result.target(parity.SHIPPED) or result.targets[-1]
    judged(terminal, shipped, shipped.built_in)
    by_class(terminal, shipped)
    paragraph(terminal, shipped)
    for line in wording.others([row for row in result.targets if row is not shipped]):
        terminal.text(line)
    timing = shipped.latency
    terminal.text(f"Times: this machine, {timing.num_threads} threads, {timing.delegate}, one picture.")
    files = [run.path(artifacts.PARITY), run.path(artifacts.FLIPS), run.path(shipped.file)]
    terminal.finish({"run": run.name, **result.model_dump(mode="json")}, list(map(str, files)))
    if error := recalibration.refusal(experiment, result):
        raise error
    terminal.next("export", *(["report", run.name] if experiment.given else ["explain", "--run", run.name]))


def of_run(terminal: Terminal, run: Run, result: ParityResult) -> None:
    """The table of a run's files with sizes and times, and the scores without leaked pictures."""

    sizes = [run.path(stages.MODEL).stat().st_size, *(row.size_bytes for row in result.targets)]
    times = ["", *(f"{row.latency.median_ms:.1f}" for row in result.targets)]
    more = {"MB": [f"{size / 1e6:.2f}" for size in sizes], "ms": times}
    title = f"{run.name}: Keras against .tflite on {result.n:,} held-out pictures"
    table(terminal, title, result.reference, result.targets, more)
    clean = {row.model: row.without_leaked for row in (result.reference, *result.targets)}
    scores = {name: score for name, score in clean.items() if score and score.accuracy is not None}
    if scores:
        n = next(iter(scores.values())).n
        shown = ", ".join(f"{model} {score.accuracy:.3f}" for model, score in scores.items())
        terminal.text(
            f"Accuracy without the {result.n - n:,} that have copies in training (n = {n:,}): {shown}. "
            "Trust these.\n"
        )


def paragraph(terminal: Terminal, target: Target) -> None:
    """What a comparison means, one line per sentence."""
    first, *rest = target.words
    terminal.text(first)
    for sentence in rest:
        terminal.text(f"  {sentence}")
    terminal.text("")


def table(
    terminal: Terminal,
    title: str,
    reference: Reference,
    targets: Sequence[Target],
    more: dict[str, list[str]] | None = None,
) -> None:
    """One row for the reference and each target.

    Args:
        terminal: Where to print.
        title: Above the table.
        reference: The first line.
        targets: The other lines.
        more: Columns before the verdict, by title, each with a cell for every line.
    """
    from export.parity import wording

    columns = ["model", "accuracy", "change, 95%", "same answer", *(more or {}), "gate"]
    rows = [[reference.model, f"{reference.accuracy:.3f}", "", ""]]
    for row in targets:
        shown = {check.name: wording.figure(check) for check in row.checks}
        change, same = shown["accuracy_drop"].interval, shown["agreement"].value
        rows.append([row.model, f"{row.accuracy:.3f}", change, same])
    last = [*(more or {}).values(), ["", *(row.verdict for row in targets)]]
    terminal.table(title, columns, [[*row, *cells] for row, *cells in zip(rows, *last, strict=True)])


def judged(terminal: Terminal, target: Target, built_in: SameAnswers | None = None) -> None:
    """What the gate judged of one target, one row per quantity; percent and percentage points.

    Args:
        terminal: Where to print.
        target: The target.
        built_in: The same file with the built-in kernels; an extra row for information.
    """
    from export.parity import wording

    title = f"{target.model}: {wording.verdict(target)} (percent and points)"
    figures = [list(wording.figure(check)) for check in target.checks]
    if built_in:
        figures.append([*wording.built_in(built_in), "", "not judged"])
    terminal.table(title, ["quantity", "measured", "95%", "allowed", "verdict"], figures)


def by_class(terminal: Terminal, target: Target) -> None:
    """How each class fared; if there are very many, those that lost most."""
    order = sorted(target.classes, key=lambda own: own.gained - own.lost)[:_CLASSES]
    kept = [own for own in target.classes if own in order]
    rows = []
    for own in kept:
        drop = own.recall_drop_interval
        rows.append(
            [
                own.label,
                str(own.n),
                str(own.lost),
                str(own.gained),
                "" if own.recall is None else f"{own.recall:.3f}",
                "" if drop is None else f"{-drop.high:+z.3f} to {-drop.low:+z.3f}",
                f"{-own.f1_drop:+z.3f}",
            ]
        )
    columns = ["class", "n", "lost", "gained", "recall", "its change, 95%", "F1 change"]
    some = (
        f", the {len(kept)} of {len(target.classes)} that lost most"
        if len(kept) < len(target.classes)
        else ""
    )
    terminal.table(f"{target.model} by class (n = {target.n:,}{some})", columns, rows)
