"""A file of fixed-size records that end with a checksum: the field `crc32`, of all bytes before it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from pipeline.core import files
from pipeline.core.errors import storage_error


def sealed(records: np.ndarray) -> np.ndarray:
    """A copy of records with their checksums, shape (n,)."""
    made = records.copy()
    made["crc32"] = _checksums(made)
    return made


def intact(records: np.ndarray) -> np.ndarray:
    """Whether the checksum of each record is right; bool, shape (n,)."""
    return records["crc32"] == _checksums(records)


def _checksums(records: np.ndarray) -> np.ndarray:
    size = records.dtype.itemsize
    data = np.ascontiguousarray(records).view(np.uint8).data
    sums = (zlib.crc32(data[at : at + size - 4]) for at in range(0, len(data), size))
    return np.fromiter(sums, np.uint32, len(records))


def tell(sound: np.ndarray, folder: Path, warn: Callable[[str], object]) -> None:
    """Says how many records of a cache are damaged, if any are.

    Args:
        sound: Whether each is intact; bool, shape (n,).
        folder: Of the cache.
        warn: Told the sentence.
    """
    if not sound.all():
        warn(
            f"{(~sound).sum()} of {len(sound)} records in the cache {folder} are damaged "
            "and will be recomputed"
        )


def keep(path: Path, records: np.ndarray, rows: Iterable[int]) -> None:
    """Rewrites the file of these records with only some rows; raises StorageError."""
    with files.replacing(path, durable=False) as beside, beside.open("wb") as file:
        for row in rows:
            file.write(records[row].tobytes())


class RecordFile:
    """A file of records, memory-mapped; its folder is locked by whoever writes to it.

    Args:
        path: The file, which need not exist.
        kind: The type of its records.
    """

    def __init__(self, path: Path, kind: np.dtype) -> None:
        self._path, self._kind = path, kind
        self._mapped: np.ndarray = np.zeros(0, kind)

    def count(self) -> int:
        """The number of complete records."""
        return self._path.stat().st_size // self._kind.itemsize if self._path.is_file() else 0

    def rows(self, count: int) -> np.ndarray:
        """The first records, on disk, shape (count,)."""
        if len(self._mapped) < count:
            self._mapped = np.asarray(np.memmap(self._path, self._kind, "r", shape=(count,)))
        return self._mapped[:count]

    def append(self, records: np.ndarray, count: int) -> None:
        """Writes records and their checksums after the first `count`; raises StorageError."""
        files.append(self._path, sealed(records).tobytes(), count * self._kind.itemsize)

    def put(self, record: np.ndarray, row: int) -> None:
        """Writes a record, shape (1,), and its checksum in place of another; raises StorageError."""
        try:
            with self._path.open("r+b") as file:
                file.seek(row * self._kind.itemsize)
                file.write(sealed(record).tobytes())
        except OSError as error:
            raise storage_error(self._path, error) from error

    def keep(self, rows: np.ndarray) -> None:
        """Rewrites the file with only these rows; raises StorageError."""
        keep(self._path, self.rows(self.count()), rows)
        self._mapped = np.zeros(0, self._kind)
