"""A run's phone.json: the app with every flavour measures on a phone, unless that is up to date."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from export import artifacts
from export.android.adb import app, connect
from export.android.adb.device import Device
from export.android.apk import benchmark_apk
from export.android.apk.benchmark_apk import BenchmarkApk
from export.android.benchmark import readiness
from export.android.benchmark.phone_benchmarks import Host, PhoneBenchmarks
from export.android.benchmark.session import Order, Patience, Session
from export.conversion import convert
from export.parity.latency import Latency
from pipeline.core import stages
from pipeline.core.errors import PhoneError, UsageError
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe, key_of
from pipeline.core.runs import Run
from pipeline.training.experiment import Experiment


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
        order: What the app has to measure.
        serial: The phone's serial number; None for the only phone that is connected.
        cool_below: The battery's temperature in °C at which the benchmark may begin.
        cool_minutes: How long to wait for that.
        again: Measure even if nothing has changed.
        patience: How long to wait for the app.
    """

    order: Order
    serial: str | None = None
    cool_below: float = 35.0
    cool_minutes: float = 10.0
    again: bool = False
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        if not 20 <= self.cool_below <= 60:
            raise UsageError(
                f"--cool-below {self.cool_below:g}: expected 20 to 60 °C", "phones at rest reach about 35"
            )
        if not 0 <= self.cool_minutes <= 120:
            raise UsageError(
                f"--cool-minutes {self.cool_minutes:g}: expected 0 to 120", "10 is enough for most phones"
            )


def benchmark(experiment: Experiment, request: Request, reporter: ProgressReporter) -> PhoneBenchmarks:
    """Measures on a phone, unless that is up to date, and writes phone.json.

    Builds the app for it if that is out of date.

    Raises:
        VignetteError: Something is in the way. The app on the phone was stopped, or the hint says otherwise.
    """
    run = experiment.run
    device = _connect(run, request)
    apk = benchmark_apk.make(experiment, None, reporter)
    recipe = _recipe(experiment, request, apk, device)
    if request.again or not run.done(recipe):
        run.write(_measure(run, request, apk, device, reporter), artifacts.PHONE)
        run.record(recipe)
    else:
        reporter.say("phone", "already measured with these files; --again repeats the benchmark")
    return run.read(PhoneBenchmarks, artifacts.PHONE)


def _measure(
    run: Run, request: Request, apk: BenchmarkApk, device: Device, reporter: ProgressReporter
) -> PhoneBenchmarks:
    for flavour, why in apk.skipped.items():
        reporter.warn(f"{flavour} is skipped: {why}")
    for number, item in enumerate(readiness.CHECKLIST):
        reporter.say("" if number else "please", item)
    readiness.require_awake(device)
    disturbances = readiness.disturbances(device)
    for disturbance in disturbances:
        reporter.warn(disturbance)
    reporter.say("app", app.install(device, run.path(artifacts.BENCHMARK_APK), apk.info.sha256))
    heat = readiness.wait_until_cool(device, request.cool_below, 60 * request.cool_minutes, reporter)
    reporter.say("starting", str(heat))
    sha256 = {flavour: whole.contract.model.sha256 for flavour, whole in apk.bundles.items()}
    recording = Session(device, request.patience).measure(sha256, request.order, reporter)
    return PhoneBenchmarks(
        apk_sha256=apk.info.sha256,
        skipped=apk.skipped,
        disturbances=tuple(disturbances),
        host=_host(run, apk.bundles),
        recording=recording,
    )


def _connect(run: Run, request: Request) -> Device:
    try:
        return connect.connect(request.serial)
    except PhoneError as error:
        last = run.path(artifacts.PHONE)
        error.hint += f"; --replay {last} shows the last results" if last.is_file() else ""
        raise


def _recipe(experiment: Experiment, request: Request, apk: BenchmarkApk, device: Device) -> Recipe:
    inputs = {flavour: convert.contract_recipe(experiment, flavour).key for flavour in apk.bundles}
    inputs["apk"] = experiment.run.key(benchmark_apk.STAGE)
    settings: dict[str, Any] = json.loads(json.dumps(asdict(request.order)))
    # Another phone is measured anew; the serial number itself is private.
    return stages.recipe("phone", inputs, {**settings, "phone": key_of(device.serial)})


def _host(run: Run, flavours: Iterable[str]) -> dict[str, Host] | None:
    if not run.path(artifacts.LATENCY).is_file():
        return None
    timings = run.read(Latency, artifacts.LATENCY).flavours
    return {flavour: Host(**timings[flavour].model_dump()) for flavour in flavours if flavour in timings}
