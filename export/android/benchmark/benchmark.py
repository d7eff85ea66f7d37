"""A run's phone.json: which flavours a phone gets, when to measure anew, and the way through a session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from export import artifacts
from export.android.adb import app, connect, program
from export.android.adb.device import Device
from export.android.apk import apk as apps
from export.android.apk import runtime
from export.android.benchmark import document, readiness
from export.android.benchmark.document import Document, Host
from export.android.benchmark.session import Order, Patience, Session, new_name
from export.bundle import bundle as bundles
from export.bundle.bundle import Bundle
from export.conversion import convert
from export.model_file import operators
from pipeline.core import files, stages
from pipeline.core.errors import AccessError, GateError, PhoneError, RunError, UsageError, VignetteError
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe, key_of
from pipeline.core.runs import Run
from pipeline.training.experiment import Experiment

_BY_HAND = (
    "measure by hand: open the app on the phone, menu, Benchmark, Start; share its file with this "
    "computer, then: python -m export phone --replay FILE"
)


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
        order: What the app is to measure.
        serial: Which phone; None for the only one.
        cool_below: °C of the battery that are cool enough to begin.
        cool_minutes: How long to wait for that.
        again: Measure although nothing has changed.
        patience: How long the app is waited for.
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
                f"--cool-below {self.cool_below:g}: expected 20 to 60 °C", "35 is what phones reach at rest"
            )
        if not 0 <= self.cool_minutes <= 120:
            raise UsageError(
                f"--cool-minutes {self.cool_minutes:g}: expected 0 to 120", "10 is enough for most phones"
            )


@dataclass(frozen=True)
class Choice:
    """The bundles that a phone gets, by flavour, and the flavours that it does not get, with the reason."""

    bundles: dict[str, Bundle]
    skipped: dict[str, str]


def choose(experiment: Experiment) -> Choice:
    """Every flavour of a run that the runtime inside its app can load.

    Raises:
        RunError: The app is missing or older than the model, or nothing was exported.
        GateError: The runtime loads none of them.
    """
    run = experiment.run
    made, flavour = run.recorded("apk").get("inputs", {}), apps.flavour_inside(run)
    key = made.get(flavour, made.get(bundles.CONTRACT))
    if key != convert.contract_recipe(experiment, flavour).key or not _whole_app(run):
        raise RunError(
            f"{run.path(artifacts.APK)} is missing, or older than the model",
            f"build it first: python -m export apk {run.name}",
        )
    inside = run.read_json(artifacts.APK_PASSPORT)["runtime"]
    chosen: dict[str, Bundle] = {}
    skipped: dict[str, str] = {}
    for flavour in experiment.config.export.flavours:
        names = [convert.contract_name(flavour), convert.file_name(flavour)]
        if not run.done(convert.contract_recipe(experiment, flavour)) or not run.path(names[1]).is_file():
            skipped[flavour] = f"not exported: python -m export tflite {run.name}"
            continue
        whole = bundles.read(run.path(convert.bundle_name(flavour)))
        try:
            runtime.require(
                operators.compare(whole.data, inside["version"]), inside["name"], whole.model.name
            )
        except GateError as error:
            skipped[flavour] = error.message
            continue
        chosen[flavour] = whole
    if not chosen:
        raise GateError(
            f"the app's runtime can load no flavour of {run.folder}: {'; '.join(skipped.values())}",
            "put a newer runtime inside: python -m export apk --runtime litert.aar --runtime litert-api.aar",
        )
    return Choice(chosen, skipped)


def make(experiment: Experiment, request: Request, reporter: ProgressReporter) -> Document:
    """Measures on a phone where that is out of date; writes and gives phone.json.

    Raises:
        VignetteError: Whatever is in the way; the phone is left as it was, or what stays there is named.
    """
    run = experiment.run
    chosen = choose(experiment)
    device = _connect(run, request)
    recipe = _recipe(experiment, request, chosen, device)
    fresh = request.again or not run.done(recipe)
    if fresh:
        found = _measure(experiment, request, chosen, device, reporter)
        files.write_json(run.path(artifacts.PHONE), found.as_json())
        run.record(recipe)
    else:
        reporter.say("phone", "this phone was measured with these files already; --again measures anew")
    return document.read(run.path(artifacts.PHONE))


def _measure(
    experiment: Experiment, request: Request, chosen: Choice, device: Device, reporter: ProgressReporter
) -> Document:
    run = experiment.run
    for flavour, why in chosen.skipped.items():
        reporter.warn(f"{flavour} is left out: {why}")
    for number, words in enumerate(readiness.ASKED):
        reporter.say("" if number else "please", words)
    try:
        readiness.require_awake(device)
        disturbed = readiness.disturbances(device)
        for words in disturbed:
            reporter.warn(words)
        _clear_earlier(run, device, reporter)
        apk = run.path(artifacts.APK)
        passport = run.read_json(artifacts.APK_PASSPORT)
        reporter.say("app", app.install(device, apk, passport["sha256"]))
        with _session(run, request, device, reporter) as session:
            session.begin()
            session.put(chosen.bundles, reporter)
            reporter.say(
                "models", f"{', '.join(chosen.bundles)}: the app reads what was copied, sha256 for sha256"
            )
            heat = readiness.wait_until_cool(device, request.cool_below, 60 * request.cool_minutes, reporter)
            reporter.say("begins", heat.words)
            recorded = session.measure(list(chosen.bundles), request.order, reporter)
    except AccessError as error:
        error.hint = _BY_HAND + error.hint.removeprefix(program.BY_HAND)
        raise
    return Document(
        apk_sha256=passport["sha256"],
        skipped=chosen.skipped,
        disturbances=tuple(disturbed),
        host=_host(run, chosen),
        recording=recorded,
    )


@contextmanager
def _session(run: Run, request: Request, device: Device, reporter: ProgressReporter) -> Iterator[Session]:
    """A session that is noted in the run before it touches the phone, and cleared however it ends."""
    session = Session(device, new_name(), request.patience)
    session.look()
    entry = {"session": session.name, "phone": _key(device), "made": session.made}
    _note(run, [*_noted(run), entry])
    try:
        yield session
    except VignetteError as error:
        left = _clear(run, session, entry)
        error.hint += f"; {left}" if left else ""
        raise
    except BaseException:
        _warn(reporter, _clear(run, session, entry))
        raise
    # The figures are there, whatever stays on the phone.
    _warn(reporter, _clear(run, session, entry))


def _clear(run: Run, session: Session, entry: dict[str, Any]) -> str:
    """Clears the phone and forgets the session; gives words for what could not be cleared."""
    try:
        session.clear()
    except VignetteError as error:
        return f"what was put onto the phone is still there ({error.message}): the next command removes it"
    _note(run, [noted for noted in _noted(run) if noted != entry])
    return ""


def _warn(reporter: ProgressReporter, words: str) -> None:
    if words:
        reporter.warn(words)


def _clear_earlier(run: Run, device: Device, reporter: ProgressReporter) -> None:
    """Removes what commands left there that were killed, or whose phone went away."""
    for entry in [noted for noted in _noted(run) if noted["phone"] == _key(device)]:
        left = _clear(run, Session(device, entry["session"], made=entry["made"]), entry)
        reporter.say("cleared", left or f"what {entry['session']} had left on the phone")


def _noted(run: Run) -> list[dict[str, Any]]:
    path = run.path(artifacts.PHONE_SESSIONS)
    return run.read_json(artifacts.PHONE_SESSIONS) if path.is_file() else []


def _note(run: Run, entries: list[dict[str, Any]]) -> None:
    path = run.path(artifacts.PHONE_SESSIONS)
    if entries:
        files.write_json(path, entries)
    else:
        path.unlink(missing_ok=True)


def _connect(run: Run, request: Request) -> Device:
    try:
        return connect.connect(request.serial)
    except PhoneError as error:
        last = run.path(artifacts.PHONE)
        error.hint += f"; --replay {last} shows the last figures" if last.is_file() else ""
        raise


def _whole_app(run: Run) -> bool:
    return all(run.path(name).is_file() for name in (artifacts.APK, artifacts.APK_PASSPORT))


def _recipe(experiment: Experiment, request: Request, chosen: Choice, device: Device) -> Recipe:
    inputs = {flavour: convert.contract_recipe(experiment, flavour).key for flavour in chosen.bundles}
    settings: dict[str, Any] = json.loads(json.dumps(asdict(request.order)))
    # Another phone is measured anew; its serial number itself is nobody's business.
    return stages.recipe(
        "phone", {**inputs, "apk": experiment.run.key("apk")}, {**settings, "phone": _key(device)}
    )


def _key(device: Device) -> str:
    return key_of(device.serial)


def _host(run: Run, chosen: Choice) -> dict[str, Host] | None:
    if not run.path(artifacts.LATENCY).is_file():
        return None
    timed = run.read_json(artifacts.LATENCY)["flavours"]
    kept = ("median_ms", "p90_ms", "num_threads", "delegate")
    return {
        flavour: Host(**{name: timed[flavour][name] for name in kept})
        for flavour in chosen.bundles
        if flavour in timed
    }
