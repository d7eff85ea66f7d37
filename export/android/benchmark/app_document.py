"""What all documents of the app have in common: exact forms, the app and the phone that wrote them.

Benchmarks, and the records beside photos.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export.bundle.contract import explain
from pipeline.core import documents
from pipeline.core.documents import DocumentError
from pipeline.core.errors import DataError

VERSION = 2
_MEASURE_AGAIN = (
    "give phone.json or the file that the app has shared, or measure again: python -m export benchmark"
)

Session = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Words = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]


class AppPart(BaseModel):
    """A part of a document that the app writes: exactly these keys, exactly these types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class AppDocument(AppPart):
    """A document that the app writes; `VERSION_KEY` is the key that holds its version."""

    VERSION_KEY: ClassVar[str] = "benchmark_version"


class App(AppPart):
    """The app that wrote the document."""

    id: Annotated[str, Field(min_length=1)]
    version: str
    code: Count


class DeviceInfo(AppPart):
    """The phone, as Android describes it. `soc` is None before Android 12."""

    manufacturer: str
    model: str
    android: str
    sdk: Annotated[int, Field(ge=26)]
    abi: str
    soc: str | None
    cores: Annotated[int, Field(ge=1)]
    memory_kb: Count

    def __str__(self) -> str:
        name = self.model if self.model.startswith(self.manufacturer) else f"{self.manufacturer} {self.model}"
        chip = f", {self.soc}" if self.soc else ""
        return f"{name}, Android {self.android}, {self.cores} cores{chip}, {self.abi}"


Form = TypeVar("Form", bound=AppDocument)


def read(text: str, where: str, form: type[Form]) -> Form:
    """Parses a document of the app.

    Args:
        text: JSON.
        where: The file's name, for messages.
        form: Which document it has to be.

    Raises:
        DataError: It is damaged, newer than this program, or not of that form.
    """
    version = load(text, where).get(form.VERSION_KEY)
    if isinstance(version, int) and version > VERSION:
        raise DataError(
            f"{where} has version {version}; this program reads version {VERSION}",
            "the app on the phone is newer: update Vignette, or measure with its own app: "
            "python -m export benchmark",
        )
    if isinstance(version, int) and version < VERSION:
        raise DataError(
            f"{where} has version {version}; this program reads version {VERSION}",
            "measure again: python -m export benchmark",
        )
    try:
        return form.model_validate_json(text)
    except ValidationError as error:
        raise DataError(
            f"{where} is not in the app's format: {explain(error)}",
            "measure again: python -m export benchmark",
        ) from error


def load(text: str, where: str) -> dict[str, Any]:
    """Parses a JSON object.

    Raises:
        DataError: It is not one.
    """
    try:
        return documents.object_of(text)
    except DocumentError as error:
        raise DataError(f"{where} is not in the app's format: {error}", _MEASURE_AGAIN) from error


def require_all_or_error(part: AppPart, always: set[str], optional: set[str]) -> None:
    """Requires every key of a part that has no error, and none beside an error.

    Args:
        part: It has a field `error`.
        always: The keys that are there in either case.
        optional: The keys that may be missing in either case.

    Raises:
        ValueError: A key is missing, or stands beside an error.
    """
    rest = set(type(part).model_fields) - always - optional
    stated = {name for name in rest if getattr(part, name) is not None}
    failed = getattr(part, "error") is not None  # noqa: B009  (several kinds have it)
    if failed and stated:
        raise ValueError(f"no {min(stated)} beside an error")
    if not failed and stated != rest:
        raise ValueError(f"{min(rest - stated)} where there is no error")
