"""Which models the app sees on the phone, as the app writes it.

`listing.schema.json` describes the same form for other languages.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from export.android.benchmark.app_document import (
    App,
    AppDocument,
    AppPart,
    DeviceInfo,
    Session,
    Words,
    require_all_or_error,
)
from export.bundle.contract import Sha256
from pipeline.core.sections import Flavour


class Listed(AppPart):
    """One folder below the app's models folder; beside an error only its name is set."""

    name: str
    error: Words | None
    flavour: Flavour | None = None
    file: str | None = None
    size_bytes: Annotated[int, Field(ge=1)] | None = None
    sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        require_all_or_error(self, {"name", "error"}, set())
        return self


class Listing(AppDocument):
    """Every model that the app can read, or why it cannot."""

    VERSION_KEY: ClassVar[str] = "listing_version"

    listing_version: Literal[1]
    session: Session
    app: App
    device: DeviceInfo
    runtime: str | None
    folder: str
    error: Words | None
    models: tuple[Listed, ...]
