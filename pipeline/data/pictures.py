"""The pictures of a data set: what is known of each, and millions of them packed."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, overload

import numpy as np


class Picture(NamedTuple):
    """One row of a `dataset.Table`; before its file is read, only the first four fields are known.

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
    group: str = ""
    given_split: str = ""
    sha256: str = ""
    width: int = 0
    height: int = 0
    remarks: str = ""
    near_duplicates: str = ""
    decision: str = ""
    decided_label: str = ""

    @property
    def final_label(self) -> str:
        return self.decided_label or self.label


_KEPT = ("_texts", "_ends", "_sizes", "_which", "_common")
# The fields that many pictures share.
_COMMON = tuple(name for name in Picture._fields if name not in ("path", "sha256", "width", "height"))


class Pictures(Sequence[Picture]):
    """Pictures in a fixed order, packed into about 120 bytes each; every access makes a `Picture` anew.

    `paths`, `each` and `sha256` are the short way to one field.
    """

    def __init__(self, pictures: Iterable[Picture] = ()) -> None:
        texts, numbers = bytearray(), dict[tuple[str, ...], int]()
        self._ends = array("Q")
        self._sizes = array("I")
        self._which = array("I")
        for path, label, group, given_split, sha256, width, height, *rest in pictures:
            texts += path.encode()
            self._ends.append(len(texts))
            texts += sha256.encode()
            self._ends.append(len(texts))
            self._sizes.append(width)
            self._sizes.append(height)
            common = (label, group, given_split, *rest)
            self._which.append(numbers.setdefault(common, len(numbers)))
        self._texts = texts
        # What many pictures share is kept once.
        self._common = list(numbers)

    def __len__(self) -> int:
        return len(self._which)

    @overload
    def __getitem__(self, at: int) -> Picture: ...
    @overload
    def __getitem__(self, at: slice) -> Pictures: ...
    def __getitem__(self, at: int | slice) -> Picture | Pictures:
        if isinstance(at, slice):
            return Pictures(self[row] for row in range(*at.indices(len(self))))
        return self._picture(range(len(self))[at])

    def __iter__(self) -> Iterator[Picture]:
        return map(self._picture, range(len(self)))

    def _path(self, row: int) -> str:
        return self._texts[self._ends[2 * row - 1] if row else 0 : self._ends[2 * row]].decode()

    def _picture(self, row: int) -> Picture:
        begin = self._ends[2 * row - 1] if row else 0
        middle, end = self._ends[2 * row], self._ends[2 * row + 1]
        path, sha256 = self._texts[begin:middle].decode(), self._texts[middle:end].decode()
        label, group, given_split, *rest = self._common[self._which[row]]
        size = self._sizes[2 * row], self._sizes[2 * row + 1]
        # As Picture(…), which takes twice as long.
        return tuple.__new__(Picture, (path, label, group, given_split, sha256, *size, *rest))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pictures):
            return NotImplemented
        # What is common is numbered in the order in which it comes: equal rows have equal numbers.
        return all(getattr(self, name) == getattr(other, name) for name in _KEPT)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def paths(self) -> Iterator[str]:
        """The path of each picture."""
        return map(self._path, range(len(self)))

    def labels(self) -> Iterator[str]:
        """The class of each picture."""
        return self.each("label")

    def each(self, field: str) -> Iterator[str]:
        """A field of each picture that is neither its path nor of its file's content, such as `decision`."""
        at = _COMMON.index(field)
        values = [common[at] for common in self._common]
        return map(values.__getitem__, self._which)

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Width and height of each picture."""
        numbers = iter(self._sizes)
        return zip(numbers, numbers, strict=True)

    def sha256(self, row: int) -> str:
        """The sha256 of one picture."""
        return self._texts[self._ends[2 * row] : self._ends[2 * row + 1]].decode()

    def in_order(self) -> Pictures:
        """The same pictures, ordered by path."""
        if all(one <= other for one, other in pairwise(self.paths())):
            return self
        return Pictures(self[row] for row in sorted(range(len(self)), key=self._path))

    def row(self, path: str, likely: int = -1) -> int:
        """The row of the picture at a path; -1 if there is none. The likely row is tried first."""
        if 0 <= likely < len(self) and self._path(likely) == path:
            return likely
        keys, rows = self._by_path
        key = hash(path)
        place = bisect_left(keys, key)
        while place < len(keys) and keys[place] == key:
            if self._path(rows[place]) == path:
                return rows[place]
            place += 1
        return -1

    def get(self, path: str) -> Picture | None:
        """The picture at a path; None if there is none."""
        row = self.row(path)
        return None if row < 0 else self._picture(row)

    def at(self, path: str) -> Picture:
        """The picture at a path; raises KeyError if there is none."""
        found = self.get(path)
        if found is None:
            raise KeyError(path)
        return found

    @cached_property
    def _by_path(self) -> tuple[array[int], array[int]]:
        """The hashes of all paths in order, and the row of each: a dict would take ten times the memory."""
        keys = np.fromiter(map(hash, self.paths()), np.int64, len(self))
        order = np.argsort(keys, kind="stable")
        return array("q", keys[order].tobytes()), array("I", order.astype(np.uint32).tobytes())
