"""The folder of a run: finding, reading, writing and locking it.

`stages` lists its files, `records` knows which are up to date. A file that has changed since its stage
wrote it is never read.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import itertools
import re
import tomllib
import unicodedata
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pipeline.core import config as configuration
from pipeline.core import documents, files, locks
from pipeline.core.config import Config
from pipeline.core.documents import Document, DocumentError, Form, Rows
from pipeline.core.errors import ConfigError, RunError, UsageError
from pipeline.core.records import Records
from pipeline.core.stages import (
    CONFIG,
    EXCLUDED,
    FINE_TUNED_FOLDS,
    FOLDS,
    GIVE,
    GIVEN,
    OUT_OF_FOLD,
    PICTURES,
    PREDICTIONS,
    SPLIT,
    TRAIN,
)

Parsed = TypeVar("Parsed")

RUNS = Path("data/runs")
CACHE = Path("data/cache")
PICTURE_SETS = Path("data/pictures")
PULLED = Path("data/photos")

_DECISIONS = "data.decisions"

# The columns of each table, and the arrays of one length of each .npz file.
_FORMS = {
    name: frozenset(parts.split())
    for name, parts in {
        PICTURES: "path label group sha256 width height remarks",
        EXCLUDED: "path label sha256 reason",
        SPLIT: "path sha256 side fold",
        OUT_OF_FOLD: "sha256 group truth fold logits probabilities",
        FINE_TUNED_FOLDS: "sha256 group truth fold logits probabilities",
        f"{PREDICTIONS}/*.npz": "sha256 groups truth probabilities",
    }.items()
}


class Run(Records):
    """One run's folder, with the notes of its stages."""

    @property
    def name(self) -> str:
        return self.folder.name

    def config(self) -> Config:
        """The effective configuration that the run was made with.

        Raises:
            ConfigError: It is damaged.
        """
        try:
            return configuration.load(self.path(CONFIG), absent=configuration.ADDED)
        except ConfigError as error:
            error.hint += "; " * bool(error.hint) + (
                f"or recreate it: python -m pipeline train CONFIG_OR_FOLDER --name {self.name} --overwrite"
            )
            raise

    def read(self, form: type[Form], *names: str) -> Form:
        """A JSON artifact as a typed document.

        Raises:
            RunError: It is missing, damaged or has another form.
        """
        return self._read(names, lambda data: documents.document_of(data, form))

    def write(self, document: Document, *names: str) -> None:
        """Writes a JSON artifact; raises StorageError."""
        files.write_json(self.path(*names), document.model_dump(mode="json"))

    def read_json(self, *names: str) -> Any:
        """A JSON artifact without a type.

        Raises:
            RunError: It is missing or damaged.
        """
        return self._read(names, documents.json_of)

    def read_csv(self, *names: str) -> Rows:
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
        """The content of an artifact, which must be unchanged since its stage wrote it."""
        path, name = self.path(*names), "/".join(names)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise RunError(f"{path} is missing", training_hint(self)) from error
        except OSError as error:
            raise RunError(
                f"{path} cannot be read: {error.strerror}", "check your read permission"
            ) from error
        stage, written = self.maker(name)
        if stage and hashlib.sha256(data).hexdigest() != written:
            raise self.altered_error(stage, name)
        try:
            return parse(data)
        except DocumentError as error:
            raise RunError(f"{path} is damaged: {error}", "delete it and run the command again") from error

    @property
    def model_was_given(self) -> bool:
        """Whether its model was given by the user, not trained here."""
        return self.path(GIVEN).is_file()

    def locked(
        self,
        hint: str = "wait until it is done, or give this run another --name",
        warn: Callable[[str], object] | None = None,
    ) -> AbstractContextManager[None]:
        """Locks the run for one process, as `locks.locked`: refuses, or waits where `warn` is given."""
        return locks.locked(self.folder, hint, warn)


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
        config: The configuration to make it with.
        overwrite: Replace a run with another configuration.
        resplit: Take the first free name after this one, so that a new split is drawn.
        keys: The keys in which the configurations must agree; None for all.

    Raises:
        ConfigError: The run was made with another configuration and `overwrite` is off.
        UsageError: The name is not one folder name.
    """
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise UsageError(
            f"--name {name}: a run's name must be a single folder name", "for example --name first"
        )
    run = Run(RUNS / name)
    if resplit:
        run = Run(RUNS / free_name(name))
    if run.path(CONFIG).is_file() and not overwrite:
        own = run.config()
        differing = set(configuration.differing_keys(own, config))
        if Path(own.data.pictures).resolve() == Path(config.data.pictures).resolve():
            differing.discard(configuration.PICTURES_KEY)
        # These continue the run: how much work goes into the model, decisions about single pictures, and what
        # no result depends on.
        differing -= {"train.preset", _DECISIONS, "data.remote_cache_gb"}
        # Until the folds are done, a run depends on nothing but its split, which has rules
        # of its own.
        if not run.path(FOLDS).is_file():
            differing &= {configuration.PICTURES_KEY}
        if keys is not None:
            differing &= {*keys}
        if differing:
            keys_named = ", ".join(sorted(differing))
            raise ConfigError(
                f"{run.folder} was made with another configuration; it differs in {keys_named}",
                "use --name NAME for another run, or --overwrite to replace this one"
                if keys is None
                else "use --name NAME for another run",
            )
    return run


def free_name(name: str) -> str:
    """The name, or the first of NAME-2, NAME-3 and so on that no run has."""
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(free for free in names if not (RUNS / free).exists())


def decided(name: str) -> dict[str, str]:
    """The decisions about pictures that the run of that name applies, as a key and its value."""
    section, _, key = _DECISIONS.partition(".")
    part = _tree(name).get(section)
    decisions = part.get(key) if isinstance(part, dict) else ""
    return {_DECISIONS: decisions} if decisions else {}


def added_since(name: str) -> dict[str, Any]:
    """The keys that the configuration of the run of that name lacks, with what they are taken for there."""
    tree = _tree(name)
    if not tree or Run(RUNS / name).model_was_given:
        return {}
    known = {f"{section}.{key}" for section, part in tree.items() if isinstance(part, dict) for key in part}
    return {key: value for key, value in configuration.ADDED.items() if key not in known}


def _tree(name: str) -> dict[str, Any]:
    """The configuration of a run as it was written; empty if there is none."""
    try:
        return tomllib.loads((RUNS / name / CONFIG).read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def find(name: str | None) -> Run:
    """A run by name or path; without a name, the newest.

    Raises:
        UsageError: There is none.
    """
    if name == "":
        raise UsageError("the run's name is empty", _known_runs())
    if name is not None:
        for folder in (RUNS / name, Path(name)):
            if (folder / CONFIG).is_file():
                return Run(folder)
        where = "there is no run" if "/" in name else f"no run called {name} in {RUNS}"
        raise UsageError(f"{name}: {where}" if "/" in name else where, _known_runs())
    made = sorted(RUNS.glob(f"*/{CONFIG}"), key=lambda path: path.stat().st_mtime)
    if not made:
        raise UsageError(
            f"no runs in {RUNS}",
            "train one: python -m pipeline train CONFIG_OR_FOLDER; or go to the folder in which you trained",
        )
    return Run(made[-1].parent)


def _form(name: str) -> frozenset[str]:
    return next((parts for row, parts in _FORMS.items() if fnmatch.fnmatch(name, row)), frozenset())


def is_run(source: Path) -> bool:
    """Whether a word names a run: one in RUNS, unless there is another file or folder of that name."""
    if source.exists():
        return (source / CONFIG).is_file() and source.resolve().parent == RUNS.resolve()
    return len(source.parts) == 1 and (RUNS / source / CONFIG).is_file()


def _known_runs() -> str:
    names = sorted(path.parent.name for path in RUNS.glob(f"*/{CONFIG}"))
    return "runs here: " + ", ".join(names) if names else "there are no runs yet"


def training_command(run: Run) -> str:
    """The command that trains a run or finishes its training; or that gives a given model again."""
    return (GIVE if run.model_was_given else TRAIN).of(run.folder)


def training_hint(run: Run) -> str:
    """The hint that names the command which makes what a run lacks."""
    first = "give the model again" if run.model_was_given else "finish the training first"
    return f"{first}: {training_command(run)}"
