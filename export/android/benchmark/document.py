"""phone.json: what the app recorded, and what was known here when it did; read back for tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export.android.benchmark import recording
from export.android.benchmark.recording import Failure, Recording
from export.bundle.contract import Sha256, explain
from pipeline.core import filetypes
from pipeline.core.errors import DataError

VERSION = 1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Host(_Part):
    """One flavour on the computer that exported it."""

    median_ms: Annotated[float, Field(ge=0)]
    p90_ms: Annotated[float, Field(ge=0)]
    num_threads: Annotated[int, Field(ge=1)]
    delegate: str


class Document(_Part):
    """One phone's figures.

    Attributes:
        apk_sha256: Of the app; None for a file that the app's user shared.
        skipped: Flavours that were not measured, and why.
        disturbances: What the figures suffer from, as far as the phone told beforehand.
        host: The same flavours here, by name; None where nothing was timed.
        recording: What the app wrote.
    """

    phone_version: Literal[1] = 1
    apk_sha256: Sha256 | None = None
    skipped: dict[str, str] = {}
    disturbances: tuple[str, ...] = ()
    host: dict[str, Host] | None = None
    recording: Recording

    def as_json(self) -> dict[str, Any]:
        """JSON values; the recording exactly as the app wrote it."""
        record = self.model_dump(mode="json", exclude={"recording"})
        return {**record, "recording": self.recording.model_dump(mode="json", exclude_unset=True)}


def read(path: Path) -> Document:
    """The figures in a run's phone.json, or in a file that the app wrote.

    Raises:
        StorageError: The file cannot be read.
        DataError: It is neither, or says why there are no figures.
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
    record = recording.load(text, str(path))
    if "phone_version" not in record:
        found = recording.read_outcome(text, str(path))
        if isinstance(found, Failure):
            raise DataError(f"{path} holds no figures: {found.error}", "measure again")
        return Document(recording=found)
    version = record["phone_version"]
    if isinstance(version, int) and version > VERSION:
        raise DataError(f"{path} has version {version}; this program knows {VERSION}", "use a newer Vignette")
    try:
        return Document.model_validate_json(text)
    except ValidationError as error:
        raise DataError(
            f"{path} is damaged: {explain(error)}", "measure again: python -m export phone"
        ) from error
