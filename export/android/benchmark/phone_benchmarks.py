"""phone.json: what the app measured, and what this computer knew when it did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_serializer

from export.android.benchmark import app_document, recording
from export.android.benchmark.recording import Failure, Progress, Recording
from export.bundle.contract import Sha256, explain
from pipeline.core import filetypes
from pipeline.core.documents import Document
from pipeline.core.errors import DataError

VERSION = 2


class Host(Document):
    """The latency of one flavour on the computer that exported it."""

    median_ms: Annotated[float, Field(ge=0)]
    p90_ms: Annotated[float, Field(ge=0)]
    num_threads: Annotated[int, Field(ge=1)]
    delegate: str


class PhoneBenchmarks(Document):
    """The benchmark of one phone.

    Attributes:
        apk_sha256: The sha256 of the app; None for a file that was shared from the phone by hand.
        skipped: The flavours that were not measured, each with the reason.
        disturbances: What was wrong with the phone's state before the benchmark began.
        host: The same flavours on this computer; None where nothing was timed here.
        recording: What the app wrote.
    """

    phone_version: Literal[2] = 2
    apk_sha256: Sha256 | None = None
    skipped: dict[str, str] = Field(default_factory=dict)
    disturbances: tuple[str, ...] = ()
    host: dict[str, Host] | None = None
    recording: Recording

    @field_serializer("recording")
    def _as_the_app_wrote_it(self, recording: Recording) -> dict[str, Any]:
        return recording.model_dump(mode="json", exclude_unset=True)


def read(path: Path) -> PhoneBenchmarks:
    """Reads a run's phone.json, or a file that the app has shared.

    Raises:
        DataError: It is neither, cannot be read, or says why there are no results.
    """
    try:
        text = filetypes.contents(path).decode("utf-8", "replace")
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: no such file", "give a run's phone.json, or the file that the app's benchmark shares"
        ) from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}", "give the file that the app's benchmark shares"
        ) from error
    value = app_document.load(text, str(path))
    if "phone_version" not in value:
        outcome = recording.read(text, str(path))
        if isinstance(outcome, Failure):
            raise DataError(f"{path} has no results: {outcome.error}", "measure again")
        if isinstance(outcome, Progress):
            raise DataError(f"{path} has no results: it was not finished", "measure again")
        return PhoneBenchmarks(recording=outcome)
    version = value["phone_version"]
    if isinstance(version, int) and version != VERSION:
        raise DataError(
            f"{path} has version {version}; this program reads version {VERSION}",
            "update Vignette" if version > VERSION else "measure again: python -m export benchmark",
        )
    try:
        return PhoneBenchmarks.model_validate_json(text)
    except ValidationError as error:
        raise DataError(
            f"{path} is damaged: {explain(error)}", "measure again: python -m export benchmark"
        ) from error
