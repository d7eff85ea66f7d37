"""Sketches are made once, kept whole, and say what is in a picture."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from pipeline.core import config as configuration
from pipeline.core import files, runs
from pipeline.core.errors import DataError
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.core.shards import Shard
from pipeline.data import fingerprints, reading
from pipeline.data.audit import audit
from pipeline.images import decode
from pipeline.images.decode import Facts


def sketch(pixels, sha256="ab" * 32, **facts):
    height, width = pixels.shape[:2]
    row, views = fingerprints.draw(pixels, Facts(width, height, "PNG", **facts), sha256)
    return row[0], views[0]


def never(sha256):
    raise AssertionError(f"{sha256} is made again")


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)


def drawn_and_named(draw, count):
    """The sha256 of some pictures that are only drawn, and their fingerprints."""
    names = [f"{number + 1:064x}" for number in range(count)]
    return names, [
        fingerprints.draw(draw(40, 30, n), Facts(40, 30 + n, "PNG"), name) for n, name in enumerate(names)
    ]


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
        assert cache.views(names, never).shape == (3,)
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
        assert views_of(cache, names) == [shown(views[0]) for _, views in drawn]


def shown(record):
    """What a record of views says, without whose they are and their checksum."""
    return [record[name].tolist() for name in ("whole", "inside", "tiny", "histogram")]


def views_of(cache, names, again=never):
    return [shown(record) for record in cache.views(names, again)]


@pytest.mark.parametrize("place", [*range(0, fingerprints.FACTS.itemsize, 30), -1])
def test_damaged_facts_are_said_dropped_and_made_again(workplace, draw, place):
    names, drawn = drawn_and_named(draw, 3)
    with fingerprints.open_cache() as cache:
        for rows in drawn:
            cache.add(*rows)
    (path,) = runs.CACHE.glob("*/facts.bin")
    flip(path, fingerprints.FACTS.itemsize + place if place >= 0 else 2 * fingerprints.FACTS.itemsize - 1)
    said = []
    with fingerprints.open_cache(said.append) as cache:
        assert said == [f"1 of 3 records in the cache {path.parent} are damaged and will be recomputed"]
        assert [name for name in names if cache.get(name) is None] == [names[1]]
        assert cache.facts([names[2], names[0]])["height"].tolist() == [32, 30]
        assert views_of(cache, [names[2], names[0]]) == [shown(drawn[at][1][0]) for at in (2, 0)]
        cache.add(*drawn[1])
    with fingerprints.open_cache(said.append) as cache:
        assert cache.facts(names)["height"].tolist() == [30, 31, 32]
        assert views_of(cache, names) == [shown(views[0]) for _, views in drawn]
        assert len(cache) == 3
    assert len(said) == 1


@pytest.mark.parametrize("place", [*range(0, fingerprints.VIEWS.itemsize, 400), -1])
def test_damaged_views_are_said_and_made_again_when_they_are_read(workplace, draw, place):
    names, drawn = drawn_and_named(draw, 3)
    with fingerprints.open_cache() as cache:
        for rows in drawn:
            cache.add(*rows)
    (path,) = runs.CACHE.glob("*/views.bin")
    whole, size = path.read_bytes(), fingerprints.VIEWS.itemsize
    flip(path, size + place if place >= 0 else 2 * size - 1)
    said, asked = [], []

    def again(sha256):
        asked.append(sha256)
        return drawn[names.index(sha256)][1]

    with fingerprints.open_cache(said.append) as cache:
        assert said == []
        assert views_of(cache, names, again) == [shown(views[0]) for _, views in drawn]
        assert views_of(cache, names) == [shown(views[0]) for _, views in drawn]
    assert asked == [names[1]]
    assert said == [f"1 of 3 records in the cache {path.parent} are damaged and will be recomputed"]
    assert path.read_bytes() == whole


def test_views_of_other_pictures_are_noticed(workplace, draw):
    """As a process leaves them that is killed between rewriting facts and views."""
    names, drawn = drawn_and_named(draw, 3)
    with fingerprints.open_cache() as cache:
        for rows in drawn:
            cache.add(*rows)
    (path,) = runs.CACHE.glob("*/facts.bin")
    path.write_bytes(path.read_bytes()[fingerprints.FACTS.itemsize :])
    with fingerprints.open_cache() as cache:
        assert views_of(cache, names[1:], lambda name: drawn[names.index(name)][1]) == [
            shown(views[0]) for _, views in drawn[1:]
        ]


@pytest.mark.parametrize("file", ["facts.bin", "views.bin"])
def test_a_damaged_record_of_a_shard_is_said_and_not_taken_in(workplace, draw, file):
    names, drawn = drawn_and_named(draw, 3)
    with fingerprints.open_shard(Shard(1, 1)) as cache:
        for rows in drawn:
            cache.add(*rows)
    (path,) = runs.CACHE.glob(f"shards/*/*/{file}")
    flip(path, path.stat().st_size // 2)
    said = []
    with fingerprints.open_cache(said.append) as cache:
        assert [name for name in names if cache.get(name) is None] == [names[1]]
        cache.add(*drawn[1])
        assert cache.facts(names)["height"].tolist() == [30, 31, 32]
        assert views_of(cache, names) == [shown(views[0]) for _, views in drawn]
    assert said == [f"1 of 3 records in the cache {path.parent} are damaged and will be recomputed"]


@pytest.mark.parametrize("file", ["facts.bin", "views.bin"])
@pytest.mark.parametrize("under", ["", "shards/*/"], ids=["cache", "shard"])
def test_an_audit_with_damaged_fingerprints_says_what_one_without_does(workplace, make_data_set, file, under):
    root = make_data_set(workplace / "pictures", {"cat": 6, "dog": 6}, size=(96, 72))
    for copy in range(3):
        Image.open(root / "cat/000.png").convert("RGB").save(root / f"cat/copy{copy}.jpg", quality=60 + copy)
    config, run = configuration.load(root), Run(runs.RUNS / "pictures")

    def audited(warn):
        shutil.rmtree(run.folder, ignore_errors=True)
        files.make_folder(run.folder)
        with run.locked(), fingerprints.open_cache(warn) as cache:
            return audit.make(run, config, ProgressReporter(), cache).audit

    first = audited(never)
    if under:
        shutil.rmtree(runs.CACHE)
        with fingerprints.open_shard(Shard(1, 1)) as cache:
            reading.read_shard(root, Shard(1, 1), fingerprints.known(), cache)
    (path,) = runs.CACHE.glob(f"{under}*/{file}")
    size = (fingerprints.FACTS if file == "facts.bin" else fingerprints.VIEWS).itemsize
    for place in range(50, path.stat().st_size, size):
        flip(path, place)
    said = []
    assert audited(said.append) == first
    assert said == [s for s in said if s.endswith("are damaged and will be recomputed")] != []
    assert first.near_duplicates
    assert audited(never) == first


def test_a_picture_that_has_changed_does_not_lend_its_views(two):
    path = two / "cat/000.png"
    sha256 = decode.digest(path)
    assert reading.views_again(path, sha256).shape == (1,)
    shutil.copy(two / "dog/000.png", path)
    with pytest.raises(DataError, match=r"000\.png has changed since it was read"):
        reading.views_again(path, sha256)
    path.unlink()
    with pytest.raises(DataError, match=r"000\.png can no longer be read"):
        reading.views_again(path, sha256)


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
