"""Bars are found where a picture was letterboxed, and nowhere else."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.core.size import Size
from pipeline.images.borders import Bars, bars
from pipeline.images.letterbox import letterbox


def through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def framed(picture: np.ndarray, bars_: Bars) -> np.ndarray:
    height, width = picture.shape[:2]
    ground = np.zeros((height + bars_.top + bars_.bottom, width + bars_.left + bars_.right, 3), np.uint8)
    bars_.inside(ground)[:] = picture
    return ground


@pytest.mark.parametrize(
    "wanted",
    [Bars(45, 45, 0, 0), Bars(0, 0, 60, 60), Bars(20, 20, 30, 30), Bars(40, 0, 0, 0), Bars(0, 0, 0, 24)],
)
@pytest.mark.parametrize("seed", range(4))
def test_bars_of_a_drawn_picture_are_found_to_the_pixel(draw, wanted, seed):
    picture = np.maximum(draw(480, 270, seed), 48)
    assert bars(framed(picture, wanted)) == wanted


@pytest.mark.parametrize("quality", [95, 75, 40])
@pytest.mark.parametrize("seed", range(4))
def test_what_jpeg_makes_of_black_is_a_bar_all_the_same(draw, quality, seed):
    picture = np.maximum(draw(480, 270, seed), 64)
    found = bars(through_jpeg(framed(picture, Bars(45, 45, 0, 0)), quality))
    assert abs(found.top - 45) <= 2
    assert abs(found.bottom - 45) <= 2
    assert (found.left, found.right) == (0, 0)


def test_a_wide_picture_letterboxed_by_this_project_has_the_bars_it_was_given(draw):
    picture = np.maximum(draw(640, 360, 3), 48)
    found = bars(letterbox(picture, Size(224, 224)))
    assert found == Bars(49, 49, 0, 0)


def test_a_dark_film_between_bars_counts_because_they_are_a_pair():
    """Only two fifths of its edge are brighter than black."""
    picture = np.full((270, 480, 3), 20, np.uint8)
    picture[:, np.arange(480) % 5 % 4 == 0] = 90
    assert bars(framed(picture, Bars(45, 45, 0, 0))) == Bars(45, 45, 0, 0)
    assert bars(framed(picture, Bars(45, 0, 0, 0))) == Bars()
    assert bars(framed(picture, Bars(45, 20, 0, 0))) == Bars()


def test_a_dark_picture_that_fades_has_no_bars():
    night = np.linspace(0, 120, 270)[:, None, None] * np.ones((1, 480, 3))
    noisy = night + np.random.default_rng(0).normal(0, 6, night.shape)
    lamp = night.copy()
    lamp[100:140, 200:240] = 255
    for picture in (night, noisy, lamp):
        assert bars(np.clip(picture, 0, 255).astype(np.uint8)) == Bars()


@pytest.mark.parametrize("middle", [(150, 240), (135, 200), (120, 260)])
def test_a_round_thing_before_a_black_cloth_has_no_bars(middle):
    rows, columns = np.ogrid[:270, :480]
    cloth = np.zeros((270, 480, 3), np.uint8)
    cloth[(rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < 90**2] = 200
    assert bars(cloth) == Bars()


@pytest.mark.parametrize("level", [0, 10, 30])
def test_a_picture_that_is_black_all_over_has_no_bars(level):
    noise = np.random.default_rng(1).integers(0, 3, (90, 160, 3))
    assert bars((np.full((90, 160, 3), level) + noise * (level < 30)).astype(np.uint8)) == Bars()


def test_a_picture_without_bars_has_none(draw):
    for seed in range(20):
        assert bars(np.maximum(draw(160, 90, seed), 40)) == Bars()
    assert bars(np.zeros((0, 5, 3), np.uint8)) == Bars()


def test_specks_in_a_bar_do_not_hide_it(draw):
    picture = framed(np.maximum(draw(480, 270, 5), 48), Bars(45, 45, 0, 0))
    picture[10, 100:104] = 255
    assert bars(picture) == Bars(45, 45, 0, 0)


def test_inside_is_the_picture_again(draw):
    picture = np.maximum(draw(480, 270, 6), 48)
    whole = framed(picture, Bars(10, 20, 30, 40))
    assert np.array_equal(Bars(10, 20, 30, 40).inside(whole), picture)
    assert Bars().inside(whole) is not whole
    assert np.array_equal(Bars().inside(whole), whole)
    assert not Bars()
    assert Bars(left=1)
