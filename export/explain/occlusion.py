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
from pipeline.letterbox import Size
from pipeline.litert import Interpreter

CELL = 32
_FEWEST, _MOST = 4, 10
# Where no patch of a size takes this much off the score, a larger one is tried.
_VISIBLE = 0.05
_SIDES = (2, 4)
_COVERS = 4  # patches that cover a cell
_NEUTRAL = 127


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
    answer = interpreter.answer(frame)
    label = int(answer.argmax())
    rows, columns = grid(interpreter.frame)
    down = np.linspace(0, frame.shape[0], rows + 1).round().astype(int)
    right = np.linspace(0, frame.shape[1], columns + 1).round().astype(int)
    inside = np.where(edge[..., None], 0, frame)
    colours = _by_cell(inside, down, right)
    counts = _by_cell((~edge)[..., None], down, right)
    cells, drop, side = np.zeros((rows, columns)), 0.0, _SIDES[0]
    for side in _SIDES:
        worth, drop, step = np.zeros((rows, columns)), 0.0, side // 2
        # Patches overlap by half and reach over the edge, so that four cover every cell; else the
        # corners, which few would cover, would seem to be worth more.
        for top, left in product(range(-step, rows, step), range(-step, columns, step)):
            own = (slice(max(0, top), min(top + side, rows)), slice(max(0, left), min(left + side, columns)))
            patch = (
                slice(down[own[0].start], down[own[0].stop]),
                slice(right[own[1].start], right[own[1].stop]),
            )
            painted = frame.copy()
            # The mean colour of the rest: that of the whole would hint at what is covered.
            rest = counts.sum() - counts[own].sum()
            painted[patch] = (
                np.round((colours.sum((0, 1)) - colours[own].sum((0, 1))) / rest) if rest else _NEUTRAL
            )
            lost = max(0.0, float(answer[label] - interpreter.answer(painted)[label]))
            worth[own] += lost
            drop = max(drop, lost)
        cells = worth / _COVERS
        if drop >= _VISIBLE:
            break

    def kept(painted: np.ndarray) -> bool:
        return int(interpreter.answer(painted).argmax()) == label

    without, only = border.covered(frame, edge), border.alone(frame, edge)
    return Occluded(label, cells, side, drop, kept(without), kept(only))


def _by_cell(values: np.ndarray, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sums over the pixels of each cell, shape (rows, columns, channels)."""
    lines = np.add.reduceat(values.astype(np.int64), down[:-1], axis=0)
    return np.add.reduceat(lines, right[:-1], axis=1)
