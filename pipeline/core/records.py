"""The notes that the stages of a run leave when they finish, and whether they still hold.

A stage is done if it was finished with the same recipe and its outputs are unchanged; it is out of date if
an input has changed since. The notes are in the run's folder `recipes`, one JSON file per stage.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.core import documents, files, stages
from pipeline.core.documents import DocumentError
from pipeline.core.errors import RunError, storage_error
from pipeline.core.files import digest
from pipeline.core.recipes import Recipe, key_of
from pipeline.core.stages import TRAIN, Stage

_RECIPES = "recipes"
_FORMS = {"outputs": list, "inputs": dict, "settings": dict, "libraries": dict, "files": dict}


class OutOfDate(Enum):
    """Why what a stage made no longer belongs to its run."""

    UNFINISHED = "unfinished"
    OTHER_VERSION = "other version"
    CHANGED = "changed"


class Records:
    """The notes of the stages in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, *names: str) -> Path:
        """A file of the run."""
        return self.folder.joinpath(*names)

    def done(self, recipe: Recipe) -> bool:
        """Whether the stage was finished with exactly this recipe, and its outputs are unchanged."""
        entry = self.recorded(recipe.stage)
        # The key and what it was made of must agree: a damaged note counts as none.
        whole = key_of({name: entry.get(name) for name in recipe.as_dict()}) == recipe.key
        return whole and entry["key"] == recipe.key and self._whole(recipe.stage)

    def out_of_date(self, stage: str) -> OutOfDate | None:
        """Why what a stage made no longer belongs to the run; None if it does.

        Its own outputs are not checked: reading them raises an error if they are damaged.
        """
        entry = self.recorded(stage)
        if not entry:
            return OutOfDate.UNFINISHED
        row = stages.row(stage)
        if entry.get("version") != row.version:
            return OutOfDate.OTHER_VERSION
        changed = any(self._changed(row, name, key) for name, key in entry.get("inputs", {}).items())
        return OutOfDate.CHANGED if changed else None

    def _changed(self, row: Stage, name: str, key: str) -> bool:
        """Whether an input is no longer the one of this key: a stage, or a file by its digest."""
        if below := row.rests_on(name):
            return (
                self.recorded(below).get("key") != key
                or not self._whole(below)
                or self.out_of_date(below) is not None
            )
        maker = self.maker(name)[0] if "/" in name else ""
        return bool(maker) and (digest(self.path(name)) != key or self.out_of_date(maker) is not None)

    def _whole(self, stage: str) -> bool:
        """Whether all outputs of a stage exist and are unchanged."""
        known = stages.find(stage)
        names = {*(known.outputs if known else ()), *self.recorded(stage).get("outputs", ())}
        return all(self.path(name).is_file() for name in names) and not self.altered(stage)

    def altered(self, stage: str) -> list[str]:
        """Outputs of a stage that exist but have changed.

        Runs of an older version have no digests; their files are trusted.
        """
        written = self.recorded(stage).get("files", {})
        return [
            name for name in written if self.path(name).is_file() and digest(self.path(name)) != written[name]
        ]

    def record(self, recipe: Recipe, more: Iterable[str] = (), **facts: Any) -> None:
        """Notes that a stage is finished, with the digests of its outputs; every stage does this last.

        Args:
            recipe: What it was made from.
            more: Outputs beyond those of the table.
            facts: What else to keep in the note; JSON values.
        """
        outputs = list(dict.fromkeys([*stages.row(recipe.stage).outputs, *more]))
        self._note(recipe.stage, {"key": recipe.key, **recipe.as_dict(), "outputs": outputs, **facts})

    def _note(self, stage: str, entry: dict[str, Any]) -> None:
        digests = {name: digest(path) for name in entry["outputs"] if (path := self.path(name)).is_file()}
        files.write_json(self._recipe_path(stage), {**entry, "files": digests})

    def recorded(self, stage: str) -> dict[str, Any]:
        """The note that `record` wrote for a stage; empty if there is none or it is damaged."""
        try:
            entry = documents.object_of(self._recipe_path(stage).read_bytes(), ("key", "outputs"))
        except (OSError, DocumentError):
            return {}
        return (
            entry if all(isinstance(entry.get(name, form()), form) for name, form in _FORMS.items()) else {}
        )

    def forget(self, stage: str) -> None:
        """Deletes the note of `record`, before outputs are replaced; raises StorageError."""
        path = self._recipe_path(stage)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(path, error) from error

    def make(self, recipe: Recipe, build: Callable[[], Collection[str] | None]) -> bool:
        """Builds the outputs of a stage unless they are up to date.

        Args:
            recipe: What they are made from.
            build: Writes them; returns the names of outputs beyond those of the table, if any.

        Returns:
            Whether it built them.
        """
        if self.done(recipe):
            entry = self.recorded(recipe.stage)
            if "files" not in entry:
                self._note(recipe.stage, entry)  # of a run of an older version
            return False
        self.forget(recipe.stage)
        self.record(recipe, build() or ())
        return True

    def key(self, stage: str) -> str:
        """The key of a finished stage.

        Raises:
            RunError: The stage has not been done.
        """
        key = self.recorded(stage).get("key")
        if not isinstance(key, str):
            raise RunError(
                f"{self.folder}: {stage} has not been made yet",
                f"finish the training first: {TRAIN.of(self.folder)}",
            )
        return key

    def require_whole(self, *names: str) -> None:
        """Makes sure that the outputs of stages are unchanged.

        Raises:
            RunError: A file has changed; the hint names the command that recreates it.
        """
        for stage in names:
            for name in self.altered(stage):
                raise self.altered_error(stage, name)

    def holds(self, name: str) -> bool:
        """Whether a file exists and is unchanged since its stage wrote it."""
        path = self.path(name)
        stage, written = self.maker(name)
        return path.is_file() and (not stage or digest(path) == written)

    def warn_of_damage(self, warn: Callable[[str], object]) -> None:
        """Warns, in one line, of files that have changed since their stages wrote them."""
        names = sorted({name for stage in self._noted() for name in self.altered(stage)})
        if names:
            shown = ", ".join(names[:3]) + f" and {len(names) - 3} more" * (len(names) > 3)
            warn(
                f"damaged in {self.folder}: {shown}; damaged files are never used; "
                "the command that made them recreates them"
            )

    def _noted(self) -> Iterator[str]:
        for path in sorted(self.path(_RECIPES).rglob("*.json")):
            yield path.relative_to(self.path(_RECIPES)).with_suffix("").as_posix()

    def maker(self, name: str) -> tuple[str, str]:
        """The stage that made a file, and the digest that it noted; empty if unknown."""
        # Those whose outputs in the table include it come first, so that few notes are read.
        for stage in chain(stages.makers(name), self._noted()):
            if name in (noted := self.recorded(stage).get("files", {})):
                return stage, noted[name]
        return "", ""

    def altered_error(self, stage: str, name: str) -> RunError:
        """The error for a file that has changed, with the command that recreates it."""
        known = stages.find(stage)
        command = known.command if known else TRAIN
        return RunError(
            f"{self.path(name)} is damaged: it is not the file that `{command.verb}` wrote",
            f"recreate it: {command.of(self.folder)}",
        )

    def _recipe_path(self, stage: str) -> Path:
        return self.path(_RECIPES, *stage.split("/")[:-1], stage.split("/")[-1] + ".json")
