"""Copies are found, other pictures are not, and no number of pictures makes it compare all pairs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.data import fingerprints
from pipeline.data.audit import near_duplicates
from pipeline.images.decode import Facts


def sketched(pictures):
    """The hashes of pictures, and what gives their views."""
    drawn = [
        fingerprints.draw(p, Facts(p.shape[1], p.shape[0], "PNG"), f"{n:064x}")
        for n, p in enumerate(pictures)
    ]
    rows, views = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    return rows["hashes"], lambda few: views[list(few)]


def photo(seed: int) -> np.ndarray:
    """Something with as many edges as a photo: noise of several sizes; RGB, uint8, 160 x 120."""
    numbers = np.random.default_rng(seed)
    total = np.zeros((120, 160, 3))
    for size in (3, 6, 12, 24):
        coarse = Image.fromarray(numbers.integers(0, 256, (size, size, 3)).astype(np.uint8))
        total += np.asarray(coarse.resize((160, 120), Image.Resampling.BICUBIC), float) * (4 / size**0.5)
    total -= total.min()
    return (total * 235 / total.max() + 10).astype(np.uint8)


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


COPIES = {
    "saved again": (lambda p: jpeg(p, 60), "near"),
    "half the size": (lambda p: np.asarray(Image.fromarray(p).resize((80, 60))), "near"),
    "twice the size": (lambda p: np.asarray(Image.fromarray(p).resize((320, 240))), "near"),
    "brighter": (lambda p: np.clip(p.astype(int) + 25, 0, 255).astype(np.uint8), "near"),
    "darker": (lambda p: (p * 0.75).astype(np.uint8), "near"),
    "mirrored": (lambda p: np.ascontiguousarray(p[:, ::-1]), "mirrored"),
    "cropped": (lambda p: p[5:-5, 6:-6], "cropped"),
    "letterboxed": (lambda p: np.pad(np.maximum(p, 48), ((20, 20), (0, 0), (0, 0))), "near"),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_among_others_is_found_and_its_kind_told(name):
    change, kind = COPIES[name]
    pictures = [photo(seed) for seed in range(30)]
    pictures.append(change(pictures[7]))
    found, _ = near_duplicates.find(*sketched(pictures))
    assert [({t.first, t.second}, t.kind) for t in found] == [({7, 30}, kind)]
    if kind == "cropped":
        assert found[0].first == 7  # the one that shows more


@pytest.mark.parametrize("name", ["saved again", "half the size", "twice the size", "brighter", "darker"])
def test_what_differs_in_nothing_but_brightness_and_size_is_the_same(name):
    one = photo(3)
    (found,), _ = near_duplicates.find(*sketched([one, COPIES[name][0](one), *map(photo, range(50, 70))]))
    assert found.same


def test_two_shots_by_a_fixed_camera_are_twins_but_do_not_show_the_same():
    """A door that is open or closed must not count as one picture under two labels."""
    closed = photo(4)
    opened = closed.copy()
    opened[50:66, 70:90] = 255 - opened[50:66, 70:90]
    (found,), _ = near_duplicates.find(*sketched([closed, opened, *map(photo, range(50, 70))]))
    assert found.kind == "near"
    assert not found.same


def test_pictures_that_show_nothing_are_no_twins():
    """Their hashes are those of noise."""
    numbers = np.random.default_rng(0)
    flat = [np.full((90, 120, 3), 100 + 10 * n) + numbers.integers(0, 2, (90, 120, 3)) for n in range(6)]
    found, _ = near_duplicates.find(*sketched([picture.astype(np.uint8) for picture in flat]))
    assert found == []


def test_one_picture_and_none_have_no_twins():
    for pictures in ([photo(0)], [photo(0), photo(1)]):
        found, threshold = near_duplicates.find(*sketched(pictures))
        assert found == []
        assert 12 <= threshold <= 64
    assert near_duplicates.nominate(np.zeros((0, 4, 32), np.uint8), 20) == []


def random_hashes(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 4, 32)).astype(np.uint8)


def test_the_threshold_falls_where_all_pictures_look_alike():
    unlike = near_duplicates.threshold_of(random_hashes(500)[:, 0])
    base = random_hashes(1)[0, 0]
    few_bits = np.random.default_rng(1).random((500, 256)) < 0.1
    alike = near_duplicates.threshold_of(base ^ np.packbits(few_bits, axis=1))
    assert unlike == 64
    assert alike == 12


def test_twins_do_not_move_the_threshold():
    hashes = random_hashes(300)[:, 0]
    assert near_duplicates.threshold_of(
        np.concatenate([hashes, hashes[:60]])
    ) == near_duplicates.threshold_of(hashes)


@pytest.mark.parametrize("flipped", [0, 8, 16, 24])
def test_near_hashes_are_nominated_whatever_bits_differ(flipped):
    numbers = np.random.default_rng(flipped)
    hashes = random_hashes(2000, 5)
    copies = hashes[:200].copy()
    for copy in copies:
        bits = np.unpackbits(copy[1])
        bits[numbers.choice(256, flipped, replace=False)] ^= 1
        copy[:] = random_hashes(1, int(numbers.integers(1 << 30)))[0]
        copy[1] = np.packbits(bits)
    found = near_duplicates.nominate(np.concatenate([hashes, copies]), 40)
    assert {(a, b) for a, b, _, _ in found} <= {(n, 2000 + n) for n in range(200)}
    assert len(found) >= 198
    assert {distance for *_, distance in found} == {flipped}


@pytest.mark.slow
@pytest.mark.parametrize("alike", [False, True])
def test_the_number_of_comparisons_grows_with_the_pictures_and_not_with_their_pairs(monkeypatch, alike):
    """Also where half of all pictures are copies of one."""
    compared = {}
    real = near_duplicates.differing
    for count in (1000, 10_000):
        hashes = random_hashes(count)
        if alike:
            hashes[: count // 2] = hashes[0]
        seen = []
        monkeypatch.setattr(
            near_duplicates, "differing", lambda a, b, seen=seen: seen.append(len(a)) or real(a, b)
        )
        near_duplicates.nominate(hashes, 20)
        compared[count] = sum(seen)
        assert sum(seen) <= near_duplicates.TABLES * near_duplicates.WINDOW * 4 * count
    assert compared[10_000] <= 15 * compared[1000]


@pytest.mark.parametrize("block", [37, 1000])
def test_pairs_do_not_depend_on_how_many_hashes_are_compared_at_a_time(monkeypatch, block):
    numbers = np.random.default_rng(0)
    hashes = numbers.integers(0, 256, (600, 4, 32), np.uint8)
    hashes[1::3, numbers.integers(4)] = hashes[::3, numbers.integers(4)]
    hashes[2::3, fingerprints.INSIDE] = hashes[::3, fingerprints.INSIDE]
    whole = near_duplicates.nominate(hashes, 40)
    monkeypatch.setattr(near_duplicates, "_BLOCK", block)
    assert near_duplicates.nominate(hashes, 40) == whole
    assert len(whole) >= 200


def test_a_burst_is_connected_by_a_pair_less_than_it_has_frames():
    pairs = [near_duplicates.NearDuplicate(a, b, "near", 0, 1.0) for a in range(50) for b in range(a + 1, 50)]
    kept = near_duplicates.spanning(pairs)
    assert len(kept) == 49
    assert {frame for pair in kept for frame in (pair.first, pair.second)} == set(range(50))
