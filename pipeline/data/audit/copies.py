"""What near-copies mean for training: which show the very same, and which bind the split.

`near_duplicates` tells which pictures are near-copies. Here their pixels are compared at full
resolution where it matters: under two labels, and in series that cannot all stand on one side.
Nothing is left out here.
"""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.core.errors import PictureError
from pipeline.core.progress import Progress, silent
from pipeline.data.groups import connected
from pipeline.images import decode
from pipeline.images.decode import Facts

# A class may have so large a share of its pictures in one group of near-copies; two may always be one.
_MOST_OF_CLASS = 0.10
_PAIR = 2
_LOSSLESS = ("PNG", "BMP", "GIF", "TIFF", "PPM")
# The first step of libjpeg's tables at quality 50.
_STEP = 16
# How far the means of blocks may be apart by rounding and clipping, in levels; with steps in addition.
_MEANS = (2.0, 3.0)
# What rounding leaves between the pixels of one picture that was saved again at one quality, in levels.
_NOISE = 0.75
# And between the means of its blocks, in levels; without loss there is no difference at all.
_ROUNDED = 1.0
_SAMPLED = 128
# Fingerprints in memory, of at most 1.1 MB for each 12 megapixels.
_KEPT = 256


@dataclass(frozen=True)
class Copies:
    """What the near-copies of a data set mean, groups as lists of sha256; a picture alone is a group, too.

    Attributes:
        same: Copies that show the very same: equal at full resolution up to recompression, or equal
            bytes. Only of pictures under two labels and of `series`.
        bound: Near-copies that must stay on one side.
        series: Near-copies that span classes or hold much of one: only `same` binds them.
    """

    same: list[list[str]]
    bound: list[list[str]]
    series: list[list[str]]


def judge(
    labels: Mapping[str, Counter[str]],
    pairs: Sequence[tuple[str, str, bool]],
    file_of: Callable[[str], Path],
    progress: Progress = silent,
) -> Copies:
    """What near-copies mean.

    Args:
        labels: The labels that each content is filed under, counted, by sha256.
        pairs: Near-copies, and whether their small views show the same.
        file_of: A file with that content.
        progress: Called as pairs are compared.
    """
    sizes: Counter[str] = Counter()
    for counts in labels.values():
        sizes.update(counts)

    def is_series(group: Iterable[str]) -> bool:
        held: Counter[str] = Counter()
        for sha256 in group:
            held.update(labels[sha256])
        much = any(n > max(_PAIR, _MOST_OF_CLASS * sizes[label]) for label, n in held.items())
        return len(held) > 1 or much

    near = _groups(labels, [(a, b) for a, b, _ in pairs])
    doubtful = {sha256 for group in near if len(group) > 1 and is_series(group) for sha256 in group}
    same_picture = _Comparison(file_of)
    nominated = sorted((a, b) for a, b, alike in pairs if alike and a in doubtful)
    exact = []
    for done, (a, b) in enumerate(nominated, 1):
        if same_picture(a, b):
            exact.append((a, b))
        progress("comparing copies", done, len(nominated))
    same = _groups(labels, exact)
    contradicting = {sha256 for group in same if _labels(group, labels) > 1 for sha256 in group}
    bound, series = [], []
    for group in near:
        rest = [sha256 for sha256 in group if sha256 not in contradicting]
        if len(rest) > 1 and is_series(rest):
            series.append(rest)
        else:
            bound.append(group)
    loose = {sha256 for group in series for sha256 in group}
    bound += [group for group in same if group[0] in loose]
    return Copies(same, bound, series)


def _groups(names: Iterable[str], pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
    members: dict[str, list[str]] = defaultdict(list)
    for name, group in connected(names, pairs).items():
        members[group].append(name)
    return list(members.values())


def _labels(group: Iterable[str], labels: Mapping[str, Counter[str]]) -> int:
    return len({label for sha256 in group for label in labels[sha256]})


class _Comparison:
    """Whether two contents are one picture, saved again: never two shots, which differ by their noise."""

    def __init__(self, file_of: Callable[[str], Path]) -> None:
        self._read = lru_cache(2)(lambda sha256: decode.examine(file_of(sha256)))
        self._print = lru_cache(_KEPT)(lambda sha256: fingerprint(*self._read(sha256)))
        self._resaved = lru_cache(_KEPT)(
            lambda sha256, facts: fingerprint(_saved(self._read(sha256)[0], facts.quality), facts)
        )

    def __call__(self, one: str, other: str) -> bool:
        try:
            finer, coarser = sorted((one, other), key=lambda sha256: self._print(sha256).step)
            source, copy = self._print(finer), self._print(coarser)
            if not source.may_be(copy):
                return False
            if copy.step > source.step and copy.facts.quality:
                # Saved as the coarser one was, the finer one must become it.
                source = self._resaved(finer, copy.facts)
            return source.equals(copy)
        except (PictureError, OSError):
            return False  # gone or changed since it was looked at: the next audit notes it


@dataclass(frozen=True)
class _Fingerprint:
    """A picture at full resolution, in little: what recompression hardly changes.

    Attributes:
        facts: Of its file.
        brightness: Means of 8 x 8 pixels, in levels, shape (height // 8, width // 8, 1).
        colour: Means of 16 x 16 pixels, of both colours of YCbCr.
        sample: Some single pixels' brightness.
    """

    facts: Facts
    brightness: np.ndarray
    colour: np.ndarray
    sample: np.ndarray

    @property
    def step(self) -> float:
        """How coarsely a block's mean was kept: the first step of libjpeg's tables; 0 without loss."""
        if self.facts.file_format in _LOSSLESS:
            return 0.0
        quality = self.facts.quality or 50  # other lossy formats do not tell
        return _STEP * (50 / quality if quality < 50 else 2 - quality / 50)

    def may_be(self, other: _Fingerprint) -> bool:
        """Whether no block differs by more than recompression explains."""
        if self.sample.shape != other.sample.shape or self.brightness.shape != other.brightness.shape:
            return False
        # A step moves the mean by a sixteenth at most; clipping doubles that.
        away = (self.step + other.step) / 8
        return all(gap <= most + away for gap, most in zip(self._gaps(other), _MEANS, strict=True))

    def equals(self, other: _Fingerprint) -> bool:
        """Whether nothing but rounding lies between two pictures that were saved alike."""
        most = _ROUNDED if self.step or other.step else 0.0
        noise = float(np.square(self.sample - other.sample).mean()) ** 0.5
        return max(self._gaps(other)) <= most and noise <= _NOISE

    def _gaps(self, other: _Fingerprint) -> tuple[float, float]:
        """How far blocks are apart where they differ most, in levels: of brightness, of colour."""
        pairs = ((self.brightness, other.brightness), (self.colour, other.colour))
        brightness, colour = (float(np.abs(one - two).max()) if one.size else 0.0 for one, two in pairs)
        return brightness, colour


def fingerprint(pixels: np.ndarray, facts: Facts) -> _Fingerprint:
    """The Fingerprint of a picture; pixels RGB, uint8, shape (height, width, 3)."""
    planes = np.asarray(Image.fromarray(pixels).convert("YCbCr"))
    return _Fingerprint(facts, _means(planes[..., :1], 8), _means(planes[..., 1:], 16), sample(pixels))


def sample(pixels: np.ndarray) -> np.ndarray:
    """Brightness of some pixels, about 128 x 128, of equally large pictures the same ones."""
    rows, columns = (max(1, side // _SAMPLED) for side in pixels.shape[:2])
    return np.asarray(
        Image.fromarray(np.ascontiguousarray(pixels[::rows, ::columns])).convert("L"), np.float32
    )


def _means(planes: np.ndarray, side: int) -> np.ndarray:
    height, width, depth = (planes.shape[0] // side, planes.shape[1] // side, planes.shape[2])
    whole = planes[: height * side, : width * side]
    return whole.reshape(height, side, width, side, depth).mean((1, 3), dtype=np.float32)


def _saved(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return decode.decode(Path("saved.jpg"), file.getvalue())[0]
