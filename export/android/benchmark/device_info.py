"""Where a document of the app comes from: which app wrote it, on which phone.

The same in benchmarks (`recording`) and beside photos (`export.android.photos.record`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class App(_Part):
    """The app that wrote the document."""

    id: Annotated[str, Field(min_length=1)]
    version: str
    code: Count


class Phone(_Part):
    """The phone, as Android names it. `soc` is None below Android 12."""

    manufacturer: str
    model: str
    android: str
    sdk: Annotated[int, Field(ge=26)]
    abi: str
    soc: str | None
    cores: Annotated[int, Field(ge=1)]
    memory_kb: Count

    @property
    def words(self) -> str:
        name = self.model if self.model.startswith(self.manufacturer) else f"{self.manufacturer} {self.model}"
        chip = f", {self.soc}" if self.soc else ""
        return f"{name}, Android {self.android}, {self.cores} cores{chip}, {self.abi}"
