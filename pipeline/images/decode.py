"""Decodes picture files to RGB: the only module that opens them.

The result is opaque sRGB, upright, 8 bits per channel. `filetypes` detects formats, `colours` converts
colours, and `letterbox` fits pictures into the model's frame.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import struct
import threading
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, JpegImagePlugin

from pipeline.core import filetypes
from pipeline.core.errors import FormatError, PictureError
from pipeline.core.remote_cache import Place, opened
from pipeline.core.size import Size
from pipeline.images import colours, jpeg
from pipeline.images.letterbox import fitted_size

FORMATS = tuple(filetypes.ENDINGS)
SUFFIXES = tuple(ending for endings in filetypes.ENDINGS.values() for ending in endings)
_MAX_PIXELS = 64_000_000
_MAX_SIDE = 65_535
MAX_BYTES = filetypes.MAX_PICTURE
# Decoding one picture must stay under 700 MB; these formats need more memory per pixel.
_MAX_PIXELS_OF = {"WEBP": 36_000_000, "AVIF": 44_000_000, "HEIF": 50_000_000, "JPEG2000": 24_000_000}
_MAX_MEMORY = 630_000_000
# Larger pictures are decoded one at a time, however many cores there are.
_LARGE = 16_000_000
_one_large = threading.Lock()
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
_NEW_SUBFILE_TYPE, _DNG_VERSION = 254, 50706

# What decoders raise for damaged files (AVIF: RuntimeError); anything else is our bug.
_DAMAGE = (
    *(OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, MemoryError, struct.error),
    RuntimeError,
)

# Pillow only warns above its own limit; `_open` refuses before anything is decoded.
Image.MAX_IMAGE_PIXELS = None
# Users need not hear of broken metadata beside intact pixels; what matters is in `remarks`.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Facts:
    """What fully decoding a file revealed.

    Attributes:
        width: Of the upright picture, in pixels.
        height: Of the upright picture, in pixels.
        file_format: One of `FORMATS`, whatever the file's suffix.
        remarks: Notes for people, e.g. about an unusable colour profile.
        mode: Pillow's mode of the file, e.g. `RGB`, `L`, `P`, `CMYK`, `RGBA`.
        quality: Of a JPEG, 1 to 100, estimated from its quantization tables; 0 for other formats.
        turned: Whether EXIF says that the camera was not upright.
        frames: More than 1 for an animation or a multi-page file, of which only the first is used.
    """

    width: int
    height: int
    file_format: str
    remarks: tuple[str, ...] = ()
    mode: str = "RGB"
    quality: int = 0
    turned: bool = False
    frames: int = 1


def read(path: Place, for_frame: Size | None = None) -> np.ndarray:
    """The pixels of a picture file.

    Upright by EXIF; ICC profile to sRGB; first frame; 16 bits by the high byte, or by the low one
    if no value exceeds 255; CMYK by its profile or by inversion; alpha over black,
    `(colour * alpha + 127) // 255`. A JPEG above 64 megapixels is decoded at half or quarter scale.

    Args:
        path: A local or remote file in one of `FORMATS`, detected by content, never by suffix.
        for_frame: If given, a JPEG may be decoded at reduced scale, at least twice the size of the
            letterboxed picture: faster, and up to one grey level off on average. For augmented
            training views only; whatever is scored is decoded fully.

    Returns:
        RGB, uint8, shape (height, width, 3).

    Raises:
        PictureError: Not a picture, truncated, empty, or above the limits.
        OSError: It cannot be opened, or is not a regular file.
        NetworkError: The store of a remote file does not answer.
    """
    return _decode_file(path, for_frame)[0]


def inspect(path: Place) -> Facts:
    """Fully decodes a picture and reports its facts.

    Raises:
        PictureError: As `read`.
    """
    return examine(path)[1]


def examine(path: Place) -> tuple[np.ndarray, Facts]:
    """The pixels of `read`, and the facts of `inspect`.

    Raises:
        PictureError: As `read`.
    """
    return _decode_file(path, None)


def decode(name: Path, data: bytes) -> tuple[np.ndarray, str]:
    """The pixels of an in-memory picture file, as from `read`, and its format.

    Args:
        name: Its name in messages.
        data: The file's bytes.

    Raises:
        PictureError: As `read`.
    """
    pixels, facts = _decode(name, io.BytesIO(data), None)
    return pixels, facts.file_format


def cut_rows(data: bytes, rows: int) -> bytes:
    """A picture file without its first and last rows, saved like the original.

    A JPEG keeps its quantization tables and chroma subsampling, so that its quality does not reveal
    the crop; WebP is saved losslessly.

    Args:
        data: The bytes of an intact JPEG or WebP file.
        rows: The number of rows to cut at the top, and again at the bottom.
    """
    image = Image.open(io.BytesIO(data), formats=("JPEG", "WEBP"))
    part = image.crop((0, rows, image.width, image.height - rows))
    kept = {"icc_profile": image.info.get("icc_profile")}
    file = io.BytesIO()
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        sampling = JpegImagePlugin.get_sampling(image)
        part.save(file, "JPEG", qtables=image.quantization, subsampling=sampling, **kept)
    else:
        part.save(file, "WEBP", lossless=True, **kept)
    return file.getvalue()


def digest(path: Place) -> str:
    """The sha256 of a regular or remote file's bytes, in hexadecimal."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _decode_file(path: Place, for_frame: Size | None) -> tuple[np.ndarray, Facts]:
    with opened(path) as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            raise PictureError("the file is empty", path)
        if size > MAX_BYTES:
            raise PictureError(f"{size:,} bytes, the limit is {MAX_BYTES:,}", path)
        return _decode(path, file, for_frame)


def _decode(path: Place, file: BinaryIO, for_frame: Size | None) -> tuple[np.ndarray, Facts]:
    remarks: list[str] = []
    image = _open(path, file)
    mode, quality = image.mode, jpeg.quality_of(getattr(image, "quantization", {}))
    raw = colours.raw_mode(image)
    # Phones append a second picture; Pillow calls that another format.
    file_format = "JPEG" if image.format == "MPO" else image.format or ""
    scale = _scale(path, image, file_format)
    try:
        with _one_large if image.width * image.height > _LARGE else nullcontext():
            frames = _frames(image, file_format)
            orientation = image.getexif().get(_ORIENTATION, 1)
            turned = orientation in range(2, 9)
            if file_format == "JPEG":
                _reduce(image, scale, for_frame, sideways=orientation in (5, 6, 7, 8))
            pixels = colours.opaque_srgb(image, raw, lambda: _open(path, file), remarks)
            image.close()
            # Pillow already turns TIFFs upright.
            turn = None if file_format == "TIFF" else _UPRIGHT.get(orientation)
            pixels = pixels if turn is None else np.ascontiguousarray(turn(pixels))
    except _DAMAGE as error:
        raise PictureError(f"cannot be decoded ({_reason(error)})", path) from error
    if scale > 1:
        share = "half" if scale == 2 else "a quarter of"
        remarks.append(f"so large that it is decoded at {share} its width and height")
    height, width = pixels.shape[:2]
    return pixels, Facts(width, height, file_format, tuple(remarks), mode, quality, turned, frames)


def _open(path: Place, file: BinaryIO) -> Image.Image:
    file.seek(0)
    head = file.read(filetypes.HEAD)
    file.seek(0)
    kind = filetypes.picture_format(head)
    name = filetypes.spoken(kind)
    if kind not in FORMATS:
        can = ", ".join(map(filetypes.spoken, FORMATS))
        raise (
            FormatError(f"{name} files are not supported; save it as JPEG or PNG", path)
            if kind
            else PictureError(f"not a readable picture; supported formats: {can}", path)
        )
    try:
        image = _heic(file) if kind == "HEIF" else Image.open(file, formats=(kind,))
        width, height = image.size
    except _DAMAGE as error:
        raise PictureError(f"a damaged {name} file", path) from error
    if kind == "TIFF" and _is_raw(image, head):
        raise FormatError("camera raw files are not supported; save it as JPEG or PNG", path)
    limit = _MAX_PIXELS_OF.get(kind, _MAX_PIXELS)
    if max(width, height) > _MAX_SIDE or (kind != "JPEG" and width * height > limit):
        raise _too_large(path, image, name, limit)
    if kind == "AVIF":
        # Only its own rotation counts, which Pillow reports as EXIF; XMP would be applied on top.
        image.info.pop("xmp", None)
    return image


def _heic(file: BinaryIO) -> Image.Image:
    from pipeline.images import heic  # libheif, which few need

    return heic.HeicImageFile(file)


def _too_large(path: Place, image: Image.Image, name: str, limit: int) -> PictureError:
    size = f"{image.width}x{image.height} pixels"
    return PictureError(f"{size}; the limit for {name} is {limit:,}, and {_MAX_SIDE:,} on a side", path)


def _is_raw(image: Image.Image, head: bytes) -> bool:
    """Whether this TIFF is a camera raw file, of which Pillow would read only a small preview."""
    tags = getattr(image, "tag_v2", {})
    preview = tags.get(_NEW_SUBFILE_TYPE, 0)
    return head[8:10] == b"CR" or _DNG_VERSION in tags or (isinstance(preview, int) and bool(preview & 1))


def _frames(image: Image.Image, file_format: str) -> int:
    if file_format == "JPEG":
        return 1
    # A TIFF's pages are not counted: there may be millions.
    many = 1 + bool(getattr(image, "is_animated", False))
    return many if file_format == "TIFF" else getattr(image, "n_frames", 1)


def _scale(path: Place, image: Image.Image, file_format: str) -> int:
    """The scale (1, 2 or 4) by which a JPEG must shrink to decode within the limits."""
    area = image.width * image.height
    if file_format != "JPEG" or area <= _LARGE:
        return 1
    whole = jpeg.coefficients(image)
    for scale in (1, 2, 4):
        if area <= _MAX_PIXELS * scale**2 and whole + 4 * area // scale**2 <= _MAX_MEMORY:
            return scale
    if area <= 16 * _MAX_PIXELS:
        size = f"{image.width}x{image.height} pixels"
        raise PictureError(f"{size} is too large for a progressive JPEG; save it as a baseline one", path)
    raise _too_large(path, image, "JPEG", 16 * _MAX_PIXELS)


def _reduce(image: Image.Image, scale: int, frame: Size | None, *, sideways: bool) -> None:
    """Sets a JPEG's decoding scale: `scale`, or further if the frame allows."""
    across, down = image.width // scale, image.height // scale
    if frame is not None:
        width, height = image.size[::-1] if sideways else image.size
        fitted = [2 * side for side in fitted_size(width, height, frame)]
        across, down = (
            min(*pair) for pair in zip((across, down), fitted[::-1] if sideways else fitted, strict=True)
        )
    if (across, down) != image.size:
        image.draft(None, (across, down))


def _reason(error: BaseException) -> str:
    return str(error).split("\n", 1)[0] or type(error).__name__
