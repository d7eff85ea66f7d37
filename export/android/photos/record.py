"""What the app notes beside a photo: its form, version 1.

For other languages the same form is written down in `photo.schema.json`. Which photos there are
belongs to `folder`.
"""

from __future__ import annotations

import base64
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from export.android.benchmark.device_info import App, Phone
from export.bundle import contract
from export.bundle.contract import Sha256
from pipeline.core import documents
from pipeline.core.documents import DocumentError
from pipeline.core.errors import DataError
from pipeline.core.sections import Flavour

VERSION = 1
FILE = r"^\d{8}-\d{6}-\d{3}\.png$"
SESSION = r"^\d{8}-\d{6}$"
_NEWER = "use the version of Vignette that made the app, or a newer one"
_DAMAGED = "take the photo again, or leave it out"

Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
AtLeastOne = Annotated[int, Field(ge=1)]
# JSON knows one kind of number, so a whole one may stand where a fraction is meant.
Number = Annotated[float, Field(strict=False)]
Milliseconds = Annotated[float, Field(ge=0, strict=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Model(_Part):
    """Which model answered."""

    file: str
    flavour: Flavour
    sha256: Sha256


class Latency(_Part):
    """How long the photo's way took, in milliseconds."""

    grab: Milliseconds
    letterbox: Milliseconds
    model: Milliseconds


class Truth(_Part):
    """What the user says it is; `label` is None for none of them."""

    label: str | None
    said_at: Time


class Record(_Part):
    """A photo, and what the model answered to it.

    Attributes:
        width: Of the guide, in the camera's pixels; so is the picture's.
        output: Base64 of the exact bytes of the output tensor, little-endian.
        prepared_sha256: Of the frame's bytes, as they went into the model.
        answer: What the app said; None for don't know.
        truth: None until the user says.
    """

    photo_version: Literal[1]
    file: Annotated[str, Field(pattern=FILE)]
    sha256: Sha256
    width: AtLeastOne
    height: AtLeastOne
    session: Annotated[str, Field(pattern=SESSION)]
    taken_at: Time
    app: App
    device: Phone
    runtime: str
    model: Model
    kernels: Literal["XNNPACK", "built-in"]
    num_threads: Annotated[int, Field(ge=1, le=16)]
    labels: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=2)]
    threshold: Annotated[float, Field(ge=0, le=1, strict=False)]
    probabilities: Annotated[tuple[Number, ...], Field(min_length=2)]
    output: str
    prepared_sha256: Sha256
    answer: str | None
    latency_ms: Latency
    truth: Truth | None

    @field_validator("output")
    @classmethod
    def _base64(cls, value: str) -> str:
        base64.b64decode(value, validate=True)
        return value

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("every label once")
        if len(self.probabilities) != len(self.labels):
            raise ValueError(f"{len(self.labels)} probabilities, one a label, not {len(self.probabilities)}")
        return self

    @property
    def raw(self) -> bytes:
        """The exact bytes of the output tensor."""
        return base64.b64decode(self.output)

    @property
    def says(self) -> str | None:
        """The answer that follows from the probabilities; None for don't know. Ties go to the lower index."""
        top = int(np.argmax(self.probabilities))
        return self.labels[top] if self.probabilities[top] >= self.threshold else None


def parse(text: str) -> Record:
    """The record that a JSON text holds.

    Raises:
        DataError: It is damaged, newer than this program, or has a key too few, too many or wrong.
    """
    try:
        value = documents.json_of(text)
    except DocumentError as error:
        raise DataError(f"its record is damaged: {error}", _DAMAGED) from error
    version = value.get("photo_version") if isinstance(value, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise DataError(f"its record has version {version}; this program knows {VERSION}", _NEWER)
    try:
        return Record.model_validate_json(text)
    except ValidationError as error:
        raise DataError(f"its record is none: {contract.explain(error)}", _DAMAGED) from error
