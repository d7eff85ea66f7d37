"""Two models on the same pictures: what changed, and how surely it can be said.

Pure functions on arrays. A picture is *lost* where only the reference is right, *gained* where
only the target is; both are *discordant*. A drop is (lost − gained) / n, positive where the target
is worse. All intervals are two-sided, 95%. Single models are scored in `metrics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.metrics import RESAMPLES, Interval, f1_of

Z = 1.959963984540054  # of the normal distribution, 2.5% above
# With fewer discordant pictures a bootstrap draws the same few again and again.
MIN_DISCORDANT = 10
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
        """Of accuracy, from reference to target."""
        return (self.lost - self.gained) / self.n


def changes(right_before: np.ndarray, right_after: np.ndarray) -> Changes:
    """Counts the pictures that only one of two models got right; bool, shape (n,) each."""
    lost = int((right_before & ~right_after).sum())
    return Changes(lost, int((~right_before & right_after).sum()), len(right_before))


def tango(lost: np.ndarray | int, gained: np.ndarray | int, n: np.ndarray | int, z: float = Z) -> np.ndarray:
    """Tango's score interval for a drop.

    Tango, Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design, Statistics in Medicine 17 (1998). It never has width zero: without a
    discordant picture its bounds are ±z² / (n + z²). Pictures count as independent.

    Args:
        lost: Pictures that only the reference got right; any shape.
        gained: Pictures that only the target got right.
        n: All pictures.
        z: The normal quantile of the level.

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

    found = (b - c) / n
    bounds = []
    # The score falls as the drop rises: +z at the lower bound, -z at the upper one.
    for outer, wanted in ((np.full(n.shape, -1.0), z), (np.ones(n.shape), -z)):
        inside, outside = found.copy(), outer
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            beyond = score(middle) > wanted if wanted > 0 else score(middle) < wanted
            inside, outside = np.where(beyond, inside, middle), np.where(beyond, middle, outside)
        bounds.append(inside)
    return np.stack(bounds)


def tango_interval(found: Changes) -> Interval:
    """Tango's interval for one comparison."""
    low, high = tango(*found)
    return Interval(float(low), float(high))


def mcnemar(found: Changes) -> float:
    """McNemar's exact two-sided p: how often luck alone would give counts as uneven as these."""
    if not found.discordant:
        return 1.0
    from scipy import stats  # half a second that most verbs do not need

    return float(stats.binomtest(found.lost, found.discordant, 0.5).pvalue)


def smallest_drop(discordant: int, n: int) -> float:
    """The smallest drop that n pictures could have shown to be real.

    That is, the smallest one whose interval would lie above zero as a whole, with as many
    discordant pictures as there were (or all of them lost, where that takes more). 1 where
    not even the loss of every picture would.
    """
    net = 1
    while net**2 <= Z**2 * max(discordant, net):
        net += 1
    return min(1.0, net / n)


def pictures_needed(found: Changes, limit: float) -> int | None:
    """How many pictures would show that the drop is within a limit, if they changed as these did.

    None where these changed by the limit or more, so that no number would.
    """
    if found.drop >= limit:
        return None

    def shown(n: int) -> bool:
        scale = n / found.n
        return bool(tango(found.lost * scale, found.gained * scale, n)[1] <= limit)  # pyright: ignore[reportArgumentType]

    few, enough = 1, 2
    while not shown(enough):
        few, enough = enough, 2 * enough
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if shown(middle) else (middle, enough)
    return enough


def f1_drops(
    truth: np.ndarray, before: np.ndarray, after: np.ndarray, groups: Sequence[str], classes: int, seed: int
) -> np.ndarray:
    """The bootstrap's percentile intervals for the drops of F1, resampling whole groups.

    Args:
        truth: Labels, shape (n,).
        before: The reference's answers, shape (n,).
        after: The target's answers, shape (n,).
        groups: The group of each picture; pictures of one group are drawn together.
        classes: The number of labels.
        seed: For the resampling.

    Returns:
        The lower and the upper bounds, shape (2, classes + 1): of every class, then of macro F1 over
        the classes that some picture shows.
    """
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    cells = classes * classes
    per_group = np.zeros((int(group.max()) + 1, 2 * cells))
    np.add.at(per_group, (group, truth * classes + before), 1)
    np.add.at(per_group, (group, cells + truth * classes + after), 1)
    # Groups that count the same are drawn as one kind, which is the same and much faster.
    kinds, count = np.unique(per_group, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(count.sum(), count / count.sum(), RESAMPLES)
    counts = (drawn @ kinds).reshape(RESAMPLES, 2, classes, classes)
    f1 = f1_of(counts)
    drops = f1[:, 0] - f1[:, 1]
    drops = np.concatenate([drops, drops[:, np.unique(truth)].mean(1, keepdims=True)], axis=1)
    return np.percentile(drops, (2.5, 97.5), axis=0)


def confidence_shift(reference: np.ndarray, target: np.ndarray) -> float:
    """The mean signed change of the reference's top probability; probabilities, shape (n, classes) each.

    Logits that were scaled leave every answer as it is and show here.
    """
    rows, top = np.arange(len(reference)), reference.argmax(1)
    return float((target[rows, top].astype(float) - reference[rows, top]).mean())
