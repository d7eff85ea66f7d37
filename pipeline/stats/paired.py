"""Two models on the same pictures: what changed, and how certain that is.

Pure functions on arrays. A picture is *lost* if only the reference is right, *gained* if only the target
is; both are *discordant*. A drop is (lost − gained) / n, positive if the target is worse. `metrics` scores
single models; `intervals` has intervals that respect groups.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.stats.metrics import Z


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
    paired-sample design, Statistics in Medicine 17 (1998), solved in closed form (Yang, Sun and Hardin,
    Statistics in Medicine 32, 2013). It never has width zero: without discordant pictures, its bounds are
    ±z² / (n + z²). Pictures count as independent.

    Args:
        lost: Pictures that only the reference got right; any shape, not necessarily integers.
        gained: Pictures that only the target got right.
        n: All pictures.
        z: The quantile for the confidence level, e.g. 1.96.

    Returns:
        The lower and the upper bound, shape (2, ...).
    """
    b, c, n, z = np.broadcast_arrays(*(np.asarray(each, float) for each in (lost, gained, n, z)))
    drop, discordant, weight = (b - c) / n, (b + c) / n, z**2 / n
    # With y = (1 + weight) · bound - drop, both bounds are roots of the cubic y³ - slope · y - constant.
    slope = weight * (weight + discordant - drop**2)
    constant = weight**2 * drop * (1 - discordant)
    angle = np.arccos(np.clip(constant / 2 / (slope / 3) ** 1.5, -1, 1)) / 3
    turns = np.stack([angle + 2 * np.pi / 3, angle])  # to the smallest and to the largest root
    low, high = (drop + 2 * np.sqrt(slope / 3) * np.cos(turns)) / (1 + weight)
    return np.stack([np.minimum(low, drop), np.maximum(high, drop)]).clip(-1, 1)


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
