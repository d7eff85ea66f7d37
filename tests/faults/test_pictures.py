"""Pictures that cannot be trained on, and pictures that cannot be read."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from PIL import Image

from pipeline.core import runs, stages
from tests.support import verbs
from tests.support.commands import refused, rows_of, train, without_a_run
from tests.support.verbs import RUN

pytestmark = pytest.mark.slow


# Pictures that cannot be trained on.


def test_a_source_that_is_not_there_is_named(tmp_path):
    refused(
        train(tmp_path, source="nowhere"),
        2,
        "nowhere: no such file or folder",
        "give a configuration (.toml), a folder with a folder per class, or a table (.csv, .parquet)",
    )


def test_a_folder_of_pictures_that_is_not_there_is_named(tmp_path):
    (tmp_path / "mine.toml").write_text('[data]\npictures = "nowhere"\n')
    refused(
        train(tmp_path, source="mine.toml"),
        2,
        "nowhere: no such folder of pictures",
        "put the pictures there, one folder per class, or set data.pictures",
    )
    without_a_run(tmp_path)


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "notes.txt").write_text("no picture")
    refused(
        train(tmp_path),
        2,
        "pictures: no pictures found in class folders",
        "put them into one folder per class: FOLDER/CLASS/picture.jpg",
    )
    without_a_run(tmp_path)


def test_one_class_is_too_few(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 8})
    refused(
        train(tmp_path),
        2,
        "pictures: only one class, cat",
        "a classifier needs at least two: add a folder for another class",
    )
    without_a_run(tmp_path)


def test_an_empty_class_is_named(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 8, "dog": 8, "emu": 0})
    refused(
        train(tmp_path),
        2,
        "pictures/emu: class emu is empty",
        "add pictures to it, or move the folder out of pictures",
    )
    without_a_run(tmp_path)


def test_classes_that_differ_in_case_only_are_named(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"Cat": 8, "cat": 8, "dog": 8})
    refused(
        train(tmp_path),
        2,
        "pictures: classes Cat and cat differ only in case",
        "merge them, or rename one",
    )
    without_a_run(tmp_path)


def test_fewer_pictures_of_a_class_than_folds_and_one_are_too_few(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 8, "dog": 2})
    refused(
        train(tmp_path),
        2,
        "pictures: class dog has 2 pictures, 2 folds and a held-out set need 3",
        "add pictures to dog",
    )
    without_a_run(tmp_path)


def test_a_hint_to_use_fewer_folds_is_true(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 3, "dog": 3})
    ended = train(tmp_path, "--set", "train.folds=3")
    assert "fewer folds: --set train.folds=2" in ended.stderr
    from pipeline.core import config
    from pipeline.data import dataset, splits

    table = dataset.scan(tmp_path / "pictures")
    split = splits.make(runs.Run(tmp_path / "run"), table, config.load(tmp_path, ["train.folds=2"]))
    assert (len(split.train), len(split.held_out)) == (4, 2)


# Pictures that cannot be read.


def spoil(folder: Path, count: int) -> dict[str, str]:
    """Up to five bad pictures in a class; gives their names and the reason that is expected."""
    bad = {
        "unreadable.jpg": (b"no picture at all", "not a readable picture"),
        "truncated.png": (next(folder.glob("*.png")).read_bytes()[:400], "cannot be decoded"),
        "bomb.png": (bomb(), "20000x20000 pixels; the limit for PNG is 64,000,000"),
        "zero.bmp": (zero_pixels(), "a damaged BMP file"),
        "empty.jpg": (b"", "the file is empty"),
    }
    chosen = dict(list(bad.items())[:count])
    for name, (data, _) in chosen.items():
        (folder / name).write_bytes(data)
    return {f"{folder.name}/{name}": reason for name, (_, reason) in chosen.items()}


def bomb() -> bytes:
    """A small PNG that unfolds to 20,000 x 20,000 pixels."""
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    return file.getvalue()


def zero_pixels() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "BMP")
    data = bytearray(file.getvalue())
    data[18:22] = bytes(4)  # the width in the header
    return bytes(data)


def test_pictures_that_cannot_be_used_are_skipped_counted_and_listed(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 41, "dog": 20})
    expected = spoil(tmp_path / "pictures" / "cat", 4)
    said = verbs.fine(train(tmp_path))
    first = min(expected)
    assert f"4 files are excluded, listed in {RUN / stages.EXCLUDED}; the first: {first}: " in said
    assert "61 in 2 classes: cat 41, dog 20" in said
    listed = {row["path"]: row for row in rows_of(tmp_path / RUN / stages.EXCLUDED)}
    assert listed.keys() == expected.keys()
    for path, reason in expected.items():
        assert reason in listed[path]["reason"]
        assert listed[path]["label"] == "cat"
    used = {row["path"] for row in rows_of(tmp_path / RUN / stages.PICTURES)}
    assert not used & expected.keys()
    assert len(used) == 61


def test_over_a_tenth_of_a_class_that_cannot_be_used_is_an_error(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 41, "dog": 20})
    expected = spoil(tmp_path / "pictures" / "cat", 5)
    ended = train(tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(
        "error: pictures: 5 of 46 pictures of class cat cannot be used (more than 10%): "
    )
    assert ended.stderr.endswith(
        " ...\nhint: re-save them as JPEG, or continue without them: --allow-unreadable 11%\n"
    )
    assert sum(path in ended.stderr for path in expected) == 3
    assert "Traceback" not in ended.stderr
    without_a_run(tmp_path)
    said = verbs.fine(train(tmp_path, "--allow-unreadable", "11%"))
    assert "5 files are excluded" in said
    assert "allow_unreadable = 0.11\n" in (tmp_path / RUN / stages.CONFIG).read_text("utf-8")


def test_a_picture_beside_the_class_folders_is_not_lost_silently(tmp_path, make_data_set):
    root = make_data_set(tmp_path / "pictures", {"cat": 5, "dog": 5})
    shutil.copy(root / "cat" / "000.png", root / "stray.png")
    from pipeline.data import dataset

    assert [entry.path for entry in dataset.scan(root).excluded] == ["stray.png"]
