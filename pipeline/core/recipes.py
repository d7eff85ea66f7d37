"""What a stage was made from, and its key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from itertools import chain, islice
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_ROWS = 256  # that are encoded at once


@dataclass(frozen=True)
class Recipe:
    """What an artifact is made from.

    Attributes:
        stage: Its name, e.g. `folds` or `predictions/int8`.
        version: Incremented whenever the stage's code would give other results.
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
    return _key([_json(value)])


def key_of_rows(rows: Iterable[Any], *before: Any) -> str:
    """`key_of([*before, [*rows]])`, or of the rows alone, without holding all of them."""
    texts = chain(["["], _listed(iter(rows)), ["]"])
    if before:
        texts = chain(["["], (_json(value) + "," for value in before), texts, ["]"])
    return _key(texts)


def _listed(rows: Iterator[Any]) -> Iterator[str]:
    """The rows as JSON with commas between, many at a time."""
    between = ""
    while some := [*islice(rows, _ROWS)]:
        yield between + _json(some)[1:-1]
        between = ","


def _json(value: Any) -> str:
    return _ENCODER.encode(value)


def _key(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode())
    return digest.hexdigest()[:24]
