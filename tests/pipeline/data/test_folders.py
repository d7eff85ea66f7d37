"""Pictures from folders: which are classes, which parts of a split, and what is passed over."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pipeline.data.dataset import scan
from pipeline.data.folders import Excluded
from tests.support.tables import reasons, refused


def test_given_train_and_test_folders_are_kept_and_val_joins_train(tmp_path, make_data_set):
    for part, seed in (("train", 0), ("val", 100), ("test", 200)):
        make_data_set(tmp_path / part, {"cat": 2, "dog": 2}, first_seed=seed)
    table = scan(tmp_path)
    assert table.labels == ("cat", "dog")
    assert {p.path.split("/")[0]: p.given_split for p in table.pictures} == {
        "train": "train",
        "val": "train",
        "test": "held_out",
    }


def test_train_and_val_alone_leave_the_held_out_set_to_be_drawn(tmp_path, make_data_set):
    for part, seed in (("train", 0), ("val", 100)):
        make_data_set(tmp_path / part, {"cat": 2, "dog": 2}, first_seed=seed)
    table = scan(tmp_path)
    assert {p.given_split for p in table.pictures} == {""}
    assert len(table.pictures) == 8


def test_an_empty_class_is_refused_by_name(two):
    (two / "bird").mkdir()
    error = refused(two)
    assert "class bird is empty" in error.message
    assert error.hint == f"add pictures to it, or move the folder out of {two}"


def test_a_class_with_nothing_but_other_files_is_empty(two):
    (two / "bird").mkdir()
    (two / "bird" / "notes.txt").write_text("none yet", "utf-8")
    assert "class bird is empty" in refused(two).message


def test_an_empty_class_in_one_part_of_a_given_split_is_refused(tmp_path, make_data_set):
    for part in ("train", "test"):
        make_data_set(tmp_path / part, {"cat": 2, "dog": 2})
    (tmp_path / "test" / "bird").mkdir()
    assert "class bird is empty" in refused(tmp_path).message


def test_an_empty_folder_is_refused(tmp_path):
    error = refused(tmp_path)
    assert "no pictures found" in error.message
    assert "FOLDER/CLASS/picture.jpg" in error.hint


def test_pictures_without_class_folders_are_refused(tmp_path, make_data_set):
    make_data_set(tmp_path, {".": 3})
    assert "no pictures found" in refused(tmp_path).message


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    error = refused(tmp_path / "nowhere")
    assert "nowhere: no such folder of pictures" in error.message
    assert error.hint


def test_foreign_and_hidden_files_are_listed_with_the_reason(two):
    (two / "cat" / "notes.txt").write_text("x", "utf-8")
    (two / "cat" / "README").write_text("x", "utf-8")
    (two / "cat" / ".hidden.png").write_bytes(b"x")
    (two / "dog" / ".thumbnails").mkdir()
    shutil.copy(two / "dog/000.png", two / "dog/.thumbnails/1.png")
    table = scan(two)
    assert reasons(table) == {
        "cat/.hidden.png": "a hidden file",
        "cat/README": "not a picture by name or content (no extension)",
        "cat/notes.txt": "not a picture by name or content (.txt)",
        "dog/.thumbnails": "a hidden folder",
    }
    assert {entry.kind for entry in table.excluded} == {"passed_over"}
    assert len(table.pictures) == 9


def test_pictures_of_nested_folders_belong_to_the_class_above(two, make_data_set):
    make_data_set(two / "cat" / "2024", {"trip": 3}, first_seed=500)
    make_data_set(two / "cat", {"2025": 2}, first_seed=600)
    table = scan(two)
    assert table.labels == ("cat", "dog")
    nested = ("cat/2024/trip/500.png", "cat/2024/trip/501.png", "cat/2024/trip/502.png")
    assert {p.path: p.label for p in table.pictures}.items() >= dict.fromkeys(nested, "cat").items()
    (note,) = table.notes
    assert (note.kind, len(note.pictures)) == ("nested", 5)


def test_a_link_to_a_folder_above_is_followed_once(two):
    (two / "cat" / "again").symlink_to(two / "cat")
    (two / "cat" / "dogs").symlink_to(two / "dog")
    table = scan(two)
    assert sum(p.label == "cat" for p in table.pictures) == 9
    assert reasons(table) == {"cat/again": "a link to a folder that is already read"}


def test_one_folder_around_all_classes_is_told_which_one_to_give(tmp_path, make_data_set):
    make_data_set(tmp_path / "archive", {"cat": 2, "dog": 2})
    assert refused(tmp_path).hint == f"if the folders in it are the classes, use {tmp_path / 'archive'}"


@pytest.mark.parametrize(
    ("parts", "given"),
    [
        (("Train", "Test"), {"Train": "train", "Test": "held_out"}),
        (("train", "valid"), {"train": "", "valid": ""}),
        (
            ("TRAINING", "Validation", "testing"),
            {"TRAINING": "train", "Validation": "train", "testing": "held_out"},
        ),
        (("training_set", "test_set"), {"training_set": "train", "test_set": "held_out"}),
        (("train",), {"train": ""}),
    ],
)
def test_splits_have_any_usual_name_and_are_said(tmp_path, make_data_set, parts, given):
    for number, part in enumerate(parts):
        make_data_set(tmp_path / part, {"cat": 2, "dog": 2}, first_seed=100 * number)
    table = scan(tmp_path)
    assert table.labels == ("cat", "dog")
    assert {p.path.split("/")[0]: p.given_split for p in table.pictures} == given
    (note,) = table.notes
    assert note.kind == "splits"
    assert all(f"{part}/ is " in note.detail for part in parts)


def test_a_class_may_be_called_like_a_split(tmp_path, make_data_set):
    table = scan(make_data_set(tmp_path, {"train": 3, "bus": 3, "Test": 3}))
    assert table.labels == ("Test", "bus", "train")
    assert {p.given_split for p in table.pictures} == {""}


def test_a_class_beside_a_split_is_refused_and_pictures_without_a_class_are_listed(tmp_path, make_data_set):
    make_data_set(tmp_path / "train", {"cat": 2, "dog": 2})
    make_data_set(tmp_path, {"test": 2}, first_seed=90)  # as competitions hand them out, unlabelled
    (tmp_path / "docs").mkdir()
    assert reasons(scan(tmp_path)) == {
        "docs": "a folder without pictures",
        "test/090.png": "outside the class folders, so it has no class",
        "test/091.png": "outside the class folders, so it has no class",
    }
    make_data_set(tmp_path, {"bird": 2}, first_seed=80)
    assert "bird/ is next to train/, val/ or test/, but is not part of a split" in refused(tmp_path).message


def test_parts_of_a_split_without_one_to_train_on_are_refused(tmp_path, make_data_set):
    for part in ("val", "test"):
        make_data_set(tmp_path / part, {"cat": 2, "dog": 2})
    assert "look like parts of a split, but there is no train/" in refused(tmp_path).message


def test_pipes_and_devices_are_passed_over(two):
    os.mkfifo(two / "cat" / "pipe.jpg")
    os.mkfifo(two / "cat" / "pipe")
    (two / "dog" / "endless.png").symlink_to("/dev/zero")
    why = "a pipe or a device, not a regular file"
    assert reasons(scan(two)) == {"cat/pipe.jpg": why, "cat/pipe": why, "dog/endless.png": why}


def test_the_first_bytes_decide_and_never_the_ending(two):
    shutil.copy(two / "cat/000.png", two / "cat/photo.HEIC")
    shutil.copy(two / "cat/001.png", two / "cat/photo.dat")
    shutil.copy(two / "cat/002.png", two / "cat/photo")
    names = {p.path for p in scan(two).pictures}
    assert names >= {"cat/photo.HEIC", "cat/photo.dat", "cat/photo"}


def test_files_that_are_no_pictures_cost_in_proportion(two, monkeypatch):
    """Counted, not timed: what is asked of the file system, and what the entries are compared with."""
    compared = []
    same = Excluded.__eq__
    monkeypatch.setattr(Excluded, "__eq__", lambda one, other: compared.append(1) or same(one, other))
    asked = []
    for name in ("stat", "open"):
        real = getattr(Path, name)
        monkeypatch.setattr(Path, name, lambda *a, real=real, **k: asked.append(1) or real(*a, **k))
    counts = []
    for files in (500, 2000):
        for number in range(files):
            (two / "cat" / f"{number}.txt").touch()
        asked.clear()
        assert len(scan(two).excluded) == files
        counts.append(len(asked))
    assert compared == []
    assert counts[1] <= 4.1 * counts[0]


def test_a_picture_beside_the_class_folders_is_listed(two):
    shutil.copy(two / "cat/000.png", two / "stray.png")
    assert "stray.png" in reasons(scan(two))


def test_a_picture_beside_the_class_folders_of_a_given_split_is_listed(tmp_path, make_data_set):
    for part in ("train", "test"):
        make_data_set(tmp_path / part, {"cat": 2, "dog": 2})
    shutil.copy(tmp_path / "train/cat/000.png", tmp_path / "test/stray.png")
    assert "test/stray.png" in reasons(scan(tmp_path))


def test_hidden_folders_are_no_classes(two):
    (two / ".cache").mkdir()
    assert scan(two).labels == ("cat", "dog")


def test_foreign_files_do_not_count_as_losses(two):
    for number in range(20):
        (two / "cat" / f"{number}.txt").write_text("x", "utf-8")
    assert len(scan(two).excluded) == 20


def test_endings_may_be_written_in_any_case(tmp_path, make_data_set):
    for suffix in (".JPG", ".jpeg", ".JPEG", ".Png", ".webp", ".gif", ".bmp", ".jfif"):
        make_data_set(tmp_path, {"cat": 1, "dog": 1}, suffix=suffix)
        (tmp_path / f"cat/000{suffix}").rename(tmp_path / f"cat/a b{suffix}")
    table = scan(tmp_path)
    assert len(table.pictures) == 16
    assert table.excluded == ()


def test_symbolic_links_are_followed_and_broken_ones_listed(two, tmp_path, make_data_set):
    elsewhere = make_data_set(tmp_path / "elsewhere", {"bird": 12})
    (two / "bird").symlink_to(elsewhere / "bird")
    (elsewhere / "bird" / "link.png").symlink_to(two / "cat/000.png")
    (elsewhere / "bird" / "broken.png").symlink_to(two / "cat/nowhere.png")
    table = scan(two)
    assert sum(p.label == "bird" for p in table.pictures) == 13
    assert reasons(table) == {"bird/broken.png": "cannot be opened: No such file or directory"}


def test_a_link_to_itself_is_listed(tmp_path, make_data_set):
    make_data_set(tmp_path, {"cat": 10, "dog": 10})
    (tmp_path / "cat" / "loop.png").symlink_to("loop.png")
    assert reasons(scan(tmp_path))["cat/loop.png"].startswith("cannot be opened: ")


def test_a_picture_without_permission_is_listed(powerless, make_data_set):
    def prepare(root: Path) -> None:
        make_data_set(root, {"cat": 10, "dog": 10})
        (root / "cat" / "000.png").chmod(0)

    table = scan(powerless(prepare))
    assert reasons(table) == {"cat/000.png": "cannot be opened: Permission denied"}


def test_a_class_without_permission_is_refused_by_name(powerless, make_data_set):
    def prepare(root: Path) -> None:
        make_data_set(root, {"cat": 3, "dog": 3})
        (root / "cat").chmod(0)

    assert "cat" in refused(powerless(prepare)).message


def test_a_folder_of_camera_raw_files_is_not_called_empty(tmp_path, make_data_set):
    make_data_set(tmp_path, {"cat": 9})
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog/DSC_0001.NEF").write_bytes(b"MM\0*\0\0\0\x08")
    assert "1 of 1 pictures of class dog cannot be used" in refused(tmp_path).message
