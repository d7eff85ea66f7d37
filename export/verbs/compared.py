"""How a comparison is shown: one table for all targets, one by class, and the meaning in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline import console

if TYPE_CHECKING:
    from pipeline.subject import Subject

_COLUMNS = ["model", "accuracy", "macro F1", "agreement", "drop, 95%", "mean |Δp|", "shift"]


def show(terminal: console.Terminal, subject: Subject, found: dict[str, Any]) -> None:
    """The comparison of a run; raises GateError where the gate says no."""
    from export import recalibration
    from export.parity import gate
    from export.parity import stage as parity
    from pipeline import runs

    run = subject.run
    table(terminal, f"{run.name}: Keras against .tflite on {found['n']:,} held-out pictures", found, run)
    named = {row["model"]: row for row in found["targets"]}
    shipped = named.get(parity.SHIPPED) or found["targets"][-1]
    by_class(terminal, shipped, found["n"])
    for row in found["targets"]:
        if row is shipped or row["verdict"] != gate.PASSED:
            paragraph(terminal, row)
    error = recalibration.refusal(subject, found)
    worst = recalibration.worst_layers(subject, found)
    _layers(terminal, worst)
    document = {"run": run.name, **found, "worst_layers": worst}
    timing = found["targets"][0]["latency"]
    terminal.text(f"Times: this machine, {timing['num_threads']} threads, {timing['delegate']}, one picture.")
    files = [str(run.path(row["file"])) for row in found["targets"] if row is shipped]
    terminal.finish(document, [str(run.path(runs.PARITY)), str(run.path(parity.FLIPS)), *files])
    if error:
        raise error
    terminal.next("export", "explain", "--run", run.name)


def paragraph(terminal: console.Terminal, row: Mapping[str, Any]) -> None:
    """What a comparison means: the verdict, why, and what to do, a line for each sentence."""
    first, *rest = row["words"]
    terminal.text(first)
    for sentence in rest:
        terminal.text(f"  {sentence}")
    terminal.text("")


def table(terminal: console.Terminal, title: str, found: Mapping[str, Any], run: Any = None) -> None:
    """One line for the reference and each target; with sizes and times where it is a run's."""
    from export.parity import words

    reference = found["reference"]
    scores = [f"{reference['accuracy']:.3f}", f"{reference['macro_f1']:.3f}", "reference"]
    first = [reference["model"], *scores, "", "", ""]
    rows = []
    for row in found["targets"]:
        low, high = row["accuracy_drop_interval"]
        cells = [
            row["model"],
            f"{row['accuracy']:.3f}",
            f"{row['macro_f1']:.3f}",
            f"{row['agreement']:.3f}",
            f"{low:+z.3f} to {high:+z.3f}",
            f"{row['mean_abs_dp']:.4f}",
            f"{row['confidence_shift']:+z.4f}",
        ]
        if run:
            timing = row["latency"]
            cells += [
                f"{row['size_bytes'] / 1e6:.2f}",
                f"{timing['median_ms']:.1f}",
                f"{timing['p90_ms']:.1f}",
            ]
        rows.append([*cells, words.verdict(row, found["n"])])
    columns = list(_COLUMNS)
    if run:
        from pipeline import runs

        columns += ["MB", "median ms", "p90 ms"]
        first += [f"{run.path(runs.MODEL).stat().st_size / 1e6:.2f}", "", ""]
    terminal.table(title, [*columns, "gate"], [[*first, ""], *rows])


def by_class(terminal: console.Terminal, row: Mapping[str, Any], n: int) -> None:
    """What became of each class."""
    rows = []
    for own in row["classes"]:
        recall = own["recall_drop_interval"]
        rows.append(
            [
                own["label"],
                str(own["n"]),
                str(own["lost"]),
                str(own["gained"]),
                "" if own["recall"] is None else f"{own['recall']:.3f}",
                "" if recall is None else f"{recall[0]:+z.3f} to {recall[1]:+z.3f}",
                f"{own['f1_drop']:+z.3f}",
            ]
        )
    columns = ["class", "n", "lost", "gained", "recall", "its drop, 95%", "drop of F1"]
    terminal.table(f"{row['model']} by class (n = {n:,})", columns, rows)


def _layers(terminal: console.Terminal, worst: Sequence[Mapping[str, Any]]) -> None:
    if worst:
        rows = [[row["layer"], f"{row['error']:.1%}", f"{row['added']:.1%}"] for row in worst]
        title = "For information: the layers that add most to the distance from float32"
        terminal.table(title, ["layer", "error", "added"], rows)
