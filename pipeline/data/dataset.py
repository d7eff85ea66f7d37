"""Turns a folder of pictures, or a table, into a Table of pictures and labels.

Every file that `folders` finds ends up in `Table.pictures` or, with the reason, in `Table.excluded`.
`splits` decides what is held out; `audit` finds what is wrong with readable pictures.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pipeline.core import parallel
from pipeline.core.errors import DataError, FormatError, PictureError
from pipeline.core.progress import Progress, silent
from pipeline.core.recipes import key_of_rows
from pipeline.core.remote_cache import Place, RemoteCache, fetched_ahead, locate
from pipeline.core.shards import Shard
from pipeline.data import fingerprints, folders, tables
from pipeline.data.file_hashes import State, state_of
from pipeline.data.fingerprints import Fingerprints
from pipeline.data.folders import Candidate, Excluded, ExclusionKind, Layout, Note
from pipeline.data.labels import check_losses, labels_of
from pipeline.images import decode

_MAX_UNREADABLE = 0.10
# A killed process reads so many pictures again.
_STORED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Picture:
    """One row of the table.

    Attributes:
        path: Relative to the data set's root, with `/`; or, out of a table, absolute or an address.
        label: The class.
        group: Pictures of one group stay together; empty for a picture on its own.
        given_split: `train` or `held_out` if the data set says so, else empty.
        sha256: Of the file's bytes.
        width: Of the upright picture, in pixels.
        height: Of the upright picture, in pixels.
        remarks: How the decoder treated it, in words; usually empty.
        near_duplicates: The same for all copies of one picture, by the audit; else empty.
        decision: What `decisions` says of it, if anything; `decided_label` is its new class, if it has one.
    """

    path: str
    label: str
    group: str
    given_split: str
    sha256: str
    width: int
    height: int
    remarks: str = ""
    near_duplicates: str = ""
    decision: str = ""
    decided_label: str = ""

    @property
    def final_label(self) -> str:
        return self.decided_label or self.label


@dataclass(frozen=True)
class Table:
    """All pictures of a data set, in one fixed order.

    Attributes:
        root: What the paths are relative to.
        labels: The classes, ordered by code point of their normalized (NFC) names.
        pictures: Those that can be used, ordered by path.
        excluded: Those that cannot, ordered by path.
        notes: How the data set was read; not stored in a run.
        cache: Of what lies at addresses.
    """

    root: Path
    labels: tuple[str, ...]
    pictures: tuple[Picture, ...]
    excluded: tuple[Excluded, ...]
    notes: tuple[Note, ...] = field(default=(), compare=False)
    cache: RemoteCache = field(default_factory=RemoteCache, compare=False, repr=False)

    def at(self, path: str) -> Place:
        """Where a path of the table leads."""
        return locate(self.root, path, self.cache)

    def file(self, picture: Picture) -> Place:
        return self.at(picture.path)

    @property
    def key(self) -> str:
        """A hash of all that training sees of the data set."""
        seen = ("path", "label", "group", "given_split", "sha256", "near_duplicates")
        decided = ("decision", "decided_label")
        rows = ([getattr(p, of) for of in seen + decided * bool(p.decision)] for p in self.pictures)
        return key_of_rows(rows, list(self.labels))


def scan(
    source: Path,
    known: Table | None = None,
    progress: Progress = silent,
    cache: Fingerprints | None = None,
    allowed: float = _MAX_UNREADABLE,
    remote: RemoteCache | None = None,
) -> Table:
    """Reads every file of a data set; pictures that are not known yet are decoded fully.

    Args:
        source: `FOLDER/CLASS/**`, `FOLDER/{train,val,test}/CLASS/**`, or a table (CSV or Parquet) with the
            columns path and label, and optionally group and split (train, val or test).
        known: An earlier table; the facts of files with the same content are taken from it.
        progress: Called as pictures are read.
        cache: Receives the fingerprint of every picture, made from the same decode.
        allowed: The share of a class that may be unreadable.
        remote: The cache of pictures at addresses.

    Raises:
        DataError: No pictures, fewer than two classes, an empty class, classes that differ
            only in case, a row of the table, or more of a class unreadable than is allowed.
        NetworkError: Pictures are at addresses where nothing answers.
    """
    layout = tables.layout_of(source, remote)
    labels = labels_of(source, [entry.label for entry in layout.candidates])
    table = _table(layout, labels, *_look(layout, known, progress, cache))
    check_losses(source, layout, table.excluded, allowed)
    return table


def survey(
    source: Path,
    progress: Progress = silent,
    cache: Fingerprints | None = None,
    allowed: float = _MAX_UNREADABLE,
    remote: RemoteCache | None = None,
) -> tuple[Table, DataError | None]:
    """Like `scan`, but for any folder with pictures in it; returns why `scan` would refuse it, too.

    Raises:
        DataError: There are no pictures, or the table is wrong.
        NetworkError: As `scan`.
    """
    refusal: DataError | None = None
    try:
        layout = tables.layout_of(source, remote)
        labels = labels_of(source, [entry.label for entry in layout.candidates])
    except DataError as error:
        layout = folders.anything(source) if source.is_dir() else Layout(source, ())
        if not layout.candidates:
            raise
        refusal, labels = error, tuple(sorted({entry.label for entry in layout.candidates}))
    table = _table(layout, labels, *_look(layout, None, progress, cache))
    try:
        check_losses(source, layout, table.excluded, allowed)
    except DataError as error:
        refusal = refusal or error
    return table, refusal


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
        source: As in `scan`.
        shard: Which files.
        known: The fingerprints that are there.
        cache: Receives the others.
        progress: Called as pictures are read.
        remote: As in `scan`.

    Raises:
        DataError: As `tables.layout_of`.
        NetworkError: As `scan`.
    """
    missing = unread(source, shard, known, cache, remote=remote)
    _look(missing, None, progress, cache)
    return len(missing.candidates)


def unread(source: Path, shard: Shard, *known: Fingerprints, remote: RemoteCache | None = None) -> Layout:
    """The files of a shard, dealt by their paths, that have changed since their fingerprints were made.

    Raises:
        DataError: As `tables.layout_of`.
        NetworkError: As `scan`.
    """
    layout = tables.layout_of(source, remote)
    mine = [
        entry for entry in layout.candidates if shard.holds(hashlib.sha256(os.fsencode(entry.path)).digest())
    ]
    layout.cache.look(entry.path for entry in mine)
    missing = [entry for entry in mine if not any(own.knows(layout.place(entry)) for own in known)]
    return replace(layout, candidates=tuple(missing))


def _table(layout: Layout, labels: tuple[str, ...], rows: list[Picture], excluded: list[Excluded]) -> Table:
    everything = sorted([*excluded, *layout.ignored], key=lambda entry: entry.path)
    pictures = sorted(rows, key=lambda picture: picture.path)
    return Table(layout.root, labels, tuple(pictures), tuple(everything), layout.notes, layout.cache)


def _look(
    layout: Layout, known: Table | None, progress: Progress, cache: Fingerprints | None
) -> tuple[list[Picture], list[Excluded]]:
    candidates = layout.candidates
    layout.cache.look(entry.path for entry in candidates)
    facts = {picture.sha256: picture for picture in known.pictures} if known and cache is None else {}
    refused = {entry.sha256: entry for entry in known.excluded if entry.sha256} if known else {}
    rows: list[Picture] = []
    excluded: list[Excluded] = []
    drawn: list[tuple[np.ndarray, np.ndarray]] = []
    read: list[tuple[Place, State, str]] = []

    def judged(entry: Candidate, sha256: str) -> Picture | Excluded | None:
        """What is known of this content."""
        if sha256 in refused:
            return replace(refused[sha256], path=entry.path, label=entry.label)
        if own := facts.get(sha256):
            return _picture_of(entry, sha256, own.width, own.height, own.remarks)
        if cache is None or (row := cache.get(sha256)) is None:
            return None
        return _picture_of(entry, sha256, int(row["width"]), int(row["height"]), row["remarks"].decode())

    def look(entry: Candidate) -> Picture | Excluded:
        path = layout.place(entry)
        sha256 = ""
        try:
            state = state_of(path) if cache is not None else None
            sha256 = decode.digest(path)
            if state and state_of(path) == state:
                read.append((path, state, sha256))
            if found := judged(entry, sha256):
                return found
            pixels, own = decode.examine(path)
        except PictureError as error:
            # Without a sha256 it is read again next time.
            sha256 = "" if _temporary(error) else sha256
            kind = ExclusionKind.OTHER_FORMAT if isinstance(error, FormatError) else ExclusionKind.UNREADABLE
            return Excluded(entry.path, entry.label, sha256, error.reason, kind)
        except OSError as error:
            reason = f"cannot be opened: {error.strerror}"
            return Excluded(entry.path, entry.label, "", reason, ExclusionKind.UNREADABLE)
        drawn.extend([fingerprints.draw(pixels, own, sha256)] if cache is not None else [])
        return _picture_of(entry, sha256, own.width, own.height, "; ".join(own.remarks))

    def keep(row: Picture | Excluded) -> None:
        rows.append(row) if isinstance(row, Picture) else excluded.append(row)
        progress("reading the pictures", len(rows) + len(excluded), len(candidates))

    def store() -> None:
        if cache is not None and drawn:
            made = [drawn.pop() for _ in range(len(drawn))]
            cache.add(*(np.concatenate(parts) for parts in zip(*made, strict=True)))
        while cache is not None and read:
            cache.hashes.add(*read.pop())

    waiting: list[Candidate] = []
    for entry in candidates:
        sha256 = cache.sha256_of(layout.place(entry)) if cache is not None else ""
        if sha256 and (row := judged(entry, sha256)):
            keep(row)
        else:
            waiting.append(entry)
    try:
        for row in parallel.ordered(look, fetched_ahead(waiting, layout.place)):
            keep(row)
            if len(read) >= _STORED_AT_ONCE:
                store()
    finally:
        store()
    return rows, excluded


def _picture_of(entry: Candidate, sha256: str, width: int, height: int, remarks: str) -> Picture:
    return Picture(entry.path, entry.label, entry.group, entry.given_split, sha256, width, height, remarks)


def _temporary(error: PictureError) -> bool:
    """Whether a picture failed for want of memory or by a disk error, not because of its content."""
    cause = error.__cause__
    return isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno is not None)
