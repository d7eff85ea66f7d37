"""Reference against target on the held-out pictures of a run: the Keras model against every flavour.

Compares stored predictions, which `pipeline.evaluation.predictions` makes. Numbers come from `comparison`,
the verdict from `gate`, sentences from `wording`. A failed gate is handled in `recalibration`; models from
elsewhere are compared in `models`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from export import artifacts
from export.conversion import calibration, convert
from export.parity import comparison, flips, gate, wording
from export.parity.latency import latency
from pipeline.core import files, runs, stages
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.core.sections import INT8
from pipeline.data import dataset
from pipeline.data.dataset import Picture
from pipeline.evaluation.evaluate import without_leaked
from pipeline.evaluation.predictions import KERAS, Predictions, keras_predictions, stored_predictions
from pipeline.images.views import plain_view
from pipeline.tflite import interpreter as litert
from pipeline.training.experiment import Experiment
from pipeline.training.results import Folds

SHIPPED = INT8
_LIBRARIES = ("ai-edge-litert", "numpy", "pillow")


def parity(experiment: Experiment, reporter: ProgressReporter) -> dict[str, Any]:
    """Compares every flavour of a run with its Keras model; gives parity.json.

    Writes parity.json and the sheet of the changed answers.

    Raises:
        RunError: A flavour has not been exported.
    """
    run, config = experiment.run, experiment.config
    flavours = convert.exported(experiment)
    for name in flavours:
        convert.require(experiment, name)
    reference, made = keras_predictions(experiment, reporter)
    targets, keys = {}, {KERAS: made.key}
    for name in flavours:
        targets[name], recipe = tflite_answers(experiment, name, reporter)
        keys[name] = recipe.key
    timing = latency(experiment, reporter)
    first_look = calibration.first_look(experiment)
    settings = {
        "gate": config.gate.model_dump(mode="json"),
        "threshold": run.read(Folds, runs.FOLDS).threshold,
        "first_look": first_look and first_look.model_dump(mode="json"),
    }
    inputs = {**keys, "latency": timing["key"]}
    recipe = stages.recipe("parity", inputs, settings, ("numpy", "scipy"))
    document = {
        "n": len(reference.truth),
        "groups": len(set(reference.groups.tolist())),
        "labels": list(experiment.labels),
        "gate": settings["gate"],
        "threshold": settings["threshold"],
    }

    def build() -> None:
        reporter.progress("intervals", 0, 1)
        scores = {"model": KERAS, **comparison.scores(reference, settings["threshold"])}
        scores["without_leaked"] = _without_leaked(experiment, reference)
        rows = [_row(experiment, reference, targets[name], scores, settings, timing) for name in targets]
        verdict = gate.overall([row["verdict"] for row in rows])
        value = {**document, "reference": scores, "targets": rows, "verdict": verdict}
        value["passed"] = verdict == gate.PASSED
        files.write_json(run.path(artifacts.PARITY), value)
        reporter.progress("intervals", 1, 1)

    run.make(recipe, build)
    shipped = targets.get(SHIPPED) or targets[flavours[-1]]
    _draw_flips(experiment, reference, shipped, {name: keys[name] for name in (KERAS, shipped.model)})
    return run.read_json(artifacts.PARITY)


def _row(
    experiment: Experiment,
    reference: Predictions,
    target: Predictions,
    scores: dict[str, Any],
    settings: dict[str, Any],
    timing: dict[str, Any],
) -> dict[str, Any]:
    """All that is said about one flavour; the keys of parity.json's targets."""
    bounds = experiment.config.gate
    path = experiment.run.path(convert.file_name(target.model))
    found = comparison.compare(reference, target, experiment.labels, settings["threshold"])
    first = settings["first_look"] if convert.FLAVOURS[target.model].calibrated else None
    row = {
        "model": target.model,
        "file": path.relative_to(experiment.run.folder).as_posix(),
        "size_bytes": path.stat().st_size,
        **found,
        "without_leaked": _without_leaked(experiment, target),
        **gate.judge(found, bounds),
        "look": 2 if first else 1,
        "first_look": first,
        "latency": timing["flavours"][target.model],
    }
    said = wording.sentences(row, scores, bounds)
    return {**row, "words": [*said, wording.advice(row["verdict"], target.model, bounds)]}


def _draw_flips(
    experiment: Experiment, reference: Predictions, target: Predictions, predictions: dict[str, str]
) -> None:
    """The sheet of the flavour that ships."""
    run = experiment.run
    drawn = stages.recipe(artifacts.FLIPS, predictions, {"model": target.model}, ("matplotlib",))
    held_out = experiment.split.held_out

    def build() -> None:
        changed = flips.order(reference, target)[: flips.MOST]
        dataset.check_unchanged(experiment.table, [held_out[i] for i in changed])

        def frame(place: int) -> np.ndarray:
            return plain_view(experiment.table.file(held_out[place]), experiment.frame)

        title = f"{run.name}: Keras against {target.model}, held-out pictures"
        flips.draw(run.path(artifacts.FLIPS), title, reference, target, experiment.labels, frame)

    run.make(drawn, build)


def tflite_answers(
    experiment: Experiment, name: str, reporter: ProgressReporter
) -> tuple[Predictions, Recipe]:
    """The stored answers of an exported flavour on the held-out pictures, made now if they are not there."""

    def make(pictures: Sequence[Picture], advance: Callable[[int], object]) -> np.ndarray:
        data = experiment.run.path(convert.file_name(name)).read_bytes()

        def frame(picture: Picture) -> np.ndarray:
            return plain_view(experiment.table.file(picture), experiment.frame)

        return litert.predictions(data, pictures, frame, advance)

    inputs = {"export": convert.recipe(experiment, name).key}
    return stored_predictions(experiment, name, inputs, _LIBRARIES, make, reporter)


def _without_leaked(experiment: Experiment, predictions: Predictions) -> dict[str, Any] | None:
    clean = without_leaked(experiment, predictions)
    return clean.model_dump(mode="json") if clean else None
