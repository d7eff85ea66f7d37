"""The size of a picture or a frame, in pixels."""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.core.errors import UsageError


class Size(NamedTuple):
    """Pixels, width first, as in `224x128`."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def parse_size(text: str) -> Size | None:
    """The Size that `224x128` (width x height) names, or None for any other text."""
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    return Size(int(match[1]), int(match[2])) if match else None


def asked_size(text: str | None) -> Size | None:
    """The Size given by `--size`, or None without it.

    Raises:
        UsageError: The text is not a size.
    """
    size = None if text is None else parse_size(text)
    if text is not None and (size is None or not all(size)):
        raise UsageError(f"--size {text}: expected WIDTHxHEIGHT in pixels", "such as --size 224x224")
    return size
