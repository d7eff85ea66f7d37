from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from export.bundle import camera
from export.bundle.camera import Crop, Plane
from pipeline.core.errors import PictureError
from pipeline.core.size import Size


def frame(rng: np.random.Generator, size: Size, padding: int = 0, stride: int = 1):
    """Random planes and the values in them: y, u, v as Planes, then as arrays (height, width)."""
    half = Size((size.width + 1) // 2, (size.height + 1) // 2)
    planes, values = [], []
    for side, pixel_stride in ((size, 1), (half, stride), (half, stride)):
        pixels = rng.integers(0, 256, (side.height, side.width), dtype=np.uint8)
        row_stride = (side.width - 1) * pixel_stride + 1 + padding
        samples = rng.integers(0, 256, (side.height - 1) * row_stride + (side.width - 1) * pixel_stride + 1)
        samples = samples.astype(np.uint8)
        for row in range(side.height):
            for column in range(side.width):
                samples[row * row_stride + column * pixel_stride] = pixels[row, column]
        planes.append(Plane(samples, row_stride, pixel_stride))
        values.append(pixels)
    return (*planes, *values)


def exact(y: int, u: int, v: int) -> tuple[int, int, int]:
    """The formula in Python's own unbounded whole numbers."""
    c, d = u - 128, v - 128
    fixed = (
        (y << 16) + 91881 * d,
        (y << 16) - 22554 * c - 46802 * d,
        (y << 16) + 116130 * c,
    )
    red, green, blue = (min(max((value + 32768) >> 16, 0), 255) for value in fixed)
    return red, green, blue


@pytest.mark.parametrize(
    ("size", "padding", "stride"),
    [
        (Size(1, 1), 0, 1),
        (Size(2, 2), 0, 2),
        (Size(7, 5), 3, 2),
        (Size(16, 9), 48, 1),
        (Size(9, 16), 1, 3),
    ],
)
def test_every_pixel_follows_the_formula_in_whole_numbers(size, padding, stride):
    y, u, v, luma, blue, red = frame(np.random.default_rng(size.width), size, padding, stride)
    rgb = camera.yuv_to_rgb(y, u, v, size)
    for row in range(size.height):
        for column in range(size.width):
            expected = exact(
                int(luma[row, column]), int(blue[row // 2, column // 2]), int(red[row // 2, column // 2])
            )
            assert tuple(int(value) for value in rgb[row, column]) == expected


def test_every_triple_on_a_grid_stays_within_one_of_the_real_bt601():
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    y, u, v = (plane.ravel() for plane in np.meshgrid(levels, levels, levels))
    size = Size(2 * len(y), 1)
    rgb = camera.yuv_to_rgb(Plane(np.repeat(y, 2), size.width, 1), Plane(u, 0, 1), Plane(v, 0, 1), size)[
        0, ::2
    ]
    c, d = u.astype(float) - 128, v.astype(float) - 128
    real = np.stack([y + 1.402 * d, y - 0.344136 * c - 0.714136 * d, y + 1.772 * c], axis=-1)
    assert np.abs(rgb - np.clip(real, 0, 255)).max() <= 0.51


def test_grey_stays_grey_at_every_level():
    grey = np.arange(256, dtype=np.uint8)
    neutral = Plane(np.full(128, 128, np.uint8), 128, 1)
    rgb = camera.yuv_to_rgb(Plane(grey, 256, 1), neutral, neutral, Size(256, 1))
    assert np.array_equal(rgb, np.repeat(grey[np.newaxis, :, np.newaxis], 3, axis=2))


def test_interleaved_chroma_reads_as_two_planes():
    rng = np.random.default_rng(1)
    size = Size(6, 4)
    luma = Plane(rng.integers(0, 256, 24, dtype=np.uint8), 6, 1)
    both = rng.integers(0, 256, 12, dtype=np.uint8)
    apart = camera.yuv_to_rgb(luma, Plane(both[0::2].copy(), 3, 1), Plane(both[1::2].copy(), 3, 1), size)
    together = camera.yuv_to_rgb(luma, Plane(both[:-1], 6, 2), Plane(both[1:], 6, 2), size)
    assert np.array_equal(apart, together)


def test_rotation_is_clockwise():
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    assert camera.upright(picture, 0)[..., 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert camera.upright(picture, 90)[..., 0].tolist() == [[3, 0], [4, 1], [5, 2]]
    assert camera.upright(picture, 180)[..., 0].tolist() == [[5, 4, 3], [2, 1, 0]]
    assert camera.upright(picture, 270)[..., 0].tolist() == [[2, 5], [1, 4], [0, 3]]


def test_another_rotation_is_refused():
    with pytest.raises(PictureError, match=r"0, 90, 180 or 270 degrees\. Received: 45"):
        camera.upright(np.zeros((1, 1, 3), np.uint8), 45)


def test_plane_that_is_too_short_is_refused_with_its_strides():
    with pytest.raises(PictureError, match=r"plane of 4x2 with strides 4 and 1 needs 8 bytes\. Received: 7"):
        camera.plane_pixels(Plane(np.zeros(7, np.uint8), 4, 1), Size(4, 2))


def test_last_row_may_end_with_its_last_sample():
    pixels = camera.plane_pixels(Plane(np.arange(7, dtype=np.uint8), 4, 2), Size(2, 2))
    assert pixels.tolist() == [[0, 2], [4, 6]]


@pytest.mark.parametrize(
    ("size", "aspect", "crop"),
    [
        (Size(640, 480), 4 / 3, Crop(0, 0, 640, 480)),
        (Size(640, 480), 16 / 9, Crop(0, 60, 640, 360)),
        (Size(480, 640), 16 / 9, Crop(0, 185, 480, 270)),
        (Size(640, 480), 1.0, Crop(80, 0, 480, 480)),
        (Size(5, 1), 2.5, Crop(1, 0, 3, 1)),
        (Size(1, 5), 0.4, Crop(0, 1, 1, 3)),
        (Size(3, 1000), 100.0, Crop(0, 499, 3, 1)),
        (Size(1000, 3), 0.01, Crop(499, 0, 1, 3)),
    ],
)
def test_crop_is_the_largest_centred_rectangle(size, aspect, crop):
    assert camera.centred_crop(size, aspect) == crop


def test_random_crops_stay_inside_and_touch_two_sides():
    rng = np.random.default_rng(2)
    for _ in range(2000):
        size = Size(*(int(side) for side in np.exp(rng.uniform(0, 8.3, 2)).astype(int)))
        aspect = float(math.exp(rng.uniform(-3, 3)))
        crop = camera.centred_crop(size, aspect)
        assert crop.width == size.width or crop.height == size.height
        assert 1 <= crop.width <= size.width
        assert 1 <= crop.height <= size.height
        assert 0 <= size.width - crop.width - 2 * crop.left <= 1
        assert 0 <= size.height - crop.height - 2 * crop.top <= 1
        free = Fraction(crop.height) * Fraction(aspect), Fraction(crop.width)
        assert min(crop.width, crop.height) == 1 or abs(free[0] - free[1]) <= max(1, Fraction(aspect))


@pytest.mark.parametrize("rotation", camera.ROTATIONS)
def test_guide_shows_the_middle_of_the_upright_frame(rotation):
    y, u, v, *_ = frame(np.random.default_rng(3), Size(20, 12), 5, 2)
    whole = camera.upright(camera.yuv_to_rgb(y, u, v, Size(20, 12)), rotation)
    inside = camera.inside_guide(y, u, v, Size(20, 12), rotation, 1.0)
    assert inside.shape == (12, 12, 3)
    if rotation in (0, 180):
        assert np.array_equal(inside, whole[:, 4:16])
    else:
        assert np.array_equal(inside, whole[4:16])
