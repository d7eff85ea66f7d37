"""Whether a phone is ready for a meaningful benchmark: awake, unlocked, cool and undisturbed.

What a phone does not report counts as fine.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from export.android.adb.device import Device
from pipeline.core.errors import PhoneError
from pipeline.core.progress import ProgressReporter

CHECKLIST = (
    "keep the screen on and unlocked, and do not touch the phone: Android throttles apps in the background",
    "turn on airplane mode and close other apps: they use processor time",
    "turn off battery saver and charge above 20%: below that, many phones lower their clock speed",
    "unplug any charger except this computer's cable: charging heats the phone, and heat slows it down",
    "take the phone out of its case and out of the sun: the benchmark waits until it is cool",
)
_STATUSES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
_LEAST_PERCENT = 20
_STAGE = "letting the phone cool down"


@dataclass(frozen=True)
class Heat:
    """How warm a phone is; None where it does not report that.

    Attributes:
        celsius: The battery's temperature in °C.
        status: Android's thermal status: 0 for none, then light, moderate, severe, critical, ….
    """

    celsius: float | None
    status: int | None

    def cool(self, below: float) -> bool:
        """Whether the phone is cool enough, as far as it reports that."""
        return (self.celsius is None or self.celsius <= below) and not self.status

    def __str__(self) -> str:
        known = [] if self.celsius is None else [f"battery {self.celsius:.1f} °C"]
        if self.status is not None:
            known.append(f"thermal status {_STATUSES[min(self.status, len(_STATUSES) - 1)]}")
        return ", ".join(known) or "temperature unknown"


def require_awake(device: Device) -> None:
    """Requires the screen to be on and unlocked, if the phone reports that.

    Raises:
        PhoneError: The screen is off or locked.
    """
    what = "checking whether the screen is on"
    power = device.shell("dumpsys power | grep -m 1 mWakefulness=", what).out
    if re.search(r"mWakefulness=(?!Awake)\w", power):
        raise PhoneError(
            "the phone's screen is off", "turn it on, unlock it and keep it on, then run the command again"
        )
    window = device.shell("dumpsys window policy | grep -m 1 -w showing=true", what).out
    if "showing=true" in window:
        raise PhoneError("the phone is locked", "unlock it and keep it unlocked, then run the command again")


def disturbances(device: Device) -> list[str]:
    """What will distort the results although it could be avoided, one sentence each."""
    what = "reading the phone's settings"
    notes = []
    if _setting(device, "airplane_mode_on", what) == "0":
        notes.append("airplane mode is off: other apps may use processor time")
    if _setting(device, "low_power", what) == "1":
        notes.append("battery saver is on: it lowers the clock speed")
    battery = device.shell("dumpsys battery", what).out
    if re.search(r"(?:AC|Wireless|Dock) powered: true", battery):
        notes.append("a charger is connected: charging heats the phone, and heat slows it down")
    level = re.search(r"\blevel: (\d+)", battery)
    if level and int(level[1]) < _LEAST_PERCENT:
        notes.append(
            f"the battery is at {level[1]}%: below {_LEAST_PERCENT}% many phones lower their clock speed"
        )
    return notes


def heat(device: Device) -> Heat:
    """How warm the phone is now."""
    what = "reading the phone's temperature"
    tenths = re.search(r"\btemperature: (-?\d+)", device.shell("dumpsys battery", what).out)
    status = re.search(r"Thermal Status: (\d+)", device.shell("dumpsys thermalservice", what).out)
    return Heat(int(tenths[1]) / 10 if tenths else None, int(status[1]) if status else None)


def wait_until_cool(
    device: Device, below: float, seconds: float, reporter: ProgressReporter, pause: float = 5.0
) -> Heat:
    """Waits until a phone has cooled down.

    Args:
        device: The phone.
        below: The battery's temperature in °C that is cool enough.
        seconds: How long to wait at most.
        reporter: Receives the progress.
        pause: Seconds between two checks.

    Returns:
        How warm it is in the end.

    Raises:
        PhoneError: It is still too warm.
    """
    begin = time.monotonic()
    now = heat(device)
    if not now.cool(below):
        reporter.say("cooling", f"{now}; waiting up to {_minutes(seconds)} for {below:g} °C or less")
    while not now.cool(below):
        waited = time.monotonic() - begin
        if waited >= seconds:
            raise PhoneError(
                f"the phone is still too warm after {_minutes(seconds)}: {now}; "
                f"expected at most {below:g} °C and no thermal status",
                "take it out of its case, lay it on a cool surface and run the command again; "
                "or accept slower results: --cool-below 40",
            )
        reporter.progress(_STAGE, round(waited), max(1, round(seconds)))
        time.sleep(min(pause, seconds - waited))
        now = heat(device)
    reporter.progress(_STAGE, 1, 1)
    return now


def _setting(device: Device, name: str, what: str) -> str:
    return device.shell(f"settings get global {name}", what).out.strip()


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds != 60 else "1 minute"
