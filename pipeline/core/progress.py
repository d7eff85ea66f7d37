"""How library code reports progress, results and warnings."""

from __future__ import annotations

from collections.abc import Callable

# Called with the stage's name, the number done and the total.
Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """A Progress that shows nothing."""


def unheard(text: str) -> None:
    """Ignores a warning."""


class ProgressReporter:
    """Receives the reports of library code; this base class ignores them."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """A stage's progress."""

    def say(self, stage: str, text: str) -> None:
        """One line with a stage's result."""

    def warn(self, text: str) -> None:
        """A warning for the user."""
