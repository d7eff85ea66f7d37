"""Simulates photographing a picture from a screen, as a first check before field tests.

Applies what happens between display and model, in the order of the light path: viewing angle, blur,
moiré between the display's and the sensor's pixel grids, reflections, white balance, exposure, noise.
A simulation, not a measurement of any screen or phone: the ranges in `draw_scene` were chosen by eye.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from pipeline.core.size import Size
from pipeline.images.letterbox import fitted_size

# Incremented whenever the same random numbers would give other photos.
VERSION = 1
# The long side of a photo, in pixels: roughly the part of a camera frame inside the app's guide.
LONG_SIDE = 448
_GAMMA = 2.2
_DEPTH = 2**16
_TO_LIGHT = ((np.arange(256) / 255) ** _GAMMA).astype(np.float32)
_TO_PIXELS = np.round(255 * (np.arange(_DEPTH) / (_DEPTH - 1)) ** (1 / _GAMMA)).astype(np.uint8)
# Red, green and blue stripes stand side by side, a third of a display pixel apart.
_STRIPES = (-1 / 3, 0.0, 1 / 3)


@dataclass(frozen=True)
class Scene:
    """How one photo is taken; the defaults change nothing but the size.

    Attributes:
        corners: How far the display's corners are from the photo's, as fractions of width and
            height, inwards where positive: upper left, upper right, lower right, lower left.
        around: The grey beyond the picture, 0 ... 255.
        blur: Standard deviation, in pixels of the photo.
        pitch: Pixels of the display on one of the sensor, across and down.
        grid: How much of the display's pixel grid the lens resolves, 0 ... 1.
        glare: The reflection's peak; 1 is the display's white.
        glare_at: The centre of the reflection, as fractions of width and height.
        glare_size: Its standard deviation, as a fraction of the long side.
        veil: Light reflected evenly; lifts black.
        cast: Factors of red, green and blue light.
        exposure: In stops.
        noise: Standard deviation at the display's white, in light.
    """

    corners: tuple[tuple[float, float], ...] = ((0.0, 0.0),) * 4
    around: int = 0
    blur: float = 0.0
    pitch: tuple[float, float] = (1.0, 1.0)
    grid: float = 0.0
    glare: float = 0.0
    glare_at: tuple[float, float] = (0.5, 0.5)
    glare_size: float = 0.25
    veil: float = 0.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    exposure: float = 0.0
    noise: float = 0.0


def generator(seed: int, sha256: str, purpose: str) -> np.random.Generator:
    """The random number generator of one photo of one picture.

    Args:
        seed: The run's.
        sha256: Of the picture's file.
        purpose: Separates training from evaluation: a different text gives different numbers.
    """
    digest = hashlib.sha256(f"screen/{purpose}/{seed}/{sha256}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def draw_scene(numbers: np.random.Generator) -> Scene:
    """A random scene: a reasonably careful photographer, indoors, with an ordinary screen."""
    # Moiré comes from the nearest integer ratio of the two grids; most photos are close to 1.
    pitch = numbers.uniform(0.7, 1.3)
    skew = numbers.uniform(0.97, 1.03)
    warmth, tint = numbers.normal(0, 0.08), numbers.normal(0, 0.03)
    return Scene(
        corners=tuple((float(x), float(y)) for x, y in numbers.uniform(-0.04, 0.09, (4, 2))),
        around=int(numbers.integers(0, 70)),
        blur=float(numbers.uniform(0.3, 2.2)),
        pitch=(float(pitch), float(pitch * skew)),
        grid=float(numbers.uniform(0.05, 0.4)),
        glare=float(numbers.uniform(0, 0.5) * (numbers.random() < 0.6)),
        glare_at=(float(numbers.uniform(0, 1)), float(numbers.uniform(0, 1))),
        glare_size=float(numbers.uniform(0.08, 0.35)),
        veil=float(numbers.uniform(0.0, 0.08)),
        cast=(float(np.exp(warmth)), float(np.exp(tint)), float(np.exp(-warmth))),
        exposure=float(numbers.uniform(-0.7, 0.5)),
        noise=float(numbers.uniform(0.005, 0.05)),
    )


def photograph(picture: np.ndarray, scene: Scene, numbers: np.random.Generator) -> np.ndarray:
    """A picture as a camera sees it on a screen.

    Args:
        picture: RGB, uint8, shape (height, width, 3).
        scene: How the photo is taken.
        numbers: Random source of the noise and of the grids' offset.

    Returns:
        RGB, uint8, of the same aspect ratio, with `LONG_SIDE` pixels on the long side.
    """
    size = fitted_size(picture.shape[1], picture.shape[0], Size(LONG_SIDE, LONG_SIDE))
    homography = _homography(scene, size)
    shown = Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)
    seen = shown.transform(
        size,
        Image.Transform.PERSPECTIVE,
        homography,
        Image.Resampling.BILINEAR,
        fillcolor=(scene.around,) * 3,
    )
    if scene.blur:
        seen = seen.filter(ImageFilter.GaussianBlur(scene.blur))
    light = _TO_LIGHT[np.asarray(seen)]
    offset = numbers.random(2)
    x, y = np.meshgrid(np.arange(size.width, dtype=np.float32), np.arange(size.height, dtype=np.float32))
    if scene.grid:
        light *= _grid(scene, homography, x, y, offset)
    light += np.float32(scene.veil)
    if scene.glare:
        light += _glare(scene, size, x, y)[..., np.newaxis]
    light *= np.array(scene.cast, np.float32) * np.float32(2**scene.exposure)
    if scene.noise:
        # Photon noise: twice the light has √2 times the noise, on top of a constant floor.
        spread = np.sqrt(0.05 + light) * np.float32(scene.noise)
        light += numbers.standard_normal(light.shape, np.float32) * spread
    return _TO_PIXELS[(np.clip(light, 0, 1) * (_DEPTH - 1) + 0.5).astype(np.uint16)]


def _homography(scene: Scene, size: Size) -> tuple[float, ...]:
    """The eight coefficients that map a point of the photo to the display, as Pillow expects."""
    outer = ((0, 0), (1, 0), (1, 1), (0, 1))
    rows, values = [], []
    for (at_x, at_y), (dx, dy) in zip(outer, scene.corners, strict=True):
        # This corner of the display in the photo, and on the display.
        x = size.width * (at_x + (dx if at_x == 0 else -dx))
        y = size.height * (at_y + (dy if at_y == 0 else -dy))
        u, v = size.width * at_x, size.height * at_y
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return tuple(float(value) for value in np.linalg.solve(np.array(rows), np.array(values)))


def _grid(
    scene: Scene, homography: tuple[float, ...], x: np.ndarray, y: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    """The light of each colour that sensor pixels get from the display's stripes; 1 on average.

    The sensor samples single points, which causes the moiré between grids of nearly equal pitch.

    Returns:
        float32, shape (height, width, 3).
    """
    a, b, c, d, e, f, g, h = (np.float32(number) for number in homography)
    depth = g * x + h * y + 1
    turns = np.float32(2 * math.pi)
    across = turns * (scene.pitch[0] * (a * x + b * y + c) / depth + offset[0]).astype(np.float32)
    down = turns * (scene.pitch[1] * (d * x + e * y + f) / depth + offset[1]).astype(np.float32)
    rows = 1 + np.float32(scene.grid / 2) * np.cos(down)
    stripes = [
        1 + np.float32(scene.grid) * np.cos(across + turns * np.float32(stripe)) for stripe in _STRIPES
    ]
    return np.stack(stripes, 2) * rows[..., np.newaxis]


def _glare(scene: Scene, size: Size, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Reflected light: a soft spot, float32, shape (height, width)."""
    reach = 2 * (scene.glare_size * max(size)) ** 2
    middle_x, middle_y = scene.glare_at[0] * size.width, scene.glare_at[1] * size.height
    distance = (x - np.float32(middle_x)) ** 2 + (y - np.float32(middle_y)) ** 2
    return np.float32(scene.glare) * np.exp(-distance / np.float32(reach))
