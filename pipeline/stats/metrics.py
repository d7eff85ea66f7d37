"""Accuracy, F1 and calibration: pure functions on arrays.

Labels are class indices. Intervals are in `intervals`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_GRID = 256
_PORTION = 1024  # rows at a time, where a copy of all would need much memory
Z = 1.959963984540054  # the normal distribution's 97.5% quantile
MOST_CLASSES = 50  # in a figure or a table; of more, those that tell most are shown


class Interval(NamedTuple):
    """The bounds of a 95% interval."""

    low: float
    high: float


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts, int64, shape (classes, classes): rows are the truth, columns the predictions."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def entries(counts: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """The entries of a matrix that are not zero, as (row, column, value), row by row."""
    rows, columns = np.nonzero(counts)
    return tuple(zip(rows.tolist(), columns.tolist(), counts[rows, columns].tolist(), strict=True))


def rows_by_class(truth: np.ndarray, classes: int) -> list[np.ndarray]:
    """The rows of each class, ascending; labels of shape (n,)."""
    ends = np.cumsum(np.bincount(truth, minlength=classes))
    return np.split(np.argsort(truth, kind="stable"), ends[:-1])


def accuracy_of(confusion: np.ndarray) -> np.ndarray:
    """The share of correct predictions; shape (..., classes, classes) → (...)."""
    return np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum((-2, -1))


def f1_of(confusion: np.ndarray) -> np.ndarray:
    """F1 of every class, 0 if undefined; shape (..., classes, classes) → (..., classes)."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1).astype(float)
    both = confusion.sum(-1) + confusion.sum(-2)
    return np.divide(2 * right, both, out=np.zeros_like(right), where=both > 0)


def macro_f1_of(confusion: np.ndarray) -> np.ndarray:
    """The unweighted mean F1 of the classes that occur; shape (..., classes, classes) → (...)."""
    return f1_of(confusion).mean(-1, where=confusion.sum(-1) > 0)


def log_loss(logits: np.ndarray, truth: np.ndarray) -> float:
    """The mean cross-entropy, in nats; logits of shape (n, classes), labels of shape (n,)."""
    from scipy import special

    picked = special.log_softmax(logits, axis=1)[np.arange(len(truth)), truth]
    return float(-picked.mean())


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The temperature, between 1/20 and 20, whose scaled logits have the smallest log loss.

    Guo et al., On Calibration of Modern Neural Networks, 2017. Smoothed as if one extra picture
    belonged to the runner-up class (Platt, Probabilistic Outputs for Support Vector Machines, 1999):
    otherwise, if every prediction is correct, the temperature falls without limit.
    """
    from scipy import optimize, special

    rows, n = np.arange(len(truth)), len(truth)
    others = logits.astype(np.result_type(logits, np.float32))
    others[rows, truth] = -np.inf
    picked = np.stack([truth, others.argmax(1)], 1)
    portions = [slice(begin, begin + _PORTION) for begin in range(0, n, _PORTION)]

    def smoothed_loss(log_t: float) -> float:
        likelihoods = np.concatenate(
            [
                np.take_along_axis(special.log_softmax(logits[part] / np.exp(log_t), 1), picked[part], 1)
                for part in portions
            ]
        )
        right, other = likelihoods[:, 0].mean(), likelihoods[:, 1].mean()
        return -((n + 1) * right + other) / (n + 2)

    best = optimize.minimize_scalar(smoothed_loss, bounds=(-3, 3), method="bounded")
    return float(np.exp(best.x))


def dont_know_threshold(probabilities: np.ndarray, truth: np.ndarray, min_correct_coverage: float) -> float:
    """The highest threshold that keeps this share of the correct predictions.

    A multiple of 1/256, the step of the int8 file's outputs, which end at 255/256.

    Args:
        probabilities: Shape (n, classes).
        truth: Labels, shape (n,).
        min_correct_coverage: The share of correct predictions that must not become "don't know".
    """
    predicted = probabilities.argmax(1)
    right = np.sort(probabilities.max(1)[predicted == truth])
    if not len(right):
        return 0.0
    lost = int(np.floor((1 - min_correct_coverage) * len(right) + 1e-9))
    step = np.floor(right[min(lost, len(right) - 1)] * _GRID + 1e-9)
    return float(min(step, _GRID - 1) / _GRID)


def agreement(reference: np.ndarray, target: np.ndarray) -> float:
    """The share of pictures with the same top class; probabilities, shape (n, classes) each."""
    return float((reference.argmax(1) == target.argmax(1)).mean())


def moved(reference: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The probability that moved between classes, ½·Σ|Δp| of every picture; 0 ... 1, shape (n,).

    Args:
        reference: Probabilities, shape (n, classes).
        target: The same.
    """
    return np.abs(reference.astype(float) - target).sum(1) / 2


def mean_abs_dp(reference: np.ndarray, target: np.ndarray) -> float:
    """The mean of `moved`."""
    return float(moved(reference, target).mean())
