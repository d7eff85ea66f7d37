"""What a collection left behind, as tests look at it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from pipeline.data.collect import manifest
from pipeline.images import decode

FOLDER = Path("data/pictures/thumbnails")
Ended = subprocess.CompletedProcess[str]


def rows_of(place: Path) -> dict[str, dict[str, Any]]:
    """The manifest's rows by id."""
    lines = (place / FOLDER / manifest.NAME).read_text("utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


def files_of(place: Path, side: str, label: str = "alpha") -> list[str]:
    return sorted(path.stem for path in (place / FOLDER / side / label).iterdir())


def everything(place: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a place with its time and content; locks aside."""
    paths = (path for path in place.rglob("*") if path.is_file() and path.name != ".lock")
    return {
        path.relative_to(place).as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths
    }


def agree(place: Path) -> None:
    """The manifest and the files say the same; nothing is half, nothing was left."""
    rows = rows_of(place)
    named = {row["file"]: row for row in rows.values() if row["file"]}
    there = {
        path.relative_to(place / FOLDER).as_posix()
        for path in (place / FOLDER).rglob("*")
        if path.is_file() and path.name not in (manifest.NAME, ".lock")
    }
    assert there == named.keys()
    for name, row in named.items():
        facts = decode.inspect(place / FOLDER / name)
        assert (facts.width, facts.height) == (row["width"], row["height"])
        assert decode.digest(place / FOLDER / name) == row["sha256"]
        assert row["reason"] == ""
    assert all(row["reason"] for row in rows.values() if not row["file"])
