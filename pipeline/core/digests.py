"""Finds records by a digest in them, for 16 bytes of memory a record."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable

import numpy as np


def digest_array(digests: Iterable[str]) -> np.ndarray:
    """Hexadecimal sha256 as ASCII, dtype S64: numpy's text would take 256 bytes for each."""
    return np.fromiter((digest.encode() for digest in digests), "S64")


class DigestIndex:
    """The rows of an array of digests, which may stay on disk.

    Args:
        digests: Of type V16 or V32, shape (n,); a digest may occur more than once.
    """

    def __init__(self, digests: np.ndarray) -> None:
        self._digests = np.asarray(digests)  # one element of a memory-mapped array takes long
        words = digests.dtype.itemsize // 8
        keys = np.ascontiguousarray(digests).view("<u8")[::words]
        order = np.argsort(keys, kind="stable")
        # Their single elements come faster than those of numpy's arrays.
        self._rows = array("q", order.astype(np.int64, copy=False).tobytes())
        self._keys = array("Q", keys[order].astype(np.uint64, copy=False).tobytes())

    def __len__(self) -> int:
        return len(self._keys)

    def row(self, digest: bytes) -> int:
        """The last row with this digest, or -1."""
        key = int.from_bytes(digest[:8], "little")
        place = bisect_right(self._keys, key) - 1
        while place >= 0 and self._keys[place] == key:
            row = self._rows[place]
            if self._digests[row].tobytes() == digest:
                return row
            place -= 1
        return -1

    def rows(self, digests: Iterable[bytes]) -> np.ndarray:
        """The last row with each digest, or -1; int64, shape (n,)."""
        return np.fromiter(map(self.row, digests), np.int64)
