"""Converts a file's pixels to opaque sRGB with 8 bits per channel.

Works in bands, so that memory stays close to the picture plus the result. Opening and decoding files
belongs to `decode`.
"""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageCms

_BAND = 2_000_000
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_ALPHA = ("LA", "PA", "RGBA", "RGBa", "La")
_SAME_COLOUR = 2
_COLOURS = 1 << 24
# After how many pixels of a profile a table of all colours is made: it takes as long as so many.
_PAYS = _COLOURS
_SRGB = ImageCms.createProfile("sRGB")
HIGH_BYTE = "16 bits per channel: the high byte is used"
LOW_BYTE = "16 bits per channel, but no value above 255: the low byte is used"
_NO_PROFILE = "unusable colour profile; colours are read as sRGB"

# Pillow's raw modes for 16-bit pixels, each with the mode that reads the other byte.
_OTHER_BYTE = {f"{mode};16B": f"{mode};16L" for mode in ("RGB", "RGBA", "RGBX", "RGBa", "CMYK")}
_OTHER_BYTE |= {low: high for high, low in _OTHER_BYTE.items()}
_NATIVE, _FOREIGN = ("L", "B") if sys.byteorder == "little" else ("B", "L")
_OTHER_BYTE |= {f"{name[:-1]}N": name for name in list(_OTHER_BYTE) if name.endswith(_FOREIGN)}
# Pillow reads only one byte of grey with alpha; as four channels, its two values show both.
_GREY_ALPHA = "LA;16B"
_OTHER_BYTE[_GREY_ALPHA] = "RGBA"


def opaque_srgb(
    image: Image.Image, raw: str, low: Callable[[], Image.Image], remarks: list[str]
) -> np.ndarray:
    """A decoded picture's colours.

    Args:
        image: Decoded or not; of 16-bit colour it has the high bytes.
        raw: Its `raw_mode` before decoding.
        low: Opens the same file again.
        remarks: Decisions made are appended.

    Returns:
        RGB, uint8, shape (height, width, 3): converted by its ICC profile; alpha over black,
        `(colour * alpha + 127) // 255`.

    Raises:
        ValueError: The pixel type has no known range.
    """
    clear: np.ndarray | None = None
    image.load()
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of type {image.mode}; save it with 8 or 16 bits per channel")
    if raw in _OTHER_BYTE:
        image, clear = _eight_bits(image, low, remarks)
    grey = _grey_shift(image, remarks) if image.mode in _SIXTEEN_BIT else None
    profile = image.info.get("icc_profile")
    transform = None
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for rows, band in _bands(image):
        band = _grey_band(band, grey) if grey is not None else band
        if band.mode in _ALPHA or "transparency" in band.info:
            band = band.convert("RGBA")
        elif band.mode not in ("RGB", "CMYK", "L"):
            band = band.convert("RGB")
        if profile:
            usable, transform = _transform(profile, band.mode)
            if not usable:
                remarks.append(_NO_PROFILE)
                profile = None
        pixels[rows] = _over_black(band if transform is None else transform(band))
        if clear is not None:
            pixels[rows][clear[rows]] = 0
    return pixels


def _bands(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    step = max(1, _BAND // image.width)
    for top in range(0, image.height, step):
        bottom = min(top + step, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))


def _over_black(band: Image.Image) -> np.ndarray:
    if band.mode != "RGBA":
        return np.asarray(band if band.mode == "RGB" else band.convert("RGB"))
    rgba = np.asarray(band).astype(np.uint16)
    return ((rgba[..., :3] * rgba[..., 3:] + 127) // 255).astype(np.uint8)


def _grey_shift(image: Image.Image, remarks: list[str]) -> int:
    """How many bits to shift 16-bit grey down by, ignoring transparent pixels."""
    largest, clear = 0, image.info.get("transparency")
    for _, band in _bands(image):
        values = np.asarray(band)
        values = values if clear is None else values[values != clear]
        largest = max(largest, int(values.max(initial=0)))
    remarks.append(HIGH_BYTE if largest > 255 else LOW_BYTE)
    return 8 if largest > 255 else 0


def _grey_band(band: Image.Image, shift: int) -> Image.Image:
    values = np.asarray(band).astype(np.uint16)
    grey = Image.fromarray((values >> shift).astype(np.uint8))
    if (clear := band.info.get("transparency")) is not None:
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return grey


def _eight_bits(
    high: Image.Image, low: Callable[[], Image.Image], remarks: list[str]
) -> tuple[Image.Image, np.ndarray | None]:
    """One byte per channel of 16-bit colour, and a mask of the transparent colour if there is one."""
    clear = high.info.pop("transparency", None)
    transparent = None
    if clear is not None:
        transparent = np.ones((high.height, high.width), bool)
        _keep_equal(transparent, high, [value >> 8 for value in clear])
    dark = not any(_colours(band).any() for _, band in _bands(high))
    remarks.append(LOW_BYTE if dark else HIGH_BYTE)
    if not dark and transparent is None:
        return high, None
    other = low()
    raw = raw_mode(other)
    other.tile = [
        tile._replace(
            args=_OTHER_BYTE[raw] if isinstance(tile.args, str) else (_OTHER_BYTE[raw], *tile.args[1:])
        )
        for tile in other.tile
    ]
    other.load()
    if transparent is not None and clear is not None:
        _keep_equal(transparent, other, [value & 255 for value in clear])
    if not dark:
        other.close()
        return high, transparent
    alpha = high.getchannel("A") if high.mode == "RGBA" else None
    # The caller's picture too: two large ones at once take too much memory.
    high.close()
    if raw == _GREY_ALPHA:
        grey, low_alpha = other.getchannel("G"), other.getchannel("A")
        other.close()
        other = Image.merge("LA", (grey, low_alpha))
    if alpha is not None and alpha.getextrema() != (0, 0):
        other.putalpha(alpha)
    other.info.pop("transparency", None)
    return other, transparent


def raw_mode(image: Image.Image) -> str:
    """Pillow's raw mode of the file, e.g. `RGB;16B`; only before decoding."""
    for tile in getattr(image, "tile", ()):
        args = tile.args if isinstance(tile.args, str) else tile.args and tile.args[0]
        return args if isinstance(args, str) else ""
    return ""


def _colours(band: Image.Image) -> np.ndarray:
    return np.asarray(band)[..., : 4 if band.mode == "CMYK" else 3]


def _keep_equal(where: np.ndarray, image: Image.Image, colour: list[int]) -> None:
    """Clears the mask, shape (height, width), where a picture has another colour."""
    for rows, band in _bands(image):
        where[rows] &= (_colours(band) == colour).all(-1)


class _Transform:
    """Converts pixels to sRGB; RGB by a table of all its colours, as soon as making one pays.

    The table holds what the transform itself answers, and costs a quarter of its time per pixel.
    """

    def __init__(self, transform: ImageCms.ImageCmsTransform) -> None:
        self._transform = transform
        self._converted = 0

    def __call__(self, band: Image.Image) -> Image.Image:
        """The same pixels in sRGB, with alpha if they have it."""
        if band.mode != "RGB":
            return self._transform.apply(band)
        self._converted += band.width * band.height
        if self._converted < _PAYS:
            return self._transform.apply(band)
        found = _table(self._transform).take(_numbers(band), mode="wrap")
        return Image.frombuffer("RGBX", band.size, found, "raw", "RGBX", 0, 1).convert("RGB")


@functools.lru_cache(maxsize=2)
def _table(transform: ImageCms.ImageCmsTransform) -> np.ndarray:
    """What becomes of every colour, by its number; 64 MB, shape (2**24,)."""
    table, plane = np.empty(_COLOURS, "<i4"), np.zeros((256, 256, 3), np.uint8)
    plane[..., 0], plane[..., 1] = np.ogrid[:1, :256][1], np.ogrid[:256, :1][0]
    for blue in range(256):
        plane[..., 2] = blue
        colours = Image.fromarray(plane)
        table[_numbers(colours)] = _numbers(transform.apply(colours))
    return table


def _numbers(image: Image.Image) -> np.ndarray:
    """Every pixel's colour as one number, from -2**24 to -1; int32, shape (pixels,)."""
    return np.frombuffer(image.convert("RGBX").tobytes(), "<i4")


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> tuple[bool, _Transform | None]:
    """Whether a profile is usable for these pixels, and its transform; None if it changes nothing.

    Cached: a camera's pictures share one profile, and building a transform costs more than applying it
    to a small picture.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, _SRGB, mode, "RGBA" if mode == "RGBA" else "RGB")
        return True, None if mode in ("RGB", "RGBA") and _changes_nothing(source) else _Transform(transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False, None


def _changes_nothing(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether a profile is sRGB by its effect; its name may say anything."""
    levels = np.array(np.meshgrid(*[np.arange(0, 256, 51)] * 3), np.uint8).reshape(3, -1).T
    before = Image.fromarray(levels[np.newaxis])
    after = ImageCms.applyTransform(before, ImageCms.buildTransform(profile, _SRGB, "RGB", "RGB"))
    return bool(np.abs(np.asarray(after).astype(int) - np.asarray(before)).max() <= _SAME_COLOUR)
