"""Which pictures belong together: one union-find, and the groups of a table."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.data.dataset import Table


def connected(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The group of every name, given pairs that belong together; a group is named after its first member."""
    leader = {name: name for name in names}

    def root(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for pair in pairs:
        one, other = sorted(map(root, pair))
        leader[other] = one
    return {name: root(name) for name in leader}


def groups_of(table: Table) -> dict[str, str]:
    """The group of every picture, by path: equal files, near-duplicates and the data set's own groups.

    The split is drawn from these names. `similar` sorts after `sha256`, so near-duplicates are named
    by their content, whichever of them the audit listed first.
    """
    pairs = [
        (f"sha256:{picture.sha256}", f"{kind}:{name}")
        for picture in table.pictures
        for kind, name in (("group", picture.group), ("similar", picture.near_duplicates))
        if name
    ]
    names = {f"sha256:{picture.sha256}" for picture in table.pictures}.union(*pairs)
    groups = connected(names, pairs)
    return {picture.path: groups[f"sha256:{picture.sha256}"] for picture in table.pictures}
