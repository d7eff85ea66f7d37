"""The reported 95% intervals: of shares, means, drops and F1, for pictures that come in groups.

Pure functions on arrays. Pictures in one group (a burst, a session, near-duplicates) carry less information
than independent ones, so counts are divided by a *design effect* (Kish, Survey Sampling, 1965). It is
estimated from the groups and, with few events, shrunk towards the worst case, in which a group counts as
one picture. Without groups, the intervals are exactly Wilson's and Tango's. No interval of a share or a
drop has width zero, and each contains its estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.stats import wilson
from pipeline.stats.metrics import Interval, Z, confusion, f1_of
from pipeline.stats.paired import tango

# The group of each picture: anything that can be ordered.
Groups = Sequence[Any] | np.ndarray

# The weight of the prior assumption that events come in whole groups, in events.
_PRIOR_EVENTS = 2.0
# Hall's constants for the mean.
_A, _B = 1 / 3, 1 / 6


def group_numbers(groups: Groups) -> np.ndarray:
    """The groups as numbers from 0, in their order, shape (n,)."""
    if isinstance(groups, np.ndarray):
        return np.unique(groups, return_inverse=True)[1].reshape(-1)
    # An array of names would take 4 bytes for each character.
    numbers = {group: number for number, group in enumerate(sorted(set(groups)))}
    return np.fromiter((numbers[group] for group in groups), np.int64, len(groups))


def _quantile(groups: np.ndarray | int, grouped: np.ndarray | bool) -> np.ndarray:
    """Student's quantile if the spread between groups was estimated, else the normal one."""
    from scipy import special  # slow to import, and most commands do not need it

    return np.where(grouped, special.stdtrit(np.maximum(np.asarray(groups) - 1, 1), 0.975), Z)


class _Effect(NamedTuple):
    """The design effect and its quantile; shape (...) each."""

    design: np.ndarray
    quantile: np.ndarray


def _effect(
    values: np.ndarray, groups: np.ndarray, sets: np.ndarray | None = None, count: int = 1
) -> _Effect:
    """The design effect of sums of values that add up to zero.

    Args:
        values: Deviations of single pictures, in events, shape (m,).
        groups: The group of each value.
        sets: The index of the sum each value belongs to, below `count`; one sum by default.
        count: The number of sums.

    Returns:
        The effect for each sum, at least 1, shape (count,).
    """
    sets = np.zeros(len(values), np.int64) if sets is None else sets
    pairs, cell = np.unique(sets * (int(groups.max(initial=0)) + 1) + groups, return_inverse=True)
    owner = pairs // (int(groups.max(initial=0)) + 1)
    size = np.bincount(cell, minlength=len(pairs)).astype(float)
    total = np.bincount(cell, weights=values, minlength=len(pairs))

    def per_set(what: np.ndarray) -> np.ndarray:
        return np.bincount(owner, weights=what, minlength=count)

    members, units = per_set(size), np.bincount(owner, minlength=count)
    whole = per_set(size**2) / np.maximum(members, 1)
    events = np.bincount(sets, weights=values**2, minlength=count)
    between = per_set(total**2) * units / np.maximum(units - 1, 1)
    design = np.maximum((between + _PRIOR_EVENTS * whole) / (events + _PRIOR_EVENTS), 1)
    design = np.where(units < 2, np.maximum(members, 1), design)  # a single group counts as one picture
    grouped = members > units
    return _Effect(np.where(grouped, design, 1.0), _quantile(units, grouped))


def share(hits: np.ndarray, groups: Groups) -> Interval:
    """Wilson's interval for a share, with the effective number of pictures.

    Args:
        hits: bool, shape (n,).
        groups: The group of each picture.

    Returns:
        (0, 1) for n = 0.
    """
    n = len(hits)
    if not n:
        return Interval(0.0, 1.0)
    mean = float(np.mean(hits))
    effect = _effect(hits - mean, group_numbers(groups))
    low, high = wilson.bounds(mean, n / effect.design[0], effect.quantile[0])
    return Interval(float(low), float(high))


def drop(before: np.ndarray, after: np.ndarray, groups: Groups) -> Interval:
    """Tango's interval for the drop in a share, with the effective number of pictures.

    Args:
        before: bool, shape (n,), n at least 1.
        after: The same for the same pictures, afterwards.
        groups: The group of each picture.
    """
    change = before.astype(float) - after.astype(float)
    effect = _effect(change - change.mean(), group_numbers(groups))
    design = float(effect.design[0])
    lost, gained = (change > 0).sum() / design, (change < 0).sum() / design
    low, high = tango(lost, gained, np.asarray(len(change) / design), float(effect.quantile[0]))
    return Interval(float(low), float(high))


def mean(values: np.ndarray, groups: Groups, least: float, most: float) -> Interval:
    """The interval of a mean of possibly skewed values: Student's, widened to Hall's on the longer side.

    Hall, On the removal of skewness by transformation, JRSS B 54 (1992). The most extreme group is counted
    twice, because a few groups rarely include the extremes. With ungrouped pictures, where a single outlier
    makes Hall's too wide, it is capped by Wilson's for values that are all either smallest or largest.

    Args:
        values: Shape (n,).
        groups: The group of each picture.
        least: The smallest possible value.
        most: The largest possible value.

    Returns:
        (least, most) for fewer than two groups.
    """
    group = group_numbers(groups)
    units, n = int(group.max(initial=-1)) + 1, len(values)
    if units < 2:
        return Interval(least, most)
    middle = float(values.mean())
    parts = np.bincount(group, weights=values - middle) * units / n
    parts = np.append(parts, parts[np.abs(parts).argmax()])
    spread = float(np.sqrt((parts**2).sum() / units))
    if spread < 1e-12:
        return Interval(middle, middle)
    skew = float((parts**3).mean() / (parts**2).mean() ** 1.5)
    quantile = float(_quantile(units, True))
    reach = quantile / np.sqrt(units)

    def hall(at: float) -> float:
        if abs(skew) < 1e-9:
            return -spread * at
        inner = np.cbrt(1 + 3 * _A * skew * (at - _B * skew / units)) - 1
        return -spread * float(inner) / (_A * skew)

    low, high = min(-spread * reach, hall(reach)), max(spread * reach, hall(-reach))
    if units == n:
        bottom, top = float(parts.min()), float(parts.max())
        share = (float(parts.mean()) - bottom) / (top - bottom)
        below, above = bottom + (top - bottom) * wilson.bounds(share, units, quantile)
        low, high = max(low, min(-spread * reach, float(below))), min(high, max(spread * reach, float(above)))
    return Interval(max(middle + low, least), min(middle + high, most))


def difference(first: float, of_first: Interval, second: float, of_second: Interval) -> Interval:
    """Newcombe's interval for the difference of two shares over different pictures.

    Newcombe, Interval estimation for the difference between independent proportions, Statistics in
    Medicine 17 (1998), method 10: from the two shares' intervals.
    """
    low = np.hypot(first - of_first.low, of_second.high - second)
    high = np.hypot(of_first.high - first, second - of_second.low)
    return Interval(float(first - second - low), float(first - second + high))


class _F1Intervals(NamedTuple):
    """Bounds for every class, shape (2, classes), and for the mean over the classes that occur."""

    classes: np.ndarray
    macro: Interval


def f1(truth: np.ndarray, predicted: np.ndarray, groups: Groups, classes: int) -> _F1Intervals:
    """The intervals of F1, per class and macro.

    A class's F1 is 2q / (1 + q), where q is the share of correct predictions among the pictures that belong
    to the class or were predicted as it; this is Wilson's interval of q. For macro F1, see `_macro`.

    Args:
        truth: Labels, shape (n,).
        predicted: Labels, shape (n,).
        groups: The group of each picture.
        classes: The number of labels.
    """
    group, label, picture = group_numbers(groups), *_involved(truth, predicted)
    counts = confusion(truth, predicted, classes)
    right = np.diagonal(counts).astype(float)
    involved = counts.sum(1) + counts.sum(0) - right
    quotient = np.divide(right, involved, out=np.zeros(classes), where=involved > 0)
    hits = (truth == predicted)[picture].astype(float)
    effect = _effect(hits - quotient[label], group[picture], label, classes)
    low, high = wilson.bounds(quotient, involved / effect.design, effect.quantile)
    bounds = np.stack([2 * low / (1 + low), 2 * high / (1 + high)])
    slopes = _slopes(truth, predicted, counts, label, picture)
    low, high = _macro(f1_of(counts), bounds, slopes, label, picture, group, truth)
    # F1 is concave, so with few pictures it is biased low: by this much, to second order.
    shares = (truth[picture] == label) + 1.0 * (predicted[picture] == label)
    cells, cell = np.unique(label * len(group) + group[picture], return_inverse=True)
    products = np.bincount(cell, weights=slopes) * np.bincount(cell, weights=shares)
    missing = np.bincount(cells // len(group), weights=products, minlength=classes)
    present = np.unique(truth)
    missing = float((missing / np.maximum(counts.sum(0) + counts.sum(1), 1))[present].mean())
    return _F1Intervals(bounds, Interval(low, min(1.0, high + max(0.0, missing))))


def f1_drop(
    truth: np.ndarray, before: np.ndarray, after: np.ndarray, groups: Groups, classes: int
) -> _F1Intervals:
    """The intervals for drops in F1, per class and macro, on the same pictures.

    To first order, a class's drop is the sum of every picture's contribution. In units of the class's
    pictures, such sums have Tango's interval; its width is never zero, so a class of three pictures that
    all stayed right proves little. For macro F1, see `_macro`.

    Args:
        truth: Labels, shape (n,).
        before: The reference's predictions, shape (n,).
        after: The target's predictions, shape (n,).
        groups: The group of each picture.
        classes: The number of labels.
    """
    group, label, picture = group_numbers(groups), *_involved(truth, before, after)
    first, second = confusion(truth, before, classes), confusion(truth, after, classes)
    slopes = _slopes(truth, before, first, label, picture) - _slopes(truth, after, second, label, picture)
    drops = f1_of(first) - f1_of(second)
    size = (first.sum(0) + first.sum(1) + second.sum(0) + second.sum(1)) / 2
    events = np.bincount(label, weights=(slopes * size[label]) ** 2, minlength=classes)
    net = drops * size
    events = np.clip(events, np.abs(net), np.maximum(size, np.abs(net)))
    effect = _effect(slopes * size[label], group[picture], label, classes)
    lost, gained = (events + net) / 2 / effect.design, (events - net) / 2 / effect.design
    bounds = tango(lost, gained, np.maximum(size, 1) / effect.design, effect.quantile)
    bounds = np.stack([np.minimum(bounds[0], drops), np.maximum(bounds[1], drops)])
    return _F1Intervals(bounds, _macro(drops, bounds, slopes, label, picture, group, truth))


def _involved(truth: np.ndarray, *predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a class and a picture where it is true or predicted: labels and rows, shape (m,) each."""
    rows = np.arange(len(truth))
    pairs = np.unique(np.concatenate([labels * len(rows) + rows for labels in (truth, *predictions)]))
    return pairs // max(len(rows), 1), pairs % max(len(rows), 1)


def _slopes(
    truth: np.ndarray, predicted: np.ndarray, counts: np.ndarray, label: np.ndarray, picture: np.ndarray
) -> np.ndarray:
    """A picture's contribution to a class's F1, to first order; shape (m,), summing to zero per class."""
    own, taken = truth[picture] == label, predicted[picture] == label
    size = counts.sum(0) + counts.sum(1)
    return (2.0 * (own & taken) - f1_of(counts)[label] * (own + 1.0 * taken)) / np.maximum(size, 1)[label]


def _macro(
    values: np.ndarray,
    bounds: np.ndarray,
    slopes: np.ndarray,
    label: np.ndarray,
    picture: np.ndarray,
    group: np.ndarray,
    truth: np.ndarray,
) -> Interval:
    """The interval of the mean over the classes that occur, from the classes' own intervals.

    Distances to the bounds add up like standard deviations, which preserves skewness and width for classes
    with few pictures: Zou and Donner, Construction of confidence limits about effect measures, Statistics
    in Medicine 27 (2008). One wrong prediction lowers two classes, and a bad group many, so the sum is
    wider than for independent classes; by how much is measured on the pictures.
    """
    present = np.unique(truth)
    kept = np.isin(label, present)
    label, slopes, picture = label[kept], slopes[kept], picture[kept]
    ratios = []
    for unit in (picture, group[picture]):
        cells = np.unique(label * len(group) + unit, return_inverse=True)[1]
        alone = (np.bincount(cells, weights=slopes) ** 2).sum()
        if alone > 1e-12:
            ratios.append(float((np.bincount(unit, weights=slopes) ** 2).sum() / alone))
    ratio = max(1.0, *ratios) if ratios else 2.0  # nothing changed: one error would affect two classes
    middle = float(values[present].mean())
    below, above = values[present] - bounds[0, present], bounds[1, present] - values[present]
    low, high = (np.sqrt(ratio * (reach**2).sum()) / len(present) for reach in (below, above))
    return Interval(middle - float(low), middle + float(high))
