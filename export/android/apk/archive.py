"""The APK as a file: a zip whose stored entries are aligned so that Android can map them.

Entries have a fixed time, so that the same contents give the same bytes. `build` decides what goes in.
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
class _Entry:
    """One entry of an APK.

    Attributes:
        name: Its path in the APK.
        size_bytes: Its size in the file.
        stored: Whether it is uncompressed.
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
    """The number of bytes that a stored entry must be aligned to."""
    if name.endswith(".so"):
        return PAGE
    return 4096 if name.endswith(".tflite") else 4


def add(archive: zipfile.ZipFile, name: str, data: bytes, *, stored: bool) -> None:
    """Adds an entry, aligned if it is stored.

    Args:
        archive: Open for writing.
        name: Its path in the APK.
        data: Its contents.
        stored: Whether to leave it uncompressed.
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
    info.extra = b""  # the padding is needed before the data only, not in the directory at the end


def entries(path: Path) -> list[_Entry]:
    """The entries of an APK, in order."""
    listed = []
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for info in archive.infolist():
            file.seek(info.header_offset)
            name_length, extra_length = struct.unpack("<26xHH", file.read(_LOCAL_HEADER))
            offset = info.header_offset + _LOCAL_HEADER + name_length + extra_length
            stored = info.compress_type == zipfile.ZIP_STORED
            listed.append(_Entry(info.filename, info.compress_size, stored, offset))
    return listed


def load_alignment(library: bytes) -> int:
    """The smallest alignment of a native library's LOAD segments, in bytes.

    Raises:
        ValueError: It is not an ELF library.
    """
    if library[:4] != b"\x7fELF" or library[5] != 1:
        raise ValueError("not a little-endian ELF file")
    wide = library[4] == 2
    table, size, count = (
        struct.unpack_from("<Q", library, 0x20)[0] if wide else struct.unpack_from("<I", library, 0x1C)[0],
        *struct.unpack_from("<HH", library, 0x36 if wide else 0x2A),
    )
    headers = (table + size * number for number in range(count))
    alignments = [
        struct.unpack_from("<Q", library, at + 0x30)[0]
        if wide
        else struct.unpack_from("<I", library, at + 0x1C)[0]
        for at in headers
        if struct.unpack_from("<I", library, at)[0] == 1
    ]
    if not alignments:
        raise ValueError("no LOAD segment")
    return min(alignments)
