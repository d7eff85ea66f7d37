"""The file of a feature store: fixed-size records, appended as pictures are done.

A killed process loses at most one record, and a record with a wrong checksum counts as none.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import files, record_file, runs
from pipeline.core.digests import DigestIndex
from pipeline.core.errors import RunError, storage_error
from pipeline.core.progress import unheard

PLAIN = 0
# Bytes of records that are shuffled at a time: random reads beyond memory would wait for the disk.
_WINDOW = 1 << 30
# Bytes from which on an array of logits is a file.
_ON_DISK = 16 << 20
FLOAT32, FLOAT16 = "<f4", "<f2"
# Of the record file; its features are the same in every version.
_LAYOUT = 2
_INFO = "store.json"
_RECORDS = "records.bin"


@dataclass(frozen=True)
class Store:
    """The features of some pictures, memory-mapped.

    Attributes:
        records: A memory-mapped array with the fields `sha256` (bytes), `features` and `crc32`.
        rows: The record of each picture, in the requested order.
        depths: The number of features of each depth, in their order; a record may hold more depths.
    """

    records: np.ndarray
    rows: np.ndarray
    depths: tuple[int, ...]

    @property
    def views(self) -> int:
        """The number of views: the plain one and the random ones."""
        return self.records.dtype["features"].shape[0]

    @property
    def width(self) -> int:
        """The number of features per view."""
        return sum(self.depths)

    def take(self, pictures: np.ndarray, views: np.ndarray | int = PLAIN) -> np.ndarray:
        """Features, float32, shape (pictures, width).

        Args:
            pictures: Their positions in the requested order.
            views: The view of each, or one for all; 0 is the plain one.
        """
        features = self.records["features"][self.rows[pictures], views]
        return features[:, : self.width].astype(np.float32, copy=False)

    def shuffled(self, pictures: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Positions in a random order: of all, or in a large store, of windows that lie together on disk.

        Args:
            pictures: Some positions in the requested order.
            random: Draws the order.
        """
        window = max(1, _WINDOW // self.records.dtype.itemsize)
        if len(pictures) <= window:
            return random.permutation(pictures)
        stored = pictures[np.argsort(self.rows[pictures], kind="stable")]
        # The windows begin elsewhere in every epoch, so that other pictures meet.
        stored = np.roll(stored, random.integers(window))
        windows = [stored[at : at + window] for at in range(0, len(stored), window)]
        return np.concatenate([random.permutation(windows[at]) for at in random.permutation(len(windows))])


@dataclass(frozen=True)
class Layout:
    """How a store's records are laid out.

    Attributes:
        views: The number of views of a picture.
        depths: The number of features of each depth.
        number: The type of a feature, in numpy's words.
    """

    views: int
    depths: tuple[int, ...]
    number: str

    @property
    def dtype(self) -> np.dtype:
        # "V32", not "S32": numpy strips trailing zero bytes from strings.
        shape = (self.views, sum(self.depths))
        return np.dtype([("sha256", "V32"), ("features", self.number, shape), ("crc32", "<u4")])


def _info(layout: Layout) -> dict[str, Any]:
    """What the file beside the records says."""
    depths = {"depths": list(layout.depths)} if len(layout.depths) > 1 else {}
    number = {"number": layout.number} if layout.number != FLOAT32 else {}
    return {"layout": _LAYOUT, "views": layout.views, "width": sum(layout.depths), **depths, **number}


def layout_of(folder: Path) -> Layout | None:
    """The layout of a store; None if there is none, or another version's."""
    try:
        info = runs.Run(folder).read_json(_INFO)
        depths = tuple(info.get("depths", (info["width"],)))
        layout = Layout(info["views"], depths, info.get("number", FLOAT32))
        return layout if info == _info(layout) else None
    except (RunError, KeyError, TypeError, AttributeError):
        return None


def open_records(folder: Path) -> np.ndarray | None:
    """The complete records of a store; None if it is empty or of another layout."""
    path, layout = folder / _RECORDS, layout_of(folder)
    if layout is None:
        return None
    try:
        count = path.stat().st_size // layout.dtype.itemsize
        return np.memmap(path, layout.dtype, "r", shape=(count,)) if count else None
    except (OSError, TypeError, ValueError, OverflowError):
        return None


def keep(folder: Path, records: np.ndarray, rows: Iterable[int]) -> None:
    """Rewrites the record file with only these rows; raises StorageError."""
    record_file.keep(folder / _RECORDS, records, rows)


def add_all(folder: Path, other: Path, warn: Callable[[str], object] = unheard) -> None:
    """Adds the intact records of pictures that only another store has; `warn` is told of damaged ones.

    Raises:
        StorageError: The disk is full.
    """
    layout, records = layout_of(other), open_records(other)
    if layout is None or records is None:
        return
    begin(folder, layout)
    known = index_of(open_records(folder))
    sound = record_file.intact(records)
    record_file.tell(sound, other, warn)
    for place in np.flatnonzero(sound):
        row = records[place]
        if known.row(row["sha256"].tobytes()) < 0:
            _append_record(folder / _RECORDS, row.tobytes())


def index_of(records: np.ndarray | None) -> DigestIndex:
    """The row of each picture, by its sha256."""
    return DigestIndex(np.zeros(0, "V32") if records is None else records["sha256"])


def begin(folder: Path, layout: Layout) -> None:
    """Starts a new record file, unless there is one of this layout."""
    if layout_of(folder) != layout:
        (folder / _RECORDS).unlink(missing_ok=True)
        files.write_json(folder / _INFO, _info(layout))


def append(folder: Path, layout: Layout, sha256: str, features: np.ndarray) -> None:
    """Appends a picture's record; raises StorageError.

    Args:
        folder: Of the store.
        layout: As `begin` was given it.
        sha256: Of the picture's bytes.
        features: Shape (views, width).
    """
    record = np.zeros(1, layout.dtype)
    record["sha256"], record["features"] = np.void(bytes.fromhex(sha256)), features
    _append_record(folder / _RECORDS, record_file.sealed(record).tobytes())


def _append_record(path: Path, record: bytes) -> None:
    """Appends a record, in place of a partial one that a killed process left."""
    size = path.stat().st_size if path.exists() else 0
    files.append(path, record, size - size % len(record))


def zeros(shape: tuple[int, ...]) -> np.ndarray:
    """An array of float32, shape `shape`; if it is large, a file below the cache that ends with the process.

    Raises:
        StorageError: The disk is full.
    """
    if 4 * math.prod(shape) <= _ON_DISK:
        return np.zeros(shape, np.float32)
    files.make_folder(runs.CACHE)
    try:
        with tempfile.TemporaryFile(dir=runs.CACHE) as file:
            return np.memmap(file, np.float32, "w+", shape=shape)
    except OSError as error:
        raise storage_error(runs.CACHE, error) from error
