from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from export.android.photos import folder
from export.android.photos.folder import OUT_OF_SCOPE, PhotoFolder
from export.bundle import bundle
from pipeline.core.errors import DataError
from tests.support import app_folder
from tests.support.app_folder import NONE, SESSION, take
from tests.support.small_models import LABELS


@pytest.fixture
def root(tmp_path, small_bundles, draw) -> Path:
    """Six photos of two sessions: three labelled, one none of them, two that nobody has looked at."""
    found = bundle.read(small_bundles["int8"])
    truths = [LABELS[0], LABELS[1], LABELS[2], NONE, app_folder.NOBODY_SAID, app_folder.NOBODY_SAID]
    for number, truth in enumerate(truths):
        session = SESSION if number < 4 else "20261125-080000"
        take(tmp_path / "photos", number, draw(90, 70, seed=number), found, truth, session=session)
    return tmp_path / "photos"


def read(root: Path) -> PhotoFolder:
    return folder.read(root, LABELS)


def reasons(found: PhotoFolder) -> dict[str, str]:
    return {Path(entry.path).name: entry.reason for entry in found.excluded}


def test_photos_of_the_app_come_with_truth_session_and_record(root):
    found = read(root)
    assert found.excluded == ()
    assert [photo.truth for photo in found.photos] == [*LABELS[:3], OUT_OF_SCOPE, None, None]
    assert [photo.session for photo in found.photos] == [SESSION] * 4 + ["20261125-080000"] * 2
    for photo in found.photos:
        assert photo.record is not None
        assert (photo.width, photo.height) == (90, 70)
        assert photo.record.sha256 == photo.sha256
        assert found.file(photo).is_file()


def test_the_folder_above_and_one_session_alone_do_too(root):
    assert read(root.parent).photos == read(root).photos
    alone = read(root / SESSION)
    assert [photo.path for photo in alone.photos] == [photo.path for photo in read(root).photos[:4]]


def test_photos_in_one_heap_as_the_share_sheet_gives_them_keep_their_sessions(root, tmp_path):
    (tmp_path / "heap").mkdir()
    for path in root.rglob("*.*"):
        shutil.copy(path, tmp_path / "heap")
    found = read(tmp_path / "heap")
    assert [(photo.session, photo.truth) for photo in found.photos] == [
        (photo.session, photo.truth) for photo in read(root).photos
    ]
    assert all(found.file(photo).is_file() for photo in found.photos)


def test_class_folders_give_labels_and_no_record(tmp_path, make_data_set):
    make_data_set(tmp_path / "mine", {LABELS[0]: 2, LABELS[1]: 3, "none": 1})
    found = read(tmp_path / "mine")
    assert [photo.truth for photo in found.photos] == [LABELS[0]] * 2 + [LABELS[1]] * 3 + [OUT_OF_SCOPE]
    assert {(photo.record, photo.session) for photo in found.photos} == {(None, "")}


def test_a_class_that_is_called_none_is_a_class(tmp_path, make_data_set):
    make_data_set(tmp_path / "mine", {"none": 1})
    (photo,) = folder.read(tmp_path / "mine", ["none", "some"]).photos
    assert photo.truth == "none"


def first(root: Path) -> Path:
    return min((root / SESSION).glob("*.png"))


def test_a_photo_without_its_record_is_left_out_as_unfinished(root):
    first(root).with_suffix(".json").unlink()
    found = read(root)
    assert len(found.photos) == 5
    assert reasons(found) == {first(root).name: "it has no record: the app stopped before writing one"}


def test_a_record_without_its_picture_is_left_out(root):
    name = first(root).with_suffix(".json").name
    first(root).unlink()
    assert reasons(read(root)) == {name: "its picture is missing"}


def test_a_damaged_record_is_left_out_with_the_reason(root):
    first(root).with_suffix(".json").write_text('{"photo_version": 1, "fi', "utf-8")
    (reason,) = reasons(read(root)).values()
    assert reason.startswith("its record is damaged: ")


def test_half_a_picture_is_left_out(root):
    data = first(root).read_bytes()
    first(root).write_bytes(data[: len(data) // 2])
    (reason,) = reasons(read(root)).values()
    assert reason.startswith("cannot be decoded (")


def test_an_empty_picture_is_left_out(root):
    first(root).write_bytes(b"")
    assert list(reasons(read(root)).values()) == ["the file is empty"]


def test_the_record_of_another_photo_is_left_out(root):
    one, other = sorted((root / SESSION).glob("*.json"))[:2]
    shutil.copy(other, one)
    (reason,) = reasons(read(root)).values()
    assert reason == f"its record belongs to {SESSION}/{other.stem}.png"


def test_what_is_neither_photo_nor_record_is_left_out(root):
    (root / SESSION / "notes.txt").write_text("sunny", "utf-8")
    assert reasons(read(root)) == {"notes.txt": "neither a photo nor a record"}


def test_a_class_that_the_run_does_not_know_is_left_out_with_those_it_knows(root, tmp_path, make_data_set):
    path = first(root).with_suffix(".json")
    value = json.loads(path.read_text("utf-8"))
    value["truth"]["label"] = "teapot"
    path.write_text(json.dumps(value), "utf-8")
    (reason,) = reasons(read(root)).values()
    assert reason == f"its class teapot is not one of the run's: {', '.join(LABELS)}"
    make_data_set(tmp_path / "mine", {LABELS[0]: 1, "teapot": 2})
    assert set(reasons(read(tmp_path / "mine")).values()) == {reason}


def test_a_picture_that_is_there_twice_counts_once(tmp_path, make_data_set):
    make_data_set(tmp_path / "mine", {LABELS[0]: 2})
    shutil.copy(tmp_path / "mine" / LABELS[0] / "000.png", tmp_path / "mine" / LABELS[0] / "copy.png")
    found = read(tmp_path / "mine")
    assert len(found.photos) == 2
    assert reasons(found) == {"copy.png": f"the same picture as {LABELS[0]}/000.png"}


def test_files_of_other_formats_are_named_with_what_to_do(tmp_path, make_data_set):
    make_data_set(tmp_path / "mine", {LABELS[0]: 1})
    (tmp_path / "mine" / LABELS[0] / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(300))
    (tmp_path / "mine" / LABELS[0] / "IMG_2.jxl").write_bytes(b"\xff\x0a")
    assert reasons(read(tmp_path / "mine")) == {
        "IMG_1.HEIC": "a damaged HEIC file",
        "IMG_2.jxl": "JPEG XL files are not supported; save it as JPEG or PNG",
    }


def test_a_record_that_is_a_pipe_is_named(root):
    record_file = min(root.rglob("*.json"))
    record_file.unlink()
    os.mkfifo(record_file)
    why = "its record cannot be read: a pipe or a device, not a regular file"
    assert list(reasons(read(root)).values()) == [why]


def test_a_photo_that_lies_sideways_is_measured_upright(tmp_path, draw):
    (tmp_path / LABELS[0]).mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(draw(90, 60)).save(tmp_path / LABELS[0] / "a.jpg", exif=exif)
    (photo,) = read(tmp_path).photos
    assert (photo.width, photo.height) == (60, 90)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: no such folder") as refused:
        read(tmp_path / "nowhere")
    assert "FOLDER/CLASS" in refused.value.hint
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(DataError, match="file: is a file, not a folder"):
        read(tmp_path / "file")


def test_a_folder_without_any_photo_is_refused(root, tmp_path):
    for path in root.rglob("*.json"):
        path.unlink()
    with pytest.raises(DataError, match="no usable photo among 6 files; the first: ") as refused:
        read(root)
    assert "it has no record" in refused.value.message
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no usable photo among 0 files"):
        read(tmp_path / "empty")
