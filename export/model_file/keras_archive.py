"""Describes a .keras file without loading Keras: it is a zip archive with a JSON config."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from pipeline.core import documents
from pipeline.core.documents import DocumentError

_CONFIG, _WEIGHTS, _METADATA = "config.json", "model.weights.h5", "metadata.json"
_MOST_BYTES = 64_000_000


def describe(path: Path) -> str:
    """A Keras model in a few words, or what is wrong with it; empty for any other file."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if not names & {_METADATA, _WEIGHTS}:
                return ""
            if lacking := [name for name in (_CONFIG, _WEIGHTS) if name not in names]:
                return f"a damaged Keras model: it lacks {', '.join(lacking)}"
            if archive.getinfo(_CONFIG).file_size > _MOST_BYTES:
                return f"a damaged Keras model: {_CONFIG} is too large"
            config = documents.object_of(archive.read(_CONFIG), ("config",))
    except DocumentError as error:
        return f"a damaged Keras model: {_CONFIG} does not describe a model ({error})"
    except (OSError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile):
        return ""
    layers = config["config"].get("layers") if isinstance(config["config"], dict) else None
    sizes = [part for layer in layers or () if (part := _settings(layer).get("batch_shape"))]
    outputs = [part for layer in layers or () if (part := _settings(layer).get("units"))]
    words = "a Keras model"
    if sizes and isinstance(sizes[0], list) and len(sizes[0]) == 4:
        words += f" for pictures of {sizes[0][2]}x{sizes[0][1]} (width x height)"
    return f"{words} with {outputs[-1]} outputs" if outputs else words


def _settings(layer: Any) -> dict[str, Any]:
    settings = layer.get("config") if isinstance(layer, dict) else None
    return settings if isinstance(settings, dict) else {}
