"""A reporter that keeps what library code says."""

from __future__ import annotations

from pipeline.core.progress import ProgressReporter


class Heard(ProgressReporter):
    """Keeps every stage's last line, and all warnings."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self.warnings: list[str] = []

    def say(self, stage: str, text: str) -> None:
        self.said[stage] = text

    def warn(self, text: str) -> None:
        self.warnings.append(text)
