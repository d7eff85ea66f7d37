"""The APK as a file: a zip whose stored entries are aligned so that Android can map them.

Entries have a fixed time, so that the same contents give the same bytes. `build` decides what goes in.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PAGE = 16384
_TIME = (1981, 1, 1, 1, 1, 2)
# The extra field with which zipalign and apksig pad an entry: its size, then the alignment.
_ALIGNMENT_FIELD, _EXTRA = 0xD935, struct.Struct("<HHH")
_LOCAL_HEADER = 30
_LEVEL = 9


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


@dataclass(frozen=True)
class Content:
    """What becomes an entry of an APK.

    Attributes:
        name: Its path in the APK.
        data: Its bytes.
        stored: Whether to leave it uncompressed.
    """

    name: str
    data: bytes
    stored: bool

    @cached_property
    def size_bytes(self) -> int:
        """What it takes in the file, without padding."""
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = self.data if self.stored else packer.compress(self.data) + packer.flush()
        return _LOCAL_HEADER + len(self.name.encode()) + len(packed)


def write(path: Path, contents: Sequence[Content]) -> None:
    """Writes an APK with every stored entry aligned.

    Entries keep their order, except that later ones which may lie anywhere fill the gaps before aligned
    ones: a library begins at a multiple of `PAGE`, and no app should grow by a page for that.

    Args:
        path: The file to write.
        contents: What it holds, with names that differ.
    """
    waiting = list(contents)
    with zipfile.ZipFile(path, "w") as archive:
        while waiting:
            gap = _padding(archive, waiting[0])
            small = (one for one in waiting if not one.stored and one.size_bytes <= gap)
            chosen = max(small, key=lambda one: one.size_bytes, default=waiting[0])
            waiting.remove(chosen)
            _add(archive, chosen)


def _padding(archive: zipfile.ZipFile, content: Content) -> int:
    """The number of bytes that must lie between the last entry and the data of this one, if it comes next."""
    if not content.stored:
        return 0
    assert archive.fp is not None  # noqa: S101  (open until the caller closes it)
    begin = archive.fp.tell() + _LOCAL_HEADER + len(content.name.encode()) + _EXTRA.size
    return -begin % alignment(content.name)


def _add(archive: zipfile.ZipFile, content: Content) -> None:
    info = zipfile.ZipInfo(content.name, _TIME)
    info.create_system = 0
    info.external_attr = 0
    info.compress_type = zipfile.ZIP_STORED if content.stored else zipfile.ZIP_DEFLATED
    if content.stored:
        padding = _padding(archive, content)
        info.extra = _EXTRA.pack(_ALIGNMENT_FIELD, 2 + padding, alignment(content.name)) + bytes(padding)
    archive.writestr(info, content.data, compresslevel=_LEVEL)
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
