"""How a comparison is shown: one table for all targets, one by class, and the meaning in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from export import artifacts
from pipeline.cli.terminal import Terminal

if TYPE_CHECKING:
    from pipeline.training.experiment import Experiment

_CLASSES = 20


def show(terminal: Terminal, experiment: Experiment, found: dict[str, Any]) -> None:
    """The comparison of a run; raises GateError where the gate says no."""
    from export.parity import parity, recalibration, wording

    run = experiment.run
    table(terminal, f"{run.name}: Keras against .tflite on {found['n']:,} held-out pictures", found, run)
    _without_leaked(terminal, found)
    named = {row["model"]: row for row in found["targets"]}
    shipped = named.get(parity.SHIPPED) or found["targets"][-1]
    judged(terminal, shipped)
    by_class(terminal, shipped)
    paragraph(terminal, shipped)
    for line in wording.others([row for row in found["targets"] if row is not shipped]):
        terminal.text(line)
    error = recalibration.refusal(experiment, found)
    timing = found["targets"][0]["latency"]
    terminal.text(f"Times: this machine, {timing['num_threads']} threads, {timing['delegate']}, one picture.")
    files = [str(run.path(row["file"])) for row in found["targets"] if row is shipped]
    terminal.finish(
        {"run": run.name, **found}, [str(run.path(artifacts.PARITY)), str(run.path(artifacts.FLIPS)), *files]
    )
    if error:
        raise error
    terminal.next("export", "explain", "--run", run.name)


def paragraph(terminal: Terminal, row: Mapping[str, Any]) -> None:
    """What a comparison means: the verdict, why, and what to do, a line for each sentence."""
    first, *rest = row["words"]
    terminal.text(first)
    for sentence in rest:
        terminal.text(f"  {sentence}")
    terminal.text("")


def _without_leaked(terminal: Terminal, found: Mapping[str, Any]) -> None:
    """The scores that count where held-out pictures have copies in training."""
    clean = {row["model"]: row["without_leaked"] for row in (found["reference"], *found["targets"])}
    first = next(iter(clean.values()))
    if first and first["n"]:
        scores = ", ".join(f"{model} {score['accuracy']:.3f}" for model, score in clean.items())
        terminal.text(
            f"Accuracy without the {found['n'] - first['n']:,} that have copies in training "
            f"(n = {first['n']:,}): {scores}. These are the honest ones.\n"
        )


def table(terminal: Terminal, title: str, found: Mapping[str, Any], run: Any = None) -> None:
    """One line for the reference and each target; with sizes and times where it is a run's."""
    from export.parity import wording

    columns = ["model", "accuracy", "change, 95%", "same answer"]
    rows = [[found["reference"]["model"], f"{found['reference']['accuracy']:.3f}", "", ""]]
    for row in found["targets"]:
        shown = {check["name"]: wording.figure(check) for check in row["checks"]}
        change, same = shown["accuracy_drop"], shown["agreement"]
        rows.append([row["model"], f"{row['accuracy']:.3f}", change.interval, same.value])
    if run:
        from pipeline.core import runs

        columns += ["MB", "ms"]
        rows[0] += [f"{run.path(runs.MODEL).stat().st_size / 1e6:.2f}", ""]
        for cells, row in zip(rows[1:], found["targets"], strict=True):
            cells += [f"{row['size_bytes'] / 1e6:.2f}", f"{row['latency']['median_ms']:.1f}"]
    gates = ["", *(row["verdict"] for row in found["targets"])]
    terminal.table(
        title, [*columns, "gate"], [[*cells, gate] for cells, gate in zip(rows, gates, strict=True)]
    )


def judged(terminal: Terminal, row: Mapping[str, Any]) -> None:
    """What the gate judged of one target, a line for each quantity; percent and percentage points."""
    from export.parity import wording

    title = f"{row['model']}: {wording.verdict(row, row['n'])} (percent and points)"
    figures = [list(wording.figure(check)) for check in row["checks"]]
    terminal.table(title, ["quantity", "measured", "95%", "allowed", "verdict"], figures)


def by_class(terminal: Terminal, row: Mapping[str, Any]) -> None:
    """What became of each class; of very many, those that lost most."""
    order = sorted(row["classes"], key=lambda own: own["gained"] - own["lost"])[:_CLASSES]
    kept = [own for own in row["classes"] if own in order]
    rows = []
    for own in kept:
        recall = own["recall_drop_interval"]
        rows.append(
            [
                own["label"],
                str(own["n"]),
                str(own["lost"]),
                str(own["gained"]),
                "" if own["recall"] is None else f"{own['recall']:.3f}",
                "" if recall is None else f"{-recall[1]:+z.3f} to {-recall[0]:+z.3f}",
                f"{-own['f1_drop']:+z.3f}",
            ]
        )
    columns = ["class", "n", "lost", "gained", "recall", "its change, 95%", "F1 change"]
    some = (
        ""
        if len(kept) == len(row["classes"])
        else f", the {len(kept)} of {len(row['classes'])} that lost most"
    )
    terminal.table(f"{row['model']} by class (n = {row['n']:,}{some})", columns, rows)
