"""The best thumbnail of a video that YouTube has, whole and of the size that it must have.

YouTube keeps several sizes at known addresses, and not all for every video. For one that it lacks
it sends a grey placeholder, mostly with status 404, at times with 200. The smaller sizes are 4:3
with black bars in the picture; these are cut off, so that all thumbnails have one shape.
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
# Once more for a picture that came damaged: mostly it was the way, not the file.
_LOOKS = 2
# Rows beside a bar's edge into which JPEG spreads what is behind it.
_RINGING = 4
_SPECKS = 0.01


@dataclass(frozen=True)
class Fetched:
    """What an address gave: bytes, or the reason why not.

    Attributes:
        data: The body.
        reason: Empty where there is a body.
        lasting: YouTube says that there is nothing; asking again is of no use.
        silent: There was no answer, so nothing is known about what is there.
    """

    data: bytes = b""
    reason: str = ""
    lasting: bool = False
    silent: bool = False


@dataclass(frozen=True)
class _Variant:
    """One of the sizes that YouTube keeps; the largest may be larger, but not of another shape."""

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
        """Whether a 16:9 picture has bars in it."""
        return self.width * 9 != self.height * 16


LADDER = (
    _Variant("maxresdefault", 1280, 720, at_least=True),
    _Variant("sddefault", 640, 480),
    _Variant("hqdefault", 480, 360),
)


@dataclass(frozen=True)
class Thumbnail:
    """A picture to be kept.

    Attributes:
        data: The file's bytes.
        ending: `.jpg` or `.webp`, as the bytes are.
        variant: Which one it was, e.g. `sddefault.jpg`.
        width: In pixels, after the cut.
        height: In pixels, after the cut.
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
    """Why there is no picture; `lasting` where asking again is of no use."""

    reason: str
    lasting: bool


def best(video: str, get: Callable[[str], Fetched]) -> Thumbnail | Missing:
    """The largest sound thumbnail of a video; JPEG where there is one.

    Silence ends the search: a smaller picture would be kept for good.

    Args:
        video: Its id.
        get: Gives the bytes at an address.
    """
    reasons: dict[str, str] = {}
    lasting = True
    for ending in _ENDINGS:
        for variant in LADDER:
            name = f"{variant.name}.{ending}"
            found = _look(f"https://i.ytimg.com/{_FOLDERS[ending]}/{video}/{name}", variant, ending, get)
            if isinstance(found, Thumbnail):
                return found
            if found.silent:
                return Missing(f"{name}: {found.reason}", lasting=False)
            reasons[name] = found.reason
            lasting = lasting and found.lasting
    if len(set(reasons.values())) == 1:
        return Missing(f"{next(iter(reasons.values()))} for every size", lasting)
    return Missing("; ".join(f"{name}: {reason}" for name, reason in reasons.items()), lasting)


def _look(address: str, variant: _Variant, ending: str, get: Callable[[str], Fetched]) -> Thumbnail | Fetched:
    """The thumbnail at one address, or why there is none."""
    wrong = Fetched()
    for _ in range(_LOOKS):
        fetched = get(address)
        if fetched.reason:
            return fetched
        found = check(fetched.data, variant, ending)
        if isinstance(found, Thumbnail):
            return found
        if found.lasting:
            return found
        wrong = found
    return wrong


def check(data: bytes, variant: _Variant, ending: str) -> Thumbnail | Fetched:
    """The thumbnail in the bytes that came, its bars cut off, or what is wrong with them.

    Args:
        data: What YouTube sent.
        variant: What was asked for.
        ending: The same; `jpg` or `webp`.
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
    """The rows to cut off above and below: all that 4:3 has more than 16:9 if that is black, else none.

    The depth is known, so a picture that is dark behind its bars is cut like any other; a picture
    that fills 4:3 is not cut.
    """
    height, width = pixels.shape[:2]
    rows = (height - width * 9 // 16) // 2
    strips = np.concatenate([pixels[: rows - _RINGING], pixels[height - rows + _RINGING :]])
    return rows if (strips.max(axis=2) > borders.BLACK).mean() <= _SPECKS else 0
