"""The part of a configuration that collects thumbnails: which channels, and how to request them."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.core import urls


class Part(BaseModel):
    """A table of a configuration: frozen, without unknown keys, its types not converted."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_default=True, allow_inf_nan=False
    )


class Channel(Part):
    """A channel whose thumbnails are one class: its handle, id or address, and the class's name."""

    channel: str
    label: str

    @field_validator("channel")
    @classmethod
    def _known(cls, value: str) -> str:
        if urls.channel_list(value) is None:
            raise ValueError("@handle, or the address of a channel such as https://www.youtube.com/@handle")
        return value

    @field_validator("label")
    @classmethod
    def _folder(cls, value: str) -> str:
        if not urls.is_label(value):
            raise ValueError("one folder name, at most 100 bytes, not train, val or test")
        return unicodedata.normalize("NFC", value)


class Collect(Part):
    """How the thumbnails of channels are collected; none of this enters a run.

    The newest `train` of a channel's list are for training, the next `test` are held out (0: no split).
    With `full`, the next newest replaces a missing one. `shorts` takes all uploads instead of the videos
    only. `cookies` is the path of a Netscape cookies file.
    """

    train: Annotated[int, Field(ge=1, le=100_000)] = 200
    test: Annotated[int, Field(ge=0, le=100_000)] = 30
    full: bool = True
    shorts: bool = False
    pause_s: Annotated[float, Field(ge=0, le=3600)] = 0.5
    back_off_s: Annotated[float, Field(ge=0, le=3600)] = 2.0
    tries: Annotated[int, Field(ge=1, le=20)] = 4
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 20.0
    proxy: str = ""
    cookies: str = ""
    check_certificates: bool = True

    @field_validator("proxy")
    @classmethod
    def _without_secrets(cls, value: str) -> str:
        if value and not re.fullmatch(r"(https?|socks4a?|socks5h?)://[\w.-]+(:\d+)?/?", value):
            raise ValueError(
                "an address such as http://host:3128, without a name and a password: "
                "a proxy that needs these is taken from HTTPS_PROXY in the environment"
            )
        return value
