"""Deals whole groups of pictures to parts: sides or folds, which `splits` decides.

Every part gets its share of every class and of groups of every size.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping

# All classes together.
_ALL = None


def share_out(
    groups: Mapping[str, Counter[str]],
    shares: Mapping[str, float],
    taken: Mapping[str, Counter[str]],
    seed: int,
) -> dict[str, str]:
    """Deals whole groups to parts so that every part gets its share of every class.

    The largest groups are dealt first, so that smaller ones even out what they leave. Each goes to
    the part that is furthest behind its share of what has been dealt so far, not of the whole: a
    small part gets its share of large groups, too. Ties are ordered by the seed and the
    group's name.

    Args:
        groups: The classes in each group, counted.
        shares: The share of the whole for each part; they sum to 1.
        taken: What the parts already have.
        seed: Any whole number.

    Returns:
        The part of each group.
    """
    total: Counter[str] = Counter()
    for counts in (*groups.values(), *taken.values()):
        total.update(counts)
    share = {label: _of_class(shares, n) for label, n in total.items()} | {_ALL: shares}
    has = {part: _with_all(taken.get(part, Counter())) for part in shares}
    so_far: Counter[str | None] = Counter()
    for counts in taken.values():
        so_far.update(_with_all(counts))
    left = Counter(label for counts in groups.values() for label in counts)
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

    order = sorted(groups, key=lambda name: (-groups[name].total(), _hash(seed, name)))
    dealt: dict[str, str] = {}
    for name in order:
        counts, size = groups[name], groups[name].total()
        # Parts that would lack one of the group's classes without it.
        lacking = [p for label in counts if len(without[label]) >= left[label] for p in without[label]]
        needs = {part: need(part, counts, size) for part in lacking or shares}
        part = dealt[name] = max(needs, key=needs.__getitem__)
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


def _hash(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()
