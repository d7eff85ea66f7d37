"""Pictures inside the page: small JPEGs as data, read on all cores, each file once.

A picture that is gone leaves a gap with its name; it never makes the report fail.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from pipeline.core import parallel
from pipeline.core.errors import PictureError
from pipeline.core.progress import Progress, silent
from pipeline.core.size import Size
from pipeline.images import decode
from pipeline.images.letterbox import fitted_size

SIDE = Size(144, 144)
_QUALITY, _SHEET_QUALITY = 72, 85
_LARGE = 100_000
_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml"}


def thumbnails(
    root: Path | None, paths: Iterable[str], progress: Progress = silent, size: Size = SIDE
) -> dict[str, str]:
    """Data addresses of small versions, by path; unreadable pictures are left out.

    Args:
        root: What the paths are relative to.
        paths: The pictures.
        progress: Called after each.
        size: Into which they fit.
    """
    distinct = list(dict.fromkeys(paths))
    if root is None:
        return {}
    addresses = {}
    small = parallel.ordered(lambda path: _small(root / path, size), distinct)
    for done, (path, data) in enumerate(zip(distinct, small, strict=True), 1):
        if data:
            addresses[path] = address(data, ".jpg")
        progress("making thumbnails", done, len(distinct))
    return addresses


def of_file(path: Path) -> str | None:
    """The data address of a figure or a map of the run, or None; large sheets of photos as JPEG."""
    try:
        if path.suffix == ".png" and path.stat().st_size > _LARGE:
            return address(_jpeg(Image.fromarray(decode.read(path)), _SHEET_QUALITY), ".jpg")
        return address(path.read_bytes(), path.suffix)
    except (OSError, PictureError):
        return None


def address(data: bytes, suffix: str) -> str:
    """A `data:` address."""
    return f"data:{_TYPES[suffix]};base64,{base64.b64encode(data).decode('ascii')}"


def _small(path: Path, size: Size) -> bytes | None:
    try:
        pixels = decode.read(path, for_frame=size)
    except (PictureError, OSError):
        return None
    image = Image.fromarray(pixels)
    return _jpeg(image.resize(fitted_size(*image.size, size), Image.Resampling.BILINEAR), _QUALITY)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
