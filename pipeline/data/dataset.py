"""Turns a folder of pictures, or a table, into a Table of pictures and labels.

Every file that `folders` finds ends up in `Table.pictures` or, with the reason, in `Table.excluded`.
`splits` decides what is held out; `audit` finds what is wrong with readable pictures.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pipeline.core import parallel
from pipeline.core.errors import DataError, FormatError, PictureError
from pipeline.core.progress import Progress, silent
from pipeline.core.recipes import key_of
from pipeline.core.shards import Shard
from pipeline.data import fingerprints, folders, tables
from pipeline.data.file_hashes import State, state_of
from pipeline.data.fingerprints import Fingerprints
from pipeline.data.folders import Candidate, Excluded, ExclusionKind, Layout, Note
from pipeline.data.labels import labels_of
from pipeline.images import decode

_MAX_UNREADABLE = 0.10


@dataclass(frozen=True, slots=True)
class Picture:
    """One row of the table.

    Attributes:
        path: Relative to the data set's root, with `/`.
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
    """

    root: Path
    labels: tuple[str, ...]
    pictures: tuple[Picture, ...]
    excluded: tuple[Excluded, ...]
    notes: tuple[Note, ...] = field(default=(), compare=False)

    def file(self, picture: Picture) -> Path:
        return self.root / picture.path

    @property
    def key(self) -> str:
        """A hash of all that training sees of the data set."""
        seen = ("path", "label", "group", "given_split", "sha256", "near_duplicates")
        decided = ("decision", "decided_label")
        rows = [[getattr(p, of) for of in seen + decided * bool(p.decision)] for p in self.pictures]
        return key_of([list(self.labels), rows])


def scan(
    source: Path,
    known: Table | None = None,
    progress: Progress = silent,
    cache: Fingerprints | None = None,
    allowed: float = _MAX_UNREADABLE,
) -> Table:
    """Reads every file of a data set; pictures that are not known yet are decoded fully.

    Args:
        source: `FOLDER/CLASS/**`, `FOLDER/{train,val,test}/CLASS/**`, or a CSV with the columns
            path and label, and optionally group and split (train, val or test).
        known: An earlier table; the facts of files with the same content are taken from it.
        progress: Called as pictures are read.
        cache: Receives the fingerprint of every picture, made from the same decode.
        allowed: The share of a class that may be unreadable.

    Raises:
        DataError: No pictures, fewer than two classes, an empty class, classes that differ
            only in case, a row of the CSV, or more of a class unreadable than is allowed.
    """
    layout = layout_of(source)
    labels = labels_of(source, [entry.label for entry in layout.candidates])
    table = _table(layout, labels, *_look(layout, known, progress, cache))
    _check_losses(source, layout, table, allowed)
    return table


def survey(
    source: Path,
    progress: Progress = silent,
    cache: Fingerprints | None = None,
    allowed: float = _MAX_UNREADABLE,
) -> tuple[Table, DataError | None]:
    """Like `scan`, but for any folder with pictures in it; returns why `scan` would refuse it, too.

    Raises:
        DataError: There are no pictures, or the table (CSV) is wrong.
    """
    refusal: DataError | None = None
    try:
        layout = layout_of(source)
        labels = labels_of(source, [entry.label for entry in layout.candidates])
    except DataError as error:
        layout = folders.anything(source) if source.is_dir() else Layout(source, ())
        if not layout.candidates:
            raise
        refusal, labels = error, tuple(sorted({entry.label for entry in layout.candidates}))
    table = _table(layout, labels, *_look(layout, None, progress, cache))
    try:
        _check_losses(source, layout, table, allowed)
    except DataError as error:
        refusal = refusal or error
    return table, refusal


def read_shard(
    source: Path, shard: Shard, known: Fingerprints, cache: Fingerprints, progress: Progress = silent
) -> int:
    """Makes the fingerprints of the files of a shard, dealt by their paths; returns how many were missing.

    Args:
        source: As in `scan`.
        shard: Which files.
        known: The fingerprints that are there.
        cache: Receives the others.
        progress: Called as pictures are read.

    Raises:
        DataError: As `layout_of`.
    """
    missing = unread(source, shard, known, cache)
    _look(missing, None, progress, cache)
    return len(missing.candidates)


def unread(source: Path, shard: Shard, *known: Fingerprints) -> Layout:
    """The files of a shard, dealt by their paths, that have changed since their fingerprints were made.

    Raises:
        DataError: As `layout_of`.
    """
    layout = layout_of(source)
    missing = tuple(
        entry
        for entry in layout.candidates
        if shard.holds(hashlib.sha256(os.fsencode(entry.path)).digest())
        and not any(own.knows(layout.root.absolute() / entry.path) for own in known)
    )
    return replace(layout, candidates=missing)


def layout_of(source: Path) -> Layout:
    """The files of a data set that may be pictures, and those that are not."""
    if source.is_dir():
        return folders.walk(source)
    if source.is_file():
        return tables.read(source)
    what = "neither a folder of pictures nor a table" if source.exists() else "no such folder of pictures"
    raise DataError(f"{source}: {what}", "put the pictures there, one folder per class, or set data.pictures")


def _table(layout: Layout, labels: tuple[str, ...], rows: list[Picture], excluded: list[Excluded]) -> Table:
    everything = sorted([*excluded, *layout.ignored], key=lambda entry: entry.path)
    pictures = sorted(rows, key=lambda picture: picture.path)
    return Table(layout.root, labels, tuple(pictures), tuple(everything), layout.notes)


def _look(
    layout: Layout, known: Table | None, progress: Progress, cache: Fingerprints | None
) -> tuple[list[Picture], list[Excluded]]:
    root, candidates = layout.root.absolute(), layout.candidates
    facts = {picture.sha256: picture for picture in known.pictures} if known and cache is None else {}
    refused = {entry.sha256: entry for entry in known.excluded if entry.sha256} if known else {}
    rows: list[Picture] = []
    excluded: list[Excluded] = []
    drawn: list[tuple[np.ndarray, np.ndarray]] = []
    read: list[tuple[Path, State, str]] = []

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
        path = root / entry.path
        sha256 = ""
        try:
            state = state_of(path)
            sha256 = decode.digest(path)
            if cache is not None and state_of(path) == state:
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
        if cache is not None:
            drawn.append(fingerprints.draw(pixels, own, sha256))
        return _picture_of(entry, sha256, own.width, own.height, "; ".join(own.remarks))

    def keep(row: Picture | Excluded) -> None:
        rows.append(row) if isinstance(row, Picture) else excluded.append(row)
        progress("reading the pictures", len(rows) + len(excluded), len(candidates))

    waiting: list[Candidate] = []
    for entry in candidates:
        sha256 = cache.sha256_of(root / entry.path) if cache is not None else ""
        if sha256 and (row := judged(entry, sha256)):
            keep(row)
        else:
            waiting.append(entry)
    for row in parallel.ordered(look, waiting):
        keep(row)
        while cache is not None and drawn:
            cache.add(*drawn.pop())
        while cache is not None and read:
            cache.hashes.add(*read.pop())
    return rows, excluded


def _picture_of(entry: Candidate, sha256: str, width: int, height: int, remarks: str) -> Picture:
    return Picture(entry.path, entry.label, entry.group, entry.given_split, sha256, width, height, remarks)


def _temporary(error: PictureError) -> bool:
    """Whether a picture failed for want of memory or by a disk error, not because of its content."""
    cause = error.__cause__
    return isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno is not None)


def _check_losses(source: Path, layout: Layout, table: Table, allowed: float) -> None:
    totals = Counter(entry.label for entry in layout.candidates)
    lost = defaultdict(list)
    for entry in table.excluded:
        if entry.kind is not ExclusionKind.PASSED_OVER:
            lost[entry.label].append(entry)
    over = {label: entries for label, entries in lost.items() if len(entries) > allowed * totals[label]}
    for label, entries in sorted(over.items()):
        listed = "; ".join(f"{entry.path}: {entry.reason}" for entry in entries[:3])
        most = max(math.ceil(100 * len(some) / totals[name]) for name, some in over.items())
        raise DataError(
            f"{source}: {len(entries)} of {totals[label]} pictures of class {label} cannot be used "
            f"(more than {allowed:.0%}): {listed}" + (" ..." if len(entries) > 3 else ""),
            f"re-save them as JPEG, or continue without them: --allow-unreadable {most}%",
        )
