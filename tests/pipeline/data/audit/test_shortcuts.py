"""Planted shortcuts are named; pictures without one raise no alarm."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core import config as configuration
from pipeline.core import runs, stages
from pipeline.core.runs import Run
from pipeline.data import dataset, fingerprints
from pipeline.data.audit import separability, shortcuts
from pipeline.data.audit.shortcuts import Shortcuts, SmallClass
from pipeline.data.dataset import Table
from pipeline.data.pictures import Picture, Pictures

EACH = 60


def made(root: Path, draw, change=None, *, save=None, each: int = EACH) -> Path:
    """Two classes of pictures of one kind; `change` and `save` do something to those of class b."""
    for label in "ab":
        (root / label).mkdir(parents=True)
        for number in range(each):
            pixels = np.maximum(draw(120, 80, 1000 * (label == "b") + number), 48)
            if label == "b" and change:
                pixels = change(pixels)
            options = save if label == "b" and save else {"quality": 90}
            Image.fromarray(pixels).save(root / label / f"{number:03d}.jpg", **options)
    return root


def measured(root: Path) -> Shortcuts:
    with fingerprints.open_cache() as cache:
        table = dataset.scan(root, cache=cache)
        return shortcuts.measure(table, cache, seed=0)


def alarms(root: Path) -> dict[str, str]:
    found = measured(root)
    named = [row.name for row in found.families if row.alarm]
    return dict(zip(named, found.alarms, strict=True))


def test_pictures_without_a_shortcut_raise_no_alarm(workplace, draw):
    found = measured(made(Path("plain"), draw))
    assert found.n == 2 * EACH
    assert [row.name for row in found.families] == list(shortcuts.FAMILIES)
    assert found.alarms == []
    for row in found.families:
        low, high = row.interval
        assert low <= row.balanced_accuracy <= high
        if row.name not in ("border_pixels", "colours", "borders"):
            assert row.balanced_accuracy == pytest.approx(0.5, abs=0.12)


def test_a_planted_jpeg_quality_is_named(workplace, draw):
    found = alarms(made(Path("saved"), draw, save={"quality": 70}))
    assert found == {
        "quality": "the classes can be told apart by JPEG quality alone "
        "(balanced accuracy 1.00, chance 0.50): a mostly 90, b mostly 70. The classifier may learn that "
        "instead of the content; re-save all classes with the same program at the same quality"
    }


def test_planted_bars_are_named(workplace, draw):
    def letterboxed(pixels):
        pixels = pixels.copy()
        pixels[:12] = pixels[-12:] = 0
        return pixels

    found = alarms(made(Path("barred"), draw, letterboxed))
    assert set(found) == {"bars", "borders"}
    assert found["bars"].startswith(
        "the classes can be told apart by black bars alone (balanced accuracy 1.00, chance 0.50): "
        "a 0% with them, b 100% with them."
    )
    assert found["bars"].endswith("crop the bars of all classes")


@pytest.mark.slow
def test_a_planted_white_border_is_named(workplace, draw):
    def framed(pixels):
        return np.pad(pixels[6:-6, 6:-6], ((6, 6), (6, 6), (0, 0)), constant_values=250)

    assert set(alarms(made(Path("framed"), draw, framed))) == {"borders"}


@pytest.mark.slow
def test_a_planted_shape_and_a_planted_format_are_named(workplace, draw):
    found = alarms(made(Path("shaped"), draw, lambda pixels: pixels[:, :80]))
    assert set(found) == {"shape"}
    assert "a mostly 120x80, b mostly 80x80" in found["shape"]
    found = alarms(made(Path("formats"), draw, save={"format": "PNG"}))
    assert set(found) == {"quality", "format"}
    assert "a mostly JPEG, b mostly PNG" in found["format"]


def test_a_mark_on_one_class_of_five_is_named_with_the_class(workplace, draw):
    for label in "abcde":
        folder = Path("five", label)
        folder.mkdir(parents=True)
        for number in range(40):
            pixels = np.maximum(draw(96, 72, number + 100 * ord(label)), 48)
            Image.fromarray(pixels).save(folder / f"{number}.jpg", quality=55 if label == "d" else 90)
    (alarm,) = alarms(Path("five")).values()
    assert " (and 3 more pairs of classes) can be told apart by JPEG quality alone (" in alarm
    # Of the classes only those two are told of.
    assert re.search(
        r" 1\.00, chance 0\.50\): [abce] mostly 90, d mostly 55\. |d mostly 55, e mostly 90\. ", alarm
    )


def test_a_pair_of_classes_is_told_apart_only_well_above_chance():
    numbers = np.random.default_rng(1)
    truth = np.repeat([0, 1, 2], 200)
    predictions = numbers.random((600, 3)) * 0.1
    assert separability.told_apart(truth, predictions) == ([], 0)
    predictions[truth == 0, 0] += 1  # 0 is always right; 1 and 2 are guessed, but never taken for 0
    predictions[truth != 0, 0] -= 1
    found, count = separability.told_apart(truth, predictions)
    assert count == 2
    assert [pair[:2] for pair in found] == [(0, 1), (0, 2)]
    assert all(score == 1 and 0.95 < low < 1 for *_, score, low in found)
    # Undecided answers are half right, and a handful of pictures proves nothing.
    assert separability.told_apart(truth, np.full((600, 3), 1 / 3)) == ([], 0)
    assert separability.told_apart(np.array([0, 1]), np.eye(2)) == ([], 0)


def test_colours_are_shown_and_raise_no_alarm(workplace, make_data_set):
    """They belong to the content: a lemon is yellow."""
    found = measured(make_data_set(Path("hues"), {"red": 40, "green": 40}))
    families = {row.name: row for row in found.families}
    assert families["colours"].interval[0] > 0.7
    assert not families["colours"].alarm
    assert not families["border_pixels"].alarm


def test_the_number_of_bytes_is_not_looked_at():
    assert "bytes" not in fingerprints.FACTS.names
    assert not {name for name in fingerprints.FACTS.names if "size" in name}


def test_few_pictures_tell_nothing_and_that_is_said(workplace, draw):
    found = measured(made(Path("few"), draw, each=6))
    assert found.families == ()
    assert found.not_measured == "needs 10 pictures of each of two classes or more"
    assert found.alarms == []
    assert found.limits == "not measured: needs 10 pictures of each of two classes or more"


def sketched(workplace: Path, rows: list[Picture], quality_of) -> Shortcuts:
    """What is measured of pictures that exist as sketches alone; JPEG quality is what may tell them apart."""
    with fingerprints.open_cache() as cache:
        for row in rows:
            facts, views = np.zeros(1, fingerprints.FACTS), np.zeros(1, fingerprints.VIEWS)
            facts["sha256"] = np.void(bytes.fromhex(row.sha256))
            facts["width"], facts["height"], facts["file_format"] = 96, 72, b"JPEG"
            facts["quality"] = quality_of(row)
            cache.add(facts, views)
        table = Table(workplace, tuple(sorted({row.label for row in rows})), Pictures(rows), ())
        return shortcuts.measure(table, cache, seed=0)


def rows_of(counts: dict[str, int], group_of=lambda label, number: "") -> list[Picture]:
    return [
        Picture(name, label, group_of(label, number), "", hashlib.sha256(name.encode()).hexdigest(), 96, 72)
        for label, count in counts.items()
        for number in range(count)
        for name in [f"{label}/{number}.jpg"]
    ]


def noise(row: Picture) -> int:
    return 80 + int(row.sha256[:2], 16) % 10


@pytest.mark.slow
def test_a_hundred_and_fifty_classes_are_measured_by_a_sample_of_each(workplace):
    rows = rows_of({f"c{number:03d}": 40 for number in range(150)})
    found = sketched(workplace, rows, lambda row: 40 if row.label == "c007" else noise(row))
    assert found.n == shortcuts.MOST
    (quality,) = [row for row in found.families if row.alarm]
    assert quality.name == "quality"
    assert all("c007" in pair.classes for pair in quality.told_apart)
    assert found.limits == ""


def test_a_rare_class_is_left_out_of_the_check_and_named(workplace):
    rows = rows_of({"common": 3000, "other": 60, "rare": 7})
    found = sketched(workplace, rows, lambda row: 40 if row.label == "other" else noise(row))
    assert [row.name for row in found.families if row.alarm] == ["quality"]
    assert found.n == shortcuts.MOST
    assert found.too_small == {"rare": SmallClass(pictures=7, groups=7)}
    assert found.limits == "not measured for rare (7 pictures): needs 10 pictures of a class"


def test_a_class_that_is_one_group_cannot_be_asked_about(workplace):
    rows = rows_of({"a": 40, "b": 40, "c": 40}, lambda label, number: "session" if label == "c" else "")
    found = sketched(workplace, rows, noise)
    assert found.limits == (
        "not measured for c (40 pictures, all one group): needs 10 pictures of a class, from 2 groups"
    )
    rows = rows_of({"a": 40, "b": 40}, lambda label, number: label)
    found = sketched(workplace, rows, noise)
    assert found.families == ()
    assert found.not_measured == "needs 10 pictures of each of two classes or more, from 2 groups"


def test_pictures_of_one_group_are_never_learned_from_and_asked_about(workplace):
    """Each session has a quality of its own: known, it tells the class; of the next one it tells nothing."""
    rows = rows_of({"a": 240, "b": 240}, lambda label, number: f"{label}{number // 40}")
    order = np.random.default_rng(3).permutation(12)

    def quality(row: Picture) -> int:
        return 50 + int(order[int(row.path[2:-4]) // 40 + 6 * (row.label == "b")])

    assert sketched(workplace, rows, quality).alarms == []
    alone = [row._replace(group="") for row in rows]
    assert len(sketched(workplace, alone, quality).alarms) == 1


def test_a_few_groups_prove_less_than_as_many_pictures():
    truth, predictions = np.repeat([0, 1], 40), np.repeat(np.eye(2), 40, axis=0)
    ((*_, alone),), _ = separability.told_apart(truth, predictions)
    ((*_, grouped),), _ = separability.told_apart(truth, predictions, np.arange(80) // 8)
    assert grouped < alone
    assert separability.told_apart(truth, predictions, np.arange(80) // 20) == ([], 0)


def test_of_thousands_of_pairs_that_are_told_apart_the_clearest_are_named():
    truth = np.repeat(np.arange(60), 40)
    predictions = np.eye(60)[truth]
    predictions[truth >= 40] += np.random.default_rng(6).random((800, 60)) * 3  # less clear
    pairs, count = separability.told_apart(truth, predictions)
    assert len(pairs) == 100
    assert count > 40 * 39 / 2
    assert all(max(one, other) < 40 for one, other, *_ in pairs)


def test_chance_raises_no_alarm_among_thousands_of_pairs():
    numbers = np.random.default_rng(5)
    truth = np.repeat(np.arange(150), 12)
    assert separability.told_apart(truth, numbers.random((1800, 150))) == ([], 0)


def test_the_measure_is_kept_and_repeated_only_for_other_pictures(workplace, draw):
    root, run = made(Path("kept"), draw, each=12), Run(runs.RUNS / "kept")
    config = configuration.load(root)

    def make():
        with fingerprints.open_cache() as cache:
            return shortcuts.make(run, dataset.scan(root, cache=cache), cache, config.seed)

    first = make()
    before = run.path(stages.SHORTCUTS).stat().st_mtime_ns
    assert make() == first
    assert run.path(stages.SHORTCUTS).stat().st_mtime_ns == before
    (root / "a" / "000.jpg").unlink()
    assert make().n == 23


def test_balanced_accuracy_is_that_of_scikit_learn():
    from sklearn.metrics import balanced_accuracy_score, confusion_matrix

    numbers = np.random.default_rng(0)
    truth, answer = numbers.integers(0, 3, 200) ** 2 % 3, numbers.integers(0, 3, 200)
    truth[:3] = range(3)
    expected = balanced_accuracy_score(truth, answer)
    assert separability.balanced_accuracy_of(confusion_matrix(truth, answer)) == pytest.approx(expected)
    assert separability.balanced_accuracy_of(np.zeros((2, 2))) == 0
