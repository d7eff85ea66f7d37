"""Which pictures belong together: one union-find, and the groups of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from pipeline.data.dataset import Picture, Table


class Joined:
    """What belongs together, by pairs; anything hashable that can be ordered."""

    def __init__(self) -> None:
        self._leader: dict[Any, Any] = {}

    def root(self, name: Any) -> Any:
        """The first member of a name's group: itself, if it is in no pair."""
        leader = self._leader
        while (above := leader.get(name, name)) != name:
            leader[name] = leader.get(above, above)
            name = above
        return name

    def join(self, one: Any, other: Any) -> bool:
        """Puts two groups together; returns whether they were two."""
        first, second = sorted((self.root(one), self.root(other)))
        if first != second:
            self._leader[second] = first
        return first != second


def connected(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The group of every name, given pairs that belong together; a group is named after its first member."""
    joined = Joined()
    for one, other in pairs:
        joined.join(one, other)
    return {name: joined.root(name) for name in names}


def groups_of(table: Table) -> dict[str, str]:
    """The group of every picture, by path: equal files, near-duplicates and the data set's own groups.

    The split is drawn from these names. `similar` sorts after `sha256`, so near-duplicates are named
    by their content, whichever of them the audit listed first.
    """
    joined = Joined()
    for picture in table.pictures:
        for kind, name in (("group", picture.group), ("similar", picture.near_duplicates)):
            if name:
                joined.join(f"sha256:{picture.sha256}", f"{kind}:{name}")
    return {picture.path: joined.root(f"sha256:{picture.sha256}") for picture in table.pictures}


def by_group(
    pictures: Sequence[Picture], groups: Mapping[str, str], rows: Iterable[int]
) -> Iterator[tuple[str, list[int], Counter[str]]]:
    """The groups of these pictures, each with its rows and the number of each class."""
    # Most groups are single pictures: equal counts are one object.
    shared: dict[tuple[tuple[str, int], ...], Counter[str]] = {}
    ordered = sorted(rows, key=lambda at: groups[pictures[at].path])
    for group, own in groupby(ordered, lambda at: groups[pictures[at].path]):
        members = list(own)
        counts = Counter(pictures[at].label for at in members)
        yield group, members, shared.setdefault(tuple(sorted(counts.items())), counts)
