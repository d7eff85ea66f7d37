"""Notes why a flavour could not be converted, so that the others carry on without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.core import stages
from pipeline.core.errors import ConversionError, storage_error
from pipeline.core.recipes import Recipe
from pipeline.core.runs import Run


class Failure(NamedTuple):
    """Why a flavour could not be converted, and what to do about it."""

    message: str
    hint: str


def note(run: Run, made: Recipe, files: Sequence[str], error: ConversionError) -> None:
    """Notes why a stage failed, and deletes the files that an earlier model left.

    Args:
        run: The run.
        made: What the file would have been made from.
        files: The stage's files, relative to the run.
        error: Why it failed.

    Raises:
        StorageError: A file cannot be deleted or written.
    """
    run.forget(made.stage)
    for name in files:
        try:
            run.path(name).unlink(missing_ok=True)
        except OSError as reason:
            raise storage_error(run.path(name), reason) from reason
    run.record(_recipe(made), message=error.message, hint=error.hint)


def forget(run: Run, made: Recipe) -> None:
    """Deletes a note; raises StorageError."""
    run.forget(_recipe(made).stage)


def noted(run: Run, made: Recipe) -> Failure | None:
    """Why a stage failed with exactly this recipe, or None."""
    entry = run.recorded(_recipe(made).stage)
    if entry.get("key") != _recipe(made).key:
        return None
    return Failure(str(entry.get("message")), str(entry.get("hint")))


def any_noted(run: Run, stage: str) -> bool:
    """Whether a stage failed the last time it was tried, with whatever recipe."""
    return bool(run.recorded(f"{stage}/failure"))


def in_words(failed: Mapping[str, Failure]) -> str:
    """Flavours that failed, each with its reason."""
    return "; ".join(f"{name} ({failure.message})" for name, failure in failed.items())


def _recipe(made: Recipe) -> Recipe:
    return stages.recipe(f"{made.stage}/failure", {"export": made.key})
