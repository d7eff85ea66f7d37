"""Detects black bars and plain borders around a picture.

Earlier letterboxing (4:3 thumbnails of 16:9 videos, scans, screenshots) leaves strips of one colour.
A strip counts as a bar only if it ends in one straight edge: a night sky fades, and a flower on black
cloth is round.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

# Pixels up to this level count as black: video black is 16, and JPEG rings around edges.
BLACK = 32
# The share of a line's pixels that may be brighter.
_SPECKS = 0.01
# A bar must end within this many lines: chroma blocks and resampling blur its edge.
_EDGE = 4
# The share of pixels that must be lit just behind the edge; fewer suffice if the opposite bar is
# equally deep, which is unlikely by chance.
_LIT, _LIT_IN_PAIR = 0.5, 0.33
_ALIKE = 0.006


@dataclass(frozen=True)
class Bars:
    """The depth of the bar on each side, in pixels; 0 for none."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def __bool__(self) -> bool:
        return any(astuple(self))

    def inside(self, pixels: np.ndarray) -> np.ndarray:
        """The picture without its bars: an array view, shape (height', width', 3)."""
        height, width = pixels.shape[:2]
        return pixels[self.top : height - self.bottom, self.left : width - self.right]


def bars(pixels: np.ndarray) -> Bars:
    """The black bars around a picture, tolerant of JPEG artifacts.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).

    Returns:
        Their depths; none for an entirely black picture.
    """
    if pixels.size == 0:
        return Bars()
    luma = _luma(pixels)
    lit = luma > BLACK
    lit_rows = np.flatnonzero(lit.mean(1) > _SPECKS)
    lit_columns = np.flatnonzero(lit.mean(0) > _SPECKS)
    if not len(lit_rows) or not len(lit_columns):
        return Bars()
    height, width = luma.shape
    left, right = int(lit_columns[0]), width - 1 - int(lit_columns[-1])
    # Each pair is judged between the other two, or their corners would count as unlit.
    between = luma[:, left : width - right]
    top, bottom = _real(between, int(lit_rows[0]), height - 1 - int(lit_rows[-1]))
    left, right = _real(luma[top : height - bottom].T, left, right)
    return Bars(top, bottom, left, right)


def _luma(pixels: np.ndarray) -> np.ndarray:
    """Brightness by BT.601, from 0 to 255, shape (height, width)."""
    wide = pixels.astype(np.uint16)
    return (77 * wide[..., 0] + 150 * wide[..., 1] + 29 * wide[..., 2]) >> 8


def _real(luma: np.ndarray, first: int, last: int) -> tuple[int, int]:
    """The two depths, 0 for a strip that does not end like a bar.

    Args:
        luma: Brightness, one row per line.
        first: The number of black lines at the start.
        last: The number of black lines at the end.
    """
    alike = first > 1 and last > 1 and abs(first - last) <= max(2, _ALIKE * len(luma))

    def ends(lines: np.ndarray, depth: int) -> bool:
        if not depth:
            return False
        # Relative to the bar's own level, because a fading sky crosses a fixed threshold without an edge.
        edge = lines[depth : depth + _EDGE] > lines[:depth].mean() + BLACK
        return bool(edge.any(0).mean() >= (_LIT_IN_PAIR if alike else _LIT))

    return (first if ends(luma, first) else 0), (last if ends(luma[::-1], last) else 0)


# How far a pixel may be from its line's colour, in grey levels, and still belong to a strip.
_SAME = 12


def border(pixels: np.ndarray) -> tuple[Bars, np.ndarray]:
    """The strips of any single colour along the sides of a picture, and their colours.

    Unlike bars, they need no straight edge: a white page around a drawing counts.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).

    Returns:
        Their depths, up to the whole side, and RGB, uint8, shape (4, 3), zeros for none.
    """
    depths, colours = [], np.zeros((4, 3), np.uint8)
    for number, lines in enumerate(
        (pixels, pixels[::-1], pixels.swapaxes(0, 1), pixels.swapaxes(0, 1)[::-1])
    ):
        colour = np.median(lines[0], axis=0)
        depth = 0
        if (np.abs(lines[0] - colour).max(1) > _SAME).mean() > _SPECKS:
            depths.append(0)
            continue
        # In steps, because most borders end in the first.
        for start in range(0, len(lines), 16):
            away = np.abs(lines[start : start + 16] - colour).max(2) > _SAME
            other = np.flatnonzero(away.mean(1) > _SPECKS)
            depth = start + (int(other[0]) if len(other) else len(away))
            if len(other):
                break
        depths.append(depth)
        colours[number] = colour if depth else 0
    return Bars(*depths), colours
