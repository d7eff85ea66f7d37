"""Where a .tflite file looks: its own answers, with a patch of the picture painted over.

Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014. Nothing of the
file's inside is needed, so this explains the very bytes that ship. The grid is coarse on
purpose: fine patches change nothing, and each one costs a run.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from export.explain import border
from pipeline.core.size import Size
from pipeline.tflite import interpreter as litert
from pipeline.tflite.interpreter import Interpreter

CELL = 32
_FEWEST, _MOST = 4, 10
# Where no patch of a size takes this much off the score, a larger one is tried.
_VISIBLE, _HOPELESS = 0.05, 0.01
_SIDES = (2, 4)


class Occluded(NamedTuple):
    """What covering parts of one picture does to the file's answer.

    Attributes:
        label: The answer that is explained, a number.
        cells: How much probability a cell is worth, 0 ... 1, shape (rows, columns): the mean over
            the patches that cover it.
        patch: Their side, in cells.
        drop: The most that one patch takes off the score.
        kept_without: Whether the answer stays with the border covered.
        kept_alone: Whether the border alone gives it.
    """

    label: int
    cells: np.ndarray
    patch: int
    drop: float
    kept_without: bool
    kept_alone: bool


def grid(frame: Size) -> tuple[int, int]:
    """Rows and columns of the cells: about 32 pixels each, 4 to 10 a side."""
    rows, columns = (min(max(round(side / CELL), _FEWEST), _MOST) for side in (frame.height, frame.width))
    return rows, columns


def occlude(interpreter: Interpreter, frame: np.ndarray, edge: np.ndarray) -> Occluded:
    """Explains the answer of a file to one picture.

    Args:
        interpreter: Of the file.
        frame: RGB, uint8, shape (height, width, 3).
        edge: Where the border is, as `border.mask` gives it.
    """

    def score(pixels: np.ndarray) -> np.ndarray:
        return litert.finite(interpreter.answer(pixels))

    answer = score(frame)
    label = int(answer.argmax())
    rows, columns = grid(interpreter.frame)
    down = np.linspace(0, frame.shape[0], rows + 1).round().astype(int)
    right = np.linspace(0, frame.shape[1], columns + 1).round().astype(int)
    inside = np.where(edge[..., None], 0, frame)
    colours = _by_cell(inside, down, right)
    counts = _by_cell((~edge)[..., None], down, right)

    def lost(own: tuple[slice, slice]) -> float:
        """What covering these cells takes off the score."""
        painted = frame.copy()
        # The mean colour of the rest: that of the whole would hint at what is covered.
        rest = counts.sum() - counts[own].sum()
        fill = np.round((colours.sum((0, 1)) - colours[own].sum((0, 1))) / rest) if rest else border.NEUTRAL
        painted[down[own[0].start] : down[own[0].stop], right[own[1].start] : right[own[1].stop]] = fill
        return max(0.0, float(answer[label] - score(painted)[label]))

    cells, drop, side = np.zeros((rows, columns)), 0.0, _SIDES[0]
    for side in _SIDES:
        found: dict[tuple[int, int], float] = {}
        # Patches reach over the edge, so that as many cover every cell; else the corners, which few
        # would cover, would seem to be worth more. Those that tile the picture come first: where they
        # show nothing, their neighbours hardly will.
        for step in (side, 1):
            for place in product(range(1 - side, rows, step), range(1 - side, columns, step)):
                if place not in found:
                    found[place] = lost(_cells(place, side, rows, columns))
            drop = max(found.values())
            if drop < _HOPELESS and side != _SIDES[-1]:
                break
        cells = np.zeros((rows, columns))
        for place, worth in found.items():
            cells[_cells(place, side, rows, columns)] += worth / side**2
        if drop >= _VISIBLE:
            break

    def kept(painted: np.ndarray) -> bool:
        return int(score(painted).argmax()) == label

    without, only = border.covered(frame, edge), border.alone(frame, edge)
    return Occluded(label, cells, side, drop, kept(without), kept(only))


def _cells(place: tuple[int, int], side: int, rows: int, columns: int) -> tuple[slice, slice]:
    """The cells under a patch whose left upper corner is there, as far as it lies on the picture."""
    top, left = place
    return slice(max(0, top), min(top + side, rows)), slice(max(0, left), min(left + side, columns))


def _by_cell(values: np.ndarray, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sums over the pixels of each cell, shape (rows, columns, channels)."""
    lines = np.add.reduceat(values.astype(np.int64), down[:-1], axis=0)
    return np.add.reduceat(lines, right[:-1], axis=1)
