"""Two models on the same pictures: what changed, and how certain that is.

Pure functions on arrays. A picture is *lost* if only the reference is right, *gained* if only the target
is; both are *discordant*. A drop is (lost − gained) / n, positive if the target is worse. `metrics` scores
single models; `intervals` has intervals that respect groups.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.stats.metrics import Z

_HALVINGS = 64


class Changes(NamedTuple):
    """How many of n pictures were lost and gained."""

    lost: int
    gained: int
    n: int

    @property
    def discordant(self) -> int:
        return self.lost + self.gained

    @property
    def drop(self) -> float:
        """The drop in accuracy from reference to target."""
        return (self.lost - self.gained) / self.n


def changes(right_before: np.ndarray, right_after: np.ndarray) -> Changes:
    """Counts the pictures that only one of two models got right; bool, shape (n,) each."""
    lost = int((right_before & ~right_after).sum())
    return Changes(lost, int((~right_before & right_after).sum()), len(right_before))


def tango(
    lost: np.ndarray | int, gained: np.ndarray | int, n: np.ndarray | int, z: np.ndarray | float = Z
) -> np.ndarray:
    """Tango's score interval for a drop.

    Tango, Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design, Statistics in Medicine 17 (1998). It never has width zero: without
    discordant pictures, its bounds are ±z² / (n + z²). Pictures count as independent.

    Args:
        lost: Pictures that only the reference got right; any shape, not necessarily integers.
        gained: Pictures that only the target got right.
        n: All pictures.
        z: The quantile for the confidence level, e.g. 1.96.

    Returns:
        The lower and the upper bound, shape (2, ...).
    """
    b, c, n = np.broadcast_arrays(*(np.asarray(count, float) for count in (lost, gained, n)))

    def score(drop: np.ndarray) -> np.ndarray:
        # The share of gained pictures that is most likely if the true drop were this.
        linear = (2 * n - b + c) * drop - b - c
        root = np.sqrt(np.maximum(linear**2 + 8 * n * c * drop * (1 - drop), 0))
        share = np.maximum(root - linear, 0) / (4 * n)
        spread = np.sqrt(np.maximum(n * (2 * share + drop * (1 - drop)), 1e-300))
        return (b - c - n * drop) / spread

    # The score falls as the drop rises: +z at the lower bound, -z at the upper one. Both are found at once.
    sign = np.array([-1.0, 1.0]).reshape(2, *[1] * n.ndim)
    inside, outside = np.stack([(b - c) / n] * 2), np.broadcast_to(sign, (2, *n.shape))
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        beyond = -sign * score(middle) > z
        inside, outside = np.where(beyond, inside, middle), np.where(beyond, middle, outside)
    return inside


def mcnemar(counts: Changes) -> float:
    """McNemar's exact two-sided p: how often chance alone gives counts this uneven."""
    if not counts.discordant:
        return 1.0
    from scipy import stats  # slow to import, and most commands do not need it

    return float(stats.binomtest(counts.lost, counts.discordant, 0.5).pvalue)


def confidence_shifts(reference: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The signed change of the reference's top probability; -1 … 1, shape (n,).

    Rescaled logits change no top class, but do show up here.

    Args:
        reference: Probabilities, shape (n, classes).
        target: The same.
    """
    rows, top = np.arange(len(reference)), reference.argmax(1)
    return target[rows, top].astype(float) - reference[rows, top]
