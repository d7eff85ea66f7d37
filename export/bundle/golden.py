"""The pictures of the golden vectors: drawn, seeded, and chosen to tell different mistakes apart.

They are never a user's own pictures, since contracts ship with apps. `bundle` adds the model's outputs;
`verify` replays them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.core.size import Size

_SEED = 20


def pictures(frame: Size) -> Iterator[tuple[str, np.ndarray]]:
    """Names and pictures, most revealing first.

    Args:
        frame: The model's frame; some pictures have sides that depend on it.

    Yields:
        A name; and RGB, uint8, shape (height, width, 3).
    """
    rng = np.random.default_rng(_SEED)
    # As wide as the frame: nothing is resampled, so every level stays as it is.
    yield "every_grey", _greys(frame.width, -(-256 // frame.width))
    yield "one_pixel", np.full((1, 1, 3), (230, 120, 30), np.uint8)
    yield "one_pixel_high", _noise(rng, Size(331, 1))
    yield "one_pixel_wide", _noise(rng, Size(1, 211))
    yield "enlarged_exactly", _scene(rng, Size(max(1, frame.width // 8), max(1, frame.height // 8)))
    yield "enlarged", _scene(rng, Size(37, 23))
    yield "landscape", _scene(rng, Size(48, 27))
    yield "portrait", _scene(rng, Size(27, 48))
    yield "square", _scene(rng, Size(33, 33))
    # Shrinks by a factor that is not an integer.
    yield "shrunk", _noise(rng, Size(7, frame.height * 3 // 2 + 1))
    # Exactly half as wide; the height, 2.5, is rounded up, but some languages round to even.
    yield "shrunk_exactly", _noise(rng, Size(2 * frame.width, 5))
    yield "shrunk_wide", _scene(rng, Size(frame.width * 3 // 2 + 1, 7))
    yield "noise", _noise(rng, Size(31, 18))
    yield "black", np.zeros((2, 3, 3), np.uint8)
    yield "white", np.full((3, 2, 3), 255, np.uint8)


def _greys(width: int, height: int) -> np.ndarray:
    levels = np.arange(width * height) * 256 // (width * height)
    return np.repeat(levels.astype(np.uint8).reshape(height, width, 1), 3, axis=2)


def _noise(rng: np.random.Generator, size: Size) -> np.ndarray:
    return rng.integers(0, 256, (size.height, size.width, 3), dtype=np.uint8)


def _scene(rng: np.random.Generator, size: Size) -> np.ndarray:
    """A gradient with a few discs and boxes, in integer arithmetic only."""
    rows, columns = np.mgrid[: size.height, : size.width]
    above, below = rng.integers(0, 256, (2, 3))
    down = rows[..., np.newaxis]
    canvas = (above * (size.height - down) + below * down) // size.height
    for _ in range(3):
        x, y = int(rng.integers(0, size.width)), int(rng.integers(0, size.height))
        reach = int(rng.integers(2, 3 + min(size) // 2))
        disc = (columns - x) ** 2 + (rows - y) ** 2 <= reach**2
        box = (abs(columns - x) <= reach) & (abs(rows - y) <= reach)
        canvas[disc if rng.integers(0, 2) else box] = rng.integers(0, 256, 3)
    return canvas.astype(np.uint8)
