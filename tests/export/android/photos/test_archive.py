"""Zips of photos, honest and hostile."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from export.android.photos import archive, folder
from export.bundle import bundle
from pipeline.core import runs
from pipeline.core.errors import DataError
from pipeline.core.progress import ProgressReporter
from tests.support.app_folder import SESSION, take
from tests.support.small_models import LABELS

NAME = f"{SESSION}/20261124-101500-000.png"


@pytest.fixture
def shared(workplace, small_bundles, draw) -> Path:
    """A zip as the app's “Share all” writes it: two photos of one session."""
    found = bundle.read(small_bundles["int8"])
    for number in range(2):
        take(workplace / "walk", number, draw(90, 70, seed=number), found, LABELS[number])
    return packed(workplace / "vignette photos.zip", workplace / "walk")


def packed(to: Path, root: Path) -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(root.rglob("*.*")):
            opened.write(path, path.relative_to(root).as_posix())
    return to


def holding(to: Path, *entries: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in entries:
            opened.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return to


def unpacked(path: Path) -> archive.Pulled:
    return archive.unpack(path, ProgressReporter())


def test_a_zip_of_the_app_is_read_as_its_folder_is(shared, workplace):
    found = unpacked(shared)
    assert found.folder == runs.PULLED / "vignette-photos"
    assert (found.sessions, found.new, found.changed) == (1, 4, 0)
    assert folder.read(found.folder, LABELS).photos == folder.read(workplace / "walk", LABELS).photos


def test_only_a_newer_label_changes_what_is_there_already(shared, workplace):
    unpacked(shared)
    record = min((workplace / "walk").rglob("*.json"))
    record.write_text(record.read_text("utf-8").replace(f'"label": "{LABELS[0]}"', '"label": null'), "utf-8")
    again = unpacked(packed(shared, workplace / "walk"))
    assert (again.new, again.changed) == (0, 1)


def test_another_phones_picture_of_the_same_name_is_refused(shared, tmp_path):
    kept = unpacked(shared).folder / NAME
    before = kept.read_bytes()
    other = holding(tmp_path / "vignette photos.zip", (NAME, b"other"))
    with pytest.raises(DataError, match=f"entry '{NAME}': a different picture from {kept}") as refused:
        unpacked(other)
    assert "rename it" in refused.value.hint
    assert kept.read_bytes() == before


@pytest.mark.parametrize(
    "name",
    [
        "../out.png",
        "a/../../out.png",
        "/out.png",
        "a\\..\\out.png",
        "C:/out.png",
        "a/..",
        "a/b/c/d.png",
        "a//b.png",
        ".",
        "a/.",
    ],
)
def test_an_entry_that_leads_out_of_the_folder_is_refused(workplace, name):
    path = holding(workplace / "bad.zip", (NAME, b"first"), (name, b"x"))
    with pytest.raises(DataError, match=r"bad\.zip, entry '.*': its name leads out of the folder") as refused:
        unpacked(path)
    assert "Share all" in refused.value.hint
    assert not runs.PULLED.exists()
    assert not (workplace.parent / "out.png").exists()


def test_absurd_sizes_are_refused_before_anything_is_written(workplace, monkeypatch):
    bomb = holding(workplace / "bomb.zip", *((f"{n}.png", bytes(1 << 20)) for n in range(3)))
    with pytest.raises(DataError, match=r"bomb\.zip: its [\d,]+ bytes would unpack to 3,145,728"):
        unpacked(bomb)
    monkeypatch.setattr(archive, "_MOST_FILE_BYTES", 1000)
    with pytest.raises(DataError, match=r"entry '0\.png': 1,048,576 bytes; at most 1,000 are read"):
        unpacked(bomb)
    monkeypatch.setattr(archive, "_MOST_FILES", 2)
    with pytest.raises(DataError, match="3 files; at most 2 are read"):
        unpacked(bomb)
    assert not runs.PULLED.exists()


def test_an_entry_that_is_larger_than_it_says_is_damaged(workplace):
    path = holding(workplace / "liar.zip", (NAME, b"0123456789" * 100))
    data = bytearray(path.read_bytes())
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (10).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(DataError, match=f"entry '{NAME}': it is damaged"):
        unpacked(path)


def test_damaged_bytes_are_named_however_they_were_packed(workplace):
    for kind in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path = workplace / "broken.zip"
        with zipfile.ZipFile(path, "w", kind) as opened:
            opened.writestr(zipfile.ZipInfo(NAME), bytes(range(256)), kind)
        data = bytearray(path.read_bytes())
        begin = data.index(NAME.encode()) + len(NAME)
        data[begin + 9 : begin + 40] = b"\xff" * 31
        path.write_bytes(data)
        with pytest.raises(DataError, match=f"entry '{NAME}': it is damaged"):
            unpacked(path)


def test_an_entry_without_a_name_is_refused(workplace):
    path = workplace / "bad.zip"
    with zipfile.ZipFile(path, "w") as opened:
        nameless = zipfile.ZipInfo()
        nameless.filename = ""
        opened.writestr(nameless, b"x", zipfile.ZIP_STORED)
    with pytest.raises(DataError, match="entry '': its name leads out of the folder"):
        unpacked(path)


def test_an_encrypted_entry_and_one_that_is_there_twice_are_named(workplace):
    path = holding(workplace / "locked.zip", (NAME, b"x"))
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=f"entry '{NAME}': it is encrypted"):
        unpacked(path)
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = holding(workplace / "twice.zip", (NAME, b"x"), (NAME, b"y"))
    with pytest.raises(DataError, match=f"entry '{NAME}': it is in the zip twice"):
        unpacked(path)


def test_what_is_no_zip_or_was_cut_off_is_said(shared, workplace):
    (workplace / "notes.txt").write_text("sunny", "utf-8")
    with pytest.raises(DataError, match=re.escape("notes.txt: cannot be read as a zip")):
        unpacked(workplace / "notes.txt")
    shared.write_bytes(shared.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"vignette photos\.zip: cannot be read as a zip"):
        unpacked(shared)


def test_hidden_files_that_other_programs_pack_are_skipped(workplace):
    path = holding(
        workplace / "mac.zip", (NAME, b"x"), (f"__MACOSX/{SESSION}/._a.png", b"y"), (".DS_Store", b"z")
    )
    found = unpacked(path)
    assert [p.name for p in found.folder.rglob("*.*") if p.is_file()] == [Path(NAME).name]
