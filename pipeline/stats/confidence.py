"""How far a model's confidence can be trusted: calibration error and selective prediction.

Pure functions on arrays. Temperature and threshold are fitted in `metrics`, on out-of-fold predictions
only; nothing is fitted here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.stats import intervals
from pipeline.stats.metrics import Interval

BINS = 15
# With fewer pictures, the bins hold a handful each and the error is mostly noise.
MIN_PICTURES = 300


class _Selective(NamedTuple):
    """The effect of a threshold: the share of pictures answered, and the share of those answered correctly.

    The intervals are 95% intervals. `accuracy` is None if no picture is answered.
    """

    coverage: float
    coverage_interval: Interval
    accuracy: float | None
    accuracy_interval: Interval


def selective(probabilities: np.ndarray, truth: np.ndarray, groups: object, threshold: float) -> _Selective:
    """The effect of a threshold: a top probability below it means "I don't know".

    Args:
        probabilities: Shape (n, classes).
        truth: Labels, shape (n,).
        groups: The group of each picture.
        threshold: A probability.
    """
    answered = probabilities.max(1) >= threshold
    right, names = (probabilities.argmax(1) == truth)[answered], np.asarray(groups)
    return _Selective(
        float(answered.mean()),
        intervals.share(answered, names),
        float(right.mean()) if len(right) else None,
        intervals.share(right, names[answered]),
    )


def calibration_error(probabilities: np.ndarray, truth: np.ndarray) -> float | None:
    """The expected calibration error of the top probability: 15 bins of equal width, closed above.

    Guo et al., On Calibration of Modern Neural Networks, 2017. None for fewer than 300 pictures.

    Args:
        probabilities: Shape (n, classes).
        truth: Labels, shape (n,).
    """
    if len(truth) < MIN_PICTURES:
        return None
    top = probabilities.max(1).astype(float)
    right = (probabilities.argmax(1) == truth).astype(float)
    bins = np.clip(np.ceil(top * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=right - top, minlength=BINS)
    return float(np.abs(gaps).sum() / len(truth))
