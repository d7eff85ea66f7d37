"""The camera app on a phone: where its files lie, installed or updated, started, alive or not.

What it is asked to do belongs to the callers. It is never uninstalled from here: that would delete
the user's photos.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from export.android.adb.device import Device
from pipeline.core.errors import PhoneError

PACKAGE = "org.vignette.demo"
# Its external files: what adb can reach and the app reads without asking for permission.
FILES = f"/sdcard/Android/data/{PACKAGE}/files"
_ACTION = f"{PACKAGE}.action"
_ACTIVITY = f"{PACKAGE}/.benchmark.BenchmarkActivity"

_BY_HAND = (
    f"save its photos (python -m export photos --pull), then adb uninstall {PACKAGE} and repeat the command"
)
# Android's words for a refusal: ours, and what to do.
_REFUSALS = (
    (
        "UPDATE_INCOMPATIBLE|INCONSISTENT_CERTIFICATES|SHARED_USER_INCOMPATIBLE",
        "the app on the phone was signed by another key, so Android does not update it",
        f"build with the key that signed it (python -m export apk --keystore FILE); or {_BY_HAND}",
    ),
    (
        "INSUFFICIENT_STORAGE",
        "the phone's storage is full",
        "delete something there, then repeat the command",
    ),
    ("VERSION_DOWNGRADE", "the app on the phone is newer than this one", f"build a newer one; or {_BY_HAND}"),
    (
        "OLDER_SDK",
        "its Android is too old for the app",
        "the app needs Android 8 or newer: use another phone",
    ),
    (
        "NO_MATCHING_ABIS",
        "the app has no library for its processor",
        "add the processor to abis in android_demo/versions.properties, then python -m export apk",
    ),
    (
        "USER_RESTRICTED",
        "its settings forbid apps that come by the cable",
        "allow it on the phone: Developer options, Install via USB; then repeat the command",
    ),
    ("ABORTED|REJECTED", "somebody declined on the phone", "repeat the command and accept on the phone"),
    (
        "VERIFICATION",
        "Play Protect on the phone declined",
        "answer “Install anyway” on the phone, or turn off “Verify apps over USB” in Developer options",
    ),
)


def installed(device: Device) -> str | None:
    """The sha256 of the app's file on a phone; empty where it cannot be read, None without the app."""
    asked = device.shell(f"pm path {PACKAGE}", "looking for the app")
    paths = re.findall(r"^package:(.+\.apk)$", asked.out, re.MULTILINE)
    if asked.code or not paths:
        return None
    hashed = device.shell(f"sha256sum {shlex.quote(paths[0])}", "reading the app on the phone")
    match = re.match(r"[0-9a-f]{64}\b", hashed.out)
    return match[0] if match and not hashed.code else ""


def install(device: Device, apk: Path, sha256: str) -> str:
    """Puts an app onto a phone, where this very file is not there already; its data are kept.

    Args:
        device: The phone.
        apk: The app.
        sha256: Of its file.

    Returns:
        What was done, in words.

    Raises:
        PhoneError: Android refused.
    """
    before = installed(device)
    if before == sha256:
        return "already on the phone"
    refused = device.install(apk)
    if not refused:
        return "installed" if before is None else "updated"
    for pattern, words, hint in _REFUSALS:
        if re.search(pattern, refused):
            raise PhoneError(f"{apk} was not installed: {words} ({refused})", hint)
    raise PhoneError(
        f"{apk} was not installed: {refused}", "mend what these words name, then repeat the command"
    )


def start(device: Device, action: str, extras: Mapping[str, str | int]) -> None:
    """Starts the benchmark's screen.

    Args:
        device: The phone.
        action: `LIST`, `BENCHMARK` or `CANCEL`.
        extras: What is asked of it.

    Raises:
        PhoneError: Android did not start it.
    """
    words = ["am", "start", "-n", _ACTIVITY, "-a", f"{_ACTION}.{action}"]
    for name, value in extras.items():
        words += ["--ei" if isinstance(value, int) else "--es", name, str(value)]
    done = device.shell(shlex.join(words), "starting the app")
    wrong = re.search(r"^(?:Error: |.*Exception.*: ?)(.+)$", f"{done.err}\n{done.out}", re.MULTILINE)
    if wrong or done.code:
        raise PhoneError(
            f"the app on the phone did not start: {wrong[1].strip() if wrong else done.said}",
            "an app without this screen is too old: python -m export apk, then repeat the command",
        )


def process(device: Device) -> int | None:
    """The number of the app's process; None where it does not run."""
    found = device.shell(f"pidof {PACKAGE}", "looking whether the app runs").out.split()
    return int(found[0]) if found else None


def stop(device: Device) -> None:
    """Ends the app's process, whatever it does."""
    device.check(f"am force-stop {PACKAGE}", "ending the app")


def last_words(device: Device, pid: int) -> str:
    """Why a process of the app ended, as far as the phone's log says; empty where it does not."""
    log = device.shell("logcat -d -b crash -v brief -t 400", "reading the phone's log").out
    said = [line.partition("): ")[2].strip() for line in log.splitlines() if re.search(rf"\( *{pid}\)", line)]
    for number, line in enumerate(said):
        if line.startswith("Process:") and number + 1 < len(said):
            return said[number + 1]
        if line.startswith("Fatal signal"):
            return line
    return ""
