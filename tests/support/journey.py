"""From pictures to an int8 file, by the real commands and with the real default backbone.

Each data set has a file of its own, so that several processes share the work.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests.support import verbs
from tests.support.verbs import verb


def journey(
    place: Path, source: str, *settings: str, run: Callable[..., CompletedProcess[str]] = verb
) -> dict[str, dict[str, Any]]:
    """train, evaluate, export, and what is true of every data set; returns what each said."""
    commands = {
        "train": ("pipeline", "train", source, *verbs.sets(settings)),
        "evaluate": ("pipeline", "evaluate"),
        "export": ("export", "tflite"),
    }
    said = {
        name: json.loads(verbs.fine(run(*command, "--json", cwd=place))) for name, command in commands.items()
    }
    export = said["export"]
    assert [row["model"] for row in export["targets"]] == ["float32", "float16", "dynamic_range", "int8"]
    float32, int8 = export["targets"][0], int8_of(said)
    assert float32["agreement"] == 1
    assert int8["verdict"] != "failed", int8["broken"]
    # A quarter of float32, give or take the graph around the weights.
    assert int8["size_bytes"] < 0.32 * float32["size_bytes"]
    for file in [name for part in said.values() for name in part["files"]]:
        assert (place / file).is_file()
    return said


def some_of(source: Path, place: Path, most: Callable[[Path], int]) -> Path:
    """Copies the first `most(folder)` pictures of every folder by name; the same ones every time.

    The scores of the whole sets are checked by `benchmarks.models`.
    """
    for folder in sorted({path.parent for path in source.rglob("*") if path.is_file()}):
        kept = place / folder.relative_to(source)
        kept.mkdir(parents=True)
        for path in sorted(folder.iterdir())[: most(folder.relative_to(source))]:
            shutil.copy(path, kept)
    return place


def int8_of(said: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return next(row for row in said["export"]["targets"] if row["model"] == "int8")
