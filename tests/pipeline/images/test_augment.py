from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from pipeline.core.sections import Augment
from pipeline.images import augment
from pipeline.images.augment import generator, random_view

NOTHING = Augment(flip=False, rotation=0, zoom=(0, 0), brightness=0, contrast=0, saturation=0)


class Chosen:
    """Stands in for chance: gives what the test chose, in the order in which it is asked for."""

    def __init__(self, flip=False, turn=0.0, zoom=0.0, brightness=0.0, contrast=0.0, saturation=0.0):
        self._flip, self._rest = flip, [turn, zoom, brightness, contrast, saturation]

    def random(self) -> float:
        return 0.0 if self._flip else 1.0

    def uniform(self, low: float, high: float) -> float:
        return self._rest.pop(0)


def changed(**settings) -> Augment:
    return NOTHING.model_copy(update=settings)


def view(frame: np.ndarray, **choices: float) -> np.ndarray:
    return random_view(frame, changed(flip=True, rotation=0.5), Chosen(**choices))


@pytest.fixture
def frame(draw) -> np.ndarray:
    return draw(64, 48, seed=2)


def smooth(width: int, height: int) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(float)
    blurred = ndimage.gaussian_filter(noise, (3, 3, 0))
    return np.interp(blurred, (blurred.min(), blurred.max()), (0, 255)).astype(np.uint8)


def test_a_view_follows_from_seed_content_and_number_alone(frame):
    settings = Augment()
    first = [random_view(frame, settings, generator(0, "ab", n)) for n in range(1, 5)]
    again = [random_view(frame, settings, generator(0, "ab", n)) for n in reversed(range(1, 5))]
    for one, other in zip(first, reversed(again), strict=True):
        np.testing.assert_array_equal(one, other)
    others = [random_view(frame, settings, generator(*which)) for which in [(1, "ab", 1), (0, "ac", 1)]]
    for one in [*first[1:], *others]:
        assert not np.array_equal(one, first[0])


def test_a_view_has_the_form_of_the_frame_and_leaves_it_alone(frame):
    before = frame.copy()
    found = random_view(frame, Augment(), generator(0, "ab", 1))
    assert (found.dtype, found.shape) == (np.uint8, (48, 64, 3))
    np.testing.assert_array_equal(frame, before)


@pytest.mark.parametrize("size", [(64, 48), (224, 128), (33, 77), (1, 1)])
def test_settings_that_change_nothing_give_the_frame_itself(draw, size):
    frame = draw(*size)
    for number in range(5):
        np.testing.assert_array_equal(random_view(frame, NOTHING, generator(0, "ab", number)), frame)


def test_a_flip_is_a_mirror_image(frame):
    np.testing.assert_array_equal(view(frame, flip=True), frame[:, ::-1])
    odd = frame[:, :63]
    np.testing.assert_array_equal(view(odd, flip=True), odd[:, ::-1])


def test_about_half_of_the_views_are_flipped_and_none_where_that_is_off(frame):
    flipped = [
        not np.array_equal(random_view(frame, changed(flip=True), generator(0, "ab", n)), frame)
        for n in range(200)
    ]
    assert 70 < sum(flipped) < 130


@pytest.mark.parametrize(("turn", "quarters"), [(0.25, 1), (-0.25, -1), (0.5, 2), (-0.5, 2)])
def test_quarter_turns_of_a_square_go_counter_clockwise(draw, turn, quarters):
    square = draw(40, 40, seed=1)
    found, expected = view(square, turn=turn).astype(int), np.rot90(square, quarters)
    assert np.abs(found - expected).max() <= 1
    assert np.abs(found - square).mean() > 10


@pytest.mark.parametrize(("zoom", "side"), [(0.25, 80), (1.0, 50), (-0.2, 125)])
def test_a_positive_zoom_steps_back_and_a_negative_one_comes_closer(zoom, side):
    white = np.zeros((200, 200, 3), np.uint8)
    white[50:150, 50:150] = 255
    lit = view(white, zoom=zoom)[..., 0] > 127
    assert lit.any(0).sum() == pytest.approx(side, abs=1)
    assert lit.any(1).sum() == pytest.approx(side, abs=1)


def test_what_comes_into_sight_is_black():
    white = np.full((100, 100, 3), 255, np.uint8)
    found = view(white, zoom=1.0)
    inside = np.zeros((100, 100), bool)
    inside[25:75, 25:75] = True
    assert (found[~inside] == 0).all()
    assert (found[inside] == 255).all()
    assert (view(white, turn=0.125)[[0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("turn", "zoom"), [(0.04, 0), (-0.125, 0.3), (0, -0.2), (0, 0.5), (0.31, -0.1)])
@pytest.mark.parametrize("size", [(90, 60), (61, 80)])
def test_turn_and_zoom_equal_another_bilinear_sampling(size, turn, zoom, flip):
    width, height = size
    frame = smooth(width, height)
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    x = -x if flip else x
    angle, scale = 2 * math.pi * turn, 1 + zoom
    from_x = scale * (x * math.cos(angle) - y * math.sin(angle)) + width / 2 - 0.5
    from_y = scale * (x * math.sin(angle) + y * math.cos(angle)) + height / 2 - 0.5
    expected = np.stack(
        [ndimage.map_coordinates(frame[..., c].astype(float), [from_y, from_x], order=1) for c in range(3)], 2
    )
    inside = (from_x > 0.01) & (from_x < width - 1.01) & (from_y > 0.01) & (from_y < height - 1.01)
    outside = (from_x < -0.51) | (from_x > width - 0.49) | (from_y < -0.51) | (from_y > height - 0.49)
    found = view(frame, flip=flip, turn=turn, zoom=zoom)
    assert inside.mean() > 0.3
    assert np.abs(found.astype(float) - expected)[inside].max() < 1.5
    assert (found[outside] == 0).all()


@pytest.mark.parametrize("factor", [-0.2, -0.05, 0.1, 0.2])
def test_brightness_multiplies_the_pixels(frame, factor):
    expected = np.clip(frame * (1 + factor), 0, 255)
    assert np.abs(view(frame, brightness=factor) - expected).max() <= 1


@pytest.mark.parametrize("factor", [-0.2, 0.2])
def test_contrast_stretches_about_the_mean_grey(frame, factor):
    grey = np.asarray(Image.fromarray(frame).convert("L")).mean()
    expected = np.clip(grey + (frame - grey) * (1 + factor), 0, 255)
    assert np.abs(view(frame, contrast=factor) - expected).max() <= 1.5


@pytest.mark.parametrize("factor", [-0.2, 0.2])
def test_saturation_moves_away_from_grey(frame, factor):
    grey = np.asarray(Image.fromarray(frame).convert("L")).astype(float)[..., None]
    expected = np.clip(grey + (frame - grey) * (1 + factor), 0, 255)
    assert np.abs(view(frame, saturation=factor) - expected).max() <= 1.5


def test_the_ranges_are_reached_and_not_left(frame, monkeypatch):
    turns, zooms, flips = [], [], []
    affine = augment._affine

    def note(width: int, height: int, turn: float, zoom: float, flip: bool) -> tuple[float, ...]:
        turns.append(turn)
        zooms.append(zoom)
        flips.append(flip)
        return affine(width, height, turn, zoom, flip)

    monkeypatch.setattr(augment, "_affine", note)
    settings = changed(flip=True, rotation=0.125, zoom=(-0.2, 0.5))
    for number in range(400):
        random_view(frame[:4, :4], settings, generator(3, "ab", number))
    assert -0.125 <= min(turns) < -0.12
    assert 0.12 < max(turns) <= 0.125
    assert 0.8 <= min(zooms) < 0.81
    assert 1.49 < max(zooms) <= 1.5
    assert set(flips) == {True, False}


def test_changing_one_range_leaves_the_other_choices_as_they_were(frame, monkeypatch):
    seen = []
    affine = augment._affine
    monkeypatch.setattr(augment, "_affine", lambda *a: seen.append(a) or affine(*a))
    for settings in (Augment(rotation=0.1), Augment(rotation=0), Augment(rotation=0.1, flip=False)):
        random_view(frame, settings, generator(0, "ab", 1))
    assert seen[0][3] == seen[1][3] == seen[2][3]
    assert seen[0][2] == seen[2][2] != seen[1][2]
    assert seen[0][4] == seen[1][4]
