"""The APK as a file: a zip whose stored entries start where Android can map them.

Entries get a fixed time and order, so that the same contents give the same bytes. What goes in
belongs to `build`; signing, which keeps every entry where it is, to `signature`.
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

PAGE = 16384
_TIME = (1981, 1, 1, 1, 1, 2)
# The extra field with which zipalign and apksig pad an entry: its size, then the alignment.
_ALIGNMENT_FIELD = 0xD935
_LOCAL_HEADER = 30


@dataclass(frozen=True)
class Entry:
    """One entry of an APK.

    Attributes:
        name: Its path inside.
        size_bytes: What it takes in the file.
        stored: Whether it is not compressed.
        offset: Where its data begin.
    """

    name: str
    size_bytes: int
    stored: bool
    offset: int

    @property
    def aligned(self) -> bool:
        return not self.stored or self.offset % alignment(self.name) == 0


def alignment(name: str) -> int:
    """Where a stored entry must start: at a multiple of this many bytes."""
    if name.endswith(".so"):
        return PAGE
    return 4096 if name.endswith(".tflite") else 4


def add(archive: zipfile.ZipFile, name: str, data: bytes, *, stored: bool) -> None:
    """Adds one entry, aligned if it is stored.

    Args:
        archive: Open for writing.
        name: The path inside.
        data: The contents.
        stored: Whether it is kept uncompressed.
    """
    info = zipfile.ZipInfo(name, _TIME)
    info.create_system = 0
    info.external_attr = 0
    info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    if stored:
        multiple = alignment(name)
        assert archive.fp is not None  # noqa: S101  (open until the caller closes it)
        begin = archive.fp.tell() + _LOCAL_HEADER + len(name.encode()) + 6
        padding = -begin % multiple
        info.extra = struct.pack("<HHH", _ALIGNMENT_FIELD, 2 + padding, multiple) + bytes(padding)
    archive.writestr(info, data, compresslevel=9)


def entries(path: Path) -> list[Entry]:
    """The entries of an APK, in order."""
    found = []
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for info in archive.infolist():
            file.seek(info.header_offset)
            name_length, extra_length = struct.unpack("<26xHH", file.read(_LOCAL_HEADER))
            offset = info.header_offset + _LOCAL_HEADER + name_length + extra_length
            stored = info.compress_type == zipfile.ZIP_STORED
            found.append(Entry(info.filename, info.compress_size, stored, offset))
    return found


def load_alignment(library: bytes) -> int:
    """The smallest alignment of a native library's LOAD segments, in bytes.

    Raises:
        ValueError: The file is no ELF library.
    """
    if library[:4] != b"\x7fELF" or library[5] != 1:
        raise ValueError("no little-endian ELF file")
    wide = library[4] == 2
    table, size, count = (
        struct.unpack_from("<Q", library, 0x20)[0] if wide else struct.unpack_from("<I", library, 0x1C)[0],
        *struct.unpack_from("<HH", library, 0x36 if wide else 0x2A),
    )
    headers = (table + size * number for number in range(count))
    found = [
        struct.unpack_from("<Q", library, at + 0x30)[0]
        if wide
        else struct.unpack_from("<I", library, at + 0x1C)[0]
        for at in headers
        if struct.unpack_from("<I", library, at)[0] == 1
    ]
    if not found:
        raise ValueError("no LOAD segment")
    return min(found)
