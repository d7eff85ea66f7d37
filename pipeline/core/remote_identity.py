"""What tells one state of a remote file from another without reading it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

_TAGS = ("ETag", "etag", "generation", "md5Hash", "content_md5", "Content-MD5", "Digest")
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "Last-Modified", "created")


@dataclass(frozen=True, slots=True)
class Identity:
    """What changes with a remote file's content, and is known without reading it.

    Attributes:
        size: In bytes; -1 if the server does not say.
        tag: The store's own checksum or version, else its time; may be empty on web servers.
        modified: When it was last written, in seconds; None if the server does not say.
    """

    size: int
    tag: str
    modified: float | None

    @property
    def proves(self) -> bool:
        """Whether a file with the same identity has the same content, and a copy of this size is whole."""
        return bool(self.tag) and self.size >= 0


def identity_of(info: Mapping[str, Any]) -> Identity:
    """The identity in what fsspec's `info` or `ls` says of a file."""
    moment = next((info[name] for name in _TIMES if info.get(name)), None)
    if isinstance(moment, str):
        text, moment = moment, None
        for read in (parsedate_to_datetime, datetime.fromisoformat):
            with suppress(ValueError):
                moment = moment or read(text)
    modified = moment.timestamp() if isinstance(moment, datetime) else moment
    tag = next((str(info[name]) for name in _TAGS if info.get(name)), str(modified or ""))
    size = info.get("size")
    return Identity(-1 if size is None else int(size), tag, modified)
