"""What the app writes about a benchmark: the recording, why there is none, or how far it is.

`benchmark.schema.json` describes the same form for other languages. All times are in milliseconds.
Tables and sentences are in `summary`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from export.android.benchmark import app_document
from export.android.benchmark.app_document import (
    App,
    AppDocument,
    AppPart,
    Count,
    DeviceInfo,
    Session,
    Words,
    require_all_or_error,
)
from export.bundle.contract import Sha256
from pipeline.core.sections import Flavour

Kernels = Literal["XNNPACK", "built-in"]
Thermal = Literal["none", "light", "moderate", "severe", "critical", "emergency", "shutdown"]
_Ms = Annotated[float, Field(ge=0)]


class _Distribution(AppPart):
    """How long a stage took in each run, with percentiles as NumPy computes them (linear).

    `p50_interval` is the 95% interval of the median.
    """

    p50: _Ms
    p90: _Ms
    p99: _Ms
    min: _Ms
    max: _Ms
    p50_interval: tuple[_Ms, _Ms]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.p50_interval
        ascending = [self.min, low, self.p50, high, self.max]
        if ascending != sorted(ascending) or not self.p50 <= self.p90 <= self.p99 <= self.max:
            raise ValueError("percentiles in ascending order")
        return self


class _Memory(AppPart):
    """Memory of the app; `free_kb` is that of the whole phone."""

    pss_kb: Count
    native_heap_kb: Count
    java_heap_kb: Count
    free_kb: Count


class Measurement(AppPart):
    """One model with one kind of kernels and one number of threads; beside an error nothing else is set."""

    kernels: Kernels
    num_threads: Annotated[int, Field(ge=1, le=16)]
    error: Words | None
    warm_up_runs: Count | None = None
    runs: Annotated[int, Field(ge=1)] | None = None
    load_ms: _Ms | None = None
    first_run_ms: _Ms | None = None
    grab_ms: _Distribution | None = None
    letterbox_ms: _Distribution | None = None
    model_ms: _Distribution | None = None
    total_ms: _Distribution | None = None
    memory: _Memory | None = None
    thermal_status: Thermal | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        require_all_or_error(self, {"kernels", "num_threads", "error"}, {"thermal_status"})
        return self


class Window(AppPart):
    """A few seconds of the sustained run."""

    from_s: Annotated[float, Field(ge=0)]
    frames: Annotated[int, Field(ge=1)]
    p50_ms: _Ms
    max_ms: _Ms
    battery_celsius: float | None
    thermal_status: Thermal | None


class _Sustained(AppPart):
    """Whole frames without a pause; `slowdown` is the median of the last window over that of the first."""

    kernels: Kernels
    num_threads: Annotated[int, Field(ge=1, le=16)]
    seconds: Annotated[float, Field(gt=0)]
    frames: Annotated[int, Field(ge=1)]
    windows: Annotated[tuple[Window, ...], Field(min_length=1)]
    first_ms: _Ms
    last_ms: _Ms
    slowdown: Annotated[float, Field(ge=0)]


class Measured(AppPart):
    """One model; beside an error only `contract`, the name of its contract in the app, is set."""

    contract: Words
    error: Words | None
    flavour: Flavour | None = None
    file: str | None = None
    size_bytes: Annotated[int, Field(ge=1)] | None = None
    sha256: Sha256 | None = None
    frame: tuple[int, int] | None = None
    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1)] | None = None
    sustained: _Sustained | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        require_all_or_error(self, {"contract", "error"}, {"sustained"})
        return self


class _Conditions(AppPart):
    """The state of the phone; None where the phone does not report it."""

    battery_celsius: float | None
    battery_percent: Annotated[int, Field(ge=0, le=100)] | None
    plugged: Literal["no", "charger", "usb", "wireless", "other"] | None
    thermal_status: Thermal | None
    screen_on: bool
    locked: bool
    power_save: bool
    airplane_mode: bool
    memory: _Memory


class Settings(AppPart):
    """What the app was asked to measure."""

    num_threads: Annotated[tuple[Annotated[int, Field(ge=1, le=16)], ...], Field(min_length=1)]
    kernels: Annotated[tuple[Kernels, ...], Field(min_length=1)]
    max_seconds: Annotated[int, Field(ge=1, le=600)]
    sustained_seconds: Annotated[int, Field(ge=0, le=1800)]


class _CameraPicture(AppPart):
    """The frame that is grabbed and letterboxed; it is drawn, the camera does not run."""

    source: Literal["drawn"]
    format: Literal["YUV_420_888"]
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    rotation: Literal[0, 90, 180, 270]


class Recording(AppDocument):
    """A finished benchmark. `throttled` is None where neither the phone nor the times tell."""

    benchmark_version: Literal[2]
    session: Session
    state: Literal["finished"]
    app: App
    device: DeviceInfo
    runtime: str | None
    started_at: str
    ended_at: str
    settings: Settings
    camera_picture: _CameraPicture
    before: _Conditions
    after: _Conditions
    throttled: bool | None
    throttled_why: str
    models: Annotated[tuple[Measured, ...], Field(min_length=1)]


class Failure(AppDocument):
    """Why there is no benchmark."""

    benchmark_version: Literal[2]
    session: Session
    state: Literal["failed"]
    app: App
    device: DeviceInfo
    runtime: str | None
    error: Words
    cancelled: bool


class Progress(AppDocument):
    """How far a benchmark has come, in steps, if the process `pid` still exists."""

    benchmark_version: Literal[2]
    session: Session
    state: Literal["running"]
    pid: Count
    done: Count
    of: Annotated[int, Field(ge=1)]
    now: str


def read(text: str, where: str) -> Recording | Failure | Progress:
    """Parses a session's file: the benchmark, the reason why there is none, or how far it is.

    Raises:
        DataError: As for `app_document.read`.
    """
    state = app_document.load(text, where).get("state")
    forms = {"failed": Failure, "running": Progress}
    return app_document.read(text, where, forms.get(str(state), Recording))
