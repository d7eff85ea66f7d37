"""Finds near-duplicates, copies of one picture, without comparing all pairs.

Hashes nominate pairs, small views confirm them. To nominate, the hashes are sorted many times, by different
bits each time, and each is compared with its nearest neighbours only: similar hashes share a long run of
bits in some order (Charikar 2002; Manku, Jain and Das Sarma 2007). So there are `TABLES * WINDOW`
comparisons per hash, whatever the pictures. Equal bytes are found by sha256 elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.data.fingerprint_records import VIEW_SIDE
from pipeline.data.fingerprints import INSIDE, MIDDLE, MIRRORED, WHOLE
from pipeline.data.groups import Joined

NEAR, MIRROR, CROP = "near", "mirrored", "cropped"
TABLES, WINDOW = 24, 8
# Hashes that are compared at a time, which bounds the memory.
_BLOCK = 1 << 16
# The likeness, a correlation of edges, above which two pictures are copies. Copies stay above 0.9
# down to JPEG quality 30; other photos reach 0.55 and drawings in one style 0.86, but never with
# similar hashes.
_FAR = 36
_LIKE, _LIKE_IF_FAR = 0.8, 0.88
# The threshold on hashes of 256 bits: this many standard deviations below the typical difference
# in this data set, within bounds.
_DEVIATIONS, _STRICTEST, _LOOSEST = 8.0, 12, 64
_SAMPLE = 20_000
# How far copies may differ in one place and still show the same, in levels.
_SAME = 6.0
# Edges weaker than this, in levels of 0 to 255, are noise and confirm nothing.
_LEAST_EDGE = 1.0
_SCALES = (0.97, 0.94, 0.91, 0.88)
_KINDS = {
    (a, b): kind
    for kind, pairs in {
        NEAR: ((WHOLE, WHOLE), (INSIDE, INSIDE), (WHOLE, INSIDE)),
        MIRROR: ((INSIDE, MIRRORED),),
        CROP: ((INSIDE, MIDDLE),),
    }.items()
    for a, b in pairs
}


@dataclass(frozen=True)
class NearDuplicate:
    """Two copies of one picture.

    Attributes:
        first: Index of one; for a crop, the one that shows more.
        second: Index of the other.
        kind: `near` (saved again, resized, brighter or darker), `mirrored` or `cropped`.
        distance: The number of bits, of 256, in which their hashes differ.
        likeness: Correlation of their edges, up to 1.
        same: Whether they differ only in brightness and noise. Two shots by a fixed camera are
            near-duplicates, but a door may be open in one and closed in the other.
    """

    first: int
    second: int
    kind: str
    distance: int
    likeness: float
    same: bool = False


def find(hashes: np.ndarray, views: Callable[[Sequence[int]], np.ndarray]) -> tuple[list[NearDuplicate], int]:
    """All pairs of near-duplicates, the closest first, and the hash threshold that was used.

    Args:
        hashes: uint8, shape (n, 4, 32), as `fingerprints` makes them; different pictures.
        views: Returns the records of `fingerprint_records.VIEWS` of some pictures.
    """
    threshold = threshold_of(hashes[:, INSIDE])
    found: list[NearDuplicate] = []
    for pair in nominate(hashes, threshold):
        near_duplicate = _confirm(*pair, views(pair[:2]))
        if near_duplicate:
            found.append(near_duplicate)
    return found, threshold


def spanning(pairs: Iterable[NearDuplicate]) -> list[NearDuplicate]:
    """Pairs that connect all pictures that these pairs do: of a burst of 2,000 frames, 1,999."""
    joined = Joined()
    return [pair for pair in pairs if joined.join(pair.first, pair.second)]


def threshold_of(hashes: np.ndarray, seed: int = 0) -> int:
    """The number of bits, of 256, in which hashes may differ to be nominated.

    If all pictures look alike, unrelated ones have more similar hashes, so the threshold is lower.

    Args:
        hashes: uint8, shape (n, 32).
        seed: For sampling pairs.
    """
    if len(hashes) < 2:
        return _LOOSEST
    one, other = np.random.default_rng(seed).integers(0, len(hashes), (2, _SAMPLE))
    distances = differing(hashes[one], hashes[other])[one != other]
    middle = np.median(distances)
    # Robust, because the sample may contain near-duplicates.
    deviation = 1.4826 * np.median(np.abs(distances - middle))
    return int(np.clip(middle - _DEVIATIONS * deviation, _STRICTEST, _LOOSEST))


def differing(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The number of bits in which the rows of two integer arrays differ, shape (n,)."""
    return np.bitwise_count(one ^ other).sum(1)


def nominate(hashes: np.ndarray, threshold: int, seed: int = 0) -> list[tuple[int, int, str, int]]:
    """Pairs of pictures with similar hashes, each once, as (first, second, kind, distance).

    Args:
        hashes: uint8, shape (n, 4, 32).
        threshold: The most bits in which they may differ.
        seed: For the orders of bits.
    """
    numbers = np.random.default_rng(seed)
    bytes_ = np.ascontiguousarray(hashes).reshape(-1, 32)
    words = bytes_.view(np.uint64)
    codes = {pair: number for number, pair in enumerate(_KINDS)}
    allowed = np.full((4, 4), -1, np.int8)
    for (one, other), number in codes.items():
        allowed[one, other] = allowed[other, one] = number
    best: dict[tuple[int, int], tuple[int, int, int, int]] = {}
    for _ in range(TABLES):
        chosen = numbers.choice(32, 8, replace=False)
        keys = np.ascontiguousarray(bytes_[:, chosen]).view(">u8").ravel().astype(np.uint64)
        order = np.argsort(keys, kind="stable")
        for begin in range(0, len(order), _BLOCK):
            # Neighbours are adjacent in memory: looking them up one by one would dominate the time.
            block = order[begin : begin + _BLOCK + WINDOW]
            ordered = words[block]
            for step in range(1, min(WINDOW, len(block) - 1) + 1):
                distances = differing(ordered[:-step], ordered[step:])[:_BLOCK]
                near = np.flatnonzero(distances <= threshold)
                ones, others = block[near], block[near + step]
                # Most neighbours are hashes of the same picture.
                sound = (ones // 4 != others // 4) & (allowed[ones % 4, others % 4] >= 0)
                for one, other, distance in zip(
                    ones[sound].tolist(), others[sound].tolist(), distances[near[sound]].tolist(), strict=True
                ):
                    pair, kind = _ordered(one, other, int(allowed[one % 4, other % 4]))
                    unordered = (min(pair), max(pair))
                    entry = (distance, kind, *pair)
                    best[unordered] = min(best.get(unordered, entry), entry)
    kinds_of = list(_KINDS.values())
    return [
        (first, second, kinds_of[kind], distance) for distance, kind, first, second in sorted(best.values())
    ]


def _ordered(first: int, second: int, kind: int) -> tuple[tuple[int, int], int]:
    """The pictures of two hashes of this kind; the one whose middle or mirror image matched comes second."""
    if (first % 4, second % 4) not in _KINDS or (first % 4 == second % 4 and first > second):
        first, second = second, first
    if kind == [*_KINDS].index((INSIDE, MIDDLE)):
        first, second = second, first
    return (first // 4, second // 4), kind


def _confirm(first: int, second: int, kind: str, distance: int, views: np.ndarray) -> NearDuplicate | None:
    """The pair as a NearDuplicate of its most likely kind, if the pixels confirm it; else None."""
    one, other = views
    needed = _LIKE if distance <= _FAR else _LIKE_IF_FAR
    tries = {NEAR: max(likeness(one["inside"], other["inside"]), likeness(one["whole"], other["whole"]))}
    if tries[NEAR] < needed and kind == MIRROR:
        tries[MIRROR] = likeness(one["inside"][:, ::-1], other["inside"])
    elif tries[NEAR] < needed:
        whole, part = one["inside"], other["inside"]
        tries[CROP] = max(likeness(cut, part) for cut in _cuts(whole))
        turned = max(likeness(cut, whole) for cut in _cuts(part))
        if turned > tries[CROP]:
            first, second, tries[CROP] = second, first, turned
    kind, found = max(tries.items(), key=lambda entry: entry[1])
    if found < needed:
        return None
    if kind != CROP:
        first, second = min(first, second), max(first, second)
    same = kind == NEAR and _differs_by(one, other) <= _SAME
    return NearDuplicate(first, second, kind, distance, round(found, 4), same)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of the edges of two small views: brightness and contrast do not matter.

    Args:
        one: Brightness, shape (height, width).
        other: The same shape.
    """
    first, second = _edges(one), _edges(other)
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    if min(lengths) < _LEAST_EDGE * len(first) ** 0.5:
        return 0.0
    return float(first @ second / (lengths[0] * lengths[1]))


def _differs_by(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference between two pictures, in levels of 0 to 255.

    Brightness and contrast are fitted first; the result is the largest mean difference of a block of
    4 x 4 pixels of their small views, of the inside or of the whole, whichever is smaller.
    """
    found = []
    for part in ("inside", "whole"):
        x, y = one[part].astype(np.float64), other[part].astype(np.float64)
        gain = ((x - x.mean()) * (y - y.mean())).mean() / max(x.var(), 1e-9)
        # Saturated pixels cannot be compared.
        sound = (x > 4) & (x < 251) & (y > 4) & (y < 251)
        away = np.abs(y - y.mean() - gain * (x - x.mean())) * sound
        found.append(away.reshape(VIEW_SIDE // 4, 4, VIEW_SIDE // 4, 4).mean((1, 3)).max())
    return float(min(found))


def _edges(view: np.ndarray) -> np.ndarray:
    grey = view.astype(np.float32)
    across, down = grey[1:-1, 2:] - grey[1:-1, :-2], grey[2:, 1:-1] - grey[:-2, 1:-1]
    return np.concatenate([across.ravel(), down.ravel()])


def _cuts(view: np.ndarray) -> Iterable[np.ndarray]:
    """What slightly cropped copies of a view would look like."""
    image = Image.fromarray(view)
    for scale in _SCALES:
        room = VIEW_SIDE * (1 - scale)
        for left in (0.0, 0.5, 1.0):
            for top in (0.0, 0.5, 1.0):
                corner = room * left, room * top
                box = (*corner, corner[0] + VIEW_SIDE * scale, corner[1] + VIEW_SIDE * scale)
                yield np.asarray(image.resize(view.shape[::-1], Image.Resampling.BILINEAR, box))
