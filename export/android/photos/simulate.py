"""The held-out pictures as if photographed from a screen: a first answer before going out.

The same pictures are answered twice by the file that ships, plain and simulated, and compared
pair by pair. What a photo of a screen looks like is `pipeline.images.screen_capture`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from export import artifacts
from export.android.photos import model, score
from export.conversion import convert
from export.parity import parity
from pipeline.core import files, runs
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.data.dataset import Picture
from pipeline.evaluation.predictions import Predictions, stored_predictions
from pipeline.images import decode, screen_capture
from pipeline.images.letterbox import letterbox
from pipeline.images.views import plain_view
from pipeline.stats import intervals, paired
from pipeline.tflite import interpreter as litert
from pipeline.training.experiment import DRAWN, Experiment

VERSION = 3
SHEET = f"{runs.FIGURES}/simulated.png"
_STORED = "int8_simulated"
# Training draws its scenes for other purposes, so that no scene is met twice.
_PURPOSE = "judging"
_LIBRARIES = ("ai-edge-litert", "numpy", "pillow")
_PAIRS = 3


def simulate(experiment: Experiment, reporter: ProgressReporter) -> dict[str, Any]:
    """Answers the simulated held-out pictures; writes simulated.json and its sheet, gives the former.

    Raises:
        RunError: There is no int8 file yet.
        DataError: A held-out picture was changed since the training.
    """
    run = experiment.run
    threshold = model.shipped(experiment).contract.threshold
    plain, made = parity.tflite_answers(experiment, model.SHIPPED, reporter)
    seen, seen_recipe = _simulated_answers(experiment, reporter)
    trained_on_screens = experiment.config.augment.screen
    settings = {
        "threshold": threshold,
        "trained_on_screens": trained_on_screens,
        "seed": experiment.config.seed,
    }
    recipe = Recipe(
        "simulated", VERSION, {"plain": made.key, "simulated": seen_recipe.key}, settings, ("numpy", "scipy")
    )

    def build() -> None:
        found = compare(plain, seen, threshold)
        value = {
            "labels": list(experiment.labels),
            "model": model.SHIPPED,
            "simulator": screen_capture.VERSION,
            "seed": experiment.config.seed,
            "trained_on_screens": trained_on_screens,
            **found,
        }
        files.write_json(run.path(artifacts.SIMULATED), {**value, "words": words(value)})

    run.make(recipe, [artifacts.SIMULATED], build)
    drawn = Recipe(f"figures/{SHEET}", 1, {"simulated": recipe.key}, {"frame": str(experiment.frame)}, DRAWN)
    run.make(drawn, [SHEET], lambda: _draw(experiment, plain, seen))
    return run.read_json(artifacts.SIMULATED)


def photographed(experiment: Experiment, picture: Picture) -> np.ndarray:
    """A held-out picture as the model sees it through a camera that looks at a screen.

    Returns:
        RGB, uint8, shape (height, width, 3), in the model's frame.
    """
    numbers = screen_capture.generator(experiment.config.seed, picture.sha256, _PURPOSE)
    scene = screen_capture.draw_scene(numbers)
    pixels = decode.read(experiment.table.file(picture))
    return letterbox(screen_capture.photograph(pixels, scene, numbers), experiment.frame)


def compare(plain: Predictions, seen: Predictions, threshold: float) -> dict[str, Any]:
    """What photographing the pictures changed; both must hold the same ones in the same order."""
    truth, classes, groups = plain.truth, plain.probabilities.shape[1], plain.groups
    right, still = plain.predicted == truth, seen.predicted == truth
    counted = paired.changes(right, still)
    scores = {
        name: score.score(truth, predictions.probabilities, groups.tolist(), threshold)
        for name, predictions in (("plain", plain), ("simulated", seen))
    }
    return {
        "n": counted.n,
        **scores,
        "drop": {
            "accuracy": counted.drop,
            "accuracy_interval": list(intervals.drop(right, still, groups)),
            "macro_f1": scores["plain"]["macro_f1"] - scores["simulated"]["macro_f1"],
            "macro_f1_interval": list(
                intervals.f1_drop(truth, plain.predicted, seen.predicted, groups, classes).macro
            ),
            "lost": counted.lost,
            "gained": counted.gained,
        },
    }


def words(found: dict[str, Any]) -> list[str]:
    """What the numbers can and cannot mean; the keys are those of simulated.json."""
    low, high = found["drop"]["accuracy_interval"]
    points, n = 100 * found["drop"]["accuracy"], found["n"]
    if low > 0:
        first = (
            f"Photographed from a screen, as simulated here, the model loses {points:.1f} points of accuracy "
            f"({100 * low:.1f} to {100 * high:.1f}, n = {n})."
        )
    else:
        first = (
            f"No loss is shown with n = {n}: accuracy changes by {-points:+z.1f} points "
            f"({-100 * high:+z.1f} to {-100 * low:+z.1f})."
        )
    said = [first]
    if found["trained_on_screens"]:
        said.append(
            "Training saw photos of the same simulator, of other pictures and other scenes: this drop is "
            "likely smaller than a real screen's."
        )
    elif low > 0.02:
        said.append(
            "Train with --set augment.screen=true, so that it sees such photos; then look here again."
        )
    said.append(
        "A simulation is no measurement: a drop says that views like these hurt this model; no drop does not "
        "say that a real screen, lamp and phone do no harm, and neither says anything about things that are "
        "not on a screen. Only photos can: docs/field-protocol.md."
    )
    return said


def _simulated_answers(experiment: Experiment, reporter: ProgressReporter) -> tuple[Predictions, Recipe]:
    def make(held_out: Sequence[Picture], advance: Callable[[int], object]) -> np.ndarray:
        data = experiment.run.path(convert.file_name(model.SHIPPED)).read_bytes()
        return litert.predictions(data, held_out, lambda picture: photographed(experiment, picture), advance)

    inputs = {
        "export": convert.recipe(experiment, model.SHIPPED).key,
        "scenes": f"simulator {screen_capture.VERSION}, seed {experiment.config.seed}, {_PURPOSE}",
    }
    return stored_predictions(experiment, _STORED, inputs, _LIBRARIES, make, reporter)


def _draw(experiment: Experiment, plain: Predictions, seen: Predictions) -> None:
    """Pairs of every class, a lost picture first: as it is, and as if photographed."""
    from pipeline.stats import plots

    lost = (plain.predicted == plain.truth) & (seen.predicted != seen.truth)
    cells = []
    for index in range(min(len(experiment.labels), 8)):
        own = np.flatnonzero(plain.truth == index)
        chosen = [*own[lost[own]][:1], *own[~lost[own]]][:_PAIRS]
        for at in chosen:
            picture = experiment.split.held_out[at]
            before, after = (experiment.labels[a.predicted[at]] for a in (plain, seen))
            cells.append(
                (
                    plain_view(experiment.table.file(picture), experiment.frame),
                    f"{picture.label}\n→ {before}",
                    plots.VERMILION if before != picture.label else "black",
                )
            )
            colour = plots.VERMILION if after != picture.label else "black"
            cells.append((photographed(experiment, picture), f"photographed\n→ {after}", colour))
    title = "Held-out pictures, and as if photographed from a screen (orange: wrong)"
    plots.captioned_sheet(experiment.run.path(SHEET), title, cells, 2 * _PAIRS)
