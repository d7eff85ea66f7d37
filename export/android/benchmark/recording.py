"""What the app writes about a phone, read back: a benchmark, why there is none, which models it sees.

For other languages the form is written down in `benchmark.schema.json` and `listing.schema.json`.
Times are in milliseconds. How the numbers are shown belongs to `summary`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from export.android.benchmark.device_info import App, Phone
from export.bundle.contract import Sha256, explain
from pipeline.core import documents
from pipeline.core.documents import DocumentError
from pipeline.core.errors import DataError
from pipeline.core.sections import Flavour

VERSION = 1
PERCENTILES = (50, 90, 99)
# The app writes times in decimals of its own; a percentile may be off by as much.
_ROUNDING_MS = 0.01

Kernels = Literal["XNNPACK", "built-in"]
Thermal = Literal["none", "light", "moderate", "severe", "critical", "emergency", "shutdown"]
Session = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Words = Annotated[str, Field(min_length=1)]
Ms = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Distribution(_Part):
    """How long a stage took, run by run, with its percentiles (NumPy's, linear)."""

    p50: Ms
    p90: Ms
    p99: Ms
    min: Ms
    max: Ms
    values: Annotated[tuple[Ms, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _follows(self) -> Self:
        found = [*np.percentile(self.values, PERCENTILES), min(self.values), max(self.values)]
        stated = [self.p50, self.p90, self.p99, self.min, self.max]
        if not np.allclose(found, stated, rtol=1e-4, atol=_ROUNDING_MS):
            raise ValueError("percentiles that follow from its values")
        return self


class Memory(_Part):
    """Of the app, `free_kb` of the whole phone."""

    pss_kb: Count
    native_heap_kb: Count
    java_heap_kb: Count
    free_kb: Count


class Measurement(_Part):
    """One model on one kind of kernels with one number of threads; with an error, nothing else."""

    kernels: Kernels
    num_threads: Annotated[int, Field(ge=1, le=16)]
    error: Words | None
    warm_up_runs: Count | None = None
    runs: Annotated[int, Field(ge=1)] | None = None
    load_ms: Ms | None = None
    first_run_ms: Ms | None = None
    grab_ms: Distribution | None = None
    letterbox_ms: Distribution | None = None
    model_ms: Distribution | None = None
    total_ms: Distribution | None = None
    memory: Memory | None = None
    thermal_status: Thermal | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        optional = {"thermal_status"}
        _all_or_error(self, {"kernels", "num_threads", "error"}, optional)
        return self


class Window(_Part):
    """Some seconds of the sustained mode."""

    from_s: Annotated[float, Field(ge=0)]
    frames: Annotated[int, Field(ge=1)]
    p50_ms: Ms
    max_ms: Ms
    battery_celsius: float | None
    thermal_status: Thermal | None


class Sustained(_Part):
    """Whole frames without a pause; `slowdown` is the last window's median over the first's."""

    kernels: Kernels
    num_threads: Annotated[int, Field(ge=1, le=16)]
    seconds: Annotated[float, Field(gt=0)]
    frames: Annotated[int, Field(ge=1)]
    windows: Annotated[tuple[Window, ...], Field(min_length=1)]
    first_ms: Ms
    last_ms: Ms
    slowdown: Annotated[float, Field(ge=0)]


class Measured(_Part):
    """One model; with an error, only its name and source."""

    name: Words
    source: Literal["app", "folder"]
    error: Words | None
    flavour: Flavour | None = None
    file: str | None = None
    size_bytes: Annotated[int, Field(ge=1)] | None = None
    sha256: Sha256 | None = None
    frame: tuple[int, int] | None = None
    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1)] | None = None
    sustained: Sustained | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _all_or_error(self, {"name", "source", "error"}, {"sustained"})
        return self


class Conditions(_Part):
    """The phone's state; None where it does not tell."""

    battery_celsius: float | None
    battery_percent: Annotated[int, Field(ge=0, le=100)] | None
    plugged: Literal["no", "charger", "usb", "wireless", "other"] | None
    thermal_status: Thermal | None
    screen_on: bool
    locked: bool
    power_save: bool
    airplane_mode: bool
    memory: Memory


class Settings(_Part):
    """What was asked of the app."""

    models: Annotated[tuple[str, ...], Field(min_length=1)]
    runs: Annotated[int, Field(ge=1, le=1000)]
    warm_up_runs: Annotated[int, Field(ge=0, le=1000)]
    num_threads: Annotated[tuple[Annotated[int, Field(ge=1, le=16)], ...], Field(min_length=1)]
    kernels: Annotated[tuple[Kernels, ...], Field(min_length=1)]
    sustained_seconds: Annotated[int, Field(ge=0, le=1800)]


class CameraPicture(_Part):
    """What is grabbed and letterboxed: a drawn frame, no camera runs."""

    source: Literal["drawn"]
    format: Literal["YUV_420_888"]
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    rotation: Literal[0, 90, 180, 270]


class Recording(_Part):
    """A whole benchmark. `throttled` is None where the phone does not tell and nothing else showed it."""

    benchmark_version: Literal[1]
    session: Session
    app: App
    device: Phone
    runtime: str | None
    started_at: str
    ended_at: str
    settings: Settings
    camera_picture: CameraPicture
    before: Conditions
    after: Conditions
    throttled: bool | None
    throttled_why: str
    models: Annotated[tuple[Measured, ...], Field(min_length=1)]


class Failure(_Part):
    """Why there is no benchmark."""

    benchmark_version: Literal[1]
    session: Session
    app: App
    device: Phone
    runtime: str | None
    error: Words
    cancelled: bool


class Progress(_Part):
    """How far a benchmark is, in steps."""

    benchmark_version: Literal[1]
    session: Session
    done: Count
    of: Annotated[int, Field(ge=1)]
    now: str


class Listed(_Part):
    """A folder in the app's models folder, as the app sees it."""

    name: str
    error: Words | None
    flavour: Flavour | None = None
    file: str | None = None
    size_bytes: Annotated[int, Field(ge=1)] | None = None
    sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _all_or_error(self, {"name", "error"}, set())
        return self


class Listing(_Part):
    """Every model that the app can read, or why not."""

    listing_version: Literal[1]
    session: Session
    app: App
    device: Phone
    runtime: str | None
    folder: str
    error: Words | None
    models: tuple[Listed, ...]


Written = TypeVar("Written", bound=BaseModel)


def read(text: str, where: str, kind: type[Written]) -> Written:
    """A document of one kind.

    Args:
        text: JSON.
        where: The file's name, for messages.
        kind: What it has to be.

    Raises:
        DataError: It is damaged, newer than this program, or has a key too few, too many or wrong.
    """
    record = load(text, where)
    version = record.get("listing_version" if kind is Listing else "benchmark_version")
    if isinstance(version, int) and version > VERSION:
        raise DataError(
            f"{where} has version {version}; this program knows {VERSION}",
            "the app on the phone is newer: use a newer Vignette, or python -m export apk and install that",
        )
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise DataError(
            f"{where} is not what the app writes: {explain(error)}",
            "measure again with the app of this version: python -m export apk, then python -m export phone",
        ) from error


def read_outcome(text: str, where: str) -> Recording | Failure:
    """A benchmark, or why there is none; raises DataError as `read` does."""
    failed = "error" in load(text, where)
    return read(text, where, Failure if failed else Recording)


_WANTED = "give phone.json or what the app has shared, or measure again: python -m export phone"


def load(text: str, where: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        DataError: It is none.
    """
    try:
        record = documents.json_of(text)
    except DocumentError as error:
        raise DataError(f"{where} is not JSON, or damaged: {error}", _WANTED) from error
    if not isinstance(record, dict):
        raise DataError(f"{where} is not what the app writes", _WANTED)
    return record


def _all_or_error(part: BaseModel, always: set[str], optional: set[str]) -> None:
    """Beside an error nothing stands; without one, everything does."""
    rest = set(type(part).model_fields) - always - optional
    stated = {name for name in rest if getattr(part, name) is not None}
    failed = getattr(part, "error") is not None  # noqa: B009  (several kinds have it)
    if failed and stated:
        raise ValueError(f"no {min(stated)} beside an error")
    if not failed and stated != rest:
        raise ValueError(f"{min(rest - stated)} where there is no error")
