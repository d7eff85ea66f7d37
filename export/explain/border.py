"""Does the model rely on the border: bars, and the outer tenth of each side of the picture?

A model may learn what surrounds things instead of the things. Two tests show that: the picture with its
border covered, and the border alone. If the answer is lost in the first and kept in the second, the border
decides it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from export.explain.explanation import Border, ClassBorder
from pipeline.core.size import Size
from pipeline.images.letterbox import corner, fitted_size
from pipeline.stats import intervals

_OUTER = 0.1
# An alarm is raised if the border decides more than this share of a class's answers, by the lower end of
# the 95% interval, on at least this many pictures.
_ALARM, _MIN_PICTURES = 0.2, 5
NEUTRAL = 127  # grey reveals nothing of what it covers


def mask(width: int, height: int, frame: Size) -> np.ndarray:
    """A mask of the border: bool, shape (frame.height, frame.width).

    Args:
        width: Of the picture before the letterbox, in pixels.
        height: Likewise.
        frame: The model's input.
    """
    fitted = fitted_size(width, height, frame)
    left, top = corner(fitted, frame)
    across, down = round(_OUTER * fitted.width), round(_OUTER * fitted.height)
    border = np.ones((frame.height, frame.width), bool)
    border[top + down : top + fitted.height - down, left + across : left + fitted.width - across] = False
    return border


def covered(frame: np.ndarray, border: np.ndarray) -> np.ndarray:
    """The frame with its border filled with the mean colour of the inside.

    Args:
        frame: RGB, uint8, shape (height, width, 3).
        border: bool, shape (height, width).
    """
    painted = frame.copy()
    inside = frame[~border]
    painted[border] = np.round(inside.mean(0)) if len(inside) else NEUTRAL
    return painted


def alone(frame: np.ndarray, border: np.ndarray) -> np.ndarray:
    """The frame with only its border left, and grey inside; arguments as in `covered`."""
    painted = frame.copy()
    painted[~border] = NEUTRAL
    return painted


def share(cells: np.ndarray, border: np.ndarray) -> float | None:
    """The share of a map's heat that lies on the border, 0 ... 1; None without heat."""
    rows = np.arange(border.shape[0]) * cells.shape[0] // border.shape[0]
    columns = np.arange(border.shape[1]) * cells.shape[1] // border.shape[1]
    heat = cells[np.ix_(rows, columns)]
    total = float(heat.sum())
    return float(heat[border].sum()) / total if total > 0 else None


def of_class(label: str, borders: Sequence[Border], groups: Sequence[str]) -> ClassBorder:
    """How much the border matters for the pictures answered with one class.

    Args:
        label: The class.
        borders: Of each picture.
        groups: Of each picture; one group counts once in the interval.
    """
    carried = np.array([not border.kept_without and border.kept_alone for border in borders], bool)
    low, high = intervals.share(carried, groups)
    shares = [border.share for border in borders if border.share is not None]
    n, alarm = len(borders), len(borders) >= _MIN_PICTURES and low > _ALARM
    sentence = (
        f"in {carried.sum()} of {n} pictures answered {label}, the border (bars and the outer tenth) decides "
        "the answer: covering it changes the answer, and the border alone keeps it. Crop it off all "
        "training pictures, or make it look the same in all classes, and train again."
    )
    return ClassBorder(
        label=label,
        n=n,
        carried=int(carried.sum()),
        carried_interval=(low, high),
        share=float(np.mean(shares)) if shares else None,
        area=float(np.mean([border.area for border in borders])) if borders else None,
        alarm=alarm,
        few=n < _MIN_PICTURES,
        sentence=sentence if alarm else "",
    )
