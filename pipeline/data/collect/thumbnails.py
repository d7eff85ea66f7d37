"""The best thumbnail that YouTube has of a video, complete and of the expected size.

YouTube keeps several sizes at known addresses, but not all of them for every video. For a missing one it
sends a grey placeholder, usually with status 404, sometimes with 200. The smaller sizes are 4:3 with black
bars in the picture; the bars are cut off, so that all thumbnails have the same aspect ratio.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.core.errors import PictureError
from pipeline.images import borders, decode

PLACEHOLDER = "YouTube's grey placeholder"
_PLACEHOLDER_SIZE = (120, 90)
_ENDINGS = {"jpg": "JPEG", "webp": "WEBP"}
_FOLDERS = {"jpg": "vi", "webp": "vi_webp"}
# A damaged picture is fetched once more: usually the transfer was at fault.
_ATTEMPTS = 2
# Rows next to a bar's edge that JPEG blurs the picture into.
_RINGING = 4
_SPECKS = 0.01


@dataclass(frozen=True)
class Fetched:
    """The response for an address: bytes, or the reason why there are none.

    Attributes:
        data: The body.
        reason: Empty if there is a body.
        lasting: YouTube says that there is no picture; retrying is pointless.
        silent: There was no response, so whether there is a picture is unknown.
    """

    data: bytes = b""
    reason: str = ""
    lasting: bool = False
    silent: bool = False


@dataclass(frozen=True)
class _Variant:
    """A size that YouTube keeps; with `at_least`, larger ones of the same aspect ratio fit, too."""

    name: str
    width: int
    height: int
    at_least: bool = False

    def fits(self, width: int, height: int) -> bool:
        if self.at_least:
            off = width * self.height - height * self.width
            return width >= self.width and abs(off) <= self.width
        return (width, height) == (self.width, self.height)

    @property
    def padded(self) -> bool:
        """Whether 16:9 pictures have bars in it."""
        return self.width * 9 != self.height * 16


LADDER = (
    _Variant("maxresdefault", 1280, 720, at_least=True),
    _Variant("sddefault", 640, 480),
    _Variant("hqdefault", 480, 360),
)


@dataclass(frozen=True)
class Thumbnail:
    """A picture to store.

    Attributes:
        data: The file's bytes.
        ending: `.jpg` or `.webp`, the bytes' actual format.
        variant: Which one it was, e.g. `sddefault.jpg`.
        width: In pixels, after cutting.
        height: In pixels, after cutting.
        cut: Rows that were cut off above, and again below.
    """

    data: bytes
    ending: str
    variant: str
    width: int
    height: int
    cut: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Missing:
    """Why there is no picture; `lasting` if retrying is pointless."""

    reason: str
    lasting: bool


def best(video: str, get: Callable[[str], Fetched]) -> Thumbnail | Missing:
    """The largest valid thumbnail of a video, as JPEG if there is one.

    The search stops if there is no response: otherwise a smaller picture would be stored for good.

    Args:
        video: Its id.
        get: Fetches an address.
    """
    reasons: dict[str, str] = {}
    lasting = True
    for ending in _ENDINGS:
        for variant in LADDER:
            name = f"{variant.name}.{ending}"
            result = _fetch(f"https://i.ytimg.com/{_FOLDERS[ending]}/{video}/{name}", variant, ending, get)
            if isinstance(result, Thumbnail):
                return result
            if result.silent:
                return Missing(f"{name}: {result.reason}", lasting=False)
            reasons[name] = result.reason
            lasting = lasting and result.lasting
    if len(set(reasons.values())) == 1:
        return Missing(f"{next(iter(reasons.values()))} for every size", lasting)
    return Missing("; ".join(f"{name}: {reason}" for name, reason in reasons.items()), lasting)


def _fetch(
    address: str, variant: _Variant, ending: str, get: Callable[[str], Fetched]
) -> Thumbnail | Fetched:
    """The thumbnail at one address, or why there is none."""
    result = Fetched()
    for _ in range(_ATTEMPTS):
        fetched = get(address)
        if fetched.reason:
            return fetched
        result = check(fetched.data, variant, ending)
        if isinstance(result, Thumbnail) or result.lasting:
            return result
    return result


def check(data: bytes, variant: _Variant, ending: str) -> Thumbnail | Fetched:
    """The thumbnail in these bytes, its bars cut off, or what is wrong with them.

    Args:
        data: What YouTube sent.
        variant: The requested size.
        ending: The requested format: `jpg` or `webp`.
    """
    name = Path(f"{variant.name}.{ending}")
    try:
        pixels, file_format = decode.decode(name, data)
    except PictureError as error:
        if data.lstrip()[:1] == b"<":
            return Fetched(reason="got a web page instead of a picture")
        return Fetched(reason=error.reason)
    height, width = pixels.shape[:2]
    if (width, height) == _PLACEHOLDER_SIZE:
        return Fetched(reason=PLACEHOLDER, lasting=True)
    if not variant.fits(width, height):
        return Fetched(reason=f"{width}x{height} pixels instead of {variant.width}x{variant.height}")
    if file_format != _ENDINGS[ending]:
        return Fetched(reason=f"{file_format} instead of {_ENDINGS[ending]}")
    rows = _bar(pixels) if variant.padded else 0
    if rows:
        data = decode.cut_rows(data, rows)
    return Thumbnail(data, f".{ending}", name.name, width, height - 2 * rows, rows)


def _bar(pixels: np.ndarray) -> int:
    """The rows to cut off above, and again below: the excess of 4:3 over 16:9 if it is black, else 0.

    The height of the bars is known, so a picture that is dark next to them is cut like any other, and a
    picture that fills 4:3 is not cut.
    """
    height, width = pixels.shape[:2]
    rows = (height - width * 9 // 16) // 2
    strips = np.concatenate([pixels[: rows - _RINGING], pixels[height - rows + _RINGING :]])
    return rows if (strips.max(axis=2) > borders.BLACK).mean() <= _SPECKS else 0
