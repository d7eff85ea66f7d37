"""Groups that file names tell: pictures made from one, bursts, the frames of a video.

`data.group_pattern` is a regular expression, or the name of one of `GROUP_RECIPES`. What its first group in
parentheses finds in a file's name is the picture's group. `groups` keeps groups on one side of the split.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from pipeline.core.remote import file_name
from pipeline.core.sections import GROUP_RECIPES
from pipeline.data.dataset import Table
from pipeline.data.folders import Note, NoteKind
from pipeline.data.pictures import Pictures

# When names are said to tell groups: so many pairs of near-duplicates agree, and nearly all do.
_PAIRS, _AGREEING = 3, 0.9


def group_of(path: str, pattern: str) -> str:
    """The group that a file's name tells; empty if it tells none.

    Args:
        path: With `/`; the folders and the file's ending do not count.
        pattern: A regular expression, or the name of a recipe.
    """
    match = re.search(GROUP_RECIPES.get(pattern, pattern), PurePosixPath(file_name(path)).stem)
    return (match[1] or "") if match else ""


def apply(table: Table, pattern: str) -> Table:
    """The table with the groups that names tell, where a picture has no group yet, and a note about them."""
    if not pattern:
        return table
    found = {p.path: group for p in table.pictures if (group := group_of(p.path, pattern))}
    pictures = Pictures(p._replace(group=p.group or found.get(p.path, "")) for p in table.pictures)
    sizes = Counter(found.values())
    largest = f", the largest of {max(sizes.values()):,} pictures" if sizes else ""
    detail = f"{pattern}: {len(sizes):,} groups from {len(found):,} of {len(pictures):,} file names{largest}"
    kind = NoteKind.NAMED_GROUPS if found else NoteKind.NO_NAMED_GROUPS
    note = Note(kind, detail, tuple(found))
    return replace(table, pictures=pictures, notes=(*table.notes, note))


def proposal(paths: Iterable[str], pairs: Sequence[tuple[str, str]]) -> tuple[str, list[list[str]]] | None:
    """The recipe that near-duplicates agree with, and the pictures of each group of several; or None.

    Args:
        paths: All pictures.
        pairs: Near-duplicates.
    """
    if len(pairs) < _PAIRS:
        return None
    everything = list(paths)
    for name in GROUP_RECIPES:
        named = {path: group_of(path, name) for path in everything}
        told = [(named[a], named[b]) for a, b in pairs if named[a] and named[b]]
        agreeing = sum(a == b for a, b in told)
        if agreeing >= _PAIRS and agreeing >= _AGREEING * len(told):
            groups: dict[str, list[str]] = {}
            for path, group in named.items():
                if group:
                    groups.setdefault(group, []).append(path)
            return name, [members for members in groups.values() if len(members) > 1]
    return None
