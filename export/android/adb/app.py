"""The camera app on a phone: where its files are, install or update it, start and stop it.

It is never uninstalled from here, because that would delete the user's photos.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from export.android.adb.device import Device
from pipeline.core.errors import PhoneError

PACKAGE = "org.vignette.demo"
# Its external files; many phones since Android 11 do not let adb read them.
FILES = f"/sdcard/Android/data/{PACKAGE}/files"
_ACTION = f"{PACKAGE}.action.BENCHMARK"
_ACTIVITY = f"{PACKAGE}/.benchmark.BenchmarkActivity"

_BY_HAND = (
    f"save its photos (python -m export photos --pull), then adb uninstall {PACKAGE} "
    "and run the command again"
)
# Android's codes for a refusal; what it means, and what to do.
_REFUSALS = (
    (
        "UPDATE_INCOMPATIBLE|INCONSISTENT_CERTIFICATES|SHARED_USER_INCOMPATIBLE",
        "the app on the phone was signed with another key, so Android refuses to update it",
        f"build with its key (python -m export apk --benchmark --keystore FILE); or {_BY_HAND}",
    ),
    (
        "INSUFFICIENT_STORAGE",
        "the phone's storage is full",
        "free some space there, then run the command again",
    ),
    ("VERSION_DOWNGRADE", "the app on the phone is newer than this one", f"build a newer app; or {_BY_HAND}"),
    (
        "OLDER_SDK",
        "its Android version is too old",
        "the app needs Android 8 or newer; use another phone",
    ),
    (
        "NO_MATCHING_ABIS",
        "the app does not support its processor",
        "name its processor: python -m export apk --benchmark --abi x86_64 (or arm64-v8a, x86 …)",
    ),
    (
        "USER_RESTRICTED",
        "its settings forbid installing apps over USB",
        "allow it in Developer options, Install via USB, then run the command again",
    ),
    (
        "ABORTED|REJECTED",
        "the request was declined on the phone",
        "run the command again and accept it on the phone",
    ),
    (
        "VERIFICATION",
        "Play Protect blocked it",
        "tap “Install anyway” on the phone, or turn off “Verify apps over USB” in Developer options",
    ),
)


def installed(device: Device) -> str | None:
    """The sha256 of the installed app's file; empty if it cannot be read, None without the app."""
    listed = device.shell(f"pm path {PACKAGE}", "looking for the app")
    paths = re.findall(r"^package:(.+\.apk)$", listed.out, re.MULTILINE)
    if listed.code or not paths:
        return None
    hashed = device.shell(f"sha256sum {shlex.quote(paths[0])}", "reading the app on the phone")
    match = re.match(r"[0-9a-f]{64}\b", hashed.out)
    return match[0] if match and not hashed.code else ""


def install(device: Device, apk: Path, sha256: str) -> str:
    """Installs or updates the app unless this very file is already there; its data are kept.

    Args:
        device: The phone.
        apk: The app.
        sha256: Of its file.

    Returns:
        What was done, as a phrase.

    Raises:
        PhoneError: Android refused.
    """
    before = installed(device)
    if before == sha256:
        return "already on the phone"
    refused = device.install(apk)
    if not refused:
        return "installed" if before is None else "updated"
    for pattern, meaning, hint in _REFUSALS:
        if re.search(pattern, refused):
            raise PhoneError(f"{apk} was not installed: {meaning} ({refused})", hint)
    raise PhoneError(f"{apk} was not installed: {refused}", "fix this, then run the command again")


def start(device: Device, extras: Mapping[str, str | int]) -> None:
    """Starts the app anew with a benchmark; whatever it did before ends.

    Args:
        device: The phone.
        extras: The benchmark's arguments.

    Raises:
        PhoneError: Android did not start it.
    """
    command = ["am", "start", "-S", "-n", _ACTIVITY, "-a", _ACTION]
    for name, value in extras.items():
        command += ["--ei" if isinstance(value, int) else "--es", name, str(value)]
    done = device.shell(shlex.join(command), "starting the app")
    wrong = re.search(r"^(?:Error: |.*Exception.*: ?)(.+)$", f"{done.err}\n{done.out}", re.MULTILINE)
    if wrong or done.code:
        raise PhoneError(
            f"the app on the phone did not start: {wrong[1].strip() if wrong else done.message}",
            "build it again: python -m export apk --benchmark, then run the command again",
        )


def process(device: Device) -> int | None:
    """The id of the app's process; None if it is not running."""
    pids = device.shell(f"pidof {PACKAGE}", "checking whether the app is running").out.split()
    return int(pids[0]) if pids else None


def stop(device: Device) -> None:
    """Kills the app's process."""
    device.check(f"am force-stop {PACKAGE}", "stopping the app")


def last_words(device: Device, pid: int) -> str:
    """Why a process of the app ended according to the phone's log; empty if it does not say."""
    log = device.shell("logcat -d -b crash -v brief -t 400", "reading the phone's log").out
    lines = [
        line.partition("): ")[2].strip() for line in log.splitlines() if re.search(rf"\( *{pid}\)", line)
    ]
    for number, line in enumerate(lines):
        if line.startswith("Process:") and number + 1 < len(lines):
            return lines[number + 1]
        if line.startswith("Fatal signal"):
            return line
    return ""
