"""How long a candidate of a search will take: a rough count of its work, at the pace of those before it."""

from __future__ import annotations

import time

from pipeline.core import parallel
from pipeline.training import fine_tuning
from pipeline.training.experiment import Experiment
from pipeline.training.footprint import Footprint

# Against one run of the int8 file: the float32 one, and training what is above the cut.
_FLOAT32, _TRAINING = 2.0, 1.3
_VIEW_S, _HEAD_STEP_S = 0.004, 0.001


class Pace:
    """A clock for the whole search, and how far estimates were off so far, by preset.

    Args:
        minutes: For the whole search, from now on.
    """

    def __init__(self, minutes: float) -> None:
        self._end = time.monotonic() + 60 * minutes
        self._seconds: dict[str, tuple[float, float]] = {}

    @property
    def left_s(self) -> float:
        return self._end - time.monotonic()

    def expected_s(self, experiment: Experiment, footprint: Footprint) -> float:
        """How long training the folds of an experiment will take."""
        estimated, took = self._seconds.get(experiment.config.train.preset, (1.0, 1.0))
        return _estimate_s(experiment, footprint) * took / estimated

    def learn(self, experiment: Experiment, footprint: Footprint, took_s: float) -> None:
        """Notes how long it took."""
        estimated, took = self._seconds.get(experiment.config.train.preset, (0.0, 0.0))
        estimated += _estimate_s(experiment, footprint)
        self._seconds[experiment.config.train.preset] = (estimated, took + took_s)


def _estimate_s(experiment: Experiment, footprint: Footprint) -> float:
    config, n, run_s = experiment.config, len(experiment.split.train), footprint.latency_ms / 1000
    shown = n * (config.train.folds - 1)
    plan = fine_tuning.plan(experiment)
    views = 1 + (plan.views if plan else config).augment.views
    features = n * views * (_FLOAT32 * run_s + _VIEW_S) / parallel.cores()
    if plan:
        return features + plan.epochs * shown * _TRAINING * run_s
    return features + config.train.epochs * shown / config.train.batch_size * _HEAD_STEP_S
