"""A run's Keras model against each of its .tflite files, on the held-out pictures.

Compares stored predictions (`pipeline.evaluation.predictions`). Figures come from `comparison`, the verdict
from `gate`, its words from `wording`. `recalibration` acts on a failed int8 file; `models` compares models
from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from export import artifacts
from export.conversion import calibration, convert
from export.conversion.calibration import FirstLook
from export.parity import comparison, flips, gate, wording
from export.parity.latency import Timing, latency
from export.parity.result import FlavourTarget, KerasReference, ParityResult
from pipeline.core import stages
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.core.sections import INT8
from pipeline.data import stored_table
from pipeline.data.pictures import Picture
from pipeline.evaluation.evaluate import without_leaked
from pipeline.evaluation.predictions import KERAS, Predictions, keras_predictions, stored_predictions
from pipeline.images.views import plain_view
from pipeline.tflite import interpreter as litert
from pipeline.training.experiment import Experiment

SHIPPED = INT8
_LIBRARIES = ("ai-edge-litert", "numpy", "pillow")


def parity(experiment: Experiment, reporter: ProgressReporter) -> ParityResult:
    """Compares every flavour of a run with its Keras model.

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
    built_in = None
    if INT8 in targets:
        built_in, recipe = tflite_answers(experiment, INT8, reporter, litert.BUILT_IN)
        keys[built_in.model] = recipe.key
    timing, timing_key = latency(experiment, reporter)
    first_look = calibration.first_look(experiment)
    threshold = experiment.threshold
    settings = {
        "gate": config.gate.model_dump(mode="json"),
        "threshold": threshold,
        "first_look": first_look and first_look.model_dump(mode="json"),
    }
    inputs = {**keys, "latency": timing_key}
    recipe = stages.recipe("parity", inputs, settings, ("numpy", "scipy"))

    def build() -> None:
        reporter.progress("intervals", 0, 1)
        keras = KerasReference(
            **dict(comparison.scores(reference, threshold)),
            model=KERAS,
            without_leaked=without_leaked(experiment, reference),
        )
        rows = []
        for name, target in targets.items():
            row = _target(experiment, reference, target, threshold, first_look, timing.flavours[name])
            if name == INT8 and built_in:
                row = row.model_copy(update={"built_in": comparison.same_answers(reference, built_in)})
            words = tuple(wording.sentences(row, keras, config.gate))
            rows.append(row.model_copy(update={"words": words}))
        result = ParityResult(
            n=len(reference.truth),
            groups=len(np.unique(reference.groups)),
            labels=tuple(experiment.labels),
            gate=config.gate,
            threshold=threshold,
            reference=keras,
            targets=tuple(rows),
            verdict=gate.overall([row.verdict for row in rows]),
        )
        run.write(result, artifacts.PARITY)
        reporter.progress("intervals", 1, 1)

    run.make(recipe, build)
    shipped = targets.get(SHIPPED) or targets[flavours[-1]]
    _draw_flips(experiment, reference, shipped, {name: keys[name] for name in (KERAS, shipped.model)})
    return run.read(ParityResult, artifacts.PARITY)


def _target(
    experiment: Experiment,
    reference: Predictions,
    target: Predictions,
    threshold: float | None,
    first_look: FirstLook | None,
    timing: Timing,
) -> FlavourTarget:
    """A flavour's row of parity.json, without its words."""
    path = experiment.run.path(convert.file_name(target.model))
    changes = comparison.compare(reference, target, experiment.labels, threshold)
    first = first_look if convert.FLAVOURS[target.model].calibrated else None
    return FlavourTarget(
        **dict(changes),
        **dict(gate.judge(changes, experiment.config.gate)),
        model=target.model,
        look=2 if first else 1,
        words=(),
        file=path.relative_to(experiment.run.folder).as_posix(),
        size_bytes=path.stat().st_size,
        without_leaked=without_leaked(experiment, target),
        first_look=first,
        latency=timing,
    )


def _draw_flips(
    experiment: Experiment, reference: Predictions, target: Predictions, predictions: dict[str, str]
) -> None:
    """Draws the changed answers of the flavour to ship."""
    run = experiment.run
    drawn = stages.recipe(artifacts.FLIPS, predictions, {"model": target.model}, ("matplotlib",))
    held_out = experiment.split.held_out

    def build() -> None:
        changed = flips.order(reference, target)[: flips.MOST]
        stored_table.check_unchanged(experiment.table, [held_out[i] for i in changed])

        def frame(place: int) -> np.ndarray:
            return plain_view(experiment.table.file(held_out[place]), experiment.frame)

        title = f"{run.name}: Keras against {target.model}, held-out pictures"
        flips.draw(run.path(artifacts.FLIPS), title, reference, target, experiment.labels, frame)

    run.make(drawn, build)


def tflite_answers(
    experiment: Experiment, name: str, reporter: ProgressReporter, kernels: str = litert.XNNPACK
) -> tuple[Predictions, Recipe]:
    """An exported flavour's predictions on the held-out pictures, from the run or computed now.

    Args:
        experiment: The run.
        name: The flavour; int8 if the kernels are built-in.
        reporter: Hears the progress.
        kernels: `XNNPACK`, which phones run, or `built-in`.
    """

    def make(pictures: Sequence[Picture], advance: Callable[[int], object]) -> np.ndarray:
        data = experiment.run.path(convert.file_name(name)).read_bytes()

        def frame(picture: Picture) -> np.ndarray:
            return plain_view(experiment.table.file(picture), experiment.frame)

        return litert.predictions(data, pictures, frame, advance, kernels)

    inputs = {"export": convert.recipe(experiment, name).key}
    stored = name if kernels == litert.XNNPACK else artifacts.INT8_BUILT_IN
    return stored_predictions(experiment, stored, inputs, _LIBRARIES, make, reporter)
