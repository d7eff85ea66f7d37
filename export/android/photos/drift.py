"""How photos differ from the training pictures in light, sharpness, colour and size.

Measured on what the model sees: inside the frame, without the bars. A difference need not be the cause of
an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.core import parallel
from pipeline.core.documents import Document
from pipeline.core.progress import Progress
from pipeline.core.remote_cache import Place
from pipeline.core.size import Size
from pipeline.images import decode
from pipeline.images.letterbox import fitted_size, letterbox

_MIN_PHOTOS = 10
# Limits of `Difference.more`.
_SOMEWHAT, _CLEARLY = 0.65, 0.8


@dataclass(frozen=True)
class Quantity:
    """One way in which pictures can differ.

    Attributes:
        name: Its name.
        more: What photos are called if they have more of it than training pictures.
        less: What they are called if they have less.
        advice_more: What to do if they have more; empty if there is nothing to do.
        advice_less: What to do if they have less; likewise.
    """

    name: str
    more: str
    less: str
    advice_more: str = ""
    advice_less: str = ""


QUANTITIES = (
    Quantity("brightness", "brighter", "darker", "avoid backlight", "look for more light"),
    Quantity(
        "contrast",
        "higher in contrast",
        "lower in contrast: haze, reflections or dull light",
        "",
        "avoid reflections",
    ),
    Quantity(
        "sharpness",
        "sharper or noisier",
        "softer: blurred or out of focus",
        "cameras add noise in low light; look for more light",
        "hold still until the camera has focused",
    ),
    Quantity("saturation", "more colourful", "paler"),
    Quantity("warmth", "warmer in colour (towards red)", "cooler in colour (towards blue)"),
    Quantity(
        "detail spread",
        "filled to the edges: the subject may be closer than in training",
        "emptier at the edges: the subject may fill less of the guide",
        "step back a little",
        "move closer until the subject fills the guide",
    ),
    Quantity(
        "pixels",
        "higher in resolution",
        "lower in resolution: the guide covers little of the camera's picture",
        "",
        "",
    ),
)  # fmt: skip


class Difference(Document):
    """How photos differ from training pictures in one quantity.

    Attributes:
        name: The quantity's name.
        photos: The median of the photos.
        training: The median of the training pictures.
        more: The share of pairs of a photo and a training picture in which the photo has more of it; 0.5 if
            they are alike.
        outside: The share of photos beyond the middle 95% of the training pictures.
        words: The difference as a phrase; empty if there is none, or too few photos to tell.
    """

    name: str
    photos: float
    training: float
    more: float
    outside: float
    words: str


def measure(pixels: np.ndarray, frame: Size) -> np.ndarray:
    """Measures the `QUANTITIES` of a picture.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).
        frame: The model's frame.

    Returns:
        float64, shape (quantities,).
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
            # Squared, because the sum of plain gradients is the same along a sharp and a soft edge.
            np.sqrt((edges**2).mean()) / (contrast + 0.01),
            (colour.max(2) - colour.min(2)).mean() / (colour.max(2).mean() + 0.01),
            (colour[..., 0].mean() - colour[..., 2].mean()) / (mean + 0.01),
            spread,
            np.log2(max(width / inside.width, height / inside.height)),
        ]
    )


def measure_files(files: Sequence[Place], frame: Size, progress: Progress, stage: str) -> np.ndarray:
    """Measures many files, shape (files, quantities).

    Raises:
        PictureError: One cannot be read.
    """
    rows = []
    for row in parallel.ordered(lambda path: measure(decode.read(path), frame), files):
        rows.append(row)
        progress(stage, len(rows), len(files))
    return np.array(rows).reshape(-1, len(QUANTITIES))


def compare(photos: np.ndarray, training: np.ndarray) -> tuple[Difference, ...]:
    """How photos differ from training pictures, one row for each quantity.

    Args:
        photos: Shape (n, quantities).
        training: Shape (m, quantities).
    """
    differences = []
    for quantity, own, known in zip(QUANTITIES, photos.T, training.T, strict=True):
        more = float(((own[:, None] > known).mean() + (own[:, None] >= known).mean()) / 2)
        low, high = np.percentile(known, (2.5, 97.5))
        outside = float(((own < low) | (own > high)).mean())
        differences.append(
            Difference(
                name=quantity.name,
                photos=float(np.median(own)),
                training=float(np.median(known)),
                more=more,
                outside=outside,
                words=_phrase(quantity, more, outside) if len(own) >= _MIN_PHOTOS else "",
            )
        )
    return tuple(differences)


def _phrase(quantity: Quantity, more: float, outside: float) -> str:
    strength = max(more, 1 - more)
    if strength < _SOMEWHAT:
        return ""
    towards_more = more > 0.5
    side = quantity.more if towards_more else quantity.less
    advice = quantity.advice_more if towards_more else quantity.advice_less
    how = "clearly " if strength >= _CLEARLY else "somewhat "
    beyond = f"; {outside:.0%} are outside the usual range" if outside > 0.1 else ""
    return f"{how}{side} than the training pictures{beyond}" + (f" ({advice})" if advice else "")
