"""Finds the phone to use, or says why there is none."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from export.android.adb import program
from export.android.adb.device import Device
from pipeline.core.errors import PhoneError, UsageError

_SERIAL = "ANDROID_SERIAL"
# A server that has just been started needs a moment to find the phones.
_PATIENCE = 3.0

_CONNECT = (
    "use a USB cable that carries data; on the phone, open Settings, About phone, tap the build number "
    "seven times, then turn on System, Developer options, USB debugging"
)
_WSL = "; WSL cannot see USB: use Wireless debugging, adb pair and adb connect"

# adb's states of a phone that cannot be used: what they mean, and what to do.
_STATES = {
    "unauthorized": ("has not allowed this computer yet", program.ALLOW),
    "authorizing": ("has not allowed this computer yet", program.ALLOW),
    "offline": (
        "is offline: adb sees it, but it does not respond",
        "unplug it and plug it in again; if that does not help, run adb kill-server or restart the phone",
    ),
    "connecting": ("is still connecting", "wait a moment, then run the command again"),
    "no permissions": (
        "is connected, but you lack permission to access it",
        "sudo apt install android-sdk-platform-tools-common, log in again, then plug it in again",
    ),
}


@dataclass(frozen=True)
class _Listed:
    """A phone as `adb devices` lists it; its model is empty if adb does not know it yet."""

    serial: str
    state: str
    model: str

    @property
    def ready(self) -> bool:
        return self.state == "device"

    def __str__(self) -> str:
        details = [detail for detail in (self.model, "" if self.ready else self.state) if detail]
        return f"{self.serial} ({', '.join(details)})" if details else self.serial


def connect(serial: str | None = None) -> Device:
    """Connects to the only phone, or to the one with that serial number.

    Args:
        serial: As `adb devices` lists it; default: ANDROID_SERIAL.

    Raises:
        ToolError: adb is missing, or its server does not start.
        PhoneError: There is no phone, or it cannot be used.
        UsageError: There are several phones and no serial number, or none has that number.
    """
    adb = program.find()
    required = serial or os.environ.get(_SERIAL) or None
    end = time.monotonic() + _PATIENCE
    while True:
        listed = phones(adb)
        fit = [phone for phone in listed if required in (None, phone.serial)]
        if any(phone.ready for phone in fit) or time.monotonic() > end:
            source = f"--serial {serial}" if serial else f"{_SERIAL}={required}"
            return Device(adb, _choose(listed, fit, source).serial)
        time.sleep(0.2)


def phones(adb: str) -> list[_Listed]:
    """Every phone that adb sees, in any state.

    Raises:
        ToolError: adb's server does not start.
    """
    what = "listing the phones"
    done = program.run([adb, "devices", "-l"], what, program.QUICK)
    if done.code:
        raise program.failure(what, done.message)
    rows = []
    for line in done.out.partition("List of devices attached")[2].splitlines():
        # `no permissions` is two words, followed by an explanation.
        match = re.match(r"(\S+)\s+(no permissions|\S+)(.*)", line)
        if match:
            model = re.search(r"\bmodel:(\S+)", match[3])
            rows.append(_Listed(match[1], match[2], model[1].replace("_", " ") if model else ""))
    return rows


def _choose(listed: Sequence[_Listed], fit: Sequence[_Listed], source: str) -> _Listed:
    everyone = ", ".join(map(str, listed))
    if not listed:
        wsl = "microsoft" in platform.release().lower()
        raise PhoneError("no phone is connected", _CONNECT + (_WSL if wsl else ""))
    if not fit:
        raise UsageError(f"{source}: no such phone is connected", f"connected: {everyone}")
    if len(fit) > 1:
        example = next((phone for phone in fit if phone.ready), fit[0]).serial
        raise UsageError(
            f"{len(fit)} phones are connected: {everyone}", f"choose one, e.g. --serial {example}"
        )
    (only,) = fit
    if not only.ready:
        meaning, hint = _STATES.get(
            only.state,
            (f"is in the state “{only.state}”", "boot it into Android, then run the command again"),
        )
        raise PhoneError(f"the phone {only.serial} {meaning}", hint)
    return only
