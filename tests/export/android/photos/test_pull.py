"""Photos off a phone: the real adb against a fake phone on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.android.adb import connect
from export.android.photos import folder, pull
from export.android.photos.pull import Pulled
from export.bundle import bundle
from pipeline.core import runs
from pipeline.core.errors import AccessError, PhoneError, StorageError
from pipeline.core.progress import ProgressReporter
from tests.support.app_folder import NOBODY_SAID, take
from tests.support.small_models import LABELS

SESSIONS = ("20261124-101500", "20261125-080000")


@pytest.fixture
def photos(phone, workplace, small_bundles, draw) -> Path:
    """Three photos of two sessions on the phone, and something that is not the app's."""
    phone.denied = ""  # as before Android 11
    place = phone.files / "photos"
    found = bundle.read(small_bundles["int8"])
    for number, session in enumerate((SESSIONS[0], SESSIONS[0], SESSIONS[1])):
        take(place, number, draw(90, 70, seed=number), found, NOBODY_SAID, session=session)
    (place / "other").mkdir()
    (place / "other/file").write_text("not the app's", "utf-8")
    return place


def pulled() -> Pulled:
    return pull.pull(connect.connect(), ProgressReporter())


def lies(place: Path) -> dict[str, bytes]:
    return {p.relative_to(place).as_posix(): p.read_bytes() for p in sorted(place.rglob("*")) if p.is_file()}


def test_every_session_comes_over_byte_for_byte_and_the_phone_keeps_everything(phone, photos):
    before = phone.contents()
    found = pulled()
    assert found.folder == runs.PULLED / phone.serial.replace(":", "-")
    assert (found.sessions, found.new, found.changed) == (2, 6, 0)
    assert lies(found.folder) == {name: data for name, data in lies(photos).items() if "other" not in name}
    assert phone.contents() == before
    assert len(folder.read(found.folder, LABELS).photos) == 3


def test_what_is_here_already_stays_and_a_newer_word_is_taken(phone, photos):
    found = pulled()
    stamps = {path: path.stat().st_mtime_ns for path in found.folder.rglob("*.*")}
    again = pulled()
    assert (again.new, again.changed) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in found.folder.rglob("*.*")} == stamps
    record = min(photos.rglob("*.json"))
    said = '"truth": {"label": "kettle", "said_at": "2026-11-24T11:00:00.000Z"}'
    record.write_text(record.read_text("utf-8").replace('"truth": null', said), "utf-8")
    newer = pulled()
    assert (newer.new, newer.changed) == (0, 1)
    assert folder.read(found.folder, LABELS).photos[0].truth == "kettle"


def test_what_was_deleted_on_the_phone_stays_here(phone, photos):
    found = pulled()
    for path in (photos / SESSIONS[0]).iterdir():
        path.unlink()
    pulled()
    assert len(list(found.folder.rglob("*.png"))) == 3


def test_a_phone_without_photos_says_so(phone, workplace):
    with pytest.raises(PhoneError, match=f"adb sees no photos of the app on {phone.serial}") as said:
        pulled()
    assert "Share all" in said.value.hint


def test_a_phone_that_denies_access_names_the_way_by_hand(phone, photos):
    phone.denied = "photos"
    with pytest.raises(AccessError, match="the phone denies access") as refused:
        pulled()
    assert "python -m export photos FILE.zip" in refused.value.hint


def test_a_cable_that_is_pulled_leaves_whole_photos_only_and_repeating_continues(phone, photos):
    phone.when(f"sync.*{SESSIONS[1]}|{SESSIONS[1]}", phone.pull_cable)
    with pytest.raises(PhoneError):
        pulled()
    place = runs.PULLED / phone.serial.replace(":", "-")
    kept = lies(place)
    assert {name: data for name, data in lies(photos).items() if name in kept} == kept
    assert not (place / ".incoming").exists()


def test_a_place_that_cannot_be_written_is_a_storage_error(phone, photos):
    Path("data").mkdir()
    Path("data/photos").write_text("a file", "utf-8")
    with pytest.raises(StorageError, match="data/photos"):
        pulled()
