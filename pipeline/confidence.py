"""How far a model's confidence can be trusted: calibration error, and answers with "I don't know".

Pure functions on arrays. Temperature and threshold are fitted in `metrics`, on out-of-fold answers
only; nothing here chooses anything.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.metrics import Interval, wilson

BINS = 15
# With fewer pictures the bins hold a handful each, and the error is mostly noise.
MIN_PICTURES = 300


class Selective(NamedTuple):
    """What a threshold does: how many pictures get an answer, and how many of those are right.

    `accuracy` is None where no picture gets an answer.
    """

    n: int
    answered: int
    right: int

    @property
    def coverage(self) -> float:
        return self.answered / self.n

    @property
    def coverage_interval(self) -> Interval:
        return wilson(self.answered, self.n)

    @property
    def accuracy(self) -> float | None:
        return self.right / self.answered if self.answered else None

    @property
    def accuracy_interval(self) -> Interval:
        return wilson(self.right, self.answered)


def selective(probabilities: np.ndarray, truth: np.ndarray, threshold: float) -> Selective:
    """What a threshold does to answers; with the top probability below it the answer is "I don't know".

    Args:
        probabilities: Shape (n, classes).
        truth: Labels, shape (n,).
        threshold: A probability.
    """
    answered = probabilities.max(1) >= threshold
    right = answered & (probabilities.argmax(1) == truth)
    return Selective(len(truth), int(answered.sum()), int(right.sum()))


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
