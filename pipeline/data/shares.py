"""Deals whole groups of pictures to parts: sides or folds, which `splits` decides.

Every part gets its share of every class and of groups of every size.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from pipeline.data.groups import GroupNames
from pipeline.data.pictures import Pictures

# All classes together.
_ALL = None


def deal(
    pictures: Pictures,
    names: GroupNames,
    rows: Sequence[int],
    parts: list[str],
    shares: Mapping[str, float],
    seed: int,
    *,
    unanimous: bool,
) -> None:
    """Gives these rows a part if they have none: that of the last member of their group which has one.

    Groups without any are shared out.

    Args:
        pictures: All pictures.
        names: Their groups.
        rows: Which of them to look at.
        parts: Of all pictures; empty for those that have none. Changed in place.
        shares: As in `share_out`.
        seed: Any whole number.
        unanimous: Leave a group as it is if its members have different parts.
    """
    keys = keys_of((names.of_content(pictures.sha256(row)) for row in rows), seed)
    labels = [*pictures.labels()]
    order = np.lexsort(keys.T[::-1])
    keys, ordered = keys[order], np.asarray(rows, np.int64)[order]
    ends = np.flatnonzero(np.append((keys[1:] != keys[:-1]).any(1), True)[: len(keys)]) + 1
    begins = np.append(0, ends)[: len(ends)]
    # Most groups are single pictures: equal counts are one object.
    shared: dict[tuple[tuple[str, int], ...], Counter[str]] = {}
    counted: list[Counter[str]] = []
    taken: dict[str, Counter[str]] = defaultdict(Counter)
    free = np.zeros(len(ends), bool)
    for group, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        members = ordered[begin:end].tolist()
        counts = Counter(labels[row] for row in members)
        own = [parts[row] for row in members if parts[row]]
        if not own:
            free[group] = True
            counted.append(shared.setdefault(tuple(sorted(counts.items())), counts))
        elif not unanimous or len({*own}) == 1:
            taken[own[-1]].update(counts)
            for row in members:
                parts[row] = parts[row] or own[-1]
    dealt = share_out(counted, keys[begins[free]], shares, taken)
    for begin, end, part in zip(begins[free], ends[free], dealt, strict=True):
        for row in ordered[begin:end].tolist():
            parts[row] = part


def keys_of(names: Iterable[str], seed: int) -> np.ndarray:
    """A hash of every group's name and the seed, uint64, shape (n, 4): equal for equal names alone."""
    digests = (hashlib.sha256(f"{seed}/{name}".encode()).digest() for name in names)
    return np.frombuffer(b"".join(digests), ">u8").reshape(-1, 4)


def share_out(
    groups: Sequence[Counter[str]],
    keys: np.ndarray,
    shares: Mapping[str, float],
    taken: Mapping[str, Counter[str]],
) -> list[str]:
    """Deals whole groups to parts so that every part gets its share of every class.

    The largest groups are dealt first, so that smaller ones even out what they leave. Each goes to
    the part that is furthest behind its share of what has been dealt so far, not of the whole: a
    small part gets its share of large groups, too. Keys decide the order of groups of one size.

    Args:
        groups: The classes in each group, counted.
        keys: From `keys_of` the groups.
        shares: The share of the whole for each part; they sum to 1.
        taken: What the parts already have.

    Returns:
        The part of each group.
    """
    total: Counter[str] = Counter()
    for counts in chain(groups, taken.values()):
        total.update(counts)
    share = {label: _of_class(shares, n) for label, n in total.items()} | {_ALL: shares}
    has = {part: _with_all(taken.get(part, Counter())) for part in shares}
    so_far: Counter[str | None] = Counter()
    for counts in taken.values():
        so_far.update(_with_all(counts))
    left = Counter(label for counts in groups for label in counts)
    without = {label: [part for part in has if not has[part][label]] for label in total}

    def need(part: str, counts: Counter[str], size: int) -> tuple[float, float]:
        own = has[part]
        overall = shares[part] * (so_far[_ALL] + size) - own[_ALL]
        # Single pictures, which come last, follow the classes alone.
        weighted = (1 - 1 / size) * overall
        # In shares of each class, so that a rare class weighs as much as a common one.
        wanted = 0.0
        for label, n in counts.items():
            wanted += n / total[label] * (share[label][part] * (so_far[label] + n) - own[label] + weighted)
        # Rounded, so that the order of the classes does not matter.
        return round(wanted, 9), round(overall, 9)

    sizes = np.fromiter((counts.total() for counts in groups), np.int64, len(groups))
    dealt = [""] * len(groups)
    for group in np.lexsort((*keys.T[::-1], -sizes)).tolist():
        counts, size = groups[group], int(sizes[group])
        # Parts that would lack one of the group's classes without it.
        lacking = [p for label in counts if len(without[label]) >= left[label] for p in without[label]]
        needs = {part: need(part, counts, size) for part in lacking or shares}
        part = dealt[group] = max(needs, key=needs.__getitem__)
        own = has[part]
        own[_ALL] += size
        so_far[_ALL] += size
        for label, n in counts.items():
            if not own[label]:
                without[label].remove(part)
            own[label] += n
            so_far[label] += n
            left[label] -= 1
    return dealt


def _of_class(shares: Mapping[str, float], n: int) -> dict[str, float]:
    """The parts' shares of a class of n pictures: at least one picture each, while there are any."""
    wanted = {part: max(1.0, share * n) for part, share in shares.items()}
    return {part: count / sum(wanted.values()) for part, count in wanted.items()}


def _with_all(counts: Counter[str]) -> Counter[str | None]:
    both: Counter[str | None] = Counter({_ALL: counts.total()})
    both.update(counts)
    return both
