from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from export import app_versions
from export.android.adb import app, connect, device
from pipeline.core import errors

AGAIN = "free some space there, then run the command again"


@pytest.fixture
def connected(phone) -> device.Device:
    return connect.connect(phone.serial)


@pytest.fixture
def apk(tmp_path) -> tuple[Path, str]:
    path = tmp_path / "demo.apk"
    path.write_bytes(b"an app" * 100_000)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_package_is_that_of_the_project():
    assert app_versions.read_versions(app_versions.PROJECT)["application_id"] == app.PACKAGE


def test_the_app_is_installed_left_alone_when_it_is_there_and_updated(connected, phone, apk):
    assert app.installed(connected) is None
    assert app.install(connected, *apk) == "installed"
    assert app.installed(connected) == apk[1]
    assert app.install(connected, *apk) == "already on the phone"
    assert len(phone.asked("^install ")) == 1
    apk[0].write_bytes(b"another")
    assert app.install(connected, apk[0], hashlib.sha256(b"another").hexdigest()) == "updated"
    assert phone.asked("uninstall") == []


@pytest.mark.parametrize(
    ("refusal", "words", "hint"),
    [
        (
            "INSTALL_FAILED_UPDATE_INCOMPATIBLE: Package org.vignette.demo signatures do not match",
            "the app on the phone was signed with another key, so Android refuses to update it",
            (
                "build with its key (python -m export apk --benchmark --keystore FILE); or save its "
                "photos (python -m export photos --pull), then adb uninstall org.vignette.demo and run "
                "the command again"
            ),
        ),
        ("INSTALL_FAILED_INSUFFICIENT_STORAGE", "the phone's storage is full", AGAIN),
        (
            "INSTALL_FAILED_VERSION_DOWNGRADE",
            "the app on the phone is newer than this one",
            (
                "build a newer app; or save its photos (python -m export photos --pull), then adb uninstall "
                "org.vignette.demo and run the command again"
            ),
        ),
        (
            "INSTALL_FAILED_OLDER_SDK",
            "its Android version is too old",
            "the app needs Android 8 or newer; use another phone",
        ),
        (
            "INSTALL_FAILED_NO_MATCHING_ABIS",
            "the app does not support its processor",
            "name its processor: python -m export apk --benchmark --abi x86_64 (or arm64-v8a, x86 …)",
        ),
        (
            "INSTALL_FAILED_USER_RESTRICTED: Install canceled by user",
            "its settings forbid installing apps over USB",
            "allow it in Developer options, Install via USB, then run the command again",
        ),
        (
            "INSTALL_FAILED_ABORTED: User rejected permissions",
            "the request was declined on the phone",
            "run the command again and accept it on the phone",
        ),
        (
            "INSTALL_FAILED_VERIFICATION_FAILURE",
            "Play Protect blocked it",
            "tap “Install anyway” on the phone, or turn off “Verify apps over USB” in Developer options",
        ),
    ],
)
def test_every_refusal_of_android_has_its_words(connected, phone, apk, refusal, words, hint):
    phone.refusal = refusal
    with pytest.raises(errors.PhoneError) as caught:
        app.install(connected, *apk)
    assert caught.value.message == f"{apk[0]} was not installed: {words} ({refusal})"
    assert caught.value.hint == hint


def test_a_refusal_that_nobody_knows_is_told_as_it_is(connected, phone, apk):
    phone.refusal = "INSTALL_FAILED_NEW_REASON: because"
    with pytest.raises(errors.PhoneError) as caught:
        app.install(connected, *apk)
    assert caught.value.message == f"{apk[0]} was not installed: INSTALL_FAILED_NEW_REASON: because"


def test_an_app_without_the_screen_is_told(connected):
    with pytest.raises(errors.PhoneError) as caught:
        app.start(connected, {"session": "s1"})
    assert caught.value.message == (
        "the app on the phone did not start: Activity class {org.vignette.demo/.benchmark.BenchmarkActivity} "
        "does not exist."
    )
    assert caught.value.hint == (
        "build it again: python -m export apk --benchmark, then run the command again"
    )


def test_what_is_asked_of_the_app_arrives_word_by_word(connected, phone, apk):
    app.install(connected, *apk)
    seen = []
    phone.intents = seen.append
    app.start(connected, {"session": "s 1", "threads": "1,4", "max_seconds": 5})
    app.stop(connected)
    assert seen == [
        [
            *("start", "-S", "-n", "org.vignette.demo/.benchmark.BenchmarkActivity"),
            *("-a", "org.vignette.demo.action.BENCHMARK"),
            *("--es", "session", "s 1", "--es", "threads", "1,4", "--ei", "max_seconds", "5"),
        ],
        ["force-stop", "org.vignette.demo"],
    ]


def test_the_last_words_of_a_process_are_its_own(connected, phone):
    assert app.process(connected) is None
    (phone.root / "processes" / app.PACKAGE).write_text("4711\n")
    assert app.process(connected) == 4711
    (phone.root / "crashes").write_text(
        "--------- beginning of crash\n"
        "E/AndroidRuntime(  812): FATAL EXCEPTION: main\n"
        "E/AndroidRuntime(  812): Process: org.somebody.else, PID: 812\n"
        "E/AndroidRuntime(  812): java.lang.IllegalStateException: theirs\n"
        "E/AndroidRuntime( 4711): FATAL EXCEPTION: benchmark\n"
        "E/AndroidRuntime( 4711): Process: org.vignette.demo, PID: 4711\n"
        "E/AndroidRuntime( 4711): java.lang.OutOfMemoryError: Failed to allocate\n"
        "F/libc    ( 4712): Fatal signal 11 (SIGSEGV), code 1, fault addr 0x0\n"
    )
    assert app.last_words(connected, 4711) == "java.lang.OutOfMemoryError: Failed to allocate"
    assert app.last_words(connected, 4712) == "Fatal signal 11 (SIGSEGV), code 1, fault addr 0x0"
    assert app.last_words(connected, 4713) == ""
