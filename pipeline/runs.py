"""The folder of a run: fixed names, whole writes, one lock, and what is still true.

Whether an artefact is up to date follows from its recipe: what it was made from, with which
settings, by which version of the stage and of the libraries. Output bytes are never compared.
What the stages compute belongs to them; this module knows only names and keys.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
import itertools
import json
import os
import re
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import config as configuration
from pipeline.config import Config
from pipeline.errors import ConfigError, RunError, UsageError, storage_error

RUNS = Path("data/runs")
CACHE = Path("data/cache")
PICTURE_SETS = Path("data/pictures")
PULLED = Path("data/photos")

# The names of everything in a run, in the order in which it comes to be.
CONFIG = "config.toml"
PICTURES = "pictures.csv"
LEFT_OUT = "left_out.csv"
AUDIT = "audit.json"
SHORTCUTS = "shortcuts.json"
SPLIT = "split.csv"
SEARCH = "search.json"
FRAME = "frame.json"
FOLDS = "folds.json"
OUT_OF_FOLD = "out_of_fold.npz"
MODEL = "model.keras"
TRAINING = "training.json"
ANSWERS = "answers"
EVALUATION = "evaluation.json"
LABEL_DOUBTS = "label_doubts.json"
EXPORT = "export"
PASSPORT = "passport.json"
PARITY = "parity.json"
PARITY_XML = "parity.xml"
SIMULATED = "simulated.json"
PHOTOS = "photos.json"
EXPLANATIONS = "explanations"
EXPLAINED = "explain.json"
APK = "demo.apk"
APK_PASSPORT = "apk.json"
PHONE = "phone.json"
PHONE_SESSIONS = ".phone_sessions.json"
FIGURES = "figures"
REPORT = "report.html"
REPORT_JSON = "report.json"
MODEL_CARD = "model_card.md"
NOTES = "notes.md"  # the user's own
_RECIPES = "recipes"
_LOCK = ".lock"


@dataclass(frozen=True)
class Recipe:
    """What an artefact is made from.

    Attributes:
        stage: Its name, e.g. `folds` or `answers/int8`.
        version: Raised whenever the stage's code would give other results.
        inputs: The keys of what it is made from, by name.
        settings: Its part of the configuration; JSON values.
        libraries: The distributions whose versions matter.
    """

    stage: str
    version: int
    inputs: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    libraries: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "version": self.version,
            "inputs": dict(self.inputs),
            "settings": dict(self.settings),
            "libraries": {name: library_version(name) for name in self.libraries},
        }

    @property
    def key(self) -> str:
        """A hash of everything above."""
        return key_of(self.as_dict())


@cache
def library_version(name: str) -> str:
    """The version of an installed distribution, read without importing it."""
    return metadata.version(name)


def key_of(value: Any) -> str:
    """A short, stable hash of a JSON value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


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
        """The effective configuration that the run was made with."""
        return configuration.load(self.path(CONFIG))

    def done(self, recipe: Recipe, outputs: Sequence[str]) -> bool:
        """Whether the stage was finished by this very recipe and all its outputs are there."""
        made = self.recorded(recipe.stage)
        return made.get("key") == recipe.key and all(self.path(name).is_file() for name in outputs)

    def record(self, recipe: Recipe, outputs: Sequence[str], **facts: Any) -> None:
        """Notes that the stage is finished. The last thing that a stage does."""
        entry = {"key": recipe.key, **recipe.as_dict(), "outputs": list(outputs), **facts}
        write_json(self._recipe_path(recipe.stage), entry)

    def recorded(self, stage: str) -> dict[str, Any]:
        """The entry that `record` wrote for a stage, or an empty one."""
        try:
            entry = json.loads(self._recipe_path(stage).read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return entry if isinstance(entry, dict) else {}

    def forget(self, stage: str) -> None:
        """Takes the note of `record` back, before outputs are replaced: a half-made one is not the old one.

        Raises:
            StorageError: The system says no.
        """
        path = self._recipe_path(stage)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(path, error) from error

    def make(self, recipe: Recipe, outputs: Sequence[str], build: Callable[[], None]) -> bool:
        """Builds the outputs unless they are up to date; says whether it did."""
        if self.done(recipe, outputs):
            return False
        self.forget(recipe.stage)
        build()
        self.record(recipe, outputs)
        return True

    def read_json(self, *names: str) -> Any:
        """A JSON artefact.

        Raises:
            RunError: It is missing or damaged.
        """
        path = self.path(*names)
        try:
            return json.loads(path.read_text("utf-8"))
        except FileNotFoundError as error:
            raise RunError(f"{path} is missing", training_hint(self)) from error
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror}", "allow reading it") from error
        except ValueError as error:
            raise RunError(f"{path} is damaged: {error}", "delete it and repeat the command") from error

    def read_csv(self, *names: str) -> list[dict[str, str]]:
        """The rows of a CSV artefact, by column.

        Raises:
            RunError: It is missing or damaged.
        """
        path = self.path(*names)
        try:
            text = path.read_bytes().decode("utf-8")
            rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        except FileNotFoundError as error:
            raise RunError(f"{path} is missing", training_hint(self)) from error
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror}", "allow reading it") from error
        except (ValueError, csv.Error) as error:
            raise RunError(f"{path} is damaged: {error}", "delete it and repeat the command") from error
        if any(None in row or None in row.values() for row in rows):
            raise RunError(f"{path} is damaged: a row is not whole", "delete it and repeat the command")
        return rows

    def write_arrays(self, *names: str, **arrays: np.ndarray) -> None:
        """Writes an .npz artefact; the same arrays give the same bytes."""
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **arrays)
        write_bytes(self.path(*names), file.getvalue())

    def read_arrays(self, *names: str) -> dict[str, np.ndarray]:
        """The arrays of an .npz artefact.

        Raises:
            RunError: It is missing or damaged.
        """
        path = self.path(*names)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
        except FileNotFoundError as error:
            raise RunError(f"{path} is missing", training_hint(self)) from error
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise RunError(f"{path} is damaged: {error}", "delete it and repeat the command") from error

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

    @contextmanager
    def locked(self, hint: str = "wait until it is done, or give this run another --name") -> Iterator[None]:
        """Holds the run for one process.

        Raises:
            RunError: Another process holds it; the message names it.
        """
        new = not self.folder.exists()
        make_folder(self.folder)
        path = self.path(_LOCK)
        try:
            file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise storage_error(path, error) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise RunError(
                    f"{self.folder} is in use by process {holder}",
                    hint,
                ) from None
            try:
                file.truncate(0)
                file.write(f"{os.getpid()} ({' '.join(sys.argv[:3])})")
                file.flush()
            except OSError as error:
                raise storage_error(path, error) from error
            _sweep(self.folder)
            try:
                yield
            finally:
                # What was refused before anything was made leaves no folder behind.
                if new and [entry.name for entry in self.folder.iterdir()] == [_LOCK]:
                    path.unlink()
                    self.folder.rmdir()


@contextmanager
def waiting_for(folder: Path) -> Iterator[None]:
    """Holds a folder of the cache, after waiting until no other process does.

    Raises:
        StorageError: The folder cannot be written.
    """
    path = folder / _LOCK
    try:
        file = path.open("a")
    except OSError as error:
        raise storage_error(path, error) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run_name(source: Path) -> str:
    """The name of a run made from a configuration or a folder: its stem, made safe for a path."""
    stem = source.stem if source.suffix.lower() in (".toml", *configuration.TABLES) else source.resolve().name
    safe = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", stem)).strip(".-")
    return safe or "run"


def open_for(name: str, config: Config, *, overwrite: bool = False, resplit: bool = False) -> Run:
    """The run of that name, new or continued.

    Args:
        name: One folder name.
        config: What the run is to be made with.
        overwrite: A run of another configuration is replaced.
        resplit: The first free name after this one is taken, so that a new split is drawn.

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
    # Before the folds are done nothing in a run depends on more than its split, which has rules of its own.
    if run.path(FOLDS).is_file() and run.path(CONFIG).is_file() and not overwrite:
        keys = configuration.differing_keys(run.config(), config)
        if keys:
            raise ConfigError(
                f"{run.folder} was made with another configuration; different: {', '.join(keys)}",
                "--name NAME makes another run, --overwrite replaces this one",
            )
    return run


def find(name: str | None) -> Run:
    """A run by name or path; without a name, the newest.

    Raises:
        RunError: There is none.
    """
    if name:
        for folder in (RUNS / name, Path(name)):
            if (folder / CONFIG).is_file():
                return Run(folder)
        where = "there is no run" if "/" in name else f"no run called {name} in {RUNS}"
        raise RunError(f"{name}: {where}" if "/" in name else where, _known_runs())
    made = sorted(RUNS.glob(f"*/{CONFIG}"), key=lambda path: path.stat().st_mtime)
    if not made:
        raise RunError(f"no runs in {RUNS}", "make one: python -m pipeline train CONFIG_OR_FOLDER")
    return Run(made[-1].parent)


def _known_runs() -> str:
    names = sorted(path.parent.name for path in RUNS.glob(f"*/{CONFIG}"))
    return "runs here: " + ", ".join(names) if names else "there are no runs yet"


def training_hint(run: Run) -> str:
    """How to make what a run lacks."""
    return f"finish the training first: python -m pipeline train {run.path(CONFIG)} --name {run.name}"


def make_folder(path: Path) -> None:
    """Makes a folder and its parents.

    Raises:
        StorageError: The system says no.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A temporary name beside `path`; what is written there takes its place, wholly or not at all.

    Args:
        path: Where it belongs.
        durable: It outlasts a power cut, too; not needed where a digest elsewhere would tell.

    Raises:
        StorageError: It could not be written; what stood at `path` is untouched.
    """
    make_folder(path.parent)
    # Libraries choose a format by the ending, so the temporary name keeps it.
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield beside
        if durable:
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        beside.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Writes a file wholly or not at all; raises StorageError. `durable` as in `replacing`."""
    with replacing(path, durable=durable) as beside:
        beside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 file wholly or not at all; raises StorageError."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Writes indented JSON wholly or not at all; NaN and infinity are refused with ValueError."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _sweep(folder: Path) -> None:
    """Removes the temporary files that a killed process left; only the holder of the lock may do so."""
    for path in folder.rglob(".[0-9]*.*"):
        if path.is_file() and path.name.split(".")[1].isdigit():
            path.unlink(missing_ok=True)
