"""The folder of a run: fixed names, whole writes, one lock, and what is still true.

Whether an artifact is up to date follows from its recipe: what it was made from, with which
settings, by which version of the stage and of the libraries; and from its bytes, which must be
those that the stage wrote. What the stages compute belongs to them; this module knows only names
and keys.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import itertools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pipeline.core import config as configuration
from pipeline.core import documents, files, makers
from pipeline.core.config import Config
from pipeline.core.documents import Document, DocumentError, Form
from pipeline.core.errors import ConfigError, RunError, UsageError, storage_error
from pipeline.core.files import digest
from pipeline.core.recipes import Recipe, key_of

Parsed = TypeVar("Parsed")

RUNS = Path("data/runs")
CACHE = Path("data/cache")
PICTURE_SETS = Path("data/pictures")
PULLED = Path("data/photos")

# The names of everything in a run, in the order in which it comes to be.
CONFIG = "config.toml"
PICTURES = "pictures.csv"
EXCLUDED = "excluded.csv"
AUDIT = "audit.json"
SHORTCUTS = "shortcuts.json"
SPLIT = "split.csv"
SEARCH = "search.json"
FRAME = "frame.json"
FOLDS = "folds.json"
OUT_OF_FOLD = "out_of_fold.npz"
MODEL = "model.keras"
TRAINING = "training.json"
PREDICTIONS = "predictions"
EVALUATION = "evaluation.json"
LABEL_ISSUES = "label_issues.json"
FIGURES = "figures"
_RECIPES = "recipes"
_PICTURES_KEY = "data.pictures"

# What a document has at the least: keys of an object, columns of a table, arrays of one length.
FORMS: dict[str, frozenset[str]] = {
    name: frozenset(parts.split())
    for name, parts in {
        PICTURES: "path label group given sha256 width height remarks near_duplicates",
        EXCLUDED: "path label sha256 reason",
        SPLIT: "path sha256 side fold",
        AUDIT: "image_issues groups contradictions",
        SHORTCUTS: "families chance",
        SEARCH: "winner",
        FRAME: "width height content_aspect",
        FOLDS: "labels n accuracy fold_accuracy chosen_epoch epoch_was_chosen steps threshold temperature",
        OUT_OF_FOLD: "sha256 group truth fold logits probabilities",
        TRAINING: "trainable_parameters frozen_parameters steps",
        f"{PREDICTIONS}/*.npz": "sha256 groups truth probabilities",
        EVALUATION: "labels train out_of_fold held_out gaps",
        LABEL_ISSUES: "label_issues n",
    }.items()
}


class Run:
    """One run's folder. `path` resolves the names above; `done` and `record` keep the recipes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        return self.folder.name

    def path(self, *names: str) -> Path:
        return self.folder.joinpath(*names)

    def config(self) -> Config:
        """The effective configuration that the run was made with.

        Raises:
            ConfigError: It is damaged.
        """
        try:
            return configuration.load(self.path(CONFIG))
        except ConfigError as error:
            error.hint += "; " * bool(error.hint) + (
                f"or write it anew: python -m pipeline train CONFIG_OR_FOLDER --name {self.name} --overwrite"
            )
            raise

    def done(self, recipe: Recipe, outputs: Sequence[str]) -> bool:
        """Whether the stage was finished by this very recipe and its outputs lie there as it left them."""
        entry = self.recorded(recipe.stage)
        # Both the key and what it was made of: a note with a damaged part is no note.
        whole = key_of({name: entry.get(name) for name in recipe.as_dict()}) == recipe.key
        return (
            whole
            and entry["key"] == recipe.key
            and all(self.path(name).is_file() for name in outputs)
            and not self.altered(recipe.stage)
        )

    def altered(self, stage: str) -> list[str]:
        """Outputs of a stage that are there, but not as it left them.

        Runs of an older version have no digests; what lies in them is trusted.
        """
        written = self.recorded(stage).get("files", {})
        return [
            name for name in written if self.path(name).is_file() and digest(self.path(name)) != written[name]
        ]

    def record(self, recipe: Recipe, outputs: Sequence[str], **facts: Any) -> None:
        """Notes that the stage is finished, with the digests of its outputs; the last thing that it does."""
        entry = {"key": recipe.key, **recipe.as_dict(), "outputs": list(outputs), **facts}
        self._note(recipe.stage, entry)

    def _note(self, stage: str, entry: dict[str, Any]) -> None:
        digests = {name: digest(path) for name in entry["outputs"] if (path := self.path(name)).is_file()}
        files.write_json(self._recipe_path(stage), {**entry, "files": digests})

    def recorded(self, stage: str) -> dict[str, Any]:
        """The entry that `record` wrote for a stage, or an empty one."""
        try:
            entry = documents.object_of(self._recipe_path(stage).read_bytes(), ("key", "outputs"))
        except (OSError, DocumentError):
            return {}
        forms = {"outputs": list, "inputs": dict, "settings": dict, "libraries": dict, "files": dict}
        return entry if all(isinstance(entry.get(name, form()), form) for name, form in forms.items()) else {}

    def forget(self, stage: str) -> None:
        """Takes the note of `record` back, before outputs are replaced; raises StorageError."""
        path = self._recipe_path(stage)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(path, error) from error

    def make(self, recipe: Recipe, outputs: Sequence[str], build: Callable[[], None]) -> bool:
        """Builds the outputs unless they are up to date; says whether it did."""
        if self.done(recipe, outputs):
            entry = self.recorded(recipe.stage)
            if "files" not in entry:
                self._note(recipe.stage, entry)  # of a run of an older version
            return False
        self.forget(recipe.stage)
        build()
        self.record(recipe, outputs)
        return True

    def require_whole(self, *stages: str) -> None:
        """Makes sure that what stages made lies there as they left it.

        Raises:
            RunError: A file was changed since; the hint names the command that makes it again.
        """
        for stage in stages:
            for name in self.altered(stage):
                raise self._altered_error(stage, name)

    def read(self, form: type[Form], *names: str) -> Form:
        """A JSON artifact as the document that it is.

        Raises:
            RunError: It is missing, damaged or of another form.
        """
        return self._read(names, lambda data: documents.document_of(data, form))

    def write(self, document: Document, *names: str) -> None:
        """Writes a JSON artifact; raises StorageError."""
        files.write_json(self.path(*names), document.model_dump(mode="json"))

    def read_json(self, *names: str) -> Any:
        """A JSON artifact.

        Raises:
            RunError: It is missing or damaged.
        """
        keys = _form("/".join(names))
        return self._read(
            names, lambda data: documents.object_of(data, keys) if keys else documents.json_of(data)
        )

    def read_csv(self, *names: str) -> list[dict[str, str]]:
        """The rows of a CSV artifact, by column.

        Raises:
            RunError: It is missing or damaged.
        """
        return self._read(names, lambda data: documents.rows_of(data, _form("/".join(names))))

    def write_arrays(self, *names: str, **arrays: np.ndarray) -> None:
        """Writes an .npz artifact; the same arrays give the same bytes."""
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **arrays)
        files.write_bytes(self.path(*names), file.getvalue())

    def read_arrays(self, *names: str) -> dict[str, np.ndarray]:
        """The arrays of an .npz artifact.

        Raises:
            RunError: It is missing or damaged.
        """
        return self._read(names, lambda data: documents.arrays_of(data, _form("/".join(names))))

    def _read(self, names: Sequence[str], parse: Callable[[bytes], Parsed]) -> Parsed:
        """What an artifact holds, which must be what the stage wrote that made it."""
        path, name = self.path(*names), "/".join(names)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise RunError(f"{path} is missing", training_hint(self)) from error
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror}", "allow reading it") from error
        stage, written = self._origin(name)
        if stage and hashlib.sha256(data).hexdigest() != written:
            raise self._altered_error(stage, name)
        try:
            return parse(data)
        except DocumentError as error:
            raise RunError(f"{path} is damaged: {error}", "delete it and repeat the command") from error

    def holds(self, name: str) -> bool:
        """Whether a file is there, and as the stage left it that made it."""
        path = self.path(name)
        stage, written = self._origin(name)
        return path.is_file() and (not stage or digest(path) == written)

    def warn_of_damage(self, warn: Callable[[str], object]) -> None:
        """Names, in one line, the files that are not as their stages left them."""
        names = sorted({name for stage in self._stages() for name in self.altered(stage)})
        if names:
            shown = ", ".join(names[:3]) + f" and {len(names) - 3} more" * (len(names) > 3)
            warn(
                f"damaged in {self.folder}: {shown}; what is not as it was written is never used, "
                "but made again by the command that makes it"
            )

    def _stages(self) -> Iterator[str]:
        for path in sorted(self.path(_RECIPES).rglob("*.json")):
            yield path.relative_to(self.path(_RECIPES)).with_suffix("").as_posix()

    def _origin(self, name: str) -> tuple[str, str]:
        """The stage that made a file, and the digest that it noted; empty where none is known."""
        for stage in self._stages():
            if name in (files := self.recorded(stage).get("files", {})):
                return stage, files[name]
        return "", ""

    def _altered_error(self, stage: str, name: str) -> RunError:
        command = makers.maker(stage)
        verb = command.split()[1] if command else "train"
        again = f"python -m {command} {self.name}" if command else training_command(self)
        return RunError(
            f"{self.path(name)} is damaged: it is not the file that `{verb}` wrote", f"make it again: {again}"
        )

    def key(self, stage: str) -> str:
        """The key of a finished stage.

        Raises:
            RunError: The stage has not been done.
        """
        key = self.recorded(stage).get("key")
        if not isinstance(key, str):
            raise RunError(f"{self.folder}: {stage} has not been made yet", training_hint(self))
        return key

    def _recipe_path(self, stage: str) -> Path:
        return self.path(_RECIPES, *stage.split("/")[:-1], stage.split("/")[-1] + ".json")

    def locked(
        self, hint: str = "wait until it is done, or give this run another --name"
    ) -> AbstractContextManager[None]:
        """Holds the run for one process; raises RunError, which names another that holds it."""
        return files.locked(self.folder, hint)


def run_name(source: Path) -> str:
    """The name of a run made from a configuration or a folder: its stem, made safe for a path."""
    stem = source.stem if source.suffix.lower() in (".toml", *configuration.TABLES) else source.resolve().name
    safe = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", stem)).strip(".-")
    return safe or "run"


def open_for(
    name: str,
    config: Config,
    *,
    overwrite: bool = False,
    resplit: bool = False,
    keys: Collection[str] | None = None,
) -> Run:
    """The run of that name, new or continued.

    Args:
        name: One folder name.
        config: What the run is to be made with.
        overwrite: A run of another configuration is replaced.
        resplit: The first free name after this one is taken, so that a new split is drawn.
        keys: Those in which the configuration must be the run's; None for all.

    Raises:
        ConfigError: The run was made with another configuration and `overwrite` is off.
        UsageError: The name is not one folder name.
    """
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise UsageError(f"--name {name}: a run's name is one folder name", "for example --name first")
    run = Run(RUNS / name)
    if resplit:
        numbers = itertools.count(2)
        while run.folder.exists():
            run = Run(RUNS / f"{name}-{next(numbers)}")
    if run.path(CONFIG).is_file() and not overwrite:
        own = run.config()
        differing = set(configuration.differing_keys(own, config))
        if Path(own.data.pictures).resolve() == Path(config.data.pictures).resolve():
            differing.discard(_PICTURES_KEY)
        # Before the folds are done nothing else in a run depends on more than its split, which has rules
        # of its own.
        if not run.path(FOLDS).is_file():
            differing &= {_PICTURES_KEY}
        if keys is not None:
            differing &= {*keys}
        if differing:
            keys_named = ", ".join(sorted(differing))
            raise ConfigError(
                f"{run.folder} was made with another configuration; different: {keys_named}",
                "--name NAME makes another run, --overwrite replaces this one"
                if keys is None
                else "--name NAME makes another run",
            )
    return run


def find(name: str | None) -> Run:
    """A run by name or path; without a name, the newest.

    Raises:
        UsageError: There is none.
    """
    if name:
        for folder in (RUNS / name, Path(name)):
            if (folder / CONFIG).is_file():
                return Run(folder)
        where = "there is no run" if "/" in name else f"no run called {name} in {RUNS}"
        raise UsageError(f"{name}: {where}" if "/" in name else where, _known_runs())
    made = sorted(RUNS.glob(f"*/{CONFIG}"), key=lambda path: path.stat().st_mtime)
    if not made:
        raise UsageError(f"no runs in {RUNS}", "make one: python -m pipeline train CONFIG_OR_FOLDER")
    return Run(made[-1].parent)


def _form(name: str) -> frozenset[str]:
    return next((parts for row, parts in FORMS.items() if fnmatch.fnmatch(name, row)), frozenset())


def is_run(source: Path) -> bool:
    """Whether a word names a run: one in RUNS, unless there is another file or folder of that name."""
    if source.exists():
        return (source / CONFIG).is_file() and source.resolve().parent == RUNS.resolve()
    return len(source.parts) == 1 and (RUNS / source / CONFIG).is_file()


def _known_runs() -> str:
    names = sorted(path.parent.name for path in RUNS.glob(f"*/{CONFIG}"))
    return "runs here: " + ", ".join(names) if names else "there are no runs yet"


def training_command(run: Run) -> str:
    """What trains a run, or what it lacks of it."""
    return f"python -m pipeline train {run.path(CONFIG)} --name {run.name}"


def training_hint(run: Run) -> str:
    """How to make what a run lacks."""
    return f"finish the training first: {training_command(run)}"
