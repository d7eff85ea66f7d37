from __future__ import annotations

import time
from pathlib import Path

import pytest

from export.android.adb import connect, device, program
from pipeline.core import errors
from tests.support.phone_fixtures import adb


@pytest.fixture
def connected(phone) -> device.Device:
    return connect.connect(phone.serial)


@pytest.fixture
def picture(tmp_path) -> Path:
    path = tmp_path / "a picture.bin"
    path.write_bytes(bytes(range(256)) * 4000)
    return path


def refusal(kind, function, *arguments) -> tuple[str, str]:
    with pytest.raises(kind) as caught:
        function(*arguments)
    assert type(caught.value) is kind
    return caught.value.message, caught.value.hint


def test_the_shell_gives_exit_code_and_both_outputs(connected):
    answer = connected.shell("echo out; echo err >&2; (exit 7)", "trying")
    assert (answer.code, answer.out, answer.err.strip(), answer.message) == (7, "out\n", "err", "err")


def test_a_command_that_failed_on_the_phone_is_told_with_its_words(connected):
    message, hint = refusal(
        errors.PhoneError, connected.check, "echo nothing there >&2; false", "looking for it"
    )
    assert message == "looking for it failed: nothing there"
    assert hint == "fix this, then run the command again"


def on_phone(phone, picture: Path, name: str) -> Path:
    """The picture as a file on the phone."""
    path = phone.place(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture.read_bytes())
    return path


def test_files_and_folders_come_over_unchanged(connected, phone, picture, tmp_path):
    on_phone(phone, picture, "/sdcard/new/folder/it's here.bin")
    assert connected.names("/sdcard/new/folder") == ["it's here.bin"]
    connected.pull("/sdcard/new/folder/it's here.bin", tmp_path / "back/again.bin")
    assert (tmp_path / "back/again.bin").read_bytes() == picture.read_bytes()
    connected.pull("/sdcard/new", tmp_path / "back")
    assert (tmp_path / "back/new/folder/it's here.bin").read_bytes() == picture.read_bytes()


def test_what_is_not_there_is_none_or_nothing_or_an_error(connected, tmp_path):
    assert connected.names("/sdcard/none") == []
    message, _ = refusal(errors.PhoneError, connected.pull, "/sdcard/none", tmp_path / "none")
    assert message == (
        "copying /sdcard/none from the phone failed: adb: error: remote object '/sdcard/none' does not exist"
    )


def test_the_folder_of_another_app_is_closed_as_on_android_15(connected, phone, picture, tmp_path):
    there = "/sdcard/Android/data/org.vignette.demo/files"
    on_phone(phone, picture, f"{there}/x.bin")
    hint = "some phones deny adb access there; do this step by hand"
    for refused in (
        refusal(errors.AccessError, connected.pull, f"{there}/x.bin", tmp_path / "x.bin"),
        refusal(errors.AccessError, connected.names, there),
        refusal(errors.AccessError, connected.remove, [f"{there}/x.bin"], there),
    ):
        assert "failed: the phone denies access (" in refused[0]
        assert refused[1] == hint
    assert "Permission denied" in adb("-s", phone.serial, "push", str(picture), f"{there}/y.bin")
    debuggable = connected.shell("run-as org.vignette.demo ls", "looking")
    assert (debuggable.code, debuggable.message) == (1, "run-as: package not debuggable: org.vignette.demo")
    assert sorted(path.name for path in phone.place(there).iterdir()) == ["x.bin"]


def test_a_cable_pulled_in_the_middle_ends_every_call_at_once(connected, phone, picture):
    begin = time.monotonic()
    phone.when("echo begun", phone.pull_cable)
    message, hint = refusal(errors.PhoneError, connected.check, "echo begun; sleep 5", "waiting")
    assert message == f"waiting failed: the phone {phone.serial} was disconnected (the connection broke)"
    assert hint == "plug it in again, then run the command again"
    message, _ = refusal(errors.PhoneError, connected.pull, "/sdcard/x", picture.with_name("x"))
    gone = f"copying /sdcard/x from the phone failed: the phone {phone.serial} was disconnected ("
    assert message.startswith(gone)
    message, _ = refusal(errors.PhoneError, connected.install, picture.with_suffix(".apk"))
    assert "was disconnected" in message
    assert time.monotonic() - begin < 5


def test_a_cable_pulled_while_a_file_comes_back_is_told(connected, phone, picture, tmp_path):
    on_phone(phone, picture, "/sdcard/half.bin")
    phone.when(r"RECV .*half", phone.pull_cable)
    message, _ = refusal(errors.PhoneError, connected.pull, "/sdcard/half.bin", tmp_path / "half.bin")
    assert message.startswith(
        f"copying /sdcard/half.bin from the phone failed: the phone {phone.serial} was disconnected ("
    )


def test_a_cable_pulled_while_an_app_is_installed_is_told(connected, phone, picture):
    apk = picture.rename(picture.with_suffix(".apk"))
    phone.when("^install ", phone.pull_cable)
    message, _ = refusal(errors.PhoneError, connected.install, apk)
    assert message.startswith(f"installing {apk} failed: the phone {phone.serial} was disconnected (")


def test_a_phone_that_does_not_answer_in_time_is_told(connected):
    message, hint = refusal(errors.PhoneError, connected.check, "sleep 5", "waiting", 0.5)
    assert message == "waiting: the phone did not answer within 0 s"
    assert hint == "unlock it and check for a dialog; plug it in again, then run the command again"


def test_only_what_lies_below_a_folder_is_removed(connected, phone, picture):
    on_phone(phone, picture, "/sdcard/ours/one/x.bin")
    on_phone(phone, picture, "/sdcard/ours/two.bin")
    connected.remove(["/sdcard/ours/one", "/sdcard/ours/two.bin", "/sdcard/ours/none"], "/sdcard/ours")
    assert list(phone.contents()) == ["Download/somebody's own.txt"]
    for path in ("/sdcard/Download", "/sdcard/ours", "/sdcard/ours/", "/sdcard/ours/../Download"):
        with pytest.raises(ValueError, match="is not below"):
            connected.remove([path], "/sdcard/ours")


def test_a_program_that_cannot_be_started_is_told(tmp_path):
    tool = tmp_path / "adb"
    tool.write_text("not a program")
    message, hint = refusal(errors.ToolError, program.run, [str(tool), "devices"], "listing", 1.0)
    assert message == f"{tool} cannot be started: Permission denied"
    assert hint == "install it: sudo apt install adb"


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("error: device unauthorized.", errors.PhoneError, "it has not allowed this computer"),
        ("remote Read-only file system", errors.PhoneError, "the phone's storage is read-only"),
        ("error: cannot connect to daemon", errors.ToolError, "adb's server does not start"),
        ("error: closed", errors.PhoneError, "the phone A1 was disconnected"),
    ],
)
def test_every_other_failure_has_its_words(said, kind, words):
    error = program.failure("doing it", said, "A1")
    assert type(error) is kind
    assert error.message == f"doing it failed: {words} ({said})"
    assert error.hint
