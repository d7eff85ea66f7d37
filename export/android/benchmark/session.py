"""One benchmark on a phone: copy the models, let the app measure, fetch the result, clean up.

The name of every file that a session puts on the phone begins with the session's name; nothing else is
ever removed. Which flavours are measured, and what becomes of the result, is decided in `benchmark`.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from export.android.adb import app, program
from export.android.adb.device import Device
from export.android.benchmark import app_document, recording
from export.android.benchmark.listing import Listing
from export.android.benchmark.recording import Failure, Progress, Recording
from export.bundle import bundle as bundles
from export.bundle.bundle import Bundle
from pipeline.core.errors import AccessError, PhoneError, UsageError
from pipeline.core.progress import ProgressReporter

KERNELS = ("XNNPACK", "built-in")
MODELS, BENCHMARK = f"{app.FILES}/models", f"{app.FILES}/benchmark"
_STAGE = "measuring on the phone"
_AGAIN = "unlock the phone, leave it alone, and run the command again"


@dataclass(frozen=True)
class Order:
    """What the app has to measure.

    Attributes:
        runs: Measured runs for each model, kind of kernels and number of threads.
        warm_up_runs: Runs before them that are not measured.
        threads: Numbers of threads.
        kernels: Some of `KERNELS`.
        sustained_seconds: How long each model also runs without a pause; 0 to skip that.
    """

    runs: int
    warm_up_runs: int
    threads: Sequence[int]
    kernels: Sequence[str]
    sustained_seconds: int

    def extras(self) -> dict[str, str | int]:
        """The same as extras of an Android intent."""
        return {
            "runs": self.runs,
            "warm_up_runs": self.warm_up_runs,
            "threads": ",".join(map(str, self.threads)),
            "kernels": ",".join(self.kernels),
            "sustained_seconds": self.sustained_seconds,
        }


def read_order(runs: int, warm_up_runs: int, threads: str, kernels: str, sustained_seconds: int) -> Order:
    """Reads the order from the command line; `threads` and `kernels` are comma-separated.

    Raises:
        UsageError: The app does not support a value.
    """
    for option, value, least, most in (
        ("--runs", runs, 1, 1000),
        ("--warm-up-runs", warm_up_runs, 0, 1000),
        ("--sustained", sustained_seconds, 0, 1800),
    ):
        if not least <= value <= most:
            raise UsageError(f"{option} {value}: expected {least} to {most}", "omit it to use the default")
    counts = threads.split(",")
    if not all(count.isdecimal() and 1 <= int(count) <= 16 for count in counts) or len(counts) > 8:
        raise UsageError(
            f"--threads {threads}: expected up to 8 numbers from 1 to 16", "for example --threads 1,2,4"
        )
    kinds = kernels.split(",")
    if not set(kinds) <= set(KERNELS):
        raise UsageError(
            f"--kernels {kernels}: expected one or both of {', '.join(KERNELS)}",
            f"for example --kernels {KERNELS[0]}",
        )
    numbers = list(dict.fromkeys(map(int, counts)))
    return Order(runs, warm_up_runs, numbers, list(dict.fromkeys(kinds)), sustained_seconds)


@dataclass(frozen=True)
class Patience:
    """How long to wait for the app, in seconds.

    Attributes:
        start: Until its process appears.
        answer: Until it lists its models, or reports the first progress of a benchmark.
        step: Until it finishes a step, on top of the time that the order itself takes.
        pause: Between two checks; each costs the phone a little processor time.
        ending: Until a cancelled benchmark ends.
    """

    start: float = 5.0
    answer: float = 30.0
    step: float = 120.0
    pause: float = 2.0
    ending: float = 5.0


@dataclass
class Session:
    """One benchmark on one phone.

    Attributes:
        device: The phone.
        name: The prefix of every file that it puts on the phone.
        patience: How long to wait for the app.
        created: The folders that this session creates, and removes again if they are empty.
        running: Whether the app is measuring.
        pid: The app's process when it was last seen.
    """

    device: Device
    name: str
    patience: Patience = field(default_factory=Patience)
    created: list[str] = field(default_factory=list)
    running: bool = False
    pid: int | None = None

    def model(self, flavour: str) -> str:
        """The name of the flavour's folder on the phone."""
        return f"{self.name}-{flavour}"

    def file(self, ending: str) -> str:
        """The path of a file that the app writes for this session."""
        return f"{BENCHMARK}/{self.name}{ending}"

    def note_missing_folders(self) -> None:
        """Notes which folders this session is going to create."""
        self.created = [] if "models" in self.device.names(app.FILES) else [MODELS]

    def begin(self) -> Listing:
        """Starts the app once, so that it creates its folder.

        Returns:
            The models that it sees.

        Raises:
            PhoneError: It did not start, or did not answer.
        """
        return self._list()

    def put(self, flavours: Mapping[str, Bundle], reporter: ProgressReporter) -> None:
        """Copies bundles to the phone and has the app confirm the sha256 of each model.

        Raises:
            AccessError: The phone denies access to adb or to the app.
            PhoneError: Its storage is full, or it was disconnected.
        """
        for number, (flavour, whole) in enumerate(flavours.items()):
            reporter.progress("copying models to the phone", number, len(flavours))
            for name in (whole.model.name, bundles.LABELS, bundles.CONTRACT):
                self.device.push(whole.folder / name, f"{MODELS}/{self.model(flavour)}/{name}")
        reporter.progress("copying models to the phone", len(flavours), len(flavours))
        listing = self._list()
        if listing.error:
            raise AccessError(
                f"the app on the phone cannot read {listing.folder}: {listing.error}", program.DENIED
            )
        seen = {listed.name: listed for listed in listing.models}
        for flavour, whole in flavours.items():
            listed = seen.get(self.model(flavour))
            if listed is None or listed.error:
                why = listed.error if listed else "the file is not visible to it"
                raise AccessError(
                    f"the app on the phone cannot read the {flavour} model: {why}", program.DENIED
                )
            if listed.sha256 != whole.contract.model.sha256:
                raise PhoneError(
                    f"the {flavour} model was damaged while being copied to the phone: "
                    f"sha256 {str(listed.sha256)[:12]}… instead of {whole.contract.model.sha256[:12]}…",
                    "try another cable or port, then run the command again",
                )

    def measure(self, flavours: Sequence[str], order: Order, reporter: ProgressReporter) -> Recording:
        """Has the app measure, and waits for the result.

        Raises:
            PhoneError: The app crashed, hung, or reports why there is no result.
            DataError: Its result is not what it should be.
        """
        models = ",".join(map(self.model, flavours))
        self.running = True
        app.start(self.device, "BENCHMARK", {"session": self.name, "models": models, **order.extras()})
        longest = self.patience.step + 2 * (order.runs + order.warm_up_runs) + order.sustained_seconds
        self._wait(longest, reporter)
        self.running = False
        with tempfile.TemporaryDirectory(prefix="vignette-phone-") as temporary:
            local = Path(temporary) / "benchmark.json"
            self.device.pull(self.file(".json"), local)
            text = local.read_bytes().decode("utf-8", "replace")
        outcome = recording.read_outcome(text, f"{self.name}.json of the app")
        if isinstance(outcome, Failure):
            raise PhoneError(f"the benchmark on the phone failed: {self._plain(outcome.error)}", _AGAIN)
        ordered = {self.model(flavour) for flavour in flavours}
        if outcome.session != self.name or {model.name for model in outcome.models} != ordered:
            raise PhoneError(
                f"the app on the phone measured {', '.join(model.name for model in outcome.models)} "
                f"for {outcome.session}, which is not what was requested",
                "run the command again",
            )
        return outcome

    def clear(self) -> None:
        """Stops a running benchmark and removes every file of this session.

        Raises:
            PhoneError: The phone was disconnected, or something could not be removed.
        """
        if self.running or (self._exists(".progress.json") and app.process(self.device)):
            self._cancel()
        for folder, mark in ((MODELS, f"{self.name}-"), (BENCHMARK, f"{self.name}.")):
            ours = [name for name in self.device.names(folder) if name.startswith(mark)]
            self.device.remove([f"{folder}/{name}" for name in ours], app.FILES)
        for folder in self.created:
            # rmdir removes only empty folders.
            self.device.shell(f"rmdir {folder}", "removing an empty folder")

    def _list(self) -> Listing:
        self.device.remove([self.file(".models.json")], app.FILES)
        app.start(self.device, "LIST", {"session": self.name})
        end = time.monotonic() + self.patience.answer
        while time.monotonic() < end:
            text = self.device.read(self.file(".models.json"))
            if text is not None:
                self.pid = app.process(self.device)
                return app_document.read(text, f"{self.name}.models.json of the app", Listing)
            time.sleep(min(0.3, self.patience.pause))
        raise PhoneError(f"the app on the phone did not answer within {self.patience.answer:.0f} s", _AGAIN)

    def _wait(self, longest: float, reporter: ProgressReporter) -> None:
        """Waits for the result and reports the app's progress."""
        last: Progress | None = None
        seen = False
        since = time.monotonic()
        while not self._exists(".json"):
            alive = app.process(self.device)
            seen, self.pid = seen or alive is not None, alive or self.pid
            waited = time.monotonic() - since
            # Checked again: it may have finished in the meantime.
            if not alive and (seen or waited > self.patience.start) and not self._exists(".json"):
                self.running = False
                raise self._ended(self._progress() or last)
            progress = self._progress()
            if progress and progress != last:
                last, since = progress, time.monotonic()
                reporter.progress(_STAGE, progress.done, progress.of)
            if waited > (longest if last else self.patience.answer):
                doing = f"at {self._plain(last.now)}" if last else "before the first step"
                raise PhoneError(f"the app on the phone made no progress for {waited:.0f} s {doing}", _AGAIN)
            time.sleep(self.patience.pause)

    def _progress(self) -> Progress | None:
        text = self.device.read(self.file(".progress.json"))
        return app_document.read(text, f"{self.name}.progress.json of the app", Progress) if text else None

    def _plain(self, words: str) -> str:
        """A text of the app without the session's name in front of the models."""
        return words.replace(f"{self.name}-", "")

    def _exists(self, ending: str) -> bool:
        return f"{self.name}{ending}" in self.device.names(BENCHMARK)

    def _ended(self, last: Progress | None) -> PhoneError:
        doing = f" while measuring {self._plain(last.now)}" if last else ""
        logged = app.last_words(self.device, self.pid) if self.pid else ""
        why = logged or "no reason in its log; Android may have killed it to free memory"
        return PhoneError(
            f"the app on the phone ended{doing}: {why}",
            "close other apps on the phone and run the command again; adb logcat -b crash shows more",
        )

    def _cancel(self) -> None:
        """Asks the app to stop, and kills it if it does not."""
        app.start(self.device, "CANCEL", {"session": self.name})
        end = time.monotonic() + self.patience.ending
        while not self._exists(".json"):
            if time.monotonic() > end:
                app.stop(self.device)
                break
            time.sleep(min(0.3, self.patience.pause))
        self.running = False


def new_name() -> str:
    """A unique name for a session; those that the app gives by itself have another prefix."""
    return f"adb-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
