"""A run's phone.json: select the flavours, measure them on a phone unless that is up to date, clean up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from export import artifacts
from export.android.adb import app, connect
from export.android.adb.device import Device
from export.android.apk import apk as apps
from export.android.apk import runtime
from export.android.apk.apk_info import ApkInfo
from export.android.benchmark import readiness
from export.android.benchmark.phone_benchmarks import Host, PhoneBenchmarks
from export.android.benchmark.session import Order, Patience, Session, new_name
from export.bundle import bundle as bundles
from export.bundle.bundle import Bundle
from export.conversion import convert
from export.model_file import operators
from export.parity.latency import Latency
from pipeline.core import stages
from pipeline.core.documents import Document
from pipeline.core.errors import AccessError, GateError, PhoneError, RunError, UsageError, VignetteError
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe, key_of
from pipeline.core.runs import Run
from pipeline.training.experiment import Experiment

_BY_HAND = (
    "measure by hand: on the phone, open the app's menu, Benchmark, Start; share the file with this "
    "computer, then: python -m export benchmark --replay FILE"
)


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


@dataclass(frozen=True)
class _Selection:
    """The bundles to measure, by flavour, and the flavours to skip, each with the reason."""

    bundles: dict[str, Bundle]
    skipped: dict[str, str]


class _Leftover(Document):
    """What a session may have left on a phone.

    Attributes:
        session: The session's name.
        phone: A hash of the phone's serial number.
        created: The folders that the session created.
    """

    session: str
    phone: str
    created: tuple[str, ...]


class _Leftovers(Document):
    """The sessions that have not been cleaned up."""

    sessions: tuple[_Leftover, ...]


def select(experiment: Experiment) -> _Selection:
    """Every flavour of a run that the runtime in its app can load.

    Raises:
        RunError: The app is missing or older than the model, or nothing was exported.
        GateError: The runtime can load none of them.
    """
    run = experiment.run
    inputs, flavour = run.recorded("apk").get("inputs", {}), apps.flavour_inside(run)
    key = inputs.get(flavour, inputs.get(bundles.CONTRACT))
    if key != convert.contract_recipe(experiment, flavour).key or not _app_is_there(run):
        raise RunError(
            f"{run.path(artifacts.APK)} is missing, or older than the model",
            f"build it first: python -m export apk {run.name}",
        )
    inside = run.read(ApkInfo, artifacts.APK_PASSPORT).runtime
    selected: dict[str, Bundle] = {}
    skipped: dict[str, str] = {}
    for flavour in experiment.config.export.flavours:
        names = [convert.contract_name(flavour), convert.file_name(flavour)]
        if not run.done(convert.contract_recipe(experiment, flavour)) or not run.path(names[1]).is_file():
            skipped[flavour] = f"not exported: python -m export tflite {run.name}"
            continue
        bundle = bundles.read(run.path(convert.bundle_name(flavour)))
        try:
            runtime.require(operators.compare(bundle.data, inside.version), inside.name, bundle.model.name)
        except GateError as error:
            skipped[flavour] = error.message
            continue
        selected[flavour] = bundle
    if not selected:
        raise GateError(
            f"the app's runtime can load no flavour of {run.folder}: {'; '.join(skipped.values())}",
            "build the app with a newer runtime: "
            "python -m export apk --runtime litert.aar --runtime litert-api.aar",
        )
    return _Selection(selected, skipped)


def benchmark(experiment: Experiment, request: Request, reporter: ProgressReporter) -> PhoneBenchmarks:
    """Measures on a phone, unless that is up to date, and writes phone.json.

    Raises:
        VignetteError: Something is in the way. The phone is left as it was, or the hint says what is left.
    """
    run = experiment.run
    selection = select(experiment)
    device = _connect(run, request)
    recipe = _recipe(experiment, request, selection.bundles, device)
    if request.again or not run.done(recipe):
        run.write(_measure(run, request, selection, device, reporter), artifacts.PHONE)
        run.record(recipe)
    else:
        reporter.say("phone", "already measured with these files; --again repeats the benchmark")
    return run.read(PhoneBenchmarks, artifacts.PHONE)


def _measure(
    run: Run, request: Request, selection: _Selection, device: Device, reporter: ProgressReporter
) -> PhoneBenchmarks:
    for flavour, why in selection.skipped.items():
        reporter.warn(f"{flavour} is skipped: {why}")
    for number, item in enumerate(readiness.CHECKLIST):
        reporter.say("" if number else "please", item)
    with _by_hand_if_denied():
        readiness.require_awake(device)
        disturbances = readiness.disturbances(device)
        for disturbance in disturbances:
            reporter.warn(disturbance)
        _clear_earlier(run, device, reporter)
        info = run.read(ApkInfo, artifacts.APK_PASSPORT)
        reporter.say("app", app.install(device, run.path(artifacts.APK), info.sha256))
        session = Session(device, new_name(), request.patience)
        session.note_missing_folders()
    with _cleared(run, session, reporter), _by_hand_if_denied():
        session.begin()
        session.put(selection.bundles, reporter)
        reporter.say("models", f"{', '.join(selection.bundles)}: copied, and the app confirms every sha256")
        heat = readiness.wait_until_cool(device, request.cool_below, 60 * request.cool_minutes, reporter)
        reporter.say("starting", str(heat))
        recording = session.measure(list(selection.bundles), request.order, reporter)
    return PhoneBenchmarks(
        apk_sha256=info.sha256,
        skipped=selection.skipped,
        disturbances=tuple(disturbances),
        host=_host(run, selection.bundles),
        recording=recording,
    )


@contextmanager
def _by_hand_if_denied() -> Iterator[None]:
    """Some phones deny adb or the app access; then the hint says how to measure without."""
    try:
        yield
    except AccessError as error:
        error.hint = _BY_HAND
        raise


@contextmanager
def _cleared(run: Run, session: Session, reporter: ProgressReporter) -> Iterator[None]:
    """Notes a session in the run before it touches the phone, and clears it however it ends."""
    leftover = _Leftover(
        session=session.name, phone=_phone_key(session.device), created=tuple(session.created)
    )
    _note(run, (*_noted(run), leftover))
    try:
        yield
    except VignetteError as error:
        left = _clear(run, session, leftover)
        error.hint += f"; {left}" if left else ""
        raise
    except BaseException:
        _warn(reporter, _clear(run, session, leftover))
        raise
    # The results are valid even if something stays on the phone.
    _warn(reporter, _clear(run, session, leftover))


def _clear(run: Run, session: Session, leftover: _Leftover) -> str:
    """Clears the phone and forgets the session; returns a sentence if something is left."""
    try:
        session.clear()
    except VignetteError as error:
        return (
            f"files of this session are still on the phone ({error.message}); the next command removes them"
        )
    _note(run, tuple(noted for noted in _noted(run) if noted != leftover))
    return ""


def _warn(reporter: ProgressReporter, text: str) -> None:
    if text:
        reporter.warn(text)


def _clear_earlier(run: Run, device: Device, reporter: ProgressReporter) -> None:
    """Removes what killed or disconnected sessions have left on this phone."""
    for leftover in _noted(run):
        if leftover.phone == _phone_key(device):
            left = _clear(run, Session(device, leftover.session, created=list(leftover.created)), leftover)
            reporter.say("cleared", left or f"the files of {leftover.session} from the phone")


def _noted(run: Run) -> tuple[_Leftover, ...]:
    name = artifacts.PHONE_SESSIONS
    return run.read(_Leftovers, name).sessions if run.path(name).is_file() else ()


def _note(run: Run, sessions: tuple[_Leftover, ...]) -> None:
    if sessions:
        run.write(_Leftovers(sessions=sessions), artifacts.PHONE_SESSIONS)
    else:
        run.path(artifacts.PHONE_SESSIONS).unlink(missing_ok=True)


def _connect(run: Run, request: Request) -> Device:
    try:
        return connect.connect(request.serial)
    except PhoneError as error:
        last = run.path(artifacts.PHONE)
        error.hint += f"; --replay {last} shows the last results" if last.is_file() else ""
        raise


def _app_is_there(run: Run) -> bool:
    return all(run.path(name).is_file() for name in (artifacts.APK, artifacts.APK_PASSPORT))


def _recipe(
    experiment: Experiment, request: Request, selected: Mapping[str, Bundle], device: Device
) -> Recipe:
    inputs = {flavour: convert.contract_recipe(experiment, flavour).key for flavour in selected}
    settings: dict[str, Any] = json.loads(json.dumps(asdict(request.order)))
    # Another phone is measured anew; the serial number itself is private.
    inputs["apk"] = experiment.run.key("apk")
    return stages.recipe("phone", inputs, {**settings, "phone": _phone_key(device)})


def _phone_key(device: Device) -> str:
    return key_of(device.serial)


def _host(run: Run, selected: Mapping[str, Bundle]) -> dict[str, Host] | None:
    if not run.path(artifacts.LATENCY).is_file():
        return None
    timings = run.read(Latency, artifacts.LATENCY).flavours
    return {flavour: Host(**timings[flavour].model_dump()) for flavour in selected if flavour in timings}
