"""The held-out pictures as if photographed from a screen: a first estimate before taking photos.

The int8 file answers each held-out picture twice, plain and simulated. `pipeline.images.screen_capture`
simulates the photo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from pydantic import computed_field

from export import artifacts
from export.android.photos import score
from export.android.photos.score import Scores
from export.bundle import bundle
from export.conversion import convert
from export.parity import parity
from pipeline.core import stages
from pipeline.core.documents import Document
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.core.sections import INT8
from pipeline.data.pictures import Picture
from pipeline.evaluation.predictions import Predictions, stored_predictions
from pipeline.images import decode, screen_capture
from pipeline.images.letterbox import letterbox
from pipeline.images.views import plain_view
from pipeline.stats import intervals, paired
from pipeline.stats.metrics import Interval
from pipeline.tflite import interpreter as litert
from pipeline.training.experiment import DRAWN, Experiment

_STORED = "int8_simulated"
# Training uses other purposes, so that no scene of the training is seen again.
_PURPOSE = "judging"
_LIBRARIES = ("ai-edge-litert", "numpy", "pillow")
_PAIRS = 3


class _Drop(Document):
    """What the simulated photos lose against the plain pictures, with 95% intervals.

    Attributes:
        accuracy: Plain minus simulated accuracy.
        macro_f1: Plain minus simulated macro F1.
        lost: The number of pictures whose answer became wrong.
        gained: The number of pictures whose answer became right.
    """

    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    lost: int
    gained: int


class _Comparison(Document):
    """The same pictures, plain and simulated."""

    n: int
    plain: Scores
    simulated: Scores
    drop: _Drop


class Simulated(_Comparison):
    """simulated.json.

    Attributes:
        labels: The run's labels.
        model: The flavour that answered.
        simulator: The version of the simulator.
        seed: The seed of its scenes.
        trained_on_screens: Whether the training used simulated photos, too; None if the model was given.
    """

    labels: tuple[str, ...]
    model: str
    simulator: int
    seed: int
    trained_on_screens: bool | None

    @computed_field
    @property
    def words(self) -> tuple[str, ...]:
        """What the numbers can and cannot mean, in sentences."""
        return tuple(_sentences(self, self.trained_on_screens))


def simulate(experiment: Experiment, reporter: ProgressReporter) -> Simulated:
    """Scores the simulated held-out pictures; writes simulated.json and its sheet.

    Raises:
        RunError: There is no int8 file yet.
        DataError: A held-out picture was changed since the training.
    """
    run, config = experiment.run, experiment.config
    convert.require(experiment, INT8)
    trained = None if experiment.given else config.augment.screen
    threshold = bundle.read(run.path(convert.bundle_name(INT8))).contract.threshold
    plain, plain_recipe = parity.tflite_answers(experiment, INT8, reporter)
    simulated, simulated_recipe = _simulated_predictions(experiment, reporter)
    settings = {
        "threshold": threshold,
        "trained_on_screens": trained,
        "seed": config.seed,
    }
    inputs = {"plain": plain_recipe.key, "simulated": simulated_recipe.key}
    recipe = stages.recipe("simulated", inputs, settings, ("numpy", "scipy"))

    def build() -> None:
        document = Simulated(
            **dict(compare(plain, simulated, threshold)),
            labels=tuple(experiment.labels),
            model=INT8,
            simulator=screen_capture.VERSION,
            seed=config.seed,
            trained_on_screens=trained,
        )
        run.write(document, artifacts.SIMULATED)

    run.make(recipe, build)
    drawn = stages.recipe(
        artifacts.SIMULATED_SHEET,
        {"simulated": recipe.key},
        {"frame": str(experiment.frame)},
        DRAWN,
    )
    run.make(drawn, lambda: _draw(experiment, plain, simulated))
    return run.read(Simulated, artifacts.SIMULATED)


def photographed(experiment: Experiment, picture: Picture) -> np.ndarray:
    """A held-out picture as the model sees it through a camera pointed at a screen.

    Returns:
        RGB, uint8, shape (height, width, 3), in the model's frame.
    """
    numbers = screen_capture.generator(experiment.config.seed, picture.sha256, _PURPOSE)
    scene = screen_capture.draw_scene(numbers)
    pixels = decode.read(experiment.table.file(picture))
    return letterbox(screen_capture.photograph(pixels, scene, numbers), experiment.frame)


def compare(plain: Predictions, simulated: Predictions, threshold: float) -> _Comparison:
    """Compares the answers to the same pictures in the same order."""
    truth, classes, groups = plain.truth, plain.probabilities.shape[1], plain.groups
    before, after = plain.predicted == truth, simulated.predicted == truth
    changes = paired.changes(before, after)
    plain_scores, simulated_scores = (
        score.score(truth, predictions.probabilities, groups.tolist(), threshold)
        for predictions in (plain, simulated)
    )
    drop = _Drop(
        accuracy=changes.drop,
        accuracy_interval=intervals.drop(before, after, groups),
        macro_f1=plain_scores.macro_f1 - simulated_scores.macro_f1,
        macro_f1_interval=intervals.f1_drop(
            truth, plain.predicted, simulated.predicted, groups, classes
        ).macro,
        lost=changes.lost,
        gained=changes.gained,
    )
    return _Comparison(n=changes.n, plain=plain_scores, simulated=simulated_scores, drop=drop)


def _sentences(comparison: _Comparison, trained_on_screens: bool | None) -> Iterator[str]:
    low, high = comparison.drop.accuracy_interval
    points, n = 100 * comparison.drop.accuracy, comparison.n
    if low > 0:
        yield (
            f"In this simulation of photos of a screen, the model loses {points:.1f} points of accuracy "
            f"({100 * low:.1f} to {100 * high:.1f}, n = {n})."
        )
    else:
        yield (
            f"No loss is shown with n = {n}: accuracy changes by {-points:+z.1f} points "
            f"({-100 * high:+z.1f} to {-100 * low:+z.1f})."
        )
    if trained_on_screens:
        yield (
            "The training used photos from the same simulator, of other pictures in other scenes, so the "
            "loss on a real screen is probably larger."
        )
    elif trained_on_screens is not None and low > 0.02:
        yield "Train with --set augment.screen=true to show the model such photos, then simulate again."
    yield (
        "A simulation is not a measurement: a loss shows that such photos are hard for this model, but no "
        "loss does not prove that a real screen, lamp and phone are harmless. Nor does it say anything about "
        "objects that are not on a screen. Only photos can: docs/field-protocol.md."
    )


def _simulated_predictions(experiment: Experiment, reporter: ProgressReporter) -> tuple[Predictions, Recipe]:
    def make(held_out: Sequence[Picture], advance: Callable[[int], object]) -> np.ndarray:
        data = experiment.run.path(convert.file_name(INT8)).read_bytes()
        return litert.predictions(data, held_out, lambda picture: photographed(experiment, picture), advance)

    inputs = {
        "export": convert.recipe(experiment, INT8).key,
        "scenes": f"simulator {screen_capture.VERSION}, seed {experiment.config.seed}, {_PURPOSE}",
    }
    return stored_predictions(experiment, _STORED, inputs, _LIBRARIES, make, reporter)


def _draw(experiment: Experiment, plain: Predictions, simulated: Predictions) -> None:
    """Draws pairs of each class, plain and simulated, pictures whose answer became wrong first."""
    from pipeline.stats import plots

    lost = (plain.predicted == plain.truth) & (simulated.predicted != simulated.truth)
    cells = []
    for index in range(min(len(experiment.labels), 8)):
        own = np.flatnonzero(plain.truth == index)
        chosen = [*own[lost[own]][:1], *own[~lost[own]]][:_PAIRS]
        for at in chosen:
            picture = experiment.split.held_out[at]
            before, after = (experiment.labels[a.predicted[at]] for a in (plain, simulated))
            cells.append(
                (
                    plain_view(experiment.table.file(picture), experiment.frame),
                    f"{picture.label}\n→ {before}",
                    plots.VERMILION if before != picture.label else "black",
                )
            )
            colour = plots.VERMILION if after != picture.label else "black"
            cells.append((photographed(experiment, picture), f"photographed\n→ {after}", colour))
    title = "Held-out pictures, plain and as if photographed from a screen (orange: wrong)"
    plots.captioned_sheet(experiment.run.path(artifacts.SIMULATED_SHEET), title, cells, 2 * _PAIRS)
