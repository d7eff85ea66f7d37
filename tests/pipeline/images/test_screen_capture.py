from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipeline.images import screen_capture
from pipeline.images.screen_capture import LONG_SIDE, Scene, draw_scene, generator, photograph

WHITE = np.full((60, 80, 3), 255, np.uint8)
GREY = np.full((60, 80, 3), 128, np.uint8)


def numbers(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def photo(picture: np.ndarray, **scene) -> np.ndarray:
    return photograph(picture, Scene(**scene), numbers())


def gradient_energy(picture: np.ndarray) -> float:
    grey = picture.astype(float).mean(2)
    return float((np.diff(grey, axis=0) ** 2).mean() + (np.diff(grey, axis=1) ** 2).mean())


def spectrum(channel: np.ndarray) -> np.ndarray:
    """Amplitudes of the waves across, in cycles a line, averaged over the lines."""
    return np.abs(np.fft.rfft(channel - channel.mean(), axis=1)).mean(0)


def test_a_photo_follows_from_seed_content_and_purpose_alone(draw):
    picture = draw(120, 90, seed=1)

    def take(*which) -> np.ndarray:
        chance = generator(*which)
        return photograph(picture, draw_scene(chance), chance)

    first = take(0, "ab", "judging")
    np.testing.assert_array_equal(take(0, "ab", "judging"), first)
    for other in [(1, "ab", "judging"), (0, "ac", "judging"), (0, "ab", "training view 1")]:
        assert not np.array_equal(take(*other), first)


@pytest.mark.parametrize("size", [(80, 60), (60, 80), (448, 252), (1000, 700), (3, 90), (1, 1)])
def test_a_photo_has_the_picture_s_shape_and_one_long_side(draw, size):
    picture = draw(*size)
    before = picture.copy()
    for seed in range(4):
        found = photograph(picture, draw_scene(numbers(seed)), numbers(seed))
        assert found.dtype == np.uint8
        assert max(found.shape[:2]) == LONG_SIDE
        assert found.shape[1] / found.shape[0] == pytest.approx(size[0] / size[1], rel=0.1)
    np.testing.assert_array_equal(picture, before)


def test_a_scene_without_effects_only_changes_the_size(draw):
    picture = draw(160, 120, seed=3)
    expected = np.asarray(Image.fromarray(picture).resize((448, 336), Image.Resampling.BILINEAR))
    assert np.abs(photo(picture).astype(int) - expected).max() <= 1


def test_the_corners_of_the_display_are_where_the_scene_puts_them():
    corners = ((0.1, 0.2), (0.2, 0.1), (0.05, 0.1), (0.1, 0.05))
    found = photo(WHITE, corners=corners, around=0)
    height, width = found.shape[:2]
    for (right, down), (dx, dy) in zip(((0, 0), (1, 0), (1, 1), (0, 1)), corners, strict=True):
        x, y = width * (1 - dx if right else dx), height * (1 - dy if down else dy)
        inwards = (-3 if right else 3), (-3 if down else 3)
        assert found[round(y + inwards[1]), round(x + inwards[0])].min() > 240
        assert found[round(y - inwards[1]), round(x - inwards[0])].max() < 15


def test_what_is_around_the_picture_is_grey():
    found = photo(WHITE, corners=((0.1, 0.1),) * 4, around=60)
    assert np.abs(found[5, 5].astype(int) - 60).max() <= 1


@pytest.mark.parametrize("pitch", [0.8, 0.95, 1.1, 1.25])
def test_the_display_s_grid_beats_against_the_sensor_s(pitch):
    found = photo(GREY, grid=0.4, pitch=(pitch, 1.0))
    for channel in range(3):
        waves = spectrum(found[..., channel].astype(float))
        # Seen at whole pixels only, a wave looks as slow as it is far from a whole number of cycles.
        beat = round(LONG_SIDE * abs(pitch - round(pitch)))
        assert abs(int(waves.argmax()) - beat) <= 1
        assert waves.max() > 20 * np.median(waves)


def test_moire_has_colours_because_the_stripes_stand_side_by_side():
    plain, beaten = photo(GREY), photo(GREY, grid=0.4, pitch=(1.05, 1.0))
    assert np.ptp(plain, axis=2).max() == 0
    assert np.ptp(beaten.astype(int), axis=2).mean() > 20


def test_the_grid_leaves_the_mean_light_as_it_is():
    plain, beaten = (
        screen_capture._TO_LIGHT[photo(GREY, grid=grid, pitch=(0.87, 0.91))] for grid in (0, 0.4)
    )
    assert beaten.mean() == pytest.approx(plain.mean(), rel=0.01)


def test_a_turned_display_bends_the_moire():
    straight = photo(GREY, grid=0.4, pitch=(0.95, 1.0))
    turned = photo(
        GREY, grid=0.4, pitch=(0.95, 1.0), corners=((0.0, 0.0), (0.0, 0.08), (0.0, 0.0), (0.0, 0.0))
    )
    spread = [
        np.std([spectrum(half.astype(float)).argmax() for half in np.array_split(p[..., 1], 8)])
        for p in (straight, turned)
    ]
    assert spread[0] == 0
    assert spread[1] > 1


@pytest.mark.parametrize(("less", "more"), [(0.0, 0.5), (0.5, 1.5), (1.5, 3.0)])
def test_blur_lowers_the_gradients(draw, less, more):
    picture = draw(160, 120, seed=4)
    assert gradient_energy(photo(picture, blur=more)) < 0.9 * gradient_energy(photo(picture, blur=less))


def test_glare_is_brightest_where_it_is_put_and_fades():
    found = photo(GREY, glare=0.4, glare_at=(0.25, 0.5), glare_size=0.1).astype(int)[..., 0]
    height, width = found.shape
    assert np.unravel_index(found.argmax(), found.shape) == pytest.approx((height / 2, width / 4), abs=6)
    assert found.max() > 190
    assert abs(found[height // 2, -1] - 128) <= 1


def test_reflected_light_lifts_black_and_nothing_becomes_darker(draw):
    picture = draw(160, 120, seed=5)
    plain, veiled = photo(picture), photo(picture, veil=0.05)
    assert veiled.min() >= 64
    assert (veiled >= plain).all()


@pytest.mark.parametrize(("stops", "factor"), [(-1.0, 0.5), (-0.5, 2**-0.5), (0.5, 2**0.5)])
def test_exposure_multiplies_the_light(stops, factor):
    light = screen_capture._TO_LIGHT
    assert light[photo(GREY, exposure=stops)].mean() == pytest.approx(factor * light[128], rel=0.02)


def test_a_warm_cast_adds_red_and_takes_blue():
    red, green, blue = photo(GREY, cast=(1.2, 1.0, 0.8))[0, 0]
    assert red > green == 128 > blue


def test_noise_has_the_spread_that_the_scene_says():
    light = screen_capture._TO_LIGHT[photo(GREY, noise=0.03)]
    assert light.mean() == pytest.approx(screen_capture._TO_LIGHT[128], abs=0.002)
    assert light.std() == pytest.approx(0.03 * np.sqrt(0.05 + screen_capture._TO_LIGHT[128]), rel=0.05)


def test_brighter_light_is_noisier():
    dark, bright = (photo(np.full((60, 80, 3), level, np.uint8), noise=0.02) for level in (60, 190))
    assert screen_capture._TO_LIGHT[bright].std() > 1.5 * screen_capture._TO_LIGHT[dark].std()


def test_scenes_differ_and_stay_within_reason():
    scenes = [draw_scene(numbers(seed)) for seed in range(300)]
    assert len(set(scenes)) == 300
    assert 0.4 < np.mean([scene.glare > 0 for scene in scenes]) < 0.8
    for scene in scenes:
        assert -0.05 < np.min(scene.corners) <= np.max(scene.corners) < 0.1
        assert 0 < scene.grid <= 0.5
        assert abs(scene.exposure) <= 1
        assert all(0.6 < factor < 1.6 for factor in scene.cast)
