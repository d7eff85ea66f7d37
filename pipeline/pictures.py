"""A file into RGB pixels: the only place that opens picture files.

What it hands over is opaque sRGB, upright, 8 bits a channel. Fitting it into the model's
frame belongs to `letterbox`.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin

from pipeline.errors import PictureError
from pipeline.letterbox import Size, fitted_size

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp")
MAX_PIXELS = 120_000_000
MAX_BYTES = 200_000_000
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_ORIENTATION = 0x0112
_SAME_COLOUR = 2
_SRGB = ImageCms.createProfile("sRGB")

# What Pillow's decoders raise on damaged files; anything else is a bug of ours.
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, MemoryError, struct.error)

# Pillow only warns above its own limit; `_open` refuses, in words, before anything is decoded.
Image.MAX_IMAGE_PIXELS = None
# Broken metadata beside sound pixels is no concern of the user's; what matters is in `remarks`.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


@dataclass(frozen=True)
class Facts:
    """What a whole decode of one file showed.

    Attributes:
        width: Of the upright picture, in pixels.
        height: Of the upright picture, in pixels.
        file_format: `JPEG`, `PNG`, `WEBP`, `GIF` or `BMP`, whatever the file's ending says.
        remarks: What was decided on the way, in words, e.g. an unreadable colour profile.
        mode: Pillow's name for the pixels in the file, e.g. `RGB`, `L`, `P`, `CMYK`, `RGBA`.
        quality: Of a JPEG, from 1 to 100, as its quantization tables tell; 0 for other formats.
        turned: Whether EXIF says that the camera was not upright.
        frames: More than 1 for an animation, of which only the first is used.
    """

    width: int
    height: int
    file_format: str
    remarks: tuple[str, ...] = ()
    mode: str = "RGB"
    quality: int = 0
    turned: bool = False
    frames: int = 1


def read(path: Path, for_frame: Size | None = None) -> np.ndarray:
    """The pixels of a picture file.

    EXIF upright; ICC profile to sRGB; first frame; 16 bits by their high byte; CMYK by its
    profile or by inversion; alpha over black, `(colour * alpha + 127) // 255`.

    Args:
        path: JPEG, PNG, WebP, GIF or BMP.
        for_frame: If given, a JPEG may be decoded at reduced scale, at least twice as large
            as the letterboxed picture: faster, up to one grey level different on average.
            For augmented training views only; whatever is scored is decoded fully.

    Returns:
        RGB, uint8, shape (height, width, 3).

    Raises:
        PictureError: Not a picture, truncated, without pixels, or above the limits.
    """
    return _decode(path, _bytes(path), for_frame)[0]


def inspect(path: Path) -> Facts:
    """Decodes a picture wholly and reports what it is.

    Raises:
        PictureError: As `read`.
    """
    return examine(path)[1]


def examine(path: Path) -> tuple[np.ndarray, Facts]:
    """The pixels of `read`, and what decoding them showed.

    Raises:
        PictureError: As `read`.
    """
    return _decode(path, _bytes(path), None)


def decode(name: Path, data: bytes) -> tuple[np.ndarray, str]:
    """The pixels of a picture file that is in memory, as `read` gives them, and its format.

    Args:
        name: What messages call it.
        data: The file's bytes.

    Raises:
        PictureError: As `read`.
    """
    pixels, facts = _decode(name, data, None)
    return pixels, facts.file_format


def cut_rows(data: bytes, rows: int) -> bytes:
    """A picture file without its first and last rows, saved as the file was.

    A JPEG keeps its quantization tables and chroma subsampling, so that its quality says nothing
    about the cut; WebP is saved without loss.

    Args:
        data: The bytes of a sound JPEG or WebP file.
        rows: To be cut off above, and again below.
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


def digest(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bytes(path: Path) -> bytes:
    size = path.stat().st_size
    if not size:
        raise PictureError(f"{path}: the file is empty")
    if size > MAX_BYTES:
        raise PictureError(f"{path}: {size:,} bytes, the limit is {MAX_BYTES:,}")
    return path.read_bytes()


def _decode(path: Path, data: bytes, for_frame: Size | None) -> tuple[np.ndarray, Facts]:
    remarks: list[str] = []
    image = _open(path, data)
    mode, quality = image.mode, jpeg_quality(getattr(image, "quantization", {}))
    # Phones write a second picture behind the first; Pillow calls that another format.
    file_format = "JPEG" if image.format == "MPO" else image.format or ""
    try:
        if for_frame is not None:
            _reduce(image, for_frame)
        frames = 1 if file_format == "JPEG" else getattr(image, "n_frames", 1)
        turned = image.getexif().get(_ORIENTATION, 1) in range(2, 9)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        image = _opaque_srgb(image, remarks)
    except _DAMAGE as error:
        raise PictureError(f"{path}: cannot be decoded ({_reason(error)})") from error
    facts = Facts(*image.size, file_format, tuple(remarks), mode, quality, turned, frames)
    return np.asarray(image), facts


def jpeg_quality(tables: Mapping[int, Sequence[int]]) -> int:
    """The quality, from 1 to 100, at which libjpeg's own tables come closest; 0 without tables.

    Args:
        tables: Quantization tables by number, 64 entries each; the first is for brightness.
    """
    if not tables:
        return 0
    total = sum(next(iter(tables.values())))
    return 1 + int(np.abs(_TABLE_SUMS - total).argmin())


_ANNEX_K = """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"""


def _table_sums() -> np.ndarray:
    """The sums of libjpeg's table for brightness at the qualities 1 to 100, after Annex K of ITU-T T.81."""
    annex_k = np.array([int(entry) for entry in _ANNEX_K.split()])
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.clip((annex_k * scale[:, None] + 50) // 100, 1, 255).sum(1)


_TABLE_SUMS = _table_sums()


def _open(path: Path, data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except _DAMAGE as error:
        raise PictureError(f"{path}: not a picture that can be read; {', '.join(FORMATS)} can") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError(f"{path}: {width}x{height} pixels, the limit is {MAX_PIXELS:,}")
    return image


def _reduce(image: Image.Image, frame: Size) -> None:
    sideways = image.getexif().get(_ORIENTATION) in (5, 6, 7, 8)
    width, height = image.size[::-1] if sideways else image.size
    across, down = (2 * side for side in fitted_size(width, height, frame))
    image.draft(None, (down, across) if sideways else (across, down))


def _opaque_srgb(image: Image.Image, remarks: list[str]) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode in _SIXTEEN_BIT:
        image = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of type {image.mode}; save it with 8 or 16 bits a channel")
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    if profile:
        image = _to_srgb(image, profile, remarks)
    if image.mode == "RGBA":
        rgba = np.asarray(image).astype(np.uint16)
        flat = (rgba[..., :3] * rgba[..., 3:] + 127) // 255
        return Image.fromarray(flat.astype(np.uint8))
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes, remarks: list[str]) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        transform = ImageCms.buildTransform(source, _SRGB, image.mode, mode)
        if image.mode in ("RGB", "RGBA") and _changes_nothing(source):
            return image
        return ImageCms.applyTransform(image, transform) or image
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        remarks.append("its colour profile cannot be used; its colours were taken as sRGB")
        return image


def _changes_nothing(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether a profile is sRGB by its effect; its name may say anything."""
    levels = np.array(np.meshgrid(*[np.arange(0, 256, 51)] * 3), np.uint8).reshape(3, -1).T
    before = Image.fromarray(levels[np.newaxis])
    after = ImageCms.applyTransform(before, ImageCms.buildTransform(profile, _SRGB, "RGB", "RGB"))
    return bool(np.abs(np.asarray(after).astype(int) - np.asarray(before)).max() <= _SAME_COLOUR)


def _reason(error: BaseException) -> str:
    return str(error).split("\n", 1)[0] or type(error).__name__
