from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from export.android.photos import drift
from pipeline.core.size import Size

FRAME = Size(96, 64)
NAMES = [quantity.name for quantity in drift.QUANTITIES]


@pytest.fixture(scope="module")
def pictures(draw) -> list[Image.Image]:
    return [Image.fromarray(draw(180, 120, seed=seed)) for seed in range(40)]


def looks(pictures) -> np.ndarray:
    return np.array([drift.measure(np.asarray(picture), FRAME) for picture in pictures])


def said(changed, pictures) -> dict[str, str]:
    found = drift.compare(looks(changed), looks(pictures))
    return {row.name: row.words for row in found if row.words}


def test_the_same_pictures_do_not_differ(pictures):
    found = drift.compare(looks(pictures), looks(pictures))
    assert [row.more for row in found] == [0.5] * len(NAMES)
    assert said(pictures, pictures) == {}


def test_darker_photos_are_called_darker_with_advice(pictures):
    words = said([ImageEnhance.Brightness(picture).enhance(0.35) for picture in pictures], pictures)
    assert words["brightness"].startswith("clearly darker than the training pictures")
    assert words["brightness"].endswith("(look for more light)")


def test_brighter_photos_are_called_brighter(pictures):
    words = said([ImageEnhance.Brightness(picture).enhance(1.7) for picture in pictures], pictures)
    assert "brighter than the training pictures" in words["brightness"]


def test_blurred_photos_are_called_softer(pictures):
    words = said([picture.filter(ImageFilter.GaussianBlur(4)) for picture in pictures], pictures)
    assert "softer: blurred or out of focus than" in words["sharpness"]
    assert "hold still" in words["sharpness"]


def test_grey_photos_are_called_paler(pictures):
    words = said([ImageEnhance.Color(picture).enhance(0.2) for picture in pictures], pictures)
    assert "paler" in words["saturation"]


@pytest.mark.parametrize(("gain", "word"), [((1.4, 1, 0.6), "warmer"), ((0.6, 1, 1.4), "cooler")])
def test_a_cast_is_called_warm_or_cold(pictures, gain, word):
    tinted = [
        Image.fromarray(np.clip(np.asarray(picture) * np.array(gain), 0, 255).astype(np.uint8))
        for picture in pictures
    ]
    assert word in said(tinted, pictures)["warmth"]


def test_small_things_in_the_guide_are_told(pictures):
    small = []
    for picture in pictures:
        ground = Image.new("RGB", picture.size, (128, 128, 128))
        ground.paste(picture.resize((54, 36)), (63, 42))
        small.append(ground)
    words = said(small, pictures)
    assert "may fill less of the guide" in words["detail spread"]
    assert "move closer" in words["detail spread"]


def test_photos_of_few_pixels_are_told(pictures):
    words = said([picture.resize((60, 40)) for picture in pictures], pictures)
    assert "lower in resolution" in words["pixels"]


def test_the_share_of_pairs_is_that_of_mann_and_whitney(pictures):
    from scipy import stats

    numbers = np.random.default_rng(0)
    photos = numbers.normal(0.3, 1, (25, len(NAMES))).round(1)
    training = numbers.normal(0, 1, (60, len(NAMES))).round(1)
    for column, row in enumerate(drift.compare(photos, training)):
        expected = stats.mannwhitneyu(photos[:, column], training[:, column]).statistic / (25 * 60)
        assert row.more == pytest.approx(expected)
        assert (row.photos, row.training) == (
            np.median(photos[:, column]),
            np.median(training[:, column]),
        )


def test_photos_beyond_nearly_all_training_pictures_are_counted():
    training = np.tile(np.linspace(0, 1, 200)[:, None], len(NAMES))
    photos = np.tile(np.r_[np.full(12, 0.95), np.full(4, 2.0)][:, None], len(NAMES))
    row = drift.compare(photos, training)[0]
    assert row.outside == 0.25
    assert "25% are outside the usual range" in row.words


def test_few_photos_are_measured_and_not_talked_about(pictures):
    dark = [ImageEnhance.Brightness(picture).enhance(0.3) for picture in pictures[:9]]
    found = drift.compare(looks(dark), looks(pictures))
    assert found[0].more < 0.3
    assert {row.words for row in found} == {""}


@pytest.mark.parametrize("size", [(1, 1), (300, 1), (1, 200), (96, 64)])
def test_any_shape_and_one_colour_have_numbers(size):
    for level in (0, 128, 255):
        row = drift.measure(np.full((size[1], size[0], 3), level, np.uint8), FRAME)
        assert row.shape == (len(NAMES),)
        assert np.isfinite(row).all()


def test_bars_do_not_count(draw):
    """A picture of another shape than the frame is measured without what the letterbox adds."""
    white = np.full((100, 100, 3), 255, np.uint8)
    assert drift.measure(white, FRAME)[0] == pytest.approx(1.0)
