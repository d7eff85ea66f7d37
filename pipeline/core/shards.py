"""Shards of a cache: parts that several machines make at the same time, and how they come together.

A shard is a folder below `data/cache/shards`, beside the others of its set: those of one stage with one part
of the configuration. Each keeps the recipe that it was made by. Whoever opens the cache takes in the shards
that nobody is working on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, JsonValue

from pipeline.core import files, locks, runs
from pipeline.core.documents import Document, document_of
from pipeline.core.errors import RunError, UsageError
from pipeline.core.progress import unheard
from pipeline.core.recipes import Recipe, key_of

_FOLDER = "shards"
_RECIPE = "recipe.json"


class _Made(Document):
    """The recipe that a shard was made by; what a later version adds to it counts, too."""

    model_config = ConfigDict(extra="allow")
    stage: str
    version: int
    inputs: dict[str, str]
    settings: dict[str, JsonValue]
    libraries: dict[str, str]


@dataclass(frozen=True)
class Shard:
    """A part of all pictures: those whose digest is in the `number`th of `count` equal ranges, from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that is written `3/64`; raises UsageError."""
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise UsageError(
                f"--shard {text}: expected a number and how many shards there are",
                "for example --shard 1/64, up to --shard 64/64",
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def holds(self, digest: bytes) -> bool:
        """Whether a picture with this sha256, or another digest of at least 8 bytes, is in it."""
        return int.from_bytes(digest[:8], "big") * self.count >> 64 == self.number - 1


@contextmanager
def making(recipe: Recipe, shard: Shard, warn: Callable[[str], object] = unheard) -> Iterator[Path]:
    """The folder of a shard, locked; waits while another process works on it.

    Args:
        recipe: What its content is made by.
        shard: Which one.
        warn: Told which process it waits for.

    Raises:
        RunError: The shard was begun by another recipe.
        StorageError: The folder cannot be written.
    """
    folder = _set(recipe) / f"{shard.number}-of-{shard.count}"
    files.make_folder(folder)
    with locks.waiting_for(folder, warn):
        _check(folder, recipe)
        files.write_json(folder / _RECIPE, recipe.as_dict())
        yield folder


def take_in(
    recipe: Recipe, add: Callable[[Path], None], warn: Callable[[str], object] = unheard
) -> list[str]:
    """Hands the folder of every finished shard of a cache to `add`, and empties it.

    Args:
        recipe: What the cache is made by.
        add: Puts a shard's content into the cache; again, if it was interrupted.
        warn: Told of shards that are being worked on.

    Returns:
        The names of the shards.

    Raises:
        RunError: A shard was made by another recipe.
    """
    taken = []
    for folder in sorted(_set(recipe).glob("*-of-*"), key=_order):
        with locks.if_free(folder) as holder:
            name = folder.name.replace("-of-", "/")
            if holder:
                warn(f"shard {name} is left out: process {holder} is working on it")
                continue
            if not (folder / _RECIPE).is_file():
                continue
            _check(folder, recipe)
            add(folder)
            # The lock stays: another process may be waiting for it. The recipe goes last: whatever is left
            # by a process that was killed belongs to it.
            for path in sorted(folder.iterdir(), key=lambda path: path.name == _RECIPE):
                if path.name != locks.LOCK:
                    path.unlink()
            taken.append(name)
    return taken


def _set(recipe: Recipe) -> Path:
    # By the configuration alone, so that shards made by other versions or weights are found and refused.
    return runs.CACHE / _FOLDER / f"{recipe.stage}-{key_of([recipe.stage, dict(recipe.settings)])}"


def _order(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.name.split("-of-") if part.isdigit())


def _check(folder: Path, recipe: Recipe) -> None:
    path = folder / _RECIPE
    if not path.is_file():
        return
    try:
        made = document_of(path.read_bytes(), _Made)
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path} cannot be read: {error}", f"delete {folder} and make the shard again"
        ) from error
    if key_of(made.model_dump()) != recipe.key:
        raise RunError(
            f"{folder} was made {_difference(made, recipe.as_dict())}",
            "install the same versions on every machine and use the same weights; "
            f"then delete {folder} and make the shard again",
        )


def _difference(made: _Made, own: dict[str, Any]) -> str:
    """How a recipe differs from this process's, as the end of a sentence."""
    libraries = {**made.libraries, **own["libraries"]}
    theirs = [f"{name} {made.libraries.get(name)}" for name in libraries]
    ours = [f"{name} {own['libraries'].get(name)}" for name in libraries]
    other = [(one, two) for one, two in zip(theirs, ours, strict=True) if one != two]
    if other:
        one, two = (", ".join(side) for side in zip(*other, strict=True))
        return f"with {one}; this process has {two}"
    if made.version != own["version"]:
        return "by another version of Vignette"
    differing = [name for name in own["inputs"] if made.inputs.get(name) != own["inputs"][name]]
    return f"with other {', '.join(differing) or 'settings'}"
