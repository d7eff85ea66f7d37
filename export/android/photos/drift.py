"""How photos look against the training pictures: light, sharpness, colour, size. In plain words.

Measured on what the model sees, inside the frame and without the bars. It names differences; that
one of them causes errors is not shown by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import parallel
from pipeline.core.progress import Progress, silent
from pipeline.core.size import Size
from pipeline.images import decode
from pipeline.images.letterbox import fitted_size, letterbox

MIN_PHOTOS = 10
# The share of pairs, a photo and a training picture, in which the photo has more of it.
_SOMEWHAT, _CLEARLY = 0.65, 0.8


@dataclass(frozen=True)
class Quantity:
    """One way in which pictures differ.

    Attributes:
        name: In words.
        more: What photos are that have more of it than training pictures.
        less: What they are that have less.
        advice_more: What to do then; empty where nothing follows.
        advice_less: Likewise.
    """

    name: str
    more: str
    less: str
    advice_more: str = ""
    advice_less: str = ""


QUANTITIES = (
    Quantity("brightness", "brighter", "darker", "avoid light from behind", "look for more light"),
    Quantity(
        "contrast", "richer in contrast", "flatter: haze, reflections or dull light", "", "avoid reflections"
    ),
    Quantity(
        "sharpness",
        "sharper or noisier",
        "softer: blurred, or out of focus",
        "in little light a camera adds noise; look for more light",
        "hold still until the camera has focused",
    ),
    Quantity("saturation", "more colourful", "paler"),
    Quantity("warmth", "warmer in colour (towards red)", "colder in colour (towards blue)"),
    Quantity(
        "detail spread",
        "filled to the edges: the thing may be nearer than in training",
        "emptier at the edges: the thing may fill less of the guide",
        "step back a little",
        "come closer, until the thing fills the guide",
    ),
    Quantity(
        "pixels",
        "of more pixels",
        "of fewer pixels: the guide holds little of the camera's picture",
        "",
        "",
    ),
)  # fmt: skip


def look(pixels: np.ndarray, frame: Size) -> np.ndarray:
    """What `QUANTITIES` names of a picture, float64, in their order.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).
        frame: The model's frame.
    """
    height, width = pixels.shape[:2]
    inside = fitted_size(width, height, frame)
    left, top = (frame.width - inside.width) // 2, (frame.height - inside.height) // 2
    seen = letterbox(pixels, frame)[top : top + inside.height, left : left + inside.width]
    colour = seen.astype(np.float64) / 255
    grey = colour @ np.array((0.299, 0.587, 0.114))
    down, across = np.gradient(grey) if min(grey.shape) > 1 else (np.zeros_like(grey),) * 2
    edges = np.hypot(down, across)
    y, x = np.indices(grey.shape)
    y, x = (y + 0.5) / grey.shape[0] - 0.5, (x + 0.5) / grey.shape[1] - 0.5
    weight = edges / edges.sum() if edges.sum() else np.full(edges.shape, 1 / edges.size)
    spread = np.sqrt((weight * (x - (weight * x).sum()) ** 2 + weight * (y - (weight * y).sum()) ** 2).sum())
    mean, contrast = grey.mean(), grey.std()
    return np.array(
        [
            mean,
            contrast,
            # Squared: the sum of plain gradients is the same along a sharp and a soft edge.
            np.sqrt((edges**2).mean()) / (contrast + 0.01),
            (colour.max(2) - colour.min(2)).mean() / (colour.max(2).mean() + 0.01),
            (colour[..., 0].mean() - colour[..., 2].mean()) / (mean + 0.01),
            spread,
            np.log2(max(width / inside.width, height / inside.height)),
        ]
    )


def look_at(
    files: Sequence[Path], frame: Size, progress: Progress = silent, stage: str = "looking"
) -> np.ndarray:
    """`look` of many files, shape (files, quantities).

    Raises:
        PictureError: One cannot be read.
    """
    rows = []
    for row in parallel.ordered(lambda path: look(decode.read(path), frame), files):
        rows.append(row)
        progress(stage, len(rows), len(files))
    return np.array(rows).reshape(-1, len(QUANTITIES))


def compare(photos: np.ndarray, training: np.ndarray) -> list[dict[str, Any]]:
    """How photos differ from training pictures, quantity by quantity.

    Args:
        photos: Shape (n, quantities).
        training: Shape (m, quantities).

    Returns:
        For each quantity its name, both medians, `more` (the share of pairs in which the photo has
        more of it, 0.5 where they are alike), `outside` (the share of photos beyond the middle 95%
        of the training pictures), and words where it differs.
    """
    found = []
    for quantity, own, known in zip(QUANTITIES, photos.T, training.T, strict=True):
        more = float(((own[:, None] > known).mean() + (own[:, None] >= known).mean()) / 2)
        low, high = np.percentile(known, (2.5, 97.5))
        outside = float(((own < low) | (own > high)).mean())
        found.append(
            {
                "name": quantity.name,
                "photos": float(np.median(own)),
                "training": float(np.median(known)),
                "more": more,
                "outside": outside,
                "words": _words(quantity, more, outside) if len(own) >= MIN_PHOTOS else "",
            }
        )
    return found


def _words(quantity: Quantity, more: float, outside: float) -> str:
    strength = max(more, 1 - more)
    if strength < _SOMEWHAT:
        return ""
    towards_more = more > 0.5
    side = quantity.more if towards_more else quantity.less
    advice = quantity.advice_more if towards_more else quantity.advice_less
    how = "clearly " if strength >= _CLEARLY else "somewhat "
    beyond = f"; {outside:.0%} are beyond nearly all of those" if outside > 0.1 else ""
    return f"{how}{side} than the training pictures{beyond}" + (f" ({advice})" if advice else "")
