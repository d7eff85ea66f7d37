"""The letterbox's resize, written from its definition: what a port to another language must do.

It is Pillow's BILINEAR in two passes, always lines first, then columns; a direction whose size
stays is left out. The filter is a triangle as wide as two steps of the coarser grid. Each
direction ends in 8 bits. Coefficients are whole numbers in units of 2⁻²², rounded half away from
zero (they are never negative).
"""

from __future__ import annotations

import numpy as np

BITS = 22


def coefficients(size_in: int, size_out: int) -> np.ndarray:
    """The share of every input pixel in every output pixel, in units of 2⁻²²; (size_out, size_in)."""
    step = size_in / size_out  # input pixels from one output pixel to the next
    reach = max(step, 1.0)  # half the width of the triangle, in input pixels
    inverse = 1.0 / reach
    centre = (np.arange(size_out)[:, np.newaxis] + 0.5) * step
    first = np.trunc(np.maximum(centre - reach + 0.5, 0))
    end = np.trunc(np.minimum(centre + reach + 0.5, size_in))
    pixel = np.arange(size_in)
    height = 1.0 - np.abs((pixel - centre + 0.5) * inverse)
    height = np.where((pixel >= first) & (pixel < end), np.maximum(height, 0.0), 0.0)
    total = np.add.accumulate(height, axis=1)[:, -1:]  # added up from left to right: the order shows
    share = np.divide(height, total, out=height, where=total != 0)
    return np.trunc(0.5 + share * (1 << BITS)).astype(np.int64)


def resize_lines(pixels: np.ndarray, width: int) -> np.ndarray:
    """Every line to another width; uint8, (height, width, channels)."""
    shares = coefficients(pixels.shape[1], width).astype(np.float64)
    # Whole numbers far below 2⁵³, so this product is exact in floating point, too.
    sums = np.tensordot(shares, pixels.astype(np.float64), (1, 1)).swapaxes(0, 1).astype(np.int64)
    return np.clip((sums + (1 << (BITS - 1))) >> BITS, 0, 255).astype(np.uint8)


def resize_columns(pixels: np.ndarray, height: int) -> np.ndarray:
    """Every column to another height; uint8, (height, width, channels)."""
    return resize_lines(pixels.swapaxes(0, 1), height).swapaxes(0, 1)


def resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture in another size; uint8, (height, width, channels) in and out."""
    if width != pixels.shape[1]:
        pixels = resize_lines(pixels, width)
    if height != pixels.shape[0]:
        pixels = resize_columns(pixels, height)
    return pixels
