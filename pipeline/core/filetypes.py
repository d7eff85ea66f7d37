"""What a file is, by its type and its first bytes, never by its extension.

Reads bytes only; `decode` interprets the bytes of pictures.
"""

from __future__ import annotations

import errno
import lzma
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from pipeline.core.errors import DataError

# What zipfile raises for a damaged or malicious zip.
ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, ValueError, EOFError),
    *(RuntimeError, ArithmeticError, LookupError, MemoryError),
)
# Pillow's name of each supported format, with its usual extensions.
ENDINGS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "JPEG2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "AVIF": (".avif", ".avifs"),
    "HEIF": (".heic", ".heif", ".hif", ".heics", ".heifs"),
}
# Extensions of unsupported picture formats, which are reported, not ignored: cameras' raw files, then others.
OTHER_ENDINGS = (
    *(".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2", ".raf", ".pef", ".srw"),
    *(".jxl", ".svg", ".ico", ".psd"),
)
# Usual names of formats that Pillow calls something else.
_SPOKEN = {"WEBP": "WebP", "JPEG2000": "JPEG 2000", "HEIF": "HEIC", "JXL": "JPEG XL", "RAW": "camera raw"}
_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\xff\x4f\xff\x51": "JPEG2000",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
    b"\xff\x0a": "JXL",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JXL",
    b"\0\0\1\0": "ICO",
    b"8BPS": "PSD",
    # Olympus, Panasonic, Fujifilm; others begin like a TIFF.
    b"IIRO": "RAW",
    b"IIRS": "RAW",
    b"MMOR": "RAW",
    b"IIU\0": "RAW",
    b"FUJIFILMCCD-RAW": "RAW",
}
_ARCHIVES = {b"PK\3\4": "zip", b"PK\5\6": "zip", b"Rar!\x1a\7": "RAR", b"7z\xbc\xaf\x27\x1c": "7z"}
_ARCHIVES |= {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
_WORKBOOKS = (".xlsx", ".xlsm", ".ods", ".numbers")
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_CANON_RAW = b"crx "
_CONTAINER_BRANDS = {b"mif1", b"msf1", b"miaf"}
HEAD = 256
MAX_TEXT = 64_000_000
MAX_PICTURE = 200_000_000


def spoken(file_format: str) -> str:
    """A format's name as users write it, e.g. `HEIC` for Pillow's `HEIF`."""
    return _SPOKEN.get(file_format, file_format)


def picture_format(head: bytes) -> str:
    """The format of a picture file, one of `ENDINGS` or an unsupported one; empty for other files.

    Args:
        head: The first `HEAD` bytes of the file, or all if it is shorter.
    """
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and len(head) >= 18 and struct.unpack_from("<I", head, 14)[0] in _BMP_HEADERS:
        return "BMP"
    if head[4:8] == b"ftyp":
        return _isobmff(head)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "SVG" if text.startswith(b"<svg") or (text.startswith(b"<?xml") and b"<svg" in text) else ""


def _isobmff(head: bytes) -> str:
    """AVIF, HEIC and Canon's raw files share a container; the brands in its first box tell which it is."""
    end = min(struct.unpack_from(">I", head)[0], len(head))
    major, *others = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    for brand in (major, *others) if major in _CONTAINER_BRANDS else (major,):
        if brand in _AVIF_BRANDS:
            return "AVIF"
        if brand in _HEIF_BRANDS:
            return "HEIF"
        if brand == _CANON_RAW:
            return "RAW"
    return "HEIF" if major in _CONTAINER_BRANDS else ""


def head(path: Path) -> bytes:
    """The first `HEAD` bytes of a regular file.

    Raises:
        OSError: As `size_of`, or the file cannot be read.
    """
    size_of(path)
    with path.open("rb") as file:
        return file.read(HEAD)


def archive(path: Path) -> str:
    """What kind of archive a file is, e.g. `zip`; empty if it is none or cannot be read."""
    try:
        first = head(path)
    except OSError:
        return ""
    return next((name for magic, name in _ARCHIVES.items() if first.startswith(magic)), "")


def archive_error(path: Path, kind: str) -> DataError:
    """The error for an archive given in place of pictures."""
    if path.suffix.lower() in _WORKBOOKS:
        return DataError(f"{path} is a workbook, not a table", "save it as “CSV UTF-8” and give that file")
    return DataError(f"{path} is a {kind} archive", "unpack it and give the extracted folder")


def size_of(path: Path) -> int:
    """The size of a regular file in bytes; nothing is opened.

    Raises:
        OSError: It does not exist, or is a folder, or a pipe or device, which may never end.
    """
    state = path.stat()
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "a pipe or a device, not a regular file", str(path))
    return state.st_size


def contents(path: Path, limit: int = MAX_TEXT) -> bytes:
    """The bytes of a file that a user named; its size is checked before it is read.

    Raises:
        OSError: As `size_of`; or it has more than `limit` bytes, or cannot be read.
    """
    size = size_of(path)
    if size > limit:
        raise OSError(errno.EFBIG, f"{size:,} bytes exceed the limit of {limit:,}", str(path))
    return path.read_bytes()
