"""Accuracy, F1, intervals and calibration: pure functions on arrays.

Labels are whole numbers in the table's order of classes. All intervals are two-sided, 95%.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

RESAMPLES = 2000
GRID = 256


class Interval(NamedTuple):
    """The two bounds of a 95% interval."""

    low: float
    high: float


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts, int64, shape (classes, classes): rows are the truth, columns the answers."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def accuracy_of(confusion: np.ndarray) -> np.ndarray:
    """The share of right answers; shape (..., classes, classes) → (...)."""
    return np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum((-2, -1))


def f1_of(confusion: np.ndarray) -> np.ndarray:
    """F1 of every class, 0 where it is undefined; shape (..., classes, classes) → (..., classes)."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1).astype(float)
    both = confusion.sum(-1) + confusion.sum(-2)
    return np.divide(2 * right, both, out=np.zeros_like(right), where=both > 0)


def macro_f1_of(confusion: np.ndarray) -> np.ndarray:
    """The plain mean of the classes' F1; shape (..., classes, classes) → (...)."""
    return f1_of(confusion).mean(-1)


def wilson(right: int, n: int) -> Interval:
    """Wilson's interval for a share of n trials; (0, 1) for n = 0."""
    if not n:
        return Interval(0.0, 1.0)
    from scipy import stats  # half a second that most verbs do not need

    low, high = wilson_bounds(right / n, n, stats.norm.ppf(0.975))
    return Interval(float(low), float(high))


def wilson_bounds(share: Any, n: Any, quantile: Any) -> np.ndarray:
    """Wilson's bounds for shares of n trials, n not necessarily whole; (0, 1) for n = 0.

    Args:
        share: Of successes, any shape.
        n: Trials.
        quantile: Of the level, e.g. 1.96.

    Returns:
        The lower and the upper bound, shape (2, ...).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        widened = 1 + quantile**2 / np.asarray(n, float)
        middle = (share + (widened - 1) / 2) / widened
        reach = np.sqrt((widened - 1) * (share * (1 - share) + (widened - 1) / 4)) / widened
    bounds = np.stack([np.minimum(middle - reach, share), np.maximum(middle + reach, share)])
    everything = np.stack([np.zeros(np.shape(middle)), np.ones(np.shape(middle))])
    return np.clip(np.where(np.asarray(n) > 0, bounds, everything), 0, 1)


def bootstrap(
    truth: np.ndarray,
    predicted: np.ndarray,
    groups: Sequence[str],
    classes: int,
    statistic: Callable[[np.ndarray], np.ndarray],
    seed: int,
) -> np.ndarray:
    """The percentile interval of a statistic of the confusion matrix, resampling whole groups.

    Args:
        truth: Labels, shape (n,).
        predicted: Labels, shape (n,).
        groups: The group of each picture; pictures of one group are drawn together.
        classes: The number of labels.
        statistic: Takes counts of shape (resamples, classes, classes).
        seed: For the resampling.

    Returns:
        The lower and the upper bound, shape (2, ...).
    """
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    size = int(group.max()) + 1
    per_group = np.zeros((size, classes * classes))
    np.add.at(per_group, (group, truth * classes + predicted), 1)
    random = np.random.default_rng(seed)
    values = []
    for _ in range(RESAMPLES // 100):  # in portions: 100 x groups stays small
        drawn = random.multinomial(size, np.full(size, 1 / size), 100)
        values.append(statistic((drawn @ per_group).reshape(-1, classes, classes)))
    return np.percentile(np.concatenate(values), (2.5, 97.5), axis=0)


def paired_difference(
    right: np.ndarray, other_right: np.ndarray, groups: Sequence[str], seed: int
) -> tuple[float, Interval]:
    """How much more often the first is right than the other, on the same pictures.

    Args:
        right: Whether the first answered rightly, bool, shape (n,).
        other_right: The same for the other.
        groups: The group of each picture; the interval resamples whole groups.
        seed: For the resampling.
    """
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    gain = np.bincount(group, weights=right.astype(float) - other_right.astype(float))
    size = np.bincount(group).astype(float)
    random = np.random.default_rng(seed)
    values = []
    for _ in range(RESAMPLES // 100):
        drawn = random.multinomial(len(size), np.full(len(size), 1 / len(size)), 100)
        values.append((drawn @ gain) / (drawn @ size))
    low, high = np.percentile(np.concatenate(values), (2.5, 97.5))
    return float(gain.sum() / size.sum()), Interval(float(low), float(high))


def log_loss(logits: np.ndarray, truth: np.ndarray) -> float:
    """The mean cross-entropy, in nats."""
    from scipy import special

    picked = special.log_softmax(logits, axis=1)[np.arange(len(truth)), truth]
    return float(-picked.mean())


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The temperature that the logits must be divided by to give the smallest log loss.

    Guo et al., On Calibration of Modern Neural Networks, 2017. Between 1/20 and 20. As if one more
    picture, beside the n, showed the class next in line (Platt, Probabilistic Outputs for Support
    Vector Machines, 1999): without it, no temperature is too low where no answer is wrong.
    """
    from scipy import optimize, special

    rows, n = np.arange(len(truth)), len(truth)
    others = np.array(logits, float)
    others[rows, truth] = -np.inf
    next_in_line = others.argmax(1)

    def smoothed_loss(log_t: float) -> float:
        likelihoods = special.log_softmax(logits / np.exp(log_t), axis=1)
        right, other = likelihoods[rows, truth].mean(), likelihoods[rows, next_in_line].mean()
        return -((n + 1) * right + other) / (n + 2)

    best = optimize.minimize_scalar(smoothed_loss, bounds=(-3, 3), method="bounded")
    return float(np.exp(best.x))


def dont_know_threshold(probabilities: np.ndarray, truth: np.ndarray, keep_correct: float) -> float:
    """The highest threshold that still shows this share of the right answers.

    On the grid of 1/256, the steps of the int8 file's answers, which end at 255/256.

    Args:
        probabilities: Shape (n, classes).
        truth: Labels, shape (n,).
        keep_correct: The share of right answers that must not become "don't know".
    """
    predicted = probabilities.argmax(1)
    right = np.sort(probabilities.max(1)[predicted == truth])
    if not len(right):
        return 0.0
    lost = int(np.floor((1 - keep_correct) * len(right) + 1e-9))
    step = np.floor(right[min(lost, len(right) - 1)] * GRID + 1e-9)
    return float(min(step, GRID - 1) / GRID)


def agreement(reference: np.ndarray, target: np.ndarray) -> float:
    """The share of pictures with the same top answer; probabilities, shape (n, classes) each."""
    return float((reference.argmax(1) == target.argmax(1)).mean())


def moved(reference: np.ndarray, target: np.ndarray) -> np.ndarray:
    """How much probability moved to other classes, ½·Σ|Δp| of every picture; 0 ... 1, shape (n,).

    Args:
        reference: Probabilities, shape (n, classes).
        target: The same.
    """
    return np.abs(reference.astype(float) - target).sum(1) / 2


def mean_abs_dp(reference: np.ndarray, target: np.ndarray) -> float:
    """The mean of `moved`."""
    return float(moved(reference, target).mean())
