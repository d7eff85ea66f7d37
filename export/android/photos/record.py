"""The record that the app writes beside each photo, version 1.

`photo.schema.json` describes the same form for other languages. `folder` finds the photos.
"""

from __future__ import annotations

import base64
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, ValidationError, field_validator, model_validator

from export.android.benchmark.app_document import App, AppDocument, AppPart, DeviceInfo
from export.bundle import contract
from export.bundle.contract import Sha256
from pipeline.core import documents
from pipeline.core.documents import DocumentError
from pipeline.core.errors import DataError
from pipeline.core.sections import Flavour

VERSION = 1
FILE = r"^\d{8}-\d{6}-\d{3}\.png$"
SESSION = r"^\d{8}-\d{6}$"
_NEWER = "update Vignette to the version of the app or a newer one"
_DAMAGED = "take the photo again, or remove it"

_Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
_AtLeastOne = Annotated[int, Field(ge=1)]
# JSON has one kind of number, so an integer may stand for a fraction.
_Number = Annotated[float, Field(strict=False)]
_Milliseconds = Annotated[float, Field(ge=0, strict=False)]


class Model(AppPart):
    """The model that answered."""

    file: str
    flavour: Flavour
    sha256: Sha256


class _Latency(AppPart):
    """How long each stage took, in milliseconds."""

    grab: _Milliseconds
    letterbox: _Milliseconds
    model: _Milliseconds


class Truth(AppPart):
    """What the photo shows according to the user; `label` is None for none of the classes."""

    label: str | None
    said_at: _Time


class Record(AppDocument):
    """A photo and the model's answer to it.

    Attributes:
        width: The width of the guide, and so of the picture, in the camera's pixels.
        height: Its height, likewise.
        output: Base64 of the exact bytes of the output tensor, little-endian.
        prepared_sha256: The sha256 of the frame's bytes that went into the model.
        answer: The app's answer; None for "don't know".
        truth: None until the user labels the photo.
    """

    VERSION_KEY: ClassVar[str] = "photo_version"

    photo_version: Literal[1]
    file: Annotated[str, Field(pattern=FILE)]
    sha256: Sha256
    width: _AtLeastOne
    height: _AtLeastOne
    session: Annotated[str, Field(pattern=SESSION)]
    taken_at: _Time
    app: App
    device: DeviceInfo
    runtime: str
    model: Model
    kernels: Literal["XNNPACK", "built-in"]
    num_threads: Annotated[int, Field(ge=1, le=16)]
    labels: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=2)]
    threshold: Annotated[float, Field(ge=0, le=1, strict=False)]
    probabilities: Annotated[tuple[_Number, ...], Field(min_length=2)]
    output: str
    prepared_sha256: Sha256
    answer: str | None
    latency_ms: _Latency
    truth: Truth | None

    @field_validator("output")
    @classmethod
    def _base64(cls, value: str) -> str:
        base64.b64decode(value, validate=True)
        return value

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("distinct labels")
        if len(self.probabilities) != len(self.labels):
            raise ValueError(
                f"{len(self.labels)} probabilities, one for each label, not {len(self.probabilities)}"
            )
        return self

    @property
    def raw(self) -> bytes:
        """The exact bytes of the output tensor."""
        return base64.b64decode(self.output)

    @property
    def answer_by_probabilities(self) -> str | None:
        """The answer by the probabilities; None for "don't know". Ties go to the lower index."""
        top = int(np.argmax(self.probabilities))
        return self.labels[top] if self.probabilities[top] >= self.threshold else None


def parse(text: str) -> Record:
    """Parses a record.

    Raises:
        DataError: It is damaged, newer than this program, or not of that form.
    """
    try:
        value = documents.json_of(text)
    except DocumentError as error:
        raise DataError(f"its record is damaged: {error}", _DAMAGED) from error
    version = value.get(Record.VERSION_KEY) if isinstance(value, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise DataError(f"its record has version {version}; this program reads version {VERSION}", _NEWER)
    try:
        return Record.model_validate_json(text)
    except ValidationError as error:
        raise DataError(f"its record is invalid: {contract.explain(error)}", _DAMAGED) from error
