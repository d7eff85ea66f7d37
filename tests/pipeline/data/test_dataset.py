"""Pictures are read into one table, in one order, with a reason for each that is left out."""

from __future__ import annotations

import os
import shutil
import unicodedata
import zipfile
from pathlib import Path

import pytest

from pipeline.core import config as configuration
from pipeline.core.errors import DataError, PictureError
from pipeline.data import dataset, file_hashes, fingerprints
from pipeline.data.dataset import scan
from pipeline.data.folders import Excluded
from pipeline.data.pictures import Picture
from pipeline.images import decode
from tests.support.tables import reasons, refused, table_file


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


def test_pictures_dated_before_1970_are_read_and_not_read_again(two, workplace, monkeypatch):
    monkeypatch.setattr(file_hashes, "_SETTLED_NS", 0)
    os.utime(two / "cat/000.png", (-315_000_000, -315_000_000))
    with fingerprints.open_cache() as cache:
        assert len(scan(two, cache=cache).pictures) == 9
    monkeypatch.setattr(decode, "digest", lambda path: pytest.fail(f"{path} is read again"))
    with fingerprints.open_cache() as cache:
        assert len(scan(two, cache=cache).pictures) == 9


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


RAW = "camera raw files are not supported; save it as JPEG or PNG"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("photo.CR3", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", RAW),
        ("photo.nef", b"MM\0*\0\0\0\x08", "a damaged TIFF file"),
        ("photo.orf", b"IIRO\x08\0\0\0", RAW),
        ("photo.raf", b"FUJIFILMCCD-RAW 0201", RAW),
        ("photo.rw2", b"IIU\0\x18\0\0\0", RAW),
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
