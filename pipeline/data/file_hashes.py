"""The sha256 of files that were read before, so that unchanged ones are not read again.

A file counts as unchanged while its path, size, inode and times (modification and status change) are the
same, as git's index has it. Records are appended; the last one of a path holds.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
import zlib
from pathlib import Path

import numpy as np

from pipeline.core import files
from pipeline.core.digests import DigestIndex
from pipeline.core.record_file import intact
from pipeline.core.remote_cache import Place, Remote

_RECORD = np.dtype([("path", "V16"), ("state", "<u8", (4,)), ("sha256", "V32"), ("crc32", "<u4")])
_PACKED = struct.Struct("<16s4Q32sI")  # the same
# Times before 1970 are negative, and some file systems keep any year: states are compared modulo this.
_WRAP = 1 << 64
# A file that was written just before it was read may be written again within one tick of its times.
_SETTLED_NS = 2_000_000_000
_WRITTEN_AT_ONCE = 4096

State = tuple[int, int, int, int]


def state_of(place: Place) -> State | None:
    """Size, times and inode of a file, or size and tag of a remote one; None if its server tells too little.

    Raises:
        OSError: It cannot be looked at.
    """
    if isinstance(place, Remote):
        identity = place.cache.identity(place.address)
        if identity is None or not identity.proves:
            return None
        tag = hashlib.blake2b(identity.tag.encode(), digest_size=8).digest()
        return identity.size, 0, 0, int.from_bytes(tag, "little")
    stat = place.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


class FileHashes:
    """The index in one file; its folder is locked by whoever opens it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._count = file.stat().st_size // _RECORD.itemsize if file.is_file() else 0
        self._new = bytearray()
        self._records: np.ndarray = np.zeros(0, _RECORD)
        if self._count:
            self._records = np.asarray(np.memmap(file, _RECORD, "r", shape=(self._count,)))
        self._rows = DigestIndex(self._records["path"])

    def get(self, place: Place, state: State) -> str | None:
        """The sha256 of a file; None if it is not known, or not in this state."""
        row = self._rows.row(_key(place))
        if row < 0:
            return None
        record = self._records[row].tobytes()
        _, *known, sha256, crc32 = _PACKED.unpack(record)
        return sha256.hex() if known == _wrapped(state) and zlib.crc32(record[:-4]) == crc32 else None

    def knows(self, place: Place) -> bool:
        """Whether the file was read before, in whatever state."""
        return self._rows.row(_key(place)) >= 0

    def add(self, place: Place, state: State, sha256: str) -> None:
        """Remembers the sha256 of a file that was in this state before and after it was read.

        Raises:
            StorageError: The disk is full.
        """
        if time.time_ns() - max(state[1:3]) < _SETTLED_NS:
            return
        record = _PACKED.pack(_key(place), *_wrapped(state), bytes.fromhex(sha256), 0)[:-4]
        self._new += record + zlib.crc32(record).to_bytes(4, "little")
        if len(self._new) >= _WRITTEN_AT_ONCE * _RECORD.itemsize:
            self.write()

    def add_all(self, file: Path) -> None:
        """Adds the intact records of another index; raises StorageError."""
        if file.is_file():
            data = file.read_bytes()
            records = np.frombuffer(data, _RECORD, len(data) // _RECORD.itemsize)
            self._new += records[intact(records)].tobytes()
            self.write()

    def write(self) -> None:
        """Writes what was added; raises StorageError."""
        if not self._new:
            return
        files.append(self._file, bytes(self._new), self._count * _RECORD.itemsize)
        self._count += len(self._new) // _RECORD.itemsize
        self._new.clear()


def _wrapped(state: State) -> list[int]:
    return [number % _WRAP for number in state]


def _key(place: Place) -> bytes:
    # As Path.absolute, which takes four times as long.
    name = os.path.join(os.getcwd(), place) if isinstance(place, Path) else place.address  # noqa: PTH109, PTH118
    return hashlib.blake2b(os.fsencode(name), digest_size=16).digest()
