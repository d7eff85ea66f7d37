"""Compares candidate files with the Keras model on training pictures that calibrated none of them.

Held-out pictures are not used. Which candidates there are is up to `compensation` and
`export.parity.recalibration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from export.conversion import calibration
from export.conversion.calibration import Candidate
from pipeline.core import parallel
from pipeline.data import stored_table
from pipeline.data.pictures import Picture
from pipeline.images.views import all_views
from pipeline.stats import metrics
from pipeline.tflite import interpreter as litert
from pipeline.training.experiment import Experiment

JUDGES = 300
# With fewer judging pictures, a single one would decide.
MIN_JUDGES = 30


class Panel:
    """Judging pictures, plain and in one augmented view each, with the Keras model's answers.

    Args:
        experiment: The run.
        model: Its Keras model.
        judges: Pictures that calibrate none of the candidates.

    Raises:
        DataError: A picture has changed since training.
    """

    def __init__(self, experiment: Experiment, model: Any, judges: Sequence[Picture]) -> None:
        stored_table.check_unchanged(experiment.table, judges)
        augment = experiment.config.augment.model_copy(update={"views": 1})
        config = experiment.config.model_copy(update={"augment": augment})

        def views(picture: Picture) -> np.ndarray:
            return all_views(experiment.table.file(picture), picture.sha256, config, experiment.frame)

        self._frames = [frame for pair in parallel.ordered(views, judges) for frame in pair]
        self._reference = reference_answers(model, self._frames)

    def judge(self, name: str, data: bytes) -> Candidate:
        """How near a file is to the Keras model; `name` says what the file is."""
        target = litert.predictions(data, self._frames, lambda frame: frame)
        return Candidate(
            name=name,
            agreement=metrics.agreement(self._reference, target),
            mean_abs_dp=metrics.mean_abs_dp(self._reference, target),
        )


def outside(experiment: Experiment, first: Sequence[Picture]) -> tuple[list[Picture], list[Picture]]:
    """The training pictures outside the first choice: those that judge, and those to choose from."""
    taken = {picture.path for picture in first}
    rest = [picture for picture in experiment.split.train if picture.path not in taken]
    if not rest:
        return [], []
    judges = calibration.stratified(rest, min(JUDGES, len(rest) // 2), experiment.config.seed + 1)
    kept = {picture.path for picture in judges}
    return judges, [picture for picture in rest if picture.path not in kept]


def reference_answers(model: Any, frames: Sequence[np.ndarray]) -> np.ndarray:
    """The Keras model's probabilities for frames; float32, shape (frames, classes)."""
    from pipeline.training import classifier  # loads TensorFlow

    return classifier.predict(model, frames)
