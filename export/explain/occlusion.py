"""Where a .tflite file looks: how its answer changes when a patch of the picture is covered.

Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014. It needs only
answers, so it explains the exact file that ships. The grid is coarse on purpose: small patches change
nothing, and each costs a run.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from export.explain import border
from pipeline.core.size import Size
from pipeline.tflite import interpreter as litert
from pipeline.tflite.interpreter import Interpreter

CELL = 32
_FEWEST, _MOST = 4, 10
# If no patch of a size costs this much probability, a larger one is tried.
_VISIBLE, _HOPELESS = 0.05, 0.01
_SIDES = (2, 4)
_VEIL = (96, 96, 96)
_DENSEST = 0.82  # opacity of the veil where a map is zero


class Occluded(NamedTuple):
    """How the file's answer changes when parts of one picture are covered.

    Attributes:
        label: The index of the answer.
        cells: The probability that each cell contributes, 0 ... 1, shape (rows, columns): the mean over
            the patches that cover it.
        patch: The side of the patches, in cells.
        drop: The most probability that the answer loses to one patch.
        kept_without: Whether the answer stays if the border is covered.
        kept_alone: Whether the border alone gives the answer.
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
    """Explains a file's answer for one picture.

    Args:
        interpreter: Runs the file.
        frame: RGB, uint8, shape (height, width, 3).
        edge: The border, a mask made by `border.mask`.
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
        """The probability that covering these cells costs."""
        painted = frame.copy()
        # The mean colour of the rest: that of the whole frame would hint at what is covered.
        rest = counts.sum() - counts[own].sum()
        fill = np.round((colours.sum((0, 1)) - colours[own].sum((0, 1))) / rest) if rest else border.NEUTRAL
        painted[down[own[0].start] : down[own[0].stop], right[own[1].start] : right[own[1].stop]] = fill
        return max(0.0, float(answer[label] - score(painted)[label]))

    cells, drop, side = np.zeros((rows, columns)), 0.0, _SIDES[0]
    for side in _SIDES:
        losses: dict[tuple[int, int], float] = {}
        # Patches extend over the edge, so that each cell is covered equally often; else corners would seem
        # more important. Those that tile the picture come first: if they show nothing, their neighbours
        # hardly will.
        for step in (side, 1):
            for place in product(range(1 - side, rows, step), range(1 - side, columns, step)):
                if place not in losses:
                    losses[place] = lost(_cells(place, side, rows, columns))
            drop = max(losses.values())
            if drop < _HOPELESS and side != _SIDES[-1]:
                break
        cells = np.zeros((rows, columns))
        for place, worth in losses.items():
            cells[_cells(place, side, rows, columns)] += worth / side**2
        if drop >= _VISIBLE:
            break

    def kept(painted: np.ndarray) -> bool:
        return int(score(painted).argmax()) == label

    without, only = border.covered(frame, edge), border.alone(frame, edge)
    return Occluded(label, cells, side, drop, kept(without), kept(only))


def veiled(frame: np.ndarray, cells: np.ndarray) -> Image.Image:
    """The frame, veiled in grey where a map is low, its strongest cell framed: readable without colours.

    Args:
        frame: RGB, uint8, shape (height, width, 3).
        cells: The map, 0 and up, of any shape (rows, columns); without heat the whole frame is veiled.
    """
    height, width = frame.shape[:2]
    top = float(cells.max())
    heat = Image.fromarray((cells / top if top > 0 else cells).astype(np.float32))
    smooth = np.asarray(heat.resize((width, height), Image.Resampling.BICUBIC)).clip(0, 1)[..., None]
    veil = _DENSEST * (1 - smooth)
    panel = Image.fromarray((frame * (1 - veil) + np.array(_VEIL) * veil).round().astype(np.uint8))
    if top > 0:
        row, column = np.unravel_index(int(cells.argmax()), cells.shape)
        high, wide = height / cells.shape[0], width / cells.shape[1]
        box = [column * wide, row * high, (column + 1) * wide - 1, (row + 1) * high - 1]
        pen = ImageDraw.Draw(panel)
        pen.rectangle(box, outline=(0, 0, 0), width=3)
        pen.rectangle([box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1], outline=(255, 255, 255), width=1)
    return panel


def _cells(place: tuple[int, int], side: int, rows: int, columns: int) -> tuple[slice, slice]:
    """The cells under a patch whose upper left corner is at `place`, clipped to the picture."""
    top, left = place
    return slice(max(0, top), min(top + side, rows)), slice(max(0, left), min(left + side, columns))


def _by_cell(values: np.ndarray, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sums over the pixels of each cell, shape (rows, columns, channels)."""
    lines = np.add.reduceat(values.astype(np.int64), down[:-1], axis=0)
    return np.add.reduceat(lines, right[:-1], axis=1)
