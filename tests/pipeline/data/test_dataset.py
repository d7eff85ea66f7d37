from __future__ import annotations

import os
import shutil
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core import config as configuration
from pipeline.core import runs, stages
from pipeline.core.errors import DataError, PictureError, RunError
from pipeline.core.runs import Run
from pipeline.data import changes, dataset, file_hashes, fingerprints, stored_table
from pipeline.data.dataset import Table, scan
from pipeline.data.folders import Excluded
from pipeline.data.pictures import Picture, Pictures
from pipeline.images import decode


@pytest.fixture
def two(tmp_path, make_data_set) -> Path:
    return make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 5})


def refused(source: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        scan(source)
    assert caught.value.exit_code == 2
    return caught.value


def table_file(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def reasons(table: Table) -> dict[str, str]:
    return {entry.path: entry.reason for entry in table.excluded}


@pytest.fixture
def run(workplace) -> Run:
    return Run(runs.RUNS / "first")


def test_a_folder_per_class(two):
    table = scan(two)
    assert table.labels == ("cat", "dog")
    assert [p.path for p in table.pictures] == [f"cat/{i:03d}.png" for i in range(4)] + [
        f"dog/{i:03d}.png" for i in range(5)
    ]
    assert table.excluded == ()
    first = table.pictures[0]
    assert (first.label, first.group, first.given_split, first.width, first.height) == ("cat", "", "", 48, 32)
    assert first.sha256 == decode.digest(table.file(first))


def test_unchanged_files_are_not_read_again(two, workplace, monkeypatch):
    monkeypatch.setattr(file_hashes, "_SETTLED_NS", 0)
    with fingerprints.open_cache() as cache:
        first = scan(two, cache=cache)
    shutil.copy(two / "cat/000.png", two / "cat/004.png")
    (two / "dog/001.png").write_bytes((two / "dog/002.png").read_bytes())
    read = []
    digest = decode.digest
    monkeypatch.setattr(decode, "digest", lambda path: read.append(path.name) or digest(path))
    with fingerprints.open_cache() as cache:
        second = scan(two, cache=cache)
    assert sorted(read) == ["001.png", "004.png"]
    assert len(second.pictures) == len(first.pictures) + 1
    assert {p.path: p.sha256 for p in second.pictures} == {
        p.path: digest(second.file(p)) for p in second.pictures
    }


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


def test_a_table_names_pictures_labels_groups_and_splits(two):
    lines = ["path,label,group,split", "dog/000.png,hound,g1,test", "dog/001.png,hound,,train"]
    lines += ["cat/000.png, cat ,g1,train", "cat/001.png,cat,,val", '"cat/002.png","cat","",test']
    table = scan(table_file(two, "\n".join(lines)))
    assert table.root == two
    assert [(p.path, p.label, p.group, p.given_split) for p in table.pictures] == [
        ("cat/000.png", "cat", "g1", "train"),
        ("cat/001.png", "cat", "", "train"),
        ("cat/002.png", "cat", "", "held_out"),
        ("dog/000.png", "hound", "g1", "held_out"),
        ("dog/001.png", "hound", "", "train"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_out_of_a_spreadsheet_is_read(two, encoding, end):
    text = end.join(["path,label", "cat/000.png,Kätzchen", "dog/000.png,犬", ""])
    assert scan(table_file(two, text, encoding)).labels == ("Kätzchen", "犬")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["file,label", "a.png,cat"], "the columns must be path and label"),
        (["path label", "a.png cat"], "Received: path label"),
        (["path,label,", "a.png,cat,x"], "Read as: path 'a.png', label 'cat', ? 'x'"),
        (["path,label,Label", "a.png,cat,dog"], "Received: path, label, label"),
        (["path;label", "a.png,cat"], "line 2: every row needs a path and a label"),
        (["path,label", "C:\\cats\\a.png,cat"], "line 2: a path must be relative to the table"),
        (["path,label", "a\0.png,cat"], "binary data, not a table"),
        (["path,label,mood", "a.png,cat,good"], "Received: path, label, mood"),
        ([], "Received: nothing"),
        (["path,label", "cat/000.png,cat", "cat/001.png"], "line 3: every row needs a path and a label"),
        (["path,label", ",cat"], "line 2: every row needs a path and a label"),
        (["path,label", "cat/000.png,"], "line 2: every row needs a path and a label"),
        (["path,label", "cat/000.png,cat,extra"], "line 2: every row needs a path and a label, and no more"),
        (
            ["path,label,split", "a.png,cat,train", "b.png,cat,dev"],
            "line 3: split must be train, val or test.",
        ),
        (["path,label", "../a.png,cat"], "line 2: a path must be relative to the table and stay below it"),
        (["path,label", "/pictures/../a.png,cat"], "line 2: a path must be relative to the table"),
        (["path,label", "s3://me:secret@a/b.png,cat"], "line 2: an address must have no password in it"),
        (["path,label,split", "a.png,cat,test", "b.png,cat,"], "some rows have a split and some have none"),
        (["path,label", "a.png,cat", "a.png,dog"], "a.png is listed twice"),
        (["path,label", "cat/000.png,cat"], "only one class, cat"),
        (["path,label"], "no pictures found"),
        (["path,label", '"cat/000.png,cat', "dog/000.png,dog"], "every row needs a path and a label"),
        (["path,label", 'cat/000.png,"cat', "dog/000.png,dog"], "control character"),
        (["path,label", 'cat/000.png,"' + "x" * 200_000], "table.csv"),
    ],
    ids=lambda value: value if isinstance(value, str) else "|".join(value)[:40],
)
def test_a_wrong_table_is_refused_with_the_line(two, rows, message):
    error = refused(table_file(two, "\n".join(rows)))
    assert message in error.message
    assert "table.csv" in error.message


EXCEL = [
    ("utf-8-sig", ","),  # “CSV UTF-8”
    ("cp1252", ";"),  # “CSV” of Windows in much of Europe
    ("utf-16", "\t"),  # “Unicode Text”
    ("utf-16-le", ","),
    ("utf-16-be", ";"),
    ("latin-1", "\t"),
    ("utf-8", "|"),
]


@pytest.mark.parametrize(("encoding", "mark"), EXCEL)
def test_a_table_is_read_in_every_form_of_a_spreadsheet(two, encoding, mark):
    lines = ["Path,LABEL , Group,,", "cat\\000.png, Kätzchen,g1,,", 'dog/000.png, "Hündin",,,', ",,,,", ""]
    text = "\r\n".join(lines).replace(",", mark)
    path = two / "table.txt"
    path.write_bytes(text.encode(encoding))
    table = scan(path)
    assert [(p.path, p.label, p.group) for p in table.pictures] == [
        ("cat/000.png", "Kätzchen", "g1"),
        ("dog/000.png", "Hündin", ""),
    ]


def test_excels_own_line_with_the_delimiter_is_no_row(two):
    text = "sep=;\r\npath;label\r\ncat/000.png;one, two\r\ndog/000.png;three\r\n"
    assert scan(table_file(two, text)).labels == ("one, two", "three")


def test_what_was_understood_of_an_ambiguous_table_is_said_with_the_line(two):
    text = "path,label\ndog/000.png,dog\ncat\\000.png,Kätzchen\n"
    notes = {note.kind: note for note in scan(table_file(two, text, "cp1252")).notes}
    assert notes["encoding"].detail == "read as Windows-1252: line 3 says “cat\\000.png,Kätzchen”"
    assert notes["backslashes"].detail == "line 3: cat\\000.png is cat/000.png"
    assert notes["backslashes"].pictures == ("cat/000.png",)


def test_a_backslash_that_is_part_of_a_name_stays(two):
    shutil.copy(two / "cat/000.png", two / "cat\\000.png")
    table = scan(table_file(two, "path,label\ncat\\000.png,cat\ndog/000.png,dog\n"))
    assert table.pictures[0].path == "cat\\000.png"
    assert table.notes == ()


def test_splits_of_a_table_have_any_usual_name(two):
    rows = [
        "cat/000.png,cat,Train",
        "cat/001.png,cat,VALID",
        "dog/000.png,dog,training",
        "dog/001.png,dog,Testing",
    ]
    table = scan(table_file(two, "\n".join(["path,label,split", *rows])))
    assert [p.given_split for p in table.pictures] == ["train", "train", "train", "held_out"]


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("pictures.zip", "pictures.zip is a zip archive", "unpack it and give the extracted folder"),
        ("table.csv", "table.csv is a zip archive", "unpack it"),
        ("table.xlsx", "table.xlsx is a workbook, not a table", "save it as “CSV UTF-8”"),
    ],
)
def test_an_archive_is_named_as_one(tmp_path, name, message, hint):
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("cat/1.jpg", b"x")
    for look in (scan, configuration.load):
        with pytest.raises(DataError) as caught:
            look(tmp_path / name)
        assert message in caught.value.message
        assert hint in caught.value.hint


def test_a_picture_that_the_table_names_and_nobody_has_is_listed(two):
    rows = [f"cat/{i:03d}.png,cat" for i in range(4)] + [f"dog/{i:03d}.png,dog" for i in range(5)]
    copies = [f"more/{i}.png,cat" for i in range(10)]
    (two / "more").mkdir()
    for i in range(9):
        shutil.copy(two / "cat/000.png", two / f"more/{i}.png")
    table = scan(table_file(two, "\n".join(["path,label", *rows, *copies])))
    assert reasons(table) == {"more/9.png": "cannot be opened: No such file or directory"}


@pytest.mark.parametrize(
    "names", [("قطة", "كلب"), ("猫", "犬"), ("big dog", "small cat"), ("été", "Ärger"), ("हिन्दी", "日本 語")]
)
def test_class_names_may_be_in_any_script(tmp_path, make_data_set, names):
    table = scan(make_data_set(tmp_path, dict.fromkeys(names, 2)))
    assert table.labels == tuple(sorted(unicodedata.normalize("NFC", name) for name in names))
    assert len(table.pictures) == 4


def test_labels_stand_in_the_order_of_their_code_points(tmp_path, make_data_set):
    table = scan(make_data_set(tmp_path, dict.fromkeys(("b", "Z", "ä", "a", "10", "9"), 1)))
    assert table.labels == ("10", "9", "Z", "a", "b", "ä")


def test_two_spellings_of_the_same_letters_are_one_class(tmp_path, make_data_set):
    composed, apart = unicodedata.normalize("NFC", "été"), unicodedata.normalize("NFD", "été")
    make_data_set(tmp_path, {composed: 2, "dog": 2})
    make_data_set(tmp_path, {apart: 3}, first_seed=50)
    if len(list(tmp_path.iterdir())) < 3:
        pytest.skip("this file system knows only one of the spellings")
    table = scan(tmp_path)
    assert table.labels == ("dog", composed)
    assert sum(p.label == composed for p in table.pictures) == 5
    assert all(table.file(p).is_file() for p in table.pictures)


@pytest.mark.parametrize("names", [("Cat", "cat"), ("STRASSE", "straße"), ("É", "é")])
def test_classes_that_differ_in_case_only_are_refused(tmp_path, names):
    path = table_file(tmp_path, f"path,label\na.png,{names[0]}\nb.png,{names[1]}\nc.png,third\n")
    error = refused(path)
    assert f"classes {names[0]} and {names[1]} differ only in case" in error.message
    assert error.hint == "merge them, or rename one"


def test_one_class_is_refused(tmp_path, make_data_set):
    error = refused(make_data_set(tmp_path, {"cat": 3}))
    assert "only one class, cat" in error.message
    assert "add a folder for another class" in error.hint


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


def test_a_pipe_or_a_device_in_a_table_is_listed(two):
    os.mkfifo(two / "pipe.jpg")
    rows = [f"{label}/{number:03d}.png,{label}" for label in ("cat", "dog") for number in range(4)]
    rows += [f"dog/{number:03d}.png,cat" for number in range(4, 5)]
    path = table_file(two, "\n".join(["path,label", *rows, "pipe.jpg,dog"]))
    assert scan(path, allowed=0.5).excluded[0].reason == (
        "cannot be opened: a pipe or a device, not a regular file"
    )


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


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("photo.jxl", b"\xff\x0aabc", "JPEG XL files are not supported; save it as JPEG or PNG"),
        ("photo.jpg", b"<?xml version='1.0'?><svg/>", "SVG files are not supported; save it as JPEG or PNG"),
        ("photo.dng", b"II*\0\x08\0\0\0CR\2\0", "a damaged TIFF file"),
        ("photo.heic", b"x", "not a readable picture; "),
    ],
)
def test_a_picture_of_a_format_that_is_not_read_is_named_with_the_remedy(
    tmp_path, make_data_set, name, content, reason
):
    make_data_set(tmp_path, {"cat": 9, "dog": 9})
    (tmp_path / "cat" / name).write_bytes(content)
    assert reasons(scan(tmp_path))[f"cat/{name}"].startswith(reason)


def test_up_to_ten_percent_of_a_class_may_be_unreadable(tmp_path, make_data_set):
    make_data_set(tmp_path, {"cat": 9, "dog": 9})
    (tmp_path / "cat" / "broken.jpg").write_bytes(b"not a picture")
    (tmp_path / "dog" / "empty.jpg").write_bytes(b"")
    table = scan(tmp_path)
    assert len(table.pictures) == 18
    assert reasons(table) == {
        "cat/broken.jpg": "not a readable picture; "
        "supported formats: JPEG, PNG, WebP, GIF, BMP, TIFF, JPEG 2000, AVIF, HEIC",
        "dog/empty.jpg": "the file is empty",
    }


def test_over_ten_percent_unreadable_is_an_error_that_lists_some(tmp_path, make_data_set):
    make_data_set(tmp_path, {"cat": 20, "dog": 30})
    for number in range(5):
        (tmp_path / "dog" / f"x{number}.jpg").write_bytes(b"")
    error = refused(tmp_path)
    assert "5 of 35 pictures of class dog cannot be used (more than 10%)" in error.message
    assert "dog/x0.jpg: the file is empty; dog/x1.jpg" in error.message
    assert error.message.endswith(" ...")
    assert error.hint == "re-save them as JPEG, or continue without them: --allow-unreadable 15%"
    assert len(scan(tmp_path, allowed=0.15).pictures) == 50


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


def test_what_was_decided_on_the_way_is_remarked(two):
    from PIL import Image

    Image.new("RGB", (8, 8)).save(two / "cat" / "p.png", icc_profile=b"rubbish")
    remarks = {p.path: p.remarks for p in scan(two).pictures}
    assert remarks.pop("cat/p.png") == "unusable colour profile; colours are read as sRGB"
    assert set(remarks.values()) == {""}


def test_progress_counts_every_picture(two):
    seen = []
    scan(two, progress=lambda stage, done, total: seen.append((stage, done, total)))
    assert seen == [("reading the pictures", n, 9) for n in range(1, 10)]


@pytest.mark.parametrize(
    "name",
    [
        "a,b.png",
        'quote".png',
        "line\nbreak.png",
        "return\rhere.png",
        "a;b 'c'.png",
        "tab\t.png",
        "日本.png",
        " .png",
    ],
)
def test_a_table_comes_back_as_it_was_saved(two, run, name):
    try:
        shutil.copy(two / "cat/000.png", two / "cat" / name)
        (two / "dog" / name.replace(".png", ".txt")).write_text("x", "utf-8")
    except OSError:
        pytest.skip("the file system allows no such name")
    table = scan(two)
    stored_table.save(run, table)
    assert f"cat/{name}" in {p.path for p in table.pictures}
    assert stored_table.load(run, two) == table
    assert stored_table.load(run, two).key == table.key


def test_a_file_name_that_is_no_unicode_is_no_accident(two, run):
    try:
        shutil.copy(two / "cat/000.png", os.fsencode(two / "cat") + b"/caf\xe9.png")
    except OSError:
        pytest.skip("the file system allows no such name")
    table = scan(two)
    assert len(table.pictures) + len(table.excluded) == 10
    assert table.key
    stored_table.save(run, table)
    assert stored_table.load(run, two) == table


def test_a_table_of_a_csv_comes_back_as_it_was_saved(two, run):
    path = table_file(two, "path,label,group,split\ncat/000.png,cat,g 1,train\ndog/000.png,dog,,test\n")
    table = scan(path)
    stored_table.save(run, table)
    assert stored_table.load(run, path) == table


def test_files_left_out_by_the_version_before_are_read(two, run):
    (two / "cat" / "notes.txt").write_text("x", "utf-8")
    stored_table.save(run, scan(two))
    path = run.path(stages.EXCLUDED)
    path.write_text("path,label,sha256,reason\ncat/notes.txt,cat,,not a picture\n", "utf-8")
    assert stored_table.load(run, two).excluded == (Excluded("cat/notes.txt", "cat", "", "not a picture"),)


def test_a_table_of_the_version_before_is_read(two, run):
    table = scan(table_file(two, "path,label,split\ncat/000.png,cat,train\ndog/000.png,dog,test\n"))
    table = replace(table, pictures=Pictures(p._replace(near_duplicates=p.sha256) for p in table.pictures))
    stored_table.save(run, table)
    path = run.path(stages.PICTURES)
    header, rows = path.read_text("utf-8").split("\n", 1)
    header = header.replace("given_split", "given").replace("near_duplicates", "twins")
    path.write_text(f"{header}\n{rows}", "utf-8")
    assert {"given", "twins"} <= {*header.split(",")}
    assert stored_table.load(run, two).pictures == table.pictures


def test_a_missing_or_damaged_table_is_a_run_error(two, run):
    with pytest.raises(RunError, match=r"pictures\.csv is missing") as caught:
        stored_table.load(run, two)
    assert caught.value.exit_code == 1
    stored_table.save(run, scan(two))
    path = run.path(stages.PICTURES)
    path.write_text(path.read_text("utf-8")[:-20], "utf-8")
    with pytest.raises(RunError, match=r"pictures\.csv is damaged"):
        stored_table.load(run, two)


def test_known_pictures_are_not_decoded_again(two, monkeypatch):
    (two / "cat" / "notes.txt").write_text("x", "utf-8")
    first = scan(two)
    (two / "cat/000.png").rename(two / "cat/renamed.png")
    opened = []
    examine = decode.examine
    monkeypatch.setattr(decode, "examine", lambda path: opened.append(path.name) or examine(path))
    shutil.copy(two / "cat/001.png", two / "cat/copy.png")
    again = scan(two, known=first)
    assert opened == []
    assert len(again.pictures) == 10
    assert {p.sha256: (p.width, p.height) for p in again.pictures} == {
        p.sha256: (p.width, p.height) for p in first.pictures
    }


def test_known_unreadable_pictures_keep_their_reason(tmp_path, make_data_set, monkeypatch):
    make_data_set(tmp_path, {"cat": 10, "dog": 10})
    (tmp_path / "cat" / "x.jpg").write_bytes(b"words")
    first = scan(tmp_path)
    monkeypatch.setattr(decode, "examine", lambda path: pytest.fail(f"{path} was decoded again"))
    assert scan(tmp_path, known=first) == first


def test_new_and_changed_pictures_are_decoded(two, make_data_set, monkeypatch):
    first = scan(two)
    opened = []
    examine = decode.examine
    monkeypatch.setattr(decode, "examine", lambda path: opened.append(path.name) or examine(path))
    make_data_set(two, {"cat": 1}, first_seed=700)
    shutil.copy(two / "cat/700.png", two / "dog/000.png")
    scan(two, known=first)
    assert sorted(opened) == ["000.png", "700.png"]


def test_the_key_tells_every_change_that_training_sees(two, make_data_set):
    before = scan(two).key
    assert scan(two).key == before
    make_data_set(two, {"cat": 1}, first_seed=700)
    added = scan(two).key
    (two / "cat/700.png").rename(two / "cat/701.png")
    renamed = scan(two).key
    (two / "cat/701.png").rename(two / "dog/701.png")
    assert len({before, added, renamed, scan(two).key}) == 4


def test_compare_counts_what_was_added_removed_and_changed(two, make_data_set):
    before = scan(two)
    assert str(changes.compare(before, scan(two))) == ""
    make_data_set(two, {"cat": 2}, first_seed=700)
    (two / "dog/000.png").unlink()
    shutil.copy(two / "cat/700.png", two / "dog/001.png")
    change = changes.compare(before, scan(two))
    assert change == changes.Change(added=2, removed=1, changed=1)
    assert str(change) == "2 added, 1 removed, 1 changed"


def test_a_picture_in_another_class_or_under_another_name_is_neither_added_nor_removed(two):
    before = scan(two)
    (two / "cat/000.png").rename(two / "dog/from-cat.png")
    (two / "cat/001.png").rename(two / "cat/renamed.png")
    assert str(changes.compare(before, scan(two))) == "1 relabelled, 1 renamed"


def test_rows_of_a_table_that_were_edited_are_told_apart(two):
    table = two / "table.csv"
    rows = [f"{path.relative_to(two).as_posix()},{path.parent.name},a" for path in sorted(two.rglob("*.png"))]
    table.write_text("\n".join(["path,label,group", *rows]), "utf-8")
    before = scan(table)
    rows[0], rows[1] = rows[0].replace(",cat,", ",dog,"), rows[1].replace(",a", ",b")
    table.write_text("\n".join(["path,label,group", *rows]), "utf-8")
    assert str(changes.compare(before, scan(table))) == "1 relabelled, 1 regrouped"
    moment = table.stat().st_mtime
    assert str(changes.changed_since(before, table, moment)) == "1 relabelled, 1 regrouped"


def test_what_changed_since_a_moment_is_found_by_reading_newer_files_alone(two, monkeypatch):
    before, moment = scan(two), (two / "cat/000.png").stat().st_mtime + 60
    assert not changes.changed_since(before, two, moment)
    shutil.copy(two / "cat/000.png", two / "cat/001.png")
    os.utime(two / "cat/001.png", (moment + 1, moment + 1))
    os.utime(two / "dog/001.png", (moment + 1, moment + 1))
    (two / "dog/000.png").rename(two / "cat/from-dog.png")
    read = []
    digest = decode.digest
    monkeypatch.setattr(decode, "digest", lambda path: read.append(path.name) or digest(path))
    assert str(changes.changed_since(before, two, moment)) == "1 changed, 1 relabelled"
    assert sorted(read) == ["001.png", "001.png", "from-dog.png"]


def test_a_picture_that_memory_did_not_suffice_for_is_looked_at_again(two, workplace, monkeypatch):
    examine = decode.examine

    def short_of_memory(path: Path):
        if path.name == "000.png" and path.parent.name == "cat":
            raise PictureError(f"{path}: cannot be decoded") from MemoryError()
        return examine(path)

    monkeypatch.setattr(decode, "examine", short_of_memory)
    first = dataset.scan(two, allowed=1)
    assert [entry.path for entry in first.excluded] == ["cat/000.png"]
    monkeypatch.setattr(decode, "examine", examine)
    assert scan(two, first).excluded == ()


def test_check_unchanged_names_what_was_changed_or_removed(two):
    table = scan(two)
    stored_table.check_unchanged(table, table.pictures)
    shutil.copy(two / "cat/001.png", two / "cat/000.png")
    with pytest.raises(DataError, match=r"cat/000\.png has changed since the training") as caught:
        stored_table.check_unchanged(table, table.pictures)
    assert caught.value.hint == "train again to see what changed"
    stored_table.check_unchanged(table, table.pictures[1:])
    (two / "cat/000.png").unlink()
    with pytest.raises(DataError, match=r"cat/000\.png: No such file"):
        stored_table.check_unchanged(table, table.pictures)


def test_tables_do_not_depend_on_the_order_on_disk(tmp_path, make_data_set):
    one = make_data_set(tmp_path / "one", {"cat": 5, "dog": 5})
    other = tmp_path / "other"
    for path in sorted(one.rglob("*.png"), reverse=True):
        target = other / path.relative_to(one)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    assert scan(one).pictures == scan(other).pictures
    assert scan(one).key == scan(other).key


def test_pictures_and_left_out_are_values():
    assert Picture("a", "b", "", "", "0", 1, 1) == Picture("a", "b", "", "", "0", 1, 1)
    assert Excluded("a", "b", "", "r") != Excluded("a", "b", "", "other")
