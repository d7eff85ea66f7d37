"""Sketches are made once, kept whole, and say what is in a picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipeline.core import runs
from pipeline.data import fingerprints
from pipeline.images import decode
from pipeline.images.decode import Facts


def sketch(pixels, sha256="ab" * 32, **facts):
    height, width = pixels.shape[:2]
    row, views = fingerprints.draw(pixels, Facts(width, height, "PNG", **facts), sha256)
    return row[0], views[0]


def test_the_facts_of_a_picture_are_kept(draw):
    row, views = sketch(draw(60, 40), mode="RGBA", quality=80, turned=True, frames=3, remarks=("a", "b"))
    assert (row["width"], row["height"], row["quality"], row["frames"]) == (60, 40, 80, 3)
    assert (row["mode"], row["file_format"], row["remarks"], bool(row["turned"])) == (
        b"RGBA",
        b"PNG",
        b"a; b",
        True,
    )
    assert row["sha256"].tobytes() == bytes.fromhex("ab" * 32)
    assert abs(int(views["histogram"].sum()) - 255) <= 32  # each of 64 shares is rounded


def test_bars_and_borders_are_shares_of_the_side(draw):
    picture = np.pad(np.maximum(draw(160, 80), 48), ((20, 20), (0, 0), (0, 0)))
    row, _ = sketch(picture)
    assert row["bars"] == pytest.approx([20 / 120, 20 / 120, 0, 0])
    page = np.full((100, 100, 3), 250, np.uint8)
    page[30:60, 20:90] = draw(70, 30, 3) // 2
    row, _ = sketch(page)
    assert row["bars"].max() == 0
    assert row["border"] == pytest.approx([0.3, 0.4, 0.2, 0.1])
    assert (row["border_colour"] == 250).all()


def test_large_pictures_are_measured_on_a_smaller_copy(draw):
    large = np.pad(np.maximum(draw(3000, 1600), 48), ((200, 200), (0, 0), (0, 0)))
    row, _ = sketch(large)
    assert row["bars"][:2] == pytest.approx([0.1, 0.1], abs=0.005)


def test_one_colour_and_a_flat_ground_are_told_from_a_picture(draw):
    noise = np.random.default_rng(0).integers(0, 3, (50, 70, 3))
    plain, _ = sketch((100 + noise).astype(np.uint8))
    words = np.full((50, 70, 3), 220, np.uint8)
    words[24:27, 20:50] = 40
    placeholder, _ = sketch(words)
    picture, _ = sketch(draw(70, 50))
    assert plain["contrast"] < 4 < placeholder["contrast"]
    assert picture["contrast"] > 4
    assert placeholder["flat"] > 0.9 > picture["flat"]


def test_sketches_outlive_the_process_that_made_them(workplace, draw):
    names = [f"{number:064x}" for number in range(3)]
    with fingerprints.open_cache() as cache:
        for number, name in enumerate(names):
            assert cache.get(name) is None
            cache.add(*fingerprints.draw(draw(40, 30, number), Facts(40, 30 + number, "PNG"), name))
        assert [cache.get(name)["height"] for name in names] == [30, 31, 32]
    with fingerprints.open_cache() as cache:
        assert [cache.get(name)["height"] for name in names] == [30, 31, 32]
        assert cache.facts(names[::-1])["height"].tolist() == [32, 31, 30]
        assert cache.views(names).shape == (3,)
        before = len(cache)
        cache.add(*fingerprints.draw(draw(40, 30), Facts(1, 1, "PNG"), names[0]))  # known
        assert len(cache) == before
        assert cache.get(names[0])["width"] == 40


@pytest.mark.parametrize("file", ["facts.bin", "views.bin"])
def test_half_a_record_that_a_killed_process_left_is_cut_off(workplace, draw, file):
    names = [f"{number:064x}" for number in range(3)]
    drawn = [
        fingerprints.draw(draw(40, 30, n), Facts(40, 30 + n, "PNG"), name) for n, name in enumerate(names)
    ]
    with fingerprints.open_cache() as cache:
        cache.add(*drawn[0])
        cache.add(*drawn[1])
    (path,) = runs.CACHE.glob(f"*/{file}")
    path.write_bytes(path.read_bytes()[:-7])
    with fingerprints.open_cache() as cache:
        assert cache.get(names[1]) is None
        cache.add(*drawn[2])
        cache.add(*drawn[1])
    with fingerprints.open_cache() as cache:
        assert cache.facts(names)["height"].tolist() == [30, 31, 32]
        assert np.array_equal(cache.views(names), np.concatenate([views for _, views in drawn]))


@pytest.mark.parametrize("quality", [10, 50, 75, 90, 95, 100])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(tmp_path, draw, quality):
    Image.fromarray(draw(64, 48)).save(tmp_path / "a.jpg", quality=quality)
    assert decode.inspect(tmp_path / "a.jpg").quality == quality


def test_other_formats_have_no_quality_and_animations_count_their_frames(tmp_path, draw):
    frames = [Image.fromarray(draw(20, 20, seed)) for seed in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    found = decode.inspect(tmp_path / "a.gif")
    assert (found.quality, found.frames, found.mode, found.turned) == (0, 3, "P", False)


def test_the_tag_of_a_camera_that_was_not_upright_is_told(tmp_path, draw):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(draw(40, 20)).save(tmp_path / "a.jpg", exif=exif)
    found = decode.inspect(tmp_path / "a.jpg")
    assert (found.width, found.height, found.turned) == (20, 40, True)
