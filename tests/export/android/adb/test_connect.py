from __future__ import annotations

import subprocess

import pytest

from export.android.adb import connect, program
from pipeline.core import errors


def refusal(kind, *arguments) -> tuple[str, str]:
    with pytest.raises(kind) as caught:
        connect.connect(*arguments)
    assert type(caught.value) is kind
    return caught.value.message, caught.value.hint


@pytest.fixture
def listing(monkeypatch):
    """`listing(text)`: what `adb devices -l` says; for states that no fake phone gets into."""
    monkeypatch.setattr(connect, "_PATIENCE", 0)
    monkeypatch.setattr(program, "find", lambda: "adb")
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)

    def say(text: str) -> None:
        answer = program.Answer(0, f"List of devices attached\n{text}\n", "")
        monkeypatch.setattr(program, "run", lambda *_: answer)

    return say


def test_a_machine_without_adb_is_told_how_to_install_it(no_adb):
    assert refusal(errors.ToolError) == (
        "adb, the program that talks to Android phones, is not installed",
        "install it: sudo apt install adb",
    )


def test_adb_of_the_android_sdk_does_too(no_adb, tmp_path, monkeypatch):
    tools = tmp_path / "sdk/platform-tools"
    tools.mkdir(parents=True)
    (tools / "adb").write_text("#!/bin/sh\n")
    (tools / "adb").chmod(0o755)
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "sdk"))
    assert program.find() == str(tools / "adb")


def test_the_only_phone_is_taken(phone):
    device = connect.connect()
    assert device.serial == phone.serial
    assert device.property("ro.product.model") == "Fake Phone"


def test_without_a_phone_the_way_to_one_is_told(own_adb, monkeypatch):
    monkeypatch.setattr(connect, "_PATIENCE", 0)
    message, hint = refusal(errors.PhoneError)
    assert message == "no phone is connected"
    assert hint.startswith("use a USB cable that carries data; on the phone, open Settings, About phone, tap")
    assert "WSL" not in hint


def test_in_wsl_the_way_without_a_cable_is_told(listing, monkeypatch):
    listing("")
    monkeypatch.setattr(connect.platform, "release", lambda: "5.15.0-microsoft-standard-WSL2")
    assert refusal(errors.PhoneError)[1].endswith(
        "; WSL cannot see USB: use Wireless debugging, adb pair and adb connect"
    )


def test_of_two_phones_one_has_to_be_chosen(connect_phone, monkeypatch):
    one, other = sorted((connect_phone().serial, connect_phone().serial))
    message, hint = refusal(errors.UsageError)
    found = message.removeprefix("2 phones are connected: ").split(", ")
    assert sorted(found) == [f"{one} (Fake Phone)", f"{other} (Fake Phone)"]
    assert hint in (f"choose one, e.g. --serial {one}", f"choose one, e.g. --serial {other}")
    assert connect.connect(other).serial == other
    monkeypatch.setenv("ANDROID_SERIAL", one)
    assert connect.connect().serial == one
    assert connect.connect(other).serial == other


def test_a_serial_that_is_not_there_is_named_with_those_that_are(phone, monkeypatch):
    monkeypatch.setattr(connect, "_PATIENCE", 0)
    hint = f"connected: {phone.serial} (Fake Phone)"
    assert refusal(errors.UsageError, "R58M1") == ("--serial R58M1: no such phone is connected", hint)
    monkeypatch.setenv("ANDROID_SERIAL", "R58M2")
    assert refusal(errors.UsageError) == ("ANDROID_SERIAL=R58M2: no such phone is connected", hint)


def test_a_phone_that_does_not_allow_this_computer_is_named(connect_phone, monkeypatch):
    monkeypatch.setattr(connect, "_PATIENCE", 0.5)
    phone = connect_phone("unauthorized")
    assert refusal(errors.PhoneError) == (
        f"the phone {phone.serial} has not allowed this computer yet",
        "unlock it, confirm “Allow USB debugging?”, then run the command again",
    )


def test_a_phone_that_does_not_answer_is_named(connect_phone, monkeypatch):
    phone = connect_phone("offline")
    monkeypatch.setattr(connect, "_PATIENCE", 1)
    assert refusal(errors.PhoneError) == (
        f"the phone {phone.serial} is offline: adb sees it, but it does not respond",
        "unplug it and plug it in again; if that does not help, run adb kill-server or restart the phone",
    )


@pytest.mark.parametrize(
    ("row", "message", "hint"),
    [
        (
            "R58M1  no permissions (missing udev rules? user is in the plugdev group) usb:1-1",
            "the phone R58M1 is connected, but you lack permission to access it",
            "sudo apt install android-sdk-platform-tools-common, log in again, then plug it in again",
        ),
        (
            "R58M1  recovery product:x model:Pixel_8 transport_id:1",
            "the phone R58M1 is in the state “recovery”",
            "boot it into Android, then run the command again",
        ),
        (
            "R58M1  connecting usb:1-1",
            "the phone R58M1 is still connecting",
            "wait a moment, then run the command again",
        ),
        (
            "R58M1  authorizing usb:1-1",
            "the phone R58M1 has not allowed this computer yet",
            "unlock it, confirm “Allow USB debugging?”, then run the command again",
        ),
    ],
)
def test_every_other_state_has_its_words(listing, row, message, hint):
    listing(row)
    assert refusal(errors.PhoneError) == (message, hint)


def test_a_phone_that_can_be_used_is_the_example_among_several(listing):
    listing("A1  unauthorized usb:1-1\nB2  device model:Pixel_8")
    assert refusal(errors.UsageError) == (
        "2 phones are connected: A1 (unauthorized), B2 (Pixel 8)",
        "choose one, e.g. --serial B2",
    )


@pytest.mark.slow
def test_a_server_that_does_not_start_is_explained(own_adb, monkeypatch):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        taken.settimeout(0)
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(taken.getsockname()[1]))
        monkeypatch.setattr(program, "QUICK", 2.0)
        message, hint = refusal(errors.PhoneError)
    assert message == "listing the phones: the phone did not answer within 2 s"
    assert hint == "unlock it and check for a dialog; plug it in again, then run the command again"


def test_nothing_that_adb_says_of_its_server_is_taken_for_a_phone(own_adb):
    subprocess.run(["adb", "kill-server"], check=True, capture_output=True)
    assert connect.phones("adb") == []
