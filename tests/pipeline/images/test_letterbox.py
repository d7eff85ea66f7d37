from __future__ import annotations

import math
import statistics
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from pipeline.core.errors import PictureError
from pipeline.core.size import Size, parse_size
from pipeline.images.letterbox import auto_frame, fitted_size, letterbox, median_aspect, stretch
from tests.support import twin

LYING, STANDING, SQUARE = (1280, 720), (480, 640), (300, 300)
EXTREMES = [
    *[
        ((w, h), frame)
        for w, h in [(1, 1), (1, 4000), (4000, 1), (2, 3)]
        for frame in [(224, 224), (224, 128)]
    ],
    *[((3, 301), (224, 224)), ((30, 3100), (64, 128))],
    *[((w, h), (224, 192)) for w, h in [(4000, 3000), (223, 225), (224, 192), (225, 193), (448, 384)]],
    *[((50, 40), frame) for frame in [(1, 1), (1, 300), (300, 1), (1024, 32), (501, 401)]],
]


def round_half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def log_uniform(random: np.random.Generator, top: int) -> int:
    return int(math.exp(random.uniform(0, math.log(top))))


def test_fitted_size_is_the_largest_of_the_same_shape_rounded_half_up():
    random = np.random.default_rng(1)
    for _ in range(5000):
        w, h = log_uniform(random, 9000), log_uniform(random, 9000)
        frame = Size(log_uniform(random, 1024), log_uniform(random, 1024))
        scale = min(Fraction(frame.width, w), Fraction(frame.height, h))
        expected = tuple(max(1, round_half_up(side * scale)) for side in (w, h))
        assert fitted_size(w, h, frame) == expected, f"{w}x{h} into {frame}"


def test_a_half_pixel_is_rounded_up():
    assert fitted_size(16, 9, Size(8, 8)) == (8, 5)
    assert fitted_size(9, 16, Size(8, 8)) == (5, 8)


@pytest.mark.parametrize(
    ("picture", "frame", "fitted"),
    [
        ((1280, 720), Size(224, 128), (224, 126)),
        ((720, 1280), Size(224, 128), (72, 128)),
        ((1, 4000), Size(224, 224), (1, 224)),
        ((4000, 1), Size(224, 224), (224, 1)),
        ((1, 1), Size(224, 128), (128, 128)),
        ((100, 100), Size(224, 224), (224, 224)),
    ],
)
def test_fitted_size_of_known_pictures(picture, frame, fitted):
    assert fitted_size(*picture, frame) == fitted


@pytest.mark.parametrize(("size", "frame"), EXTREMES)
def test_letterbox_equals_pillow_resize_and_paste(draw, size, frame):
    frame = Size(*frame)
    picture = draw(*size, seed=3)
    fitted = fitted_size(*size, frame)
    canvas = Image.new("RGB", frame, 0)
    resized = Image.fromarray(in_two_passes(picture, *fitted))
    canvas.paste(resized, ((frame.width - fitted.width) // 2, (frame.height - fitted.height) // 2))
    found = letterbox(picture, frame)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.asarray(canvas))


def test_bars_are_black_and_the_odd_pixel_goes_right_and_below():
    white = np.full((10, 10, 3), 255, np.uint8)
    across, down = letterbox(white, Size(15, 10)), letterbox(white, Size(10, 15))
    assert across[0, :, 0].tolist() == [0] * 2 + [255] * 10 + [0] * 3
    assert down[:, 0, 0].tolist() == [0] * 2 + [255] * 10 + [0] * 3


def test_letterbox_does_not_depend_on_the_layout_in_memory(draw):
    picture = draw(60, 40)
    mirrored = picture[:, ::-1]
    expected = letterbox(np.ascontiguousarray(mirrored), Size(64, 64))
    np.testing.assert_array_equal(letterbox(mirrored, Size(64, 64)), expected)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((0, 5, 3), np.uint8), "no pixels. Received: 5x0"),
        (np.zeros((5, 0, 3), np.uint8), "no pixels. Received: 0x5"),
        (np.zeros((5, 5), np.uint8), r"dtype=uint8, shape=\(5, 5\)"),
        (np.zeros((5, 5, 4), np.uint8), r"dtype=uint8, shape=\(5, 5, 4\)"),
        (np.zeros((5, 5, 3), np.float32), "dtype=float32"),
    ],
)
def test_what_is_no_rgb_picture_is_refused(picture, message):
    with pytest.raises(PictureError, match=message) as caught:
        letterbox(picture, Size(8, 8))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("224x128", Size(224, 128)),
        ("1x9999", Size(1, 9999)),
        *((text, None) for text in ("224", "224X128", "224x128 ", "-1x5", "x", "10000x1", "auto", "2.5x3")),
    ],
)
def test_sizes_are_written_width_x_height(text, size):
    assert parse_size(text) == size
    if size:
        assert str(size) == text


@pytest.mark.parametrize(
    ("sizes", "frame"),
    [
        ([LYING] * 10, "224x128"),
        ([STANDING] * 10, "192x224"),
        ([SQUARE] * 10, "224x224"),
        ([LYING] * 8 + [STANDING] * 2, "224x128"),
        ([LYING] * 79 + [STANDING] * 21, "224x224"),
        ([LYING] * 2 + [STANDING] * 8, "192x224"),
        ([LYING] * 5 + [STANDING] * 5, "224x224"),
        ([SQUARE] * 6 + [LYING] * 2 + [STANDING] * 2, "224x224"),
        ([(6000, 1000)] * 3, "224x64"),
        ([(20_000, 10)] * 3, "224x32"),
        ([(10, 20_000)] * 3, "32x224"),
        ([(700, 400)] * 3, "224x128"),
        ([(699, 400)] * 3, "224x160"),
        ([(227, 227)] * 9 + [(500, 100)], "224x224"),
        ([(320, 240)], "224x192"),
    ],
)
def test_auto_frame_spends_least_on_bars(sizes, frame):
    assert str(auto_frame(sizes)) == frame


def test_auto_frame_holds_the_median_shape_and_no_smaller_multiple_would():
    random = np.random.default_rng(2)
    for _ in range(500):
        w, h = log_uniform(random, 4000), log_uniform(random, 4000)
        frame = auto_frame([(w, h)] * 3)
        long, short = (frame.width, frame.height) if w >= h else (frame.height, frame.width)
        wanted = 224 * Fraction(min(w, h), max(w, h))
        assert long == 224
        assert short % 32 == 0
        assert short >= wanted
        assert short == 32 or short - 32 < wanted


def test_median_aspect_weighs_lying_and_standing_alike():
    assert median_aspect([(2, 1), (1, 2)]) == pytest.approx(1.0)
    assert median_aspect([(16, 9), (4, 3), (1, 1)]) == pytest.approx(4 / 3)
    sizes = [(640, 480), (1280, 720), (500, 333), (100, 100)]
    expected = math.exp(statistics.median(math.log(w / h) for w, h in sizes))
    assert median_aspect(sizes) == pytest.approx(expected)


def in_two_passes(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Pillow's lines, then Pillow's columns: in one call it takes those of very tall pictures first."""
    lines = Image.fromarray(picture).resize((width, picture.shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(lines.resize((width, height), Image.Resampling.BILINEAR))


@pytest.mark.slow
def test_the_twin_equals_pillow_byte_for_byte():
    random = np.random.default_rng(4)
    noise = random.integers(0, 256, (500, 500, 3), np.uint8)
    noise[100:200, 100:200] = 255
    noise[200:300, 200:300] = 0
    for _ in range(2000):
        w, h, width, height = (log_uniform(random, 500) for _ in range(4))
        x, y = int(random.integers(0, 501 - w)), int(random.integers(0, 501 - h))
        picture = np.ascontiguousarray(noise[y : y + h, x : x + w])
        found = twin.resize(picture, width, height)
        assert np.array_equal(found, in_two_passes(picture, width, height)), f"{w}x{h} to {width}x{height}"


TWIN_EXTREMES = [
    *[((1, 1), to) for to in [(1, 1), (2, 1), (1, 2), (224, 224), (1000, 3)]],
    *[((1, 4000), to) for to in [(1, 224), (3, 1), (1, 1), (1, 3999), (2, 4001)]],
    *[((4000, 1), to) for to in [(224, 1), (1, 3), (3999, 1), (4001, 2), (17, 17)]],
    *[((4000, 3000), to) for to in [(224, 168), (1, 1), (32, 24), (1000, 7), (7, 1000)]],
    *[((1280, 720), to) for to in [(224, 126), (96, 54), (128, 72), (1280, 100), (100, 720)]],
    *[((3, 2), to) for to in [(7, 9), (2, 3), (1000, 999), (3, 2), (1, 1)]],
    *[((3, 301), to) for to in [(7, 224), (7, 301), (7, 302), (2, 10), (3, 300)]],
    *[((3, 300), to) for to in [(7, 224), (2, 10)]],
]


@pytest.mark.parametrize(("size", "to"), TWIN_EXTREMES)
def test_the_twin_equals_pillow_at_the_extremes(size, to):
    picture = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), np.uint8)
    np.testing.assert_array_equal(twin.resize(picture, *to), in_two_passes(picture, *to))


@pytest.mark.parametrize(("size", "frame"), EXTREMES)
def test_letterbox_is_the_twin_on_black(draw, size, frame):
    frame = Size(*frame)
    picture = draw(*size, seed=6)
    fitted = fitted_size(*size, frame)
    canvas = np.zeros((frame.height, frame.width, 3), np.uint8)
    left, top = (frame.width - fitted.width) // 2, (frame.height - fitted.height) // 2
    canvas[top : top + fitted.height, left : left + fitted.width] = twin.resize(picture, *fitted)
    np.testing.assert_array_equal(letterbox(picture, frame), canvas)


def test_stretching_fills_the_frame_as_pillow_does():
    picture = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    expected = Image.fromarray(picture).resize((64, 64), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(stretch(picture, Size(64, 64)), np.asarray(expected))
