"""One benchmark on a phone: the app measures every model inside, and its file is read until it is finished.

Nothing is copied to the phone but the app itself. What to measure, and what becomes of the result, is decided
in `benchmark`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from export.android.adb import app
from export.android.adb.device import Device
from export.android.adb.provider import BenchmarkFile
from export.android.benchmark import recording
from export.android.benchmark.recording import Failure, Progress, Recording
from pipeline.core.errors import PhoneError, UsageError, VignetteError
from pipeline.core.progress import ProgressReporter

KERNELS = ("XNNPACK", "built-in")
_STAGE = "measuring on the phone"
_AGAIN = "unlock the phone, leave it alone, and run the command again"


@dataclass(frozen=True)
class Order:
    """What the app has to measure.

    Attributes:
        threads: Numbers of threads.
        kernels: Some of `KERNELS`.
        max_seconds: The longest time for each model, kind of kernels and number of threads.
        sustained_seconds: How long each model also runs without a pause; 0 to skip that.
    """

    threads: Sequence[int]
    kernels: Sequence[str]
    max_seconds: int
    sustained_seconds: int

    def extras(self) -> dict[str, str | int]:
        """The same as extras of an Android intent."""
        return {
            "threads": ",".join(map(str, self.threads)),
            "kernels": ",".join(self.kernels),
            "max_seconds": self.max_seconds,
            "sustained_seconds": self.sustained_seconds,
        }


def read_order(threads: str, kernels: str, max_seconds: int, sustained_seconds: int) -> Order:
    """Reads the order from the command line; `threads` and `kernels` are comma-separated.

    Raises:
        UsageError: The app does not support a value.
    """
    for option, value, least, most in (
        ("--seconds", max_seconds, 1, 600),
        ("--sustained", sustained_seconds, 0, 1800),
    ):
        if not least <= value <= most:
            raise UsageError(f"{option} {value}: expected {least} to {most}", "omit it to use the default")
    counts = threads.split(",")
    if not all(count.isdecimal() and 1 <= int(count) <= 16 for count in counts) or len(counts) > 8:
        raise UsageError(
            f"--threads {threads}: expected up to 8 numbers from 1 to 16", "for example --threads 1,4"
        )
    kinds = kernels.split(",")
    if not set(kinds) <= set(KERNELS):
        raise UsageError(
            f"--kernels {kernels}: expected one or both of {', '.join(KERNELS)}",
            f"for example --kernels {','.join(KERNELS)}",
        )
    numbers = list(dict.fromkeys(map(int, counts)))
    return Order(numbers, list(dict.fromkeys(kinds)), max_seconds, sustained_seconds)


@dataclass(frozen=True)
class Patience:
    """How long to wait for the app, in seconds.

    Attributes:
        answer: Until it reports its first step.
        step: Until it finishes a step, on top of the time that the order itself takes.
        pause: Between two checks while it measures: each starts `content` on the phone, a Java program that
            keeps one core busy for a moment.
    """

    answer: float = 30.0
    step: float = 120.0
    pause: float = 10.0


@dataclass
class Session:
    """One benchmark on one phone.

    Attributes:
        device: The phone.
        patience: How long to wait for the app.
        name: Of its file; the app removes what earlier sessions of such a name have left.
    """

    device: Device
    patience: Patience
    name: str = field(default_factory=lambda: f"adb-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}")

    def measure(self, sha256: Mapping[str, str], order: Order, reporter: ProgressReporter) -> Recording:
        """Has the app measure, waits for the result, and removes it from the phone.

        However it ends, the app has stopped measuring, or the error's hint says that it may not have.

        Args:
            sha256: Of the model of every flavour that must be in the app.
            order: What to measure.
            reporter: Receives the progress.

        Raises:
            PhoneError: The app crashed, hung, or reports why there is no result.
            AccessError: The phone does not hand over the result.
            DataError: The result is not what it should be.
        """
        file = BenchmarkFile(self.device, f"{self.name}.json", reporter)
        with self._stopped(file, reporter):
            app.start(self.device, {"session": self.name, **order.extras()})
            outcome = self._wait(file, order, reporter)
            if isinstance(outcome, Failure):
                raise PhoneError(f"the benchmark on the phone failed: {outcome.error}", _AGAIN)
            measured = {model.sha256 for model in outcome.models if model.error is None}
            if len(outcome.models) != len(sha256) or not measured <= set(sha256.values()):
                raise PhoneError(
                    f"the app on the phone measured {len(outcome.models)} models, and not those that were "
                    f"put into it: {', '.join(sha256)}",
                    _AGAIN,
                )
        _warn(reporter, _try(file.remove, f"{file.name} is still on the phone"))
        return outcome

    @contextmanager
    def _stopped(self, file: BenchmarkFile, reporter: ProgressReporter) -> Iterator[None]:
        """Ends the app if what is inside fails or is interrupted, and removes its file."""

        def stop() -> str:
            # Not by asking it: an app that hangs would not answer.
            return _try(lambda: app.stop(self.device), "the app on the phone may still be measuring") or _try(
                file.remove, f"{file.name} is still on the phone"
            )

        try:
            yield
        except VignetteError as error:
            left = stop()
            error.hint += f"; {left}" if left else ""
            raise
        except BaseException:
            _warn(reporter, stop())
            raise

    def _wait(self, file: BenchmarkFile, order: Order, reporter: ProgressReporter) -> Recording | Failure:
        """Waits for the result and reports the app's progress."""
        longest = self.patience.step + order.max_seconds + order.sustained_seconds
        last: Progress | None = None
        since = time.monotonic()
        while True:
            # Before reading, because that would start an app that has ended anew.
            alive = app.process(self.device)
            text = file.read()
            state = recording.read(text, f"{file.name} of the app") if text else None
            if isinstance(state, Recording | Failure):
                return state
            if last and alive != last.pid:
                raise self._ended(state or last)
            if last and state is None:
                raise PhoneError(
                    "the app on the phone could not write its result",
                    "free some space on the phone, then run the command again",
                )
            if state and state != last:
                last, since = state, time.monotonic()
                reporter.progress(_STAGE, state.done, state.of)
            waited = time.monotonic() - since
            if waited > (longest if last else self.patience.answer):
                doing = f"at {_line(last.now)}" if last else "before the first step"
                raise PhoneError(f"the app on the phone made no progress for {waited:.0f} s {doing}", _AGAIN)
            time.sleep(self.patience.pause if last else min(1.0, self.patience.pause))

    def _ended(self, last: Progress) -> PhoneError:
        logged = app.last_words(self.device, last.pid)
        why = logged or "no reason in its log; Android may have killed it to free memory"
        return PhoneError(
            f"the app on the phone ended while measuring {_line(last.now)}: {why}",
            "close other apps on the phone and run the command again; adb logcat -b crash shows more",
        )


def _try(step: Callable[[], None], left: str) -> str:
    """Takes a step of cleaning up; returns a sentence if it failed."""
    try:
        step()
    except VignetteError as error:
        return f"{left} ({error.message}); the next benchmark clears that up"
    return ""


def _warn(reporter: ProgressReporter, text: str) -> None:
    if text:
        reporter.warn(text)


def _line(now: str) -> str:
    return ", ".join(now.splitlines())
