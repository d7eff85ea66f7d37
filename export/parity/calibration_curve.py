"""How many calibration pictures it takes: agreement with Keras over 10, 30, 100 and 300 of them.

Judged on training pictures outside every choice; the held-out ones see none of this, and no choice
is made from it.
"""

from __future__ import annotations

from typing import Any

from export import artifacts
from export.conversion import calibration, convert
from export.parity import recalibration
from pipeline.core import files, parallel, runs, stages
from pipeline.core.errors import DataError
from pipeline.core.progress import ProgressReporter
from pipeline.data import dataset
from pipeline.stats import metrics
from pipeline.tflite import interpreter as litert
from pipeline.training import features
from pipeline.training.experiment import Experiment

NAME = f"{artifacts.EXPORT}/calibration_curve.json"
FIGURE = f"{runs.FIGURES}/calibration_curve.svg"
COUNTS = (10, 30, 100, 300)
_FLAVOUR = "int8"


def curve(experiment: Experiment, reporter: ProgressReporter) -> dict[str, Any]:
    """Converts with each number of pictures and compares; gives calibration_curve.json, draws the figure.

    Raises:
        DataError: There are too few training pictures to judge by.
    """
    run = experiment.run
    inputs = {"model": run.key("model"), "train": experiment.split.train_key}
    settings = {"seed": experiment.config.seed, "counts": list(COUNTS)}
    recipe = stages.recipe(
        "calibration_curve", inputs, settings, (*convert.LIBRARIES, "ai-edge-litert", "pillow")
    )
    run.make(recipe, lambda: files.write_json(run.path(NAME), _measure(experiment, reporter)))
    found = run.read_json(NAME)
    drawn = stages.recipe(FIGURE, {"curve": recipe.key}, {}, ("matplotlib",))

    def draw() -> None:
        from pipeline.stats import plots

        plots.calibration_curve(run.path(FIGURE), found)

    run.make(drawn, draw)
    return found


def _measure(experiment: Experiment, reporter: ProgressReporter) -> dict[str, Any]:
    training, seed = experiment.split.train, experiment.config.seed
    judges = calibration.stratified(training, min(recalibration.JUDGES, len(training) // 2), seed + 1)
    if len(judges) < recalibration.MIN_JUDGES:
        raise DataError(
            f"{len(training)} training pictures leave {len(judges)} to judge by; "
            f"{recalibration.MIN_JUDGES} are needed",
            "a curve needs more pictures",
        )
    kept = {picture.path for picture in judges}
    others = [picture for picture in training if picture.path not in kept]
    counts = [count for count in COUNTS if count <= len(others)]
    if len(counts) < len(COUNTS):
        reporter.warn(
            f"{len(others)} training pictures are left to calibrate on: {', '.join(map(str, counts))}"
        )
    dataset.check_unchanged(experiment.table, judges)
    frames = list(
        parallel.ordered(lambda p: features.plain_view(experiment.table.file(p), experiment.frame), judges)
    )
    model = convert.load(experiment)
    reference = recalibration.reference_answers(model, frames)
    points = []
    for number, count in enumerate(counts):
        reporter.progress("converting for the curve", number, len(counts))
        chosen = calibration.stratified(others, count, seed)
        data = convert.convert_one(experiment, model, _FLAVOUR, chosen, reporter)
        target = litert.predictions(data, frames, lambda frame: frame)
        same = int((reference.argmax(1) == target.argmax(1)).sum())
        points.append(
            {
                "pictures": count,
                "agreement": same / len(judges),
                "interval": list(metrics.wilson(same, len(judges))),
                "mean_abs_dp": metrics.mean_abs_dp(reference, target),
            }
        )
    reporter.progress("converting for the curve", len(counts), len(counts))
    return {"judges": len(judges), "points": points, "words": _words(points)}


def _words(points: list[dict[str, Any]]) -> str:
    best = max(points, key=lambda point: point["agreement"])
    # The fewest whose interval reaches into that of the best.
    enough = next(point for point in points if point["interval"][1] >= best["interval"][0])
    return (
        f"From {enough['pictures']} pictures on, the judges cannot tell the choices apart. Training pictures "
        "are easier than others, so that agreement on held-out pictures is lower; "
        "export.calibration_pictures sets the number for the next training."
    )
