"""What near-copies mean for training: which are the same picture, and which must stay on one side.

`near_duplicates` finds near-copies. Here their pixels are compared at full resolution where it matters:
under two labels, and in series that cannot all be on one side. Nothing is excluded here.
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
from pipeline.core.remote_cache import Place
from pipeline.data.groups import connected
from pipeline.images import decode
from pipeline.images.decode import Facts

# The largest share of a class that one group of near-copies may hold; a pair is always allowed.
_MOST_OF_CLASS = 0.10
_PAIR = 2
_LOSSLESS = ("PNG", "BMP", "GIF", "TIFF", "PPM")
# The first step of libjpeg's tables at quality 50.
_STEP = 16
# How much rounding and clipping may shift block means, in levels; quantization steps come on top.
_MEANS = (2.0, 3.0)
# How much rounding may shift a pixel of a picture saved again at the same quality, in levels.
_NOISE = 0.75
# The same for block means; lossless copies do not differ at all.
_ROUNDED = 1.0
_SAMPLED = 128
# Fingerprints in memory, of at most 1.1 MB for each 12 megapixels.
_KEPT = 256


@dataclass(frozen=True)
class Copies:
    """What the near-copies of a data set mean: groups as lists of sha256, of one where only files are equal.

    Attributes:
        same: Copies of one picture: equal at full resolution up to recompression, or equal bytes. Only
            for pictures under two labels and for `series`.
        bound: Near-copies that must stay on one side.
        series: Near-copies that span classes or hold much of one: only `same` binds them.
    """

    same: list[list[str]]
    bound: list[list[str]]
    series: list[list[str]]


def judge(
    labels: Mapping[str, Counter[str]],
    sizes: Mapping[str, int],
    pairs: Sequence[tuple[str, str, bool]],
    file_of: Callable[[str], Place],
    progress: Progress = silent,
) -> Copies:
    """Decides what near-copies mean.

    Args:
        labels: The counted labels of each content that is in a pair or in several files, by sha256.
        sizes: The number of contents of each label, counted like `labels`.
        pairs: Near-copies, and whether their small views show the same.
        file_of: Finds a file with that content.
        progress: Called as pairs are compared.
    """

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
    """Whether two files are one picture, saved again; two shots of a scene differ in their noise."""

    def __init__(self, file_of: Callable[[str], Place]) -> None:
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
                # Saved like the coarser one, the finer one must equal it.
                source = self._resaved(finer, copy.facts)
            return source.equals(copy)
        except (PictureError, OSError):
            return False  # deleted or changed since it was read: the next audit reports it


@dataclass(frozen=True)
class _Fingerprint:
    """A summary of a picture at full resolution that recompression hardly changes.

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
        """How coarsely block means were stored: the first step of libjpeg's tables; 0 if lossless."""
        if self.facts.file_format in _LOSSLESS:
            return 0.0
        quality = self.facts.quality or 50  # other lossy formats do not reveal it
        return _STEP * (50 / quality if quality < 50 else 2 - quality / 50)

    def may_be(self, other: _Fingerprint) -> bool:
        """Whether no block differs by more than recompression explains."""
        if self.sample.shape != other.sample.shape or self.brightness.shape != other.brightness.shape:
            return False
        # A step moves the mean by a sixteenth at most; clipping doubles that.
        away = (self.step + other.step) / 8
        return all(gap <= most + away for gap, most in zip(self._gaps(other), _MEANS, strict=True))

    def equals(self, other: _Fingerprint) -> bool:
        """Whether two pictures that were saved alike differ by rounding only."""
        most = _ROUNDED if self.step or other.step else 0.0
        noise = float(np.square(self.sample - other.sample).mean()) ** 0.5
        return max(self._gaps(other)) <= most and noise <= _NOISE

    def _gaps(self, other: _Fingerprint) -> tuple[float, float]:
        """The largest differences between blocks, in levels: of brightness, of colour."""
        pairs = ((self.brightness, other.brightness), (self.colour, other.colour))
        brightness, colour = (float(np.abs(one - two).max()) if one.size else 0.0 for one, two in pairs)
        return brightness, colour


def fingerprint(pixels: np.ndarray, facts: Facts) -> _Fingerprint:
    """The Fingerprint of a picture; pixels RGB, uint8, shape (height, width, 3)."""
    planes = np.asarray(Image.fromarray(pixels).convert("YCbCr"))
    return _Fingerprint(facts, _means(planes[..., :1], 8), _means(planes[..., 1:], 16), sample(pixels))


def sample(pixels: np.ndarray) -> np.ndarray:
    """The brightness of about 128 x 128 pixels; the same ones in pictures of equal size."""
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
