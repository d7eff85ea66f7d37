"""The benchmark's file off a phone: the real adb, and everything that a phone may refuse."""

from __future__ import annotations

import pytest

from export.android.adb import connect
from export.android.adb.provider import BenchmarkFile
from pipeline.core.errors import AccessError
from pipeline.core.progress import ProgressReporter

TEXT = '{\n "state": "failed",\n "error": "java.io.FileNotFoundException: it says, é"\n}\n'


class Heard(ProgressReporter):
    def __init__(self) -> None:
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def file(phone, heard) -> BenchmarkFile:
    """The file of a session, which does not exist yet; the app is installed."""
    (phone.root / "data/app/base.apk").write_bytes(b"an app")
    (phone.files / "benchmark").mkdir(parents=True)
    return BenchmarkFile(connect.connect(phone.serial), "adb-1.json", heard)


def write(phone) -> None:
    (phone.files / "benchmark/adb-1.json").write_text(TEXT, "utf-8")


def left(phone) -> list[str]:
    return [path.name for path in (phone.files / "benchmark").iterdir()]


def test_it_is_read_through_the_app_and_removed(phone, file, heard):
    assert file.read() is None
    write(phone)
    assert file.read() == TEXT
    file.remove()
    assert file.read() is None
    assert (left(phone), heard.warned) == ([], [])
    assert phone.asked(r"content read --uri content://org\.vignette\.demo\.benchmark/adb-1\.json")
    assert not phone.asked("content query|cat ")


def test_where_it_cannot_be_read_it_is_asked_for_as_a_row_and_that_is_said(phone, file, heard):
    phone.lacks = "read"
    assert file.read() is None
    write(phone)
    assert file.read() == TEXT.strip()
    (warned,) = heard.warned
    assert warned.startswith("content read failed: this version of Android lacks the command (usage: ")
    assert warned.endswith("; [ERROR] Unsupported operation: read); trying content query")
    file.remove()
    assert left(phone) == []


@pytest.mark.parametrize("why", ["forbids", "lacks"])
def test_where_the_app_cannot_be_asked_its_folder_is_read(phone, file, heard, why):
    phone.denied = ""
    phone.forbids, phone.lacks = why == "forbids", "content" if why == "lacks" else ""
    assert file.read() is None
    write(phone)
    assert file.read() == TEXT
    meaning = {
        "forbids": "the phone does not let adb ask the app",
        "lacks": "this version of Android lacks the command",
    }[why]
    for warned, (way, following) in zip(
        heard.warned, (("read", "content query"), ("query", "the app's folder")), strict=True
    ):
        assert warned.startswith(f"content {way} failed: {meaning} (")
        assert warned.endswith(f"); trying {following}")
    file.remove()
    assert left(phone) == []


def test_where_every_way_is_closed_that_is_an_error(phone, file, heard):
    phone.forbids = True
    write(phone)
    with pytest.raises(AccessError) as caught:
        file.read()
    assert caught.value.message.startswith(
        "the phone does not hand over the results of the benchmark: the phone keeps it from adb (cat: "
    )
    assert caught.value.hint.startswith(
        "measure by hand: on the phone, open the app's menu, Benchmark, Start"
    )
    assert len(heard.warned) == 2


def test_an_app_without_the_provider_is_told_to_be_too_old(phone, file, heard):
    (phone.root / "data/app/base.apk").unlink()
    with pytest.raises(AccessError):
        file.read()
    assert heard.warned[0].startswith("content read failed: the app on the phone is too old (")
