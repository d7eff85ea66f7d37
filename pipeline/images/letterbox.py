"""Fits pictures into the model's frame: the only module that knows the geometry.

Training, calibration, evaluation and the phone all use this rule. Opening files belongs to `decode`,
random views to `augment`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from pipeline.core.errors import PictureError
from pipeline.core.size import Size

LONG_SIDE = 224
_SIDE_STEP = 32
_SAME_ORIENTATION = 0.80
_SQUARE, _PATTERN = 8, (150, 200)


def fitted_size(width: int, height: int, frame: Size) -> Size:
    """The largest size with the picture's aspect ratio that fits into the frame.

    Integer arithmetic, rounding halves up, so that every language gets the same result.

    Args:
        width: The picture's width, in pixels.
        height: The picture's height, in pixels.
        frame: The model's frame.
    """
    if width * frame.height >= height * frame.width:
        return Size(frame.width, max(1, (2 * height * frame.width + width) // (2 * width)))
    return Size(max(1, (2 * width * frame.height + height) // (2 * height)), frame.height)


def corner(fitted: Size, frame: Size) -> tuple[int, int]:
    """Left and top of a fitted picture in the frame: centred, with an odd pixel right and below."""
    return (frame.width - fitted.width) // 2, (frame.height - fitted.height) // 2


def letterbox(picture: np.ndarray, frame: Size) -> np.ndarray:
    """Fits a picture into a frame without changing its aspect ratio.

    Args:
        picture: RGB, uint8, shape (height, width, 3).
        frame: The frame, in pixels.

    Returns:
        RGB, uint8, shape (frame.height, frame.width, 3); the picture is centred (an odd
        pixel goes right and below) and resampled with Pillow's antialiased BILINEAR, always first
        horizontally, then vertically; the bars are black.

    Raises:
        PictureError: The picture has no pixels, or is not RGB uint8.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise PictureError(
            "a picture must be RGB, uint8, shape (height, width, 3). "
            f"Received: dtype={picture.dtype}, shape={picture.shape}"
        )
    height, width = picture.shape[:2]
    if not height or not width:
        raise PictureError(f"the picture has no pixels. Received: {width}x{height}")
    fitted = fitted_size(width, height, frame)
    left, top = corner(fitted, frame)
    canvas = np.zeros((frame.height, frame.width, 3), np.uint8)
    # Two calls, because a single one resizes very tall pictures vertically first.
    narrowed = Image.fromarray(picture).resize((fitted.width, height), Image.Resampling.BILINEAR)
    resized = narrowed.resize(fitted, Image.Resampling.BILINEAR)
    canvas[top : top + fitted.height, left : left + fitted.width] = np.asarray(resized)
    return canvas


def on_pattern(picture: np.ndarray, frame: Size) -> np.ndarray:
    """A letterboxed picture for people to look at: a chequered pattern replaces the bars.

    Args:
        picture: RGB, uint8, shape (height, width, 3).
        frame: The frame, in pixels.

    Returns:
        RGB, uint8, shape (frame.height, frame.width, 3); the picture is placed as in `letterbox`.
    """
    fitted = fitted_size(picture.shape[1], picture.shape[0], frame)
    left, top = corner(fitted, frame)
    inside = slice(top, top + fitted.height), slice(left, left + fitted.width)
    rows, columns = np.indices((frame.height, frame.width)) // _SQUARE
    canvas = np.where((rows + columns) % 2, *_PATTERN).astype(np.uint8)[..., None].repeat(3, 2)
    canvas[inside] = letterbox(picture, frame)[inside]
    return canvas


def stretch(picture: np.ndarray, frame: Size) -> np.ndarray:
    """Fills a frame, ignoring the aspect ratio, as some third-party models expect.

    Args:
        picture: RGB, uint8, shape (height, width, 3).
        frame: The frame, in pixels.

    Returns:
        RGB, uint8, shape (frame.height, frame.width, 3); resampled as in `letterbox`.
    """
    narrowed = Image.fromarray(picture).resize((frame.width, picture.shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(narrowed.resize(frame, Image.Resampling.BILINEAR))


def median_aspect(sizes: Sequence[tuple[int, int]]) -> float:
    """The median of width / height, on a log scale so that 2:1 and 1:2 weigh the same."""
    return math.exp(float(np.median([math.log(w / h) for w, h in sizes])))


def auto_frame(sizes: Sequence[tuple[int, int]], long_side: int = LONG_SIDE) -> Size:
    """The frame with the smallest bars for pictures of these sizes.

    The short side is the smallest multiple of 32 that fits the median shape. Mixed orientations (under
    80% in one) get a square. Square pictures count for both orientations.

    Args:
        sizes: (width, height) of the upright training pictures, in pixels.
        long_side: In pixels.
    """
    landscape = sum(w >= h for w, h in sizes) / len(sizes)
    portrait = sum(w <= h for w, h in sizes) / len(sizes)
    if max(landscape, portrait) < _SAME_ORIENTATION:
        return Size(long_side, long_side)
    aspect = median_aspect(sizes)
    wanted = long_side * min(aspect, 1 / aspect)
    short = min(long_side, _SIDE_STEP * max(1, math.ceil(wanted / _SIDE_STEP - 1e-9)))
    return Size(long_side, short) if aspect >= 1 else Size(short, long_side)
