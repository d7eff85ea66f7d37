"""Which phone: the one that is there, or the one that was asked for; else words for what is in the way."""

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
# A server that has just been started finds the phones on the cable a moment later.
_PATIENCE = 3.0

_CONNECT = (
    "use a USB cable that carries data; on the phone: Settings, About phone, tap the build number "
    "seven times, then System, Developer options, USB debugging"
)
_WSL = "; WSL sees no cable: use Wireless debugging, adb pair and adb connect"

# What adb calls a phone that is there and cannot be used: words for it, and what to do.
_STATES = {
    "unauthorized": ("does not allow this computer yet", program.ALLOW),
    "authorizing": ("does not allow this computer yet", program.ALLOW),
    "offline": (
        "is offline: adb sees it, but it does not answer",
        "unplug it and plug it in again; if that does not help: adb kill-server, or restart the phone",
    ),
    "connecting": ("is still connecting", "wait a moment, then repeat the command"),
    "no permissions": (
        "is there, but this user may not speak to it",
        "sudo apt install android-sdk-platform-tools-common, log in anew, then plug it in again",
    ),
}


@dataclass(frozen=True)
class Listed:
    """A phone as `adb devices` lists it; its model is empty where adb does not know it yet."""

    serial: str
    state: str
    model: str

    @property
    def ready(self) -> bool:
        return self.state == "device"

    @property
    def words(self) -> str:
        details = [word for word in (self.model, "" if self.ready else self.state) if word]
        return f"{self.serial} ({', '.join(details)})" if details else self.serial


def connect(serial: str | None = None) -> Device:
    """The one phone that is there, or the one of that serial.

    Args:
        serial: As `adb devices` lists it; without one, what ANDROID_SERIAL names.

    Raises:
        ToolError: There is no adb, or its server does not start.
        PhoneError: No phone, or one that cannot be used as it is.
        UsageError: Several phones and no serial, or none of that serial.
    """
    adb = program.find()
    wanted = serial or os.environ.get(_SERIAL) or None
    end = time.monotonic() + _PATIENCE
    while True:
        listed = phones(adb)
        fit = [phone for phone in listed if wanted in (None, phone.serial)]
        if any(phone.ready for phone in fit) or time.monotonic() > end:
            source = f"--serial {serial}" if serial else f"{_SERIAL}={wanted}"
            return Device(adb, _choose(listed, fit, source).serial)
        time.sleep(0.2)


def phones(adb: str) -> list[Listed]:
    """Every phone that adb sees, whatever its state.

    Raises:
        ToolError: adb's server does not start.
    """
    what = "listing the phones"
    done = program.run([adb, "devices", "-l"], what, program.QUICK)
    if done.code:
        raise program.failure(what, done.said)
    rows = []
    for line in done.out.partition("List of devices attached")[2].splitlines():
        # `no permissions` is two words, with an explanation behind them.
        match = re.match(r"(\S+)\s+(no permissions|\S+)(.*)", line)
        if match:
            model = re.search(r"\bmodel:(\S+)", match[3])
            rows.append(Listed(match[1], match[2], model[1].replace("_", " ") if model else ""))
    return rows


def _choose(listed: Sequence[Listed], fit: Sequence[Listed], source: str) -> Listed:
    everyone = ", ".join(phone.words for phone in listed)
    if not listed:
        wsl = "microsoft" in platform.release().lower()
        raise PhoneError("no phone is connected", _CONNECT + (_WSL if wsl else ""))
    if not fit:
        raise UsageError(f"{source}: no such phone is connected", f"connected: {everyone}")
    if len(fit) > 1:
        example = next((phone for phone in fit if phone.ready), fit[0]).serial
        raise UsageError(f"{len(fit)} phones are connected: {everyone}", f"choose one: --serial {example}")
    (only,) = fit
    if not only.ready:
        words, hint = _STATES.get(
            only.state, (f"is in the state “{only.state}”", "start Android on it, then repeat the command")
        )
        raise PhoneError(f"the phone {only.serial} {words}", hint)
    return only
