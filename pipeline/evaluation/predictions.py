"""A model's predictions on the held-out pictures: computed once per model and kept in the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.core import stages
from pipeline.core.digests import digest_array
from pipeline.core.parallel import ordered
from pipeline.core.progress import ProgressReporter
from pipeline.core.quiet import quiet
from pipeline.core.recipes import Recipe
from pipeline.data import stored_table
from pipeline.data.labels import numbers_of
from pipeline.data.pictures import Picture
from pipeline.images.views import plain_view
from pipeline.stats import metrics
from pipeline.tflite import interpreter as litert
from pipeline.training.experiment import Experiment

KERAS = "keras"
_KERAS_LIBRARIES = ("tensorflow", "keras", "numpy", "pillow")


@dataclass(frozen=True)
class Predictions:
    """One model's predictions on the held-out pictures.

    Attributes:
        model: `keras` or the name of a flavour.
        sha256: Of each picture's bytes, as `digest_array` has it, shape (n,).
        groups: A number for the group of each picture, shape (n,); the version before had names.
        truth: Labels, shape (n,).
        probabilities: float32, shape (n, classes).

    Raises:
        ConversionError: A probability is not finite.
    """

    model: str
    sha256: np.ndarray
    groups: np.ndarray
    truth: np.ndarray
    probabilities: np.ndarray

    def __post_init__(self) -> None:
        litert.finite(self.probabilities, self.model)

    @cached_property
    def predicted(self) -> np.ndarray:
        """Labels, shape (n,); ties go to the lower index."""
        return self.probabilities.argmax(1)

    @property
    def confusion(self) -> np.ndarray:
        """Counts, shape (classes, classes): rows are the truth."""
        return metrics.confusion(self.truth, self.predicted, self.probabilities.shape[1])


_Predict = Callable[[Sequence[Picture], Callable[[int], object]], np.ndarray]


def stored_predictions(
    experiment: Experiment,
    model: str,
    inputs: dict[str, str],
    libraries: Sequence[str],
    predict: _Predict,
    reporter: ProgressReporter,
) -> tuple[Predictions, Recipe]:
    """A model's predictions on the held-out pictures, from the run or computed now.

    Args:
        experiment: The run.
        model: `keras` or the name of a flavour.
        inputs: The recipe keys of what the model was made from.
        libraries: The packages that the predictions depend on.
        predict: Called only if nothing up to date is stored.
        reporter: Receives progress.

    Raises:
        DataError: A held-out picture has changed since training.
    """
    run, split = experiment.run, experiment.split
    name = f"{stages.PREDICTIONS}/{model}.npz"
    recipe = stages.recipe(
        f"{stages.PREDICTIONS}/{model}", {**inputs, "held_out": split.held_out_key}, {}, libraries
    )

    def build() -> None:
        stored_table.check_unchanged(experiment.table, split.held_out)
        stage = f"held-out answers of {model}"
        total = len(split.held_out)
        probabilities = predict(split.held_out, lambda done: reporter.progress(stage, done, total))
        run.write_arrays(
            name,
            sha256=digest_array(p.sha256 for p in split.held_out),
            groups=split.groups.numbers(split.held_out),
            truth=numbers_of(split.held_out.labels(), experiment.labels),
            probabilities=probabilities.astype(np.float32),
        )

    run.make(recipe, build)
    return Predictions(model, **run.read_arrays(name)), recipe


def keras_predictions(experiment: Experiment, reporter: ProgressReporter) -> tuple[Predictions, Recipe]:
    """The Keras model's predictions. TensorFlow is loaded only if they have to be computed."""

    def predict(pictures: Sequence[Picture], advance: Callable[[int], object]) -> np.ndarray:
        with quiet():
            from pipeline.training import classifier

            model = classifier.load(experiment.run.path(stages.MODEL))
        frames = ordered(lambda p: plain_view(experiment.table.file(p), experiment.frame), pictures)
        return classifier.predict(model, frames, advance)

    return stored_predictions(experiment, KERAS, experiment.model_key, _KERAS_LIBRARIES, predict, reporter)
