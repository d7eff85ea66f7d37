"""Pictures inside the page: small JPEGs as data, read on all cores, each file once.

A picture that is gone leaves a gap with its name; it never makes the report fail.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from pipeline.core import parallel
from pipeline.core.errors import DataError, NetworkError, PictureError
from pipeline.core.progress import Progress, silent
from pipeline.core.remote_cache import Place
from pipeline.core.size import Size
from pipeline.images import decode
from pipeline.images.letterbox import fitted_size

SIDE = Size(144, 144)
_QUALITY, _SHEET_QUALITY = 72, 85
_LARGE = 100_000
_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml"}


def thumbnails(
    pictures: Mapping[str, Place], progress: Progress = silent, size: Size = SIDE
) -> dict[str, str]:
    """Data addresses of small versions, by name; unreadable pictures are left out.

    Args:
        pictures: By name.
        progress: Called after each.
        size: Into which they fit.
    """
    addresses = {}
    small = parallel.ordered(lambda place: _small(place, size), pictures.values())
    for done, (name, data) in enumerate(zip(pictures, small, strict=True), 1):
        if data:
            addresses[name] = address(data, ".jpg")
        progress("making thumbnails", done, len(pictures))
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


def _small(place: Place, size: Size) -> bytes | None:
    try:
        pixels = decode.read(place, for_frame=size)
    except (DataError, NetworkError, OSError):
        return None
    image = Image.fromarray(pixels)
    return _jpeg(image.resize(fitted_size(*image.size, size), Image.Resampling.BILINEAR), _QUALITY)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
