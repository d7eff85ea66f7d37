"""What the gate says about the model inside an app: `verdict.json`, shown on the app's About screen."""

from __future__ import annotations

from pipeline.core.documents import Document

NAME = "verdict.json"


class Verdict(Document):
    """The gate's verdict.

    Attributes:
        verdict: `passed`, `failed` or `not shown`.
        n: The number of held-out pictures that it is based on.
        second_look: Whether it is the verdict after a recalibration.
    """

    verdict: str
    n: int
    second_look: bool

    def __str__(self) -> str:
        return f"{self.verdict}, n = {self.n:,}{', second look' if self.second_look else ''}"

    def as_file(self) -> bytes:
        """The bytes of the file in the app."""
        return self.model_dump_json().encode()
