"""Whether a phone is in a state in which its figures mean something: awake, unlocked, cool, undisturbed.

What is asked of its user, and why, stands here in words; what cannot be seen is not held against a phone.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from export.android.adb.device import Device
from pipeline.core.errors import PhoneError
from pipeline.core.progress import ProgressReporter

ASKED = (
    "screen on and unlocked, and nobody touches the phone: Android slows down what nobody sees",
    "airplane mode on, other apps closed: else they take part of the processor",
    "battery saver off, battery above 20%: below, many phones clock down",
    "no charger but this computer's cable: charging heats the phone, and heat slows it down",
    "out of its case, out of the sun: measuring begins when it is cool",
)
_STATUSES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
_LEAST_PERCENT = 20
_STAGE = "letting the phone cool down"


@dataclass(frozen=True)
class Heat:
    """What a phone says of its heat; None where it does not.

    Attributes:
        celsius: Of the battery.
        status: Android's thermal status: 0 for none, then light, moderate, severe, critical, ….
    """

    celsius: float | None
    status: int | None

    def cool(self, below: float) -> bool:
        """Whether nothing that is known speaks against measuring."""
        return (self.celsius is None or self.celsius <= below) and not self.status

    @property
    def words(self) -> str:
        known = [] if self.celsius is None else [f"battery {self.celsius:.1f} °C"]
        if self.status is not None:
            known.append(f"thermal status {_STATUSES[min(self.status, len(_STATUSES) - 1)]}")
        return ", ".join(known) or "no temperature known"


def require_awake(device: Device) -> None:
    """Refuses a phone whose screen is off or locked, where it tells.

    Raises:
        PhoneError: Its screen is dark, or shows the lock screen.
    """
    what = "looking whether the screen is on"
    power = device.shell("dumpsys power | grep -m 1 mWakefulness=", what).out
    if re.search(r"mWakefulness=(?!Awake)\w", power):
        raise PhoneError(
            "the phone's screen is off", "switch it on, unlock it and leave it on; then repeat the command"
        )
    window = device.shell("dumpsys window policy | grep -m 1 -w showing=true", what).out
    if "showing=true" in window:
        raise PhoneError("the phone is locked", "unlock it and leave it unlocked; then repeat the command")


def disturbances(device: Device) -> list[str]:
    """What will be in the figures and need not be, in words; the user decides."""
    what = "looking at the phone's settings"
    notes = []
    if _setting(device, "airplane_mode_on", what) == "0":
        notes.append("airplane mode is off: other apps may take part of the processor")
    if _setting(device, "low_power", what) == "1":
        notes.append("battery saver is on: the phone clocks down")
    battery = device.shell("dumpsys battery", what).out
    if re.search(r"(?:AC|Wireless|Dock) powered: true", battery):
        notes.append("a charger is connected: charging heats the phone, and heat slows it down")
    level = re.search(r"\blevel: (\d+)", battery)
    if level and int(level[1]) < _LEAST_PERCENT:
        notes.append(f"the battery is at {level[1]}%: below {_LEAST_PERCENT}% many phones clock down")
    return notes


def heat(device: Device) -> Heat:
    """How warm a phone is now."""
    what = "asking how warm the phone is"
    tenths = re.search(r"\btemperature: (-?\d+)", device.shell("dumpsys battery", what).out)
    status = re.search(r"Thermal Status: (\d+)", device.shell("dumpsys thermalservice", what).out)
    return Heat(int(tenths[1]) / 10 if tenths else None, int(status[1]) if status else None)


def wait_until_cool(
    device: Device, below: float, seconds: float, reporter: ProgressReporter, pause: float = 5.0
) -> Heat:
    """Waits until a phone is cool.

    Args:
        device: The phone.
        below: °C of the battery that are cool enough.
        seconds: How long to wait.
        listener: Told of the wait.
        pause: Seconds between two looks.

    Returns:
        How warm it is then.

    Raises:
        PhoneError: It is still too warm after that time.
    """
    begin = time.monotonic()
    now = heat(device)
    if not now.cool(below):
        reporter.say("cooling", f"{now.words}; waits for {below:g} °C or less, {_minutes(seconds)} at most")
    while not now.cool(below):
        waited = time.monotonic() - begin
        if waited >= seconds:
            raise PhoneError(
                f"the phone is still too warm after {_minutes(seconds)}: {now.words}; "
                f"asked are {below:g} °C or less, and no thermal status",
                "lay it on a cool surface, out of its case, without a charger, and repeat the command; "
                "--cool-below 40 would do with 40 °C, for slower figures",
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
