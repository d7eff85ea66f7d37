"""What the gate said of the file inside an app: `verdict.json`, which the app's About shows."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

NAME = "verdict.json"


@dataclass(frozen=True)
class Verdict:
    """The gate's word.

    Attributes:
        verdict: `passed`, `failed` or `not shown`.
        n: On how many held-out pictures.
        second_look: Whether it had said no to a first file.
    """

    verdict: str
    n: int
    second_look: bool

    def __str__(self) -> str:
        return f"{self.verdict}, n = {self.n:,}{', second look' if self.second_look else ''}"

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)

    def as_file(self) -> bytes:
        """What stands in the app."""
        return json.dumps(self.as_dict()).encode()
