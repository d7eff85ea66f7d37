"""Random augmentation, for training only.

A view is made inside the model's frame, after letterboxing; areas beyond the picture are black, like
the bars. Each view depends on the seed, the picture's content and the view's number only, never on the
order of the pictures.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from PIL import Image, ImageEnhance

from pipeline.core.sections import Augment


def generator(seed: int, sha256: str, view: int) -> np.random.Generator:
    """The random number generator of one view of one picture."""
    digest = hashlib.sha256(f"{seed}/{sha256}/{view}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def random_view(frame: np.ndarray, settings: Augment, numbers: np.random.Generator) -> np.ndarray:
    """One random view of a letterboxed picture.

    Args:
        frame: RGB, uint8, shape (height, width, 3).
        settings: The ranges.
        numbers: From `generator`.

    Returns:
        RGB, uint8, of the same shape.
    """
    # Numbers are drawn even for ranges of zero, so that changing one range leaves the others unchanged.
    flip = bool(numbers.random() < 0.5) and settings.flip
    turn = numbers.uniform(-settings.rotation, settings.rotation)
    zoom = 1 + numbers.uniform(*settings.zoom)
    factors = [
        1 + numbers.uniform(-reach, reach)
        for reach in (settings.brightness, settings.contrast, settings.saturation)
    ]
    image = Image.fromarray(frame)
    image = image.transform(
        image.size,
        Image.Transform.AFFINE,
        _affine(frame.shape[1], frame.shape[0], turn, zoom, flip),
        Image.Resampling.BILINEAR,
    )
    enhancers = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for enhancer, factor in zip(enhancers, factors, strict=True):
        if factor != 1:
            image = enhancer(image).enhance(factor)
    return np.asarray(image)


def _affine(width: int, height: int, turn: float, zoom: float, flip: bool) -> tuple[float, ...]:
    """Maps a pixel of the view to the frame: rotated about the centre and scaled by `zoom`."""
    cos, sin = math.cos(2 * math.pi * turn) * zoom, math.sin(2 * math.pi * turn) * zoom
    mirror = -1 if flip else 1
    middle_x, middle_y = width / 2, height / 2
    a, b, d, e = cos * mirror, -sin, sin * mirror, cos
    return (a, b, middle_x - a * middle_x - b * middle_y, d, e, middle_y - d * middle_x - e * middle_y)
