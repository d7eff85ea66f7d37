"""Describes a .keras file without loading Keras: it is a zip archive with a JSON config."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.core import documents, filetypes
from pipeline.core.documents import DocumentError

_CONFIG, _WEIGHTS, _METADATA = "config.json", "model.weights.h5", "metadata.json"
_MOST_BYTES = 64_000_000
# Functions stored as code, whatever module they claim to be of.
_CODE = ("Lambda", "__lambda__")


class _KerasArchive(NamedTuple):
    """A .keras file.

    Attributes:
        words: What it is.
        damage: Whether it is damaged.
        own_code: The classes that Keras does not have, and functions stored as code.
    """

    words: str
    damage: bool = False
    own_code: tuple[str, ...] = ()


def read(path: Path) -> _KerasArchive | None:
    """What a .keras file holds; None for any other file."""
    names: set[str] = set()
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if not names & {_METADATA, _WEIGHTS}:
                return None
            if lacking := [name for name in (_CONFIG, _WEIGHTS) if name not in names]:
                return _damaged(f"it lacks {', '.join(lacking)}")
            if archive.getinfo(_CONFIG).file_size > _MOST_BYTES:
                return _damaged(f"{_CONFIG} is too large")
            config = documents.object_of(archive.read(_CONFIG), ("config",))
    except DocumentError as error:
        return _damaged(f"{_CONFIG} does not describe a model ({error})")
    except filetypes.ZIP_ERRORS as error:
        return _damaged(f"it cannot be read ({str(error) or type(error).__name__})") if names else None
    layers = config["config"].get("layers") if isinstance(config["config"], dict) else None
    sizes = [part for layer in layers or () if (part := _settings(layer).get("batch_shape"))]
    outputs = [part for layer in layers or () if (part := _settings(layer).get("units"))]
    words = "a Keras model"
    if sizes and isinstance(sizes[0], list) and len(sizes[0]) == 4:
        words += f" for pictures of {sizes[0][2]}x{sizes[0][1]} (width x height)"
    words = f"{words} with {outputs[-1]} outputs" if outputs else words
    # How it was compiled may name code of one's own, which nothing here needs.
    needed = {key: part for key, part in config.items() if key != "compile_config"}
    return _KerasArchive(words, own_code=tuple(sorted(set(_own_code(needed)))))


def describe(path: Path) -> str:
    """A Keras model in a few words, or what is wrong with it; empty for any other file."""
    archive = read(path)
    return archive.words if archive else ""


def _damaged(reason: str) -> _KerasArchive:
    return _KerasArchive(f"a damaged Keras model: {reason}", damage=True)


def _settings(layer: Any) -> dict[str, Any]:
    settings = layer.get("config") if isinstance(layer, dict) else None
    return settings if isinstance(settings, dict) else {}


def _own_code(value: Any) -> Iterator[str]:
    """The class names of a description, at any depth, that Keras alone cannot make."""
    if isinstance(value, dict):
        name = value.get("class_name")
        if isinstance(name, str) and (name in _CODE or not _of_keras(value.get("module", "keras"))):
            yield name
        for part in value.values():
            yield from _own_code(part)
    elif isinstance(value, list):
        for part in value:
            yield from _own_code(part)


def _of_keras(module: object) -> bool:
    return str(module).split(".")[0] in ("keras", "builtins")
