"""How many calibration pictures int8 needs: `python -m benchmarks.calibration_curve RUN`.

Measured: agreement of int8 with Keras after calibrating on 10, 30, 100 and 300 training pictures.
Reference: the run's Keras model, on training pictures that calibrate none of the files. Nothing is
written and nothing is decided from it; held-out pictures are not used.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NamedTuple

from export.conversion import calibration, judging, one_flavour
from pipeline.core import parallel, runs
from pipeline.core.errors import DataError
from pipeline.core.progress import ProgressReporter
from pipeline.data import stored_table
from pipeline.images.views import plain_view
from pipeline.stats import metrics, wilson
from pipeline.tflite import interpreter as litert
from pipeline.training import experiment as experiments
from pipeline.training.experiment import Experiment

COUNTS = (10, 30, 100, 300)


class Point(NamedTuple):
    """A file calibrated on this many pictures, against Keras; `interval` is the 95% one of the agreement."""

    pictures: int
    agreement: float
    interval: tuple[float, float]
    mean_abs_dp: float


def curve(experiment: Experiment) -> tuple[int, list[Point]]:
    """The number of pictures that judge, and a point for each number of calibration pictures.

    Raises:
        DataError: There are too few training pictures to judge with.
    """
    training, seed = experiment.split.train, experiment.config.seed
    judges = calibration.stratified(training, min(judging.JUDGES, len(training) // 2), seed + 1)
    if len(judges) < judging.MIN_JUDGES:
        raise DataError(
            f"{len(training)} training pictures leave {len(judges)} to judge with; "
            f"{judging.MIN_JUDGES} are needed",
            "use a run with more pictures",
        )
    kept = {picture.path for picture in judges}
    others = [picture for picture in training if picture.path not in kept]
    stored_table.check_unchanged(experiment.table, judges)
    frames = list(parallel.ordered(lambda p: plain_view(experiment.table.file(p), experiment.frame), judges))
    model = one_flavour.load(experiment)
    reference = judging.reference_answers(model, frames)
    points = []
    for count in (count for count in COUNTS if count <= len(others)):
        chosen = calibration.stratified(others, count, seed)
        data = one_flavour.convert_one(experiment, model, "int8", chosen, ProgressReporter())
        target = litert.predictions(data, frames, lambda frame: frame)
        same = int((reference.argmax(1) == target.argmax(1)).sum())
        low, high = wilson.interval(same, len(judges))
        points.append(Point(count, same / len(judges), (low, high), metrics.mean_abs_dp(reference, target)))
    return len(judges), points


def enough(points: Sequence[Point]) -> int:
    """The fewest pictures whose interval reaches into that of the best point."""
    best = max(points, key=lambda point: point.agreement)
    return next(point.pictures for point in points if point.interval[1] >= best.interval[0])


def main() -> None:
    """Prints the curve of one run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration_curve", description=__doc__)
    parser.add_argument("run", nargs="?", help="a trained run; default: the newest")
    run = runs.find(parser.parse_args().run)
    with run.locked():
        judges, points = curve(experiments.open_trained(run))
    print(f"agreement with Keras on {judges} training pictures that calibrate none of the files")
    print("| calibration pictures | agreement | 95% | mean abs dp |\n| --- | --- | --- | --- |")
    for count, agreement, (low, high), shift in points:
        print(f"| {count} | {agreement:.3f} | {low:.3f} to {high:.3f} | {shift:.4f} |")
    print(f"More than {enough(points)} pictures make no difference that {judges} pictures can show.")


if __name__ == "__main__":
    main()
