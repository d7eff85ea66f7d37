"""Does the border carry the answer? Bars, and the outer tenth of the picture on each side.

A model may learn the frame around the things instead of the things. Two looks at every picture
tell: with the border covered, and with nothing but the border. Where the first loses the answer
and the second keeps it, the border carries it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.core.size import Size
from pipeline.images.letterbox import corner, fitted_size
from pipeline.stats import intervals

OUTER = 0.1
# The share of a class's pictures whose answer the border carries; the alarm is raised when the
# lower end of its 95% interval lies above. Fewer pictures than `FEWEST` say nothing.
ALARM = 0.2
FEWEST = 5
NEUTRAL = 127  # grey that says nothing of what it covers


def mask(width: int, height: int, frame: Size) -> np.ndarray:
    """Where the border is: bool, shape (frame.height, frame.width).

    Args:
        width: Of the picture before the letterbox, in pixels.
        height: Likewise.
        frame: The model's.
    """
    fitted = fitted_size(width, height, frame)
    left, top = corner(fitted, frame)
    across, down = round(OUTER * fitted.width), round(OUTER * fitted.height)
    border = np.ones((frame.height, frame.width), bool)
    border[top + down : top + fitted.height - down, left + across : left + fitted.width - across] = False
    return border


def covered(frame: np.ndarray, border: np.ndarray) -> np.ndarray:
    """The frame with its border painted in the mean colour of what is inside."""
    painted = frame.copy()
    inside = frame[~border]
    painted[border] = np.round(inside.mean(0)) if len(inside) else NEUTRAL
    return painted


def alone(frame: np.ndarray, border: np.ndarray) -> np.ndarray:
    """The frame with nothing left but its border; grey inside, which says nothing of what was there."""
    painted = frame.copy()
    painted[~border] = NEUTRAL
    return painted


def share(cells: np.ndarray, border: np.ndarray) -> float | None:
    """The share of a map's heat that lies on the border, 0 ... 1; None for a map without heat."""
    rows = np.arange(border.shape[0]) * cells.shape[0] // border.shape[0]
    columns = np.arange(border.shape[1]) * cells.shape[1] // border.shape[1]
    heat = cells[np.ix_(rows, columns)]
    total = float(heat.sum())
    return float(heat[border].sum()) / total if total > 0 else None


def of_class(label: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the border means for the pictures that were answered with one class.

    Args:
        label: The class.
        rows: The `border` of each picture: `group`, `share`, `area`, `kept_without`, `kept_alone`.
    """
    carried = np.array([not row["kept_without"] and row["kept_alone"] for row in rows], bool)
    low, high = intervals.share(carried, [row["group"] for row in rows])
    shares = [row["share"] for row in rows if row["share"] is not None]
    alarm = len(rows) >= FEWEST and low > ALARM
    return {
        "label": label,
        "n": len(rows),
        "carried": int(carried.sum()),
        "carried_interval": [low, high],
        "share": float(np.mean(shares)) if shares else None,
        "area": float(np.mean([row["area"] for row in rows])) if rows else None,
        "alarm": alarm,
        "few": len(rows) < FEWEST,
        "sentence": (
            f"in {carried.sum()} of {len(rows)} pictures answered {label}, the bars and the outer tenth "
            "carry the answer: with them covered it is lost, and they alone give it. Cut them off all "
            "training pictures, or make them alike in all classes, and train again."
            if alarm
            else ""
        ),
    }
