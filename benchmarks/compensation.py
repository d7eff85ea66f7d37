"""What compensation gives int8: `python -m benchmarks.compensation RUN`.

Measured: the run's int8 file made of the compensated model, on its held-out pictures: accuracy, agreement
with Keras and mean moved probability. Reference: the file made of the model as it is, calibrated on the same
pictures. Nothing is written and nothing is decided from it. Expected: the compensated file moves no more
probability than the plain one.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks import measure
from benchmarks.measure import Figure
from export.conversion import calibration, compensation, judging, one_flavour
from pipeline.core import parallel, runs
from pipeline.core.progress import ProgressReporter
from pipeline.data import stored_table
from pipeline.images.views import plain_view
from pipeline.stats import metrics
from pipeline.tflite import interpreter as litert
from pipeline.training import experiment as experiments
from pipeline.training.experiment import Experiment

if TYPE_CHECKING:
    import keras


class Score(NamedTuple):
    """A file on the held-out pictures, against Keras."""

    accuracy: float
    agreement: float
    mean_abs_dp: float

    @property
    def text(self) -> str:
        """The three in one cell."""
        return f"accuracy {self.accuracy:.3f}, agreement {self.agreement:.3f}, |Δp| {self.mean_abs_dp:.4f}"


def compare(experiment: Experiment) -> tuple[Score, Score]:
    """The plain file's score and the compensated one's."""
    pictures, reporter = experiment.split.held_out, ProgressReporter()
    stored_table.check_unchanged(experiment.table, pictures)
    frames = list(
        parallel.ordered(lambda p: plain_view(experiment.table.file(p), experiment.frame), pictures)
    )
    truth = np.array([experiment.labels.index(picture.label) for picture in pictures])
    model, chosen = one_flavour.load(experiment), calibration.first_choice(experiment)
    reference = judging.reference_answers(model, frames)

    def score(source: keras.Model) -> Score:
        data = one_flavour.convert_one(experiment, source, "int8", chosen, reporter)
        target = litert.predictions(data, frames, lambda frame: frame)
        return Score(
            float((target.argmax(1) == truth).mean()),
            metrics.agreement(reference, target),
            metrics.mean_abs_dp(reference, target),
        )

    return score(model), score(compensation.source(experiment, model, chosen, reporter).model)


def figure(name: str, n: int, plain: Score, compensated: Score) -> Figure:
    """The row of the table."""
    return Figure(
        f"int8 against Keras, {name}, n = {n:,} held out, compensated",
        compensated.text,
        f"plain: {plain.text}",
        f"|Δp| {compensated.mean_abs_dp / plain.mean_abs_dp:.2f}×",
        "|Δp| no larger",
        compensated.mean_abs_dp <= plain.mean_abs_dp,
    )


def main() -> None:
    """Prints the row of one run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compensation", description=__doc__)
    parser.add_argument("run", nargs="?", help="a trained run; default: the newest")
    run = runs.find(parser.parse_args().run)
    with run.locked():
        experiment = experiments.open_trained(run)
        plain, compensated = compare(experiment)
    row = figure(run.name, len(experiment.split.held_out), plain, compensated)
    print(f"{measure.HEADING}\n{row.row()}\n\n{measure.machine()}.")


if __name__ == "__main__":
    main()
