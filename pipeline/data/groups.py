"""Which pictures belong together: one union-find, and the groups of a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import numpy as np

from pipeline.core.digests import digest_array
from pipeline.data.dataset import Table
from pipeline.data.pictures import Picture, Pictures

_CONTENT = "sha256:"


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


class GroupNames:
    """The group of every picture of a table: equal files, near-duplicates and the data set's own groups.

    The split is drawn from their names. `similar` sorts after `sha256`, so near-duplicates are named
    by their content, whichever of them the audit listed first.
    """

    def __init__(self, table: Table) -> None:
        self._joined = Joined()
        pictures = table.pictures
        for kind, field in (("group", "group"), ("similar", "near_duplicates")):
            for row, name in enumerate(pictures.each(field)):
                if name:
                    self._joined.join(_CONTENT + pictures.sha256(row), f"{kind}:{name}")

    def of(self, picture: Picture) -> str:
        """The name of a picture's group."""
        return self.of_content(picture.sha256)

    def of_content(self, sha256: str) -> str:
        """The name of the group of the pictures with this content."""
        return self._joined.root(_CONTENT + sha256)

    def each(self, pictures: Pictures) -> Iterator[str]:
        """The name of each picture's group."""
        return (self.of_content(pictures.sha256(row)) for row in range(len(pictures)))

    def numbers(self, pictures: Pictures) -> np.ndarray:
        """The groups of pictures as numbers from 0, in the order of their names; int64, shape (n,)."""
        # Most groups are single pictures: digests take a third of the memory that names take.
        named = sorted({name for name in self.each(pictures) if not name.startswith(_CONTENT)})
        number = {name: at for at, name in enumerate(named)}
        found = (number.get(name, -1) for name in self.each(pictures))
        numbers = np.fromiter(found, np.int64, len(pictures))
        alone = (name.removeprefix(_CONTENT) for name in self.each(pictures) if name not in number)
        contents = digest_array(alone)
        numbers[numbers < 0] = len(named) + np.unique(contents, return_inverse=True)[1]
        return numbers


def looser(table: Table, labels: Collection[str], *, copies: bool) -> str:
    """How to keep fewer pictures of these classes together, as the end of a hint; empty if nothing does.

    Args:
        table: The pictures.
        labels: The classes.
        copies: Whether near-duplicates are kept together.
    """
    own = [picture for picture in table.pictures if picture.label in labels]
    ways = []
    if any(picture.group for picture in own):
        ways.append("make their groups smaller")
    if copies and any(picture.near_duplicates for picture in own):
        ways.append("use --set data.group_copies=false")
    return "".join(f", or {way}" for way in ways)
