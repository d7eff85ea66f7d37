"""Where a .tflite file looks: its own answers, with a patch of the picture painted over.

Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014. Nothing of the
file's inside is needed, so this explains the very bytes that ship. The grid is coarse on
purpose: fine patches change nothing, and each one costs a run.
"""

from __future__ import annotations

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
    inside = np.where(edge[..., None], 0, frame).astype(np.int64)
    total, count = inside.sum((0, 1)), int((~edge).sum())
    cells, drop, side = np.zeros((rows, columns)), 0.0, _SIDES[0]
    for side in _SIDES:
        worth, drop = np.zeros((rows, columns)), 0.0
        # Patches reach over the edge, so that every cell is covered equally often; else the corners,
        # which few patches cover, would seem to be worth more.
        for top, left in np.ndindex(rows + side - 1, columns + side - 1):
            high, wide = slice(max(0, top - side + 1), top + 1), slice(max(0, left - side + 1), left + 1)
            patch = (
                slice(down[high.start], down[min(high.stop, rows)]),
                slice(right[wide.start], right[min(wide.stop, columns)]),
            )
            painted = frame.copy()
            # The mean colour of the rest: that of the whole would hint at what is covered.
            rest = count - int((~edge[patch]).sum())
            painted[patch] = np.round((total - inside[patch].sum((0, 1))) / rest) if rest else _NEUTRAL
            lost = max(0.0, float(answer[label] - interpreter.answer(painted)[label]))
            worth[high, wide] += lost
            drop = max(drop, lost)
        cells = worth / side**2
        if drop >= _VISIBLE or side >= min(rows, columns):
            break

    def kept(painted: np.ndarray) -> bool:
        return int(interpreter.answer(painted).argmax()) == label

    without, only = border.covered(frame, edge), border.alone(frame, edge)
    return Occluded(label, cells, side, drop, kept(without), kept(only))
