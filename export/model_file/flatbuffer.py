"""Small FlatBuffers: packs our own, and reads files from strangers without trusting them.

Generated code trusts every offset and length in a file, so a few corrupt bytes can crash it or keep it
running for hours. Here every step is checked against the end of the file, and steps are counted.
`metadata` knows what the fields mean.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import flatbuffers

# The most steps that reading a document may take; a classifier's metadata takes a few hundred.
_STEPS = 100_000


class DamagedError(Exception):
    """An offset or a length points outside the file. Callers catch it."""


@dataclass
class Document:
    """A file's bytes, and how many more steps reading them may take."""

    data: bytes
    steps: int = field(default=_STEPS)

    def root(self, identifier: bytes = b"") -> Table:
        """The root table.

        Args:
            identifier: Four bytes that must follow the root's offset; empty for any.

        Raises:
            DamagedError: They do not, or the offset points outside the file.
        """
        if identifier and self.data[4:8] != identifier:
            raise DamagedError(f"expected the identifier {identifier.decode()}")
        return Table(self, self.follow(0))

    def number(self, form: str, position: int) -> int | float:
        """A number in one of `struct`'s forms, little-endian."""
        self.steps -= 1
        if self.steps < 0:
            raise DamagedError("reading it takes too many steps")
        if not 0 <= position <= len(self.data) - struct.calcsize("<" + form):
            raise DamagedError(f"an offset points to byte {position:,} of {len(self.data):,}")
        return struct.unpack_from("<" + form, self.data, position)[0]

    def count(self, position: int) -> int:
        return int(self.number("I", position))

    def follow(self, position: int) -> int:
        """The position that the offset at this position points to."""
        return position + self.count(position)

    def raw(self, position: int, size: int) -> bytes:
        """Bytes that lie entirely within the file."""
        if not 0 <= position <= position + size <= len(self.data):
            raise DamagedError(f"{size:,} bytes from byte {position:,} exceed the file's {len(self.data):,}")
        return self.data[position : position + size]


@dataclass(frozen=True)
class Table:
    """A table of a document; fields are numbered as in its schema; absent ones are None or empty."""

    document: Document
    position: int

    def _field(self, number: int) -> int | None:
        document = self.document
        index = self.position - int(document.number("i", self.position))
        size = int(document.number("H", index))
        if 6 + 2 * number > size:
            return None
        offset = int(document.number("H", index + 4 + 2 * number))
        return self.position + offset if offset else None

    def number(self, number: int, form: str, default: float = 0) -> int | float:
        """A number field, in one of `struct`'s forms."""
        place = self._field(number)
        return default if place is None else self.document.number(form, place)

    def table(self, number: int) -> Table | None:
        """A table field, or the value of a union."""
        place = self._field(number)
        return None if place is None else Table(self.document, self.document.follow(place))

    def bytes(self, number: int) -> bytes:
        """A vector of bytes."""
        place = self._field(number)
        if place is None:
            return b""
        start = self.document.follow(place)
        return self.document.raw(start + 4, self.document.count(start))

    def text(self, number: int) -> str:
        """A string; invalid UTF-8 is replaced."""
        return self.bytes(number).decode("utf-8", "replace")

    def numbers(self, number: int, form: str) -> tuple[int | float, ...]:
        """A vector of numbers."""
        return tuple(self.document.number(form, p) for p in self._places(number, struct.calcsize("<" + form)))

    def tables(self, number: int) -> Iterator[Table]:
        """A vector of tables."""
        for place in self._places(number, 4):
            yield Table(self.document, self.document.follow(place))

    def _places(self, number: int, size: int) -> Iterator[int]:
        place = self._field(number)
        if place is not None:
            start = self.document.follow(place)
            yield from (start + 4 + size * i for i in range(self.document.count(start)))


def pack(root: Mapping[int, Any], identifier: bytes) -> bytes:
    """A FlatBuffer; the same values give the same bytes.

    Args:
        root: The root table: fields by their number in the schema. A str is a string, a mapping a
            table, a sequence a vector of tables or of float32; `np.uint8` and `np.int32` are numbers.
        identifier: Four bytes.
    """
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(_pack_table(builder, root), identifier)
    return bytes(builder.Output())


def _pack_table(builder: flatbuffers.Builder, fields: Mapping[int, Any]) -> int:
    # Whatever a table points to must be written before the table is started.
    places = {
        slot: _pack_value(builder, value)
        for slot, value in fields.items()
        if not isinstance(value, np.integer)
    }
    builder.StartObject(max(fields, default=-1) + 1)
    for slot, value in fields.items():
        if slot in places:
            builder.PrependUOffsetTRelativeSlot(slot, places[slot], 0)
        elif value.dtype == np.uint8:
            builder.PrependUint8Slot(slot, int(value), 0)
        else:
            builder.PrependInt32Slot(slot, int(value), 0)
    return builder.EndObject()


def _pack_value(builder: flatbuffers.Builder, value: str | Mapping[int, Any] | Sequence[Any]) -> int:
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, Mapping):
        return _pack_table(builder, value)
    if all(isinstance(item, float) for item in value):
        return builder.CreateNumpyVector(np.array(value, np.float32))
    places = [_pack_table(builder, item) for item in value]
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return builder.EndVector()
