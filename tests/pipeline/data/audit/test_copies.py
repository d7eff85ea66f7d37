"""Recompression leaves a picture the same; another shot, another size and a small mark do not."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.audit import copies


def photo(seed: int) -> np.ndarray:
    """Something with as many edges and as much noise as a photo; RGB, uint8, shape (120, 160, 3)."""
    numbers = np.random.default_rng(seed)
    total = np.zeros((120, 160, 3))
    for size in (3, 6, 12, 24):
        coarse = Image.fromarray(numbers.integers(0, 256, (size, size, 3)).astype(np.uint8))
        total += np.asarray(coarse.resize((160, 120), Image.Resampling.BICUBIC), float) * (4 / size**0.5)
    total -= total.min()
    return total * 235 / total.max() + 10 + numbers.normal(0, 2, total.shape)


def save(path: Path, pixels: np.ndarray, **options) -> Path:
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, **options)
    return path


def again(path: Path, source: Path, **options) -> Path:
    Image.open(source).convert("RGB").save(path, **options)
    return path


def same(one: Path, other: Path) -> bool:
    """Whether two files under two labels are taken for one picture."""
    files = {"0": one, "1": other}
    labels = {"0": Counter(a=1), "1": Counter(b=1)}
    found = copies.judge(labels, Counter(), [("0", "1", True)], files.__getitem__)
    return len(found.same) == 1


@pytest.mark.parametrize("quality", [20, 40, 60, 75, 85, 92, 98])
@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_a_picture_saved_again_is_the_same(tmp_path, kind, quality):
    for seed in range(8):
        options = {} if kind == "png" else {"quality": 95}
        first = save(tmp_path / f"first.{kind}", photo(seed), **options)
        second = again(tmp_path / "second.jpg", first, quality=quality)
        assert same(first, second)
        assert same(second, first)


def test_a_picture_saved_at_the_same_quality_or_without_loss_is_the_same(tmp_path):
    for seed in range(8):
        first = save(tmp_path / "first.jpg", photo(seed), quality=80)
        assert same(first, again(tmp_path / "second.jpg", first, quality=80))
        assert same(first, again(tmp_path / "second.png", first))


@pytest.mark.parametrize(("one", "other"), [(None, None), (95, 95), (80, 80), (95, 75), (None, 85), (60, 60)])
def test_two_shots_are_never_the_same(tmp_path, one, other):
    def saved(name: str, pixels: np.ndarray, quality: int | None) -> Path:
        if quality is None:
            return save(tmp_path / f"{name}.png", pixels)
        return save(tmp_path / f"{name}.jpg", pixels, quality=quality)

    for seed in range(8):
        numbers = np.random.default_rng(seed)
        scene = photo(seed)
        shots = [scene + numbers.normal(0, 3, scene.shape) for _ in range(2)]
        assert not same(saved("one", shots[0], one), saved("other", shots[1], other))
        marked = shots[0].copy()
        marked[40:60, 80:82] -= 50
        assert not same(saved("one", shots[0], one), saved("other", marked, other))


@pytest.mark.parametrize("quality", [None, 90, 75])
def test_a_hairline_crack_in_a_noiseless_shot_is_enough(tmp_path, quality):
    ending, options = ("jpg", {"quality": quality}) if quality else ("png", {})
    for seed in range(8):
        whole = np.clip(photo(seed), 40, 255)
        cracked = whole.copy()
        cracked[30:70, 80] -= 25
        one = save(tmp_path / f"whole.{ending}", whole, **options)
        assert not same(one, save(tmp_path / f"cracked.{ending}", cracked, **options))
        assert not same(one, again(tmp_path / "other.jpg", tmp_path / f"cracked.{ending}", quality=60))


def test_another_size_or_brightness_is_not_the_same(tmp_path):
    first = save(tmp_path / "first.png", photo(1))
    half = tmp_path / "half.png"
    Image.open(first).resize((80, 60)).save(half)
    assert not same(first, half)
    assert not same(first, save(tmp_path / "brighter.png", photo(1) + 12))


def test_a_file_that_is_gone_is_not_the_same(tmp_path):
    first = save(tmp_path / "first.png", photo(1))
    assert not same(first, tmp_path / "gone.png")


def no_file(sha256: str) -> Path:
    raise AssertionError("nothing is to be read")


def test_near_copies_bind_unless_they_span_classes_or_hold_over_a_tenth_of_one():
    labels = {f"a{n}": Counter(a=1) for n in range(40)} | {f"b{n}": Counter(b=1) for n in range(15)}

    def series(*members: str) -> list[list[str]]:
        pairs = [(one, other, False) for one, other in itertools.pairwise(members)]
        found = copies.judge(labels, Counter(a=40, b=15), pairs, no_file)
        bound = [group for group in found.bound if len(group) > 1]
        assert len(bound) + len(found.series) == 1
        return found.series

    assert series("a0", "a1", "a2", "a3") == []
    assert series("a0", "a1", "a2", "a3", "a4") == [["a0", "a1", "a2", "a3", "a4"]]
    assert series("b0", "b1") == []  # two of fifteen can always stand on one side
    assert series("b0", "b1", "b2") == [["b0", "b1", "b2"]]
    assert series("a0", "b0") == [["a0", "b0"]]
