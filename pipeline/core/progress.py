"""How library code reports what it does: progress, results and warnings."""

from __future__ import annotations

from collections.abc import Callable

# Called with the stage's name, how much is done and how much there is.
Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """A Progress that shows nothing."""


def unheard(text: str) -> None:
    """A warning that goes nowhere."""


class ProgressReporter:
    """Whom library code tells what it does; this one shows nothing."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """How far a stage is."""

    def say(self, stage: str, text: str) -> None:
        """The result of a stage, in one line."""

    def warn(self, text: str) -> None:
        """Something that the user must not miss."""
