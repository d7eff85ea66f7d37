from __future__ import annotations

import pytest

from export.android.adb import connect
from export.android.adb.device import Device
from export.android.benchmark import readiness
from export.android.benchmark.readiness import Heat
from pipeline.core.errors import PhoneError
from pipeline.core.progress import ProgressReporter


class Heard(ProgressReporter):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.steps: list[tuple[str, int, int]] = []

    def say(self, stage: str, text: str) -> None:
        self.said.append(f"{stage}: {text}")

    def progress(self, stage: str, done: int, total: int) -> None:
        self.steps.append((stage, done, total))


@pytest.fixture
def connected(phone) -> Device:
    return connect.connect(phone.serial)


def test_a_cool_phone_is_not_waited_for(connected):
    heard = Heard()
    assert readiness.wait_until_cool(connected, 35, 60, heard) == Heat(30.1, 0)
    assert heard.said == []


def test_a_warm_phone_is_waited_for_until_it_is_cool(connected, phone):
    phone.feels(celsius=38.0, status=1)
    looks = 0

    def later() -> None:
        nonlocal looks
        looks += 1
        phone.when("dumpsys battery", later)
        if looks == 3:
            phone.feels(celsius=34.9)

    phone.when("dumpsys battery", later)
    heard = Heard()
    assert readiness.wait_until_cool(connected, 35, 60, heard, pause=0.05) == Heat(34.9, 0)
    assert looks == 3
    assert heard.said == [
        "cooling: battery 38.0 °C, thermal status light; waiting up to 1 minute for 35 °C or less"
    ]
    assert heard.steps[0] == ("letting the phone cool down", 0, 60)
    assert heard.steps[-1] == ("letting the phone cool down", 1, 1)


def test_a_throttling_phone_is_too_warm_whatever_its_battery(connected, phone):
    phone.feels(celsius=25.0, status=3)
    with pytest.raises(PhoneError) as caught:
        readiness.wait_until_cool(connected, 35, 0, Heard())
    assert caught.value.message == (
        "the phone is still too warm after 0 minutes: battery 25.0 °C, thermal status severe; "
        "expected at most 35 °C and no thermal status"
    )


def test_a_phone_that_tells_no_thermal_status_is_judged_by_its_battery(connected, phone):
    phone.feels(celsius=31.0, status=None)
    assert readiness.heat(connected) == Heat(31.0, None)
    assert str(readiness.heat(connected)) == "battery 31.0 °C"


def test_a_phone_that_tells_nothing_is_not_held_back(connected, phone):
    for service in ("battery", "thermalservice", "power", "window"):
        (phone.root / "services" / service).unlink()
    for setting in ("airplane_mode_on", "low_power"):
        (phone.root / "settings" / setting).unlink()
    assert readiness.heat(connected) == Heat(None, None)
    assert str(readiness.heat(connected)) == "temperature unknown"
    readiness.require_awake(connected)
    assert readiness.disturbances(connected) == []
    assert readiness.wait_until_cool(connected, 35, 0, Heard()) == Heat(None, None)
