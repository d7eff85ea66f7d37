"""How the pictures of a data set change between two looks at it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from pipeline.core import parallel
from pipeline.core.errors import PictureError
from pipeline.core.remote_cache import Place
from pipeline.core.remote_identity import Identity
from pipeline.data import fingerprints, name_groups, tables
from pipeline.data.dataset import Table
from pipeline.data.decisions import RELABEL
from pipeline.data.file_hashes import state_of
from pipeline.data.pictures import Picture, Pictures
from pipeline.images import decode


@dataclass(frozen=True)
class Change:
    """How a data set differs from an earlier state, as counts of pictures.

    Attributes:
        added: New content.
        removed: Content that is gone.
        changed: The same name, other content.
        relabelled: The same content in another class.
        renamed: The same content under another name in its class.
        regrouped: In another group, or on another side of the data set's own split.
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    relabelled: int = 0
    renamed: int = 0
    regrouped: int = 0

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def __str__(self) -> str:
        return ", ".join(f"{n} {word}" for word, n in vars(self).items() if n)


def compare(old: Table, new: Table) -> Change:
    """How the pictures changed between two tables."""
    if old.pictures == new.pictures:
        return Change()
    gone: dict[str, list[Picture]] = defaultdict(list)
    for row, path in enumerate(old.pictures.paths()):
        if new.pictures.row(path) < 0:
            gone[old.pictures.sha256(row)].append(old.pictures[row])
    counts: Counter[str] = Counter(removed=sum(map(len, gone.values())))
    for now in new.pictures:
        was = old.pictures.get(now.path)
        if was:
            counts["changed"] += was.sha256 != now.sha256
            counts["relabelled"] += was.label != now.label
            counts["regrouped"] += (was.group, was.given_split) != (now.group, now.given_split)
        elif moved := gone.get(now.sha256):
            counts["removed"] -= 1
            counts["renamed" if moved.pop().label == now.label else "relabelled"] += 1
        else:
            counts["added"] += 1
    return Change(**counts)


def changed_since(table: Table, source: Path, moment: float, group_pattern: str = "") -> Change:
    """How the files of a data set differ from its table; most are not read.

    Those are read that are in another state than when this computer last read them, or, if it never did,
    that were changed after the table was written. Pictures on web servers, which cannot be listed, count as
    unchanged.

    Args:
        table: The earlier table.
        source: The folder or the table that it was made from.
        moment: When the table was written, in seconds.
        group_pattern: `data.group_pattern`.

    Raises:
        DataError: As `scan`, as far as the folders alone show.
        NetworkError: As `scan`.
    """
    layout = tables.layout_of(source, table.cache)
    listed = layout.cache.look(layout.candidates.paths(), one_by_one=False)
    excluded = {(entry.path, entry.label) for entry in table.excluded}
    hashes = fingerprints.known().hashes

    def known(path: Place, was: Picture | None, found: Identity | OSError | None) -> str:
        """The sha256 of a file that need not be read; empty otherwise."""
        if isinstance(path, Path) and hashes.knows(path):
            state = state_of(path)
            return (hashes.get(path, state) if state else None) or ""
        return was.sha256 if was and _changed(path, found) <= moment else ""

    def look(entry: Picture) -> Picture:
        path, was = layout.place(entry), table.pictures.get(entry.path)
        try:
            sha256 = known(path, was, listed.get(entry.path)) or decode.digest(path)
        except (OSError, PictureError):
            sha256 = ""
        # A picture that was relabelled keeps its class wherever it lies.
        label = was.label if was and was.decision == RELABEL else entry.label
        return entry._replace(label=label, sha256=sha256)

    there = (entry for entry in layout.candidates if (entry.path, entry.label) not in excluded)
    now = Table(layout.root, table.labels, Pictures(parallel.ordered(look, there)), ())
    return compare(table, name_groups.apply(now, group_pattern))


def _changed(path: Place, listed: Identity | OSError | None) -> float:
    """When a file was last written, moved or replaced, in seconds; 0 if that is not known."""
    if isinstance(listed, OSError):
        raise listed
    if isinstance(path, Path):
        stat = path.stat()
        return max(stat.st_mtime, stat.st_ctime)
    return (listed.modified if listed else None) or 0
