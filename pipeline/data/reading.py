"""Reads the files of a data set, for `dataset` or for a shard of the cache.

Files that have not changed since they were read are not read again, and no content is decoded twice.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.core import parallel
from pipeline.core.errors import DataError, FormatError, PictureError
from pipeline.core.progress import Progress, silent
from pipeline.core.remote_cache import Place, RemoteCache, fetched_ahead
from pipeline.core.shards import Shard
from pipeline.data import fingerprints, tables
from pipeline.data.file_hashes import State, state_of
from pipeline.data.fingerprints import Fingerprints
from pipeline.data.folders import Excluded, ExclusionKind, Layout
from pipeline.data.pictures import Picture, Pictures
from pipeline.images import decode

# A killed process reads so many pictures again.
_STORED_AT_ONCE = 64


class Content(NamedTuple):
    """What a file holds; the fields are those of `pictures.Picture`."""

    sha256: str
    width: int
    height: int
    remarks: str


def read(
    layout: Layout,
    cache: Fingerprints | None = None,
    progress: Progress = silent,
    facts: Mapping[str, Content] | None = None,
    refused: Mapping[str, Excluded] | None = None,
) -> Iterator[tuple[Picture, Content | Excluded]]:
    """Every file with its content, or why it cannot be used; in any order.

    Args:
        layout: The files.
        cache: Knows unchanged files and their content; receives the fingerprint of every other picture, made
            from the one decode.
        progress: Called as files are read.
        facts: What is known of contents without a cache, by sha256.
        refused: The same of contents that cannot be used.
    """
    files = _Files(layout, cache, facts or {}, refused or {})
    layout.cache.look(layout.candidates.paths())
    total, done = len(layout.candidates), 0
    rows = array("I")
    for row, entry in enumerate(layout.candidates):
        if found := files.unchanged(entry):
            yield entry, found
            done += 1
            progress("reading the pictures", done, total)
        else:
            rows.append(row)
    waiting = Pictures(layout.candidates[row] for row in rows)
    looked = parallel.ordered(files.look, fetched_ahead(waiting, layout.place))
    try:
        for entry, found in zip(waiting, looked, strict=True):
            yield entry, found
            done += 1
            progress("reading the pictures", done, total)
            if len(files.read) >= _STORED_AT_ONCE:
                files.store()
    finally:
        files.store()


def read_shard(
    source: Path,
    shard: Shard,
    known: Fingerprints,
    cache: Fingerprints,
    progress: Progress = silent,
    remote: RemoteCache | None = None,
) -> int:
    """Makes the fingerprints of the files of a shard, dealt by their paths; returns how many were missing.

    Args:
        source: As in `dataset.scan`, like `remote`.
        shard: Which files.
        known: The fingerprints that are there.
        cache: Receives the others.
        progress: Called as pictures are read.
        remote: The cache of pictures at addresses.

    Raises:
        DataError: As `tables.layout_of`.
        NetworkError: As `dataset.scan`.
    """
    missing = unread(source, shard, known, cache, remote=remote)
    return sum(1 for _ in read(missing, cache, progress))


def unread(source: Path, shard: Shard, *known: Fingerprints, remote: RemoteCache | None = None) -> Layout:
    """The files of a shard, dealt by their paths, that have changed since their fingerprints were made.

    Raises:
        DataError: As `tables.layout_of`.
        NetworkError: As `dataset.scan`.
    """
    layout = tables.layout_of(source, remote)
    mine = Pictures(
        entry for entry in layout.candidates if shard.holds(hashlib.sha256(entry.path.encode()).digest())
    )
    layout.cache.look(mine.paths())
    missing = (entry for entry in mine if not any(own.knows(layout.place(entry)) for own in known))
    return replace(layout, candidates=Pictures(missing))


def views_again(place: Place, sha256: str) -> np.ndarray:
    """The small views of a picture that was read before, one record of `VIEWS`, shape (1,).

    Raises:
        DataError: It has changed or can no longer be read.
    """
    try:
        pixels, own = decode.examine(place)
        changed = decode.digest(place) != sha256
    except OSError as error:
        raise DataError(f"{place} can no longer be read: {error}", "run the command again") from error
    if changed:
        raise DataError(f"{place} has changed since it was read", "run the command again")
    return fingerprints.draw(pixels, own, sha256)[1]


@dataclass
class _Files:
    """What is known of the files, and what has been read but is not in the cache yet."""

    layout: Layout
    cache: Fingerprints | None
    facts: Mapping[str, Content]
    refused: Mapping[str, Excluded]
    drawn: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    read: list[tuple[Place, State, str]] = field(default_factory=list)

    def unchanged(self, entry: Picture) -> Content | Excluded | None:
        """What is known of a file that has not changed since it was read."""
        sha256 = self.cache.sha256_of(self.layout.place(entry)) if self.cache is not None else ""
        return self._known(entry, sha256) if sha256 else None

    def look(self, entry: Picture) -> Content | Excluded:
        """Reads a file; on any thread."""
        place, sha256 = self.layout.place(entry), ""
        try:
            state = state_of(place) if self.cache is not None else None
            sha256 = decode.digest(place)
            if state and state_of(place) == state:
                self.read.append((place, state, sha256))
            if found := self._known(entry, sha256):
                return found
            pixels, own = decode.examine(place)
        except PictureError as error:
            # Without a sha256 it is read again next time.
            sha256 = "" if _temporary(error) else sha256
            kind = ExclusionKind.OTHER_FORMAT if isinstance(error, FormatError) else ExclusionKind.UNREADABLE
            return Excluded(entry.path, entry.label, sha256, error.reason, kind)
        except OSError as error:
            reason = f"cannot be opened: {error.strerror}"
            gone = isinstance(error, FileNotFoundError)
            kind = ExclusionKind.MISSING if gone else ExclusionKind.UNREADABLE
            return Excluded(entry.path, entry.label, "", reason, kind)
        if self.cache is not None:
            self.drawn.append(fingerprints.draw(pixels, own, sha256))
        return Content(sha256, own.width, own.height, "; ".join(own.remarks))

    def store(self) -> None:
        """Puts what has been read into the cache; raises StorageError."""
        if self.cache is None:
            return
        if self.drawn:
            made = [self.drawn.pop() for _ in range(len(self.drawn))]
            self.cache.add(*(np.concatenate(parts) for parts in zip(*made, strict=True)))
        while self.read:
            self.cache.hashes.add(*self.read.pop())

    def _known(self, entry: Picture, sha256: str) -> Content | Excluded | None:
        if sha256 in self.refused:
            return replace(self.refused[sha256], path=entry.path, label=entry.label)
        if self.cache is None or (row := self.cache.get(sha256)) is None:
            return self.facts.get(sha256)
        width, height, remarks = row[["width", "height", "remarks"]].item()
        return Content(sha256, width, height, remarks.decode())


def _temporary(error: PictureError) -> bool:
    """Whether a picture failed for want of memory or by a disk error, not because of its content."""
    cause = error.__cause__
    return isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno is not None)
