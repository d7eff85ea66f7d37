"""What a stage was made from, and its key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from typing import Any


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
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]
