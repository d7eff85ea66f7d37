"""The bars around a picture, found in its pixels.

Letterboxing elsewhere (4:3 thumbnails of 16:9 videos, scans, screenshots) leaves strips of one
colour. A strip counts only where it ends as a bar does: all along one straight edge. A night sky
fades, and a flower before a black cloth is round.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

# Up to this level a pixel counts as black: video black is 16, and JPEG rings around an edge.
BLACK = 32
# So many pixels of a line may be brighter all the same.
_SPECKS = 0.01
# Lines within which a bar must have ended: blocks of chroma, and edges blurred by resampling.
_EDGE = 4
# Share of an edge's pixels that must be lit right behind it; less will do where the bar
# opposite is as deep, which chance hardly does.
_LIT, _LIT_IN_PAIR = 0.5, 0.33
_ALIKE = 0.006


@dataclass(frozen=True)
class Bars:
    """The depth of the black bars on each side, in pixels; 0 where there is none."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def __bool__(self) -> bool:
        return any(astuple(self))

    def inside(self, pixels: np.ndarray) -> np.ndarray:
        """The picture without its bars: a view, shape (height', width', 3)."""
        height, width = pixels.shape[:2]
        return pixels[self.top : height - self.bottom, self.left : width - self.right]


def bars(pixels: np.ndarray) -> Bars:
    """The black bars around a picture, tolerant of what JPEG makes of black.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).

    Returns:
        Their depths. A picture that is black all over has none: there is nothing inside.
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
    # Each pair is judged between the other two, or the corners would count as unlit.
    between = luma[:, left : width - right]
    top, bottom = _real(between, int(lit_rows[0]), height - 1 - int(lit_rows[-1]))
    left, right = _real(luma[top : height - bottom].T, left, right)
    return Bars(top, bottom, left, right)


def _luma(pixels: np.ndarray) -> np.ndarray:
    """Brightness by BT.601, from 0 to 255, shape (height, width)."""
    wide = pixels.astype(np.uint16)
    return (77 * wide[..., 0] + 150 * wide[..., 1] + 29 * wide[..., 2]) >> 8


def _real(luma: np.ndarray, first: int, last: int) -> tuple[int, int]:
    """The two depths, 0 for a strip that does not end as a bar does.

    Args:
        luma: Brightness, lines first.
        first: Black lines at the beginning.
        last: Black lines at the end.
    """
    alike = first > 1 and last > 1 and abs(first - last) <= max(2, _ALIKE * len(luma))

    def ends(lines: np.ndarray, depth: int) -> bool:
        if not depth:
            return False
        # Above the bar's own level: a sky that fades has no edge where it crosses a threshold.
        edge = lines[depth : depth + _EDGE] > lines[:depth].mean() + BLACK
        return bool(edge.any(0).mean() >= (_LIT_IN_PAIR if alike else _LIT))

    return (first if ends(luma, first) else 0), (last if ends(luma[::-1], last) else 0)


# How far a pixel may be from its line's colour, in levels, and still belong to a strip.
_SAME = 12


def border(pixels: np.ndarray) -> tuple[Bars, np.ndarray]:
    """The strips of one colour, whichever, along the sides of a picture, and their colours.

    Unlike bars they need no straight end: a white page around a drawing is one, too.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).

    Returns:
        Their depths, up to the whole side; and RGB, uint8, shape (4, 3), zeros where there is none.
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
        # In steps, because few need more than the first.
        for start in range(0, len(lines), 16):
            away = np.abs(lines[start : start + 16] - colour).max(2) > _SAME
            other = np.flatnonzero(away.mean(1) > _SPECKS)
            depth = start + (int(other[0]) if len(other) else len(away))
            if len(other):
                break
        depths.append(depth)
        colours[number] = colour if depth else 0
    return Bars(*depths), colours
