"""Writes a run's report: report.html, report.json and model_card.md, from stored artifacts alone.

Pictures of the data set are read for thumbnails and nothing else; with `pictures=False` the page
holds none, for sharing where they are not one's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from export import artifacts
from export.report import (
    card,
    data_section,
    error_section,
    learned,
    material,
    model_section,
    notes,
    page,
    repeat,
    speed,
    verdict,
)
from export.report.artifacts import Artifacts
from export.report.thumbnails import of_file, thumbnails
from pipeline.core import files, runs, stages
from pipeline.core.errors import RunError
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import key_of
from pipeline.core.runs import Run

_MOST_NOTES = 100_000  # characters
OUTPUTS = (artifacts.REPORT, artifacts.REPORT_JSON, artifacts.MODEL_CARD)
# Figures on the page, with the artifact that they belong to, and words for those who do not see them.
FIGURES = {
    "curves.svg": (
        runs.FOLDS,
        "Loss and accuracy over the epochs; the difference to the chosen epoch, with its interval",
    ),
    "classes.svg": (runs.FOLDS, "How many pictures each class has, for training and held out"),
}
_SHEETS = {
    "samples.png": (runs.FOLDS, "Training pictures of each class, as the model sees them"),
    "augmentation.png": (runs.FOLDS, "One picture of each class, and its random views in training"),
    "flips.png": (artifacts.PARITY, "Held-out pictures whose answer quantization changed"),
    "label_issues.png": (runs.LABEL_ISSUES, "Training pictures whose label the folds contradict"),
    "photos_errors.png": (artifacts.PHOTOS, "Photos from the field that got a wrong answer"),
    "simulated.png": (artifacts.SIMULATED, "Held-out pictures as if taken from a screen"),
}


def report(run: Run, reporter: ProgressReporter, *, pictures: bool = True) -> dict[str, Any]:
    """Writes the report as far as it is out of date; gives report.json.

    Raises:
        StorageError: It could not be written.
    """
    found = Artifacts(run)
    recipe = stages.recipe("report", _inputs(found), {"pictures": pictures}, ("jinja2", "pillow"))

    def build() -> None:
        view = _view(found, reporter, pictures=pictures)
        html = page.render(view, found.labels)
        files.write_text(run.path(artifacts.REPORT), html)
        files.write_text(run.path(artifacts.MODEL_CARD), card.card(found))
        files.write_json(run.path(artifacts.REPORT_JSON), _summary(found, view, len(html.encode())))

    run.make(recipe, build)
    return run.read_json(artifacts.REPORT_JSON)


def _inputs(found: Artifacts) -> dict[str, str]:
    """What the page is made from: artifacts and templates by their bytes, pictures by size and time."""
    run = found.run
    names = {path: path.relative_to(run.folder).as_posix() for path in sorted(run.folder.rglob("*"))}
    kept = {
        path: name
        for path, name in names.items()
        if path.suffix in (".json", ".csv", ".toml", ".npz", ".svg", ".png", ".jpg", ".md")
        and path.is_file()
        and name not in OUTPUTS
        and not name.startswith((".", "recipes/report"))
    }
    own = {path: f"template/{path.name}" for path in sorted(page.TEMPLATES.iterdir())}
    lacking = key_of([asdict(row) for row in found.missing.values()])
    return {**_digests(kept), **_digests(own), "thumbnails": _pictures(found), "missing": lacking}


def _digests(files: Mapping[Path, str]) -> dict[str, str]:
    try:
        return {name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path, name in files.items()}
    except OSError as error:
        raise RunError(f"{error.filename} cannot be read: {error.strerror}", "allow reading it") from error


def _pictures(found: Artifacts) -> str:
    """Which pictures are where they were, so that those that come back are shown again."""
    stamps = []
    for row in found.rows:
        try:
            stat = (found.root / row["path"]).stat() if found.root else None
        except OSError:
            stat = None
        stamps.append([row["path"], stat and stat.st_size, stat and stat.st_mtime_ns])
    return key_of(stamps)


def _view(found: Artifacts, reporter: ProgressReporter, *, pictures: bool) -> dict[str, Any]:
    run = found.run
    wrong, looked, known = error_section.failures(found), error_section.looks(found), learned.cells(found)
    small: dict[str, str] = {}
    if pictures:
        wanted = [picture["path"] for cell in known for picture in cell["pictures"] if picture["path"]]
        wanted += [row["path"] for row in wrong["wrong"]]
        wanted += [near["path"] for row in looked["pictures"] for near in row["nearest"][:3]]
        small = thumbnails(found.root, wanted, reporter.progress)
    lacking = list(found.missing.values())
    drawn = _drawn(found, FIGURES)
    sheets = _drawn(found, _SHEETS) if pictures else {}
    maps = {row["maps"]: of_file(run.path(row["maps"])) if pictures else None for row in looked["pictures"]}
    return {
        "run": run.name,
        "verdict": verdict.verdict(found),
        "file": model_section.shipped(found),
        "learned": learned.learned(found),
        "cells": known,
        "failures": wrong,
        "looks": looked,
        "data": material.material(found),
        "gaps": data_section.gaps(found),
        "speed": speed.speed(found),
        "repeat": repeat.repeat(found),
        "notes": notes.html(_notes(run)),
        "missing": lacking,
        "pictures": pictures,
        "thumbnails": small,
        "figures": drawn,
        "sheets": sheets,
        "maps": maps,
        "maps_shown": {row["id"] for row in looked["pictures"]},
    }


def _drawn(found: Artifacts, figures: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Data address and words of each figure that is there and belongs to what the page shows."""
    shown = {}
    for name, (owner, words) in figures.items():
        file = f"{runs.FIGURES}/{name}"
        data = of_file(found.run.path(file)) if found.get(owner) and found.run.holds(file) else None
        if data:
            shown[name] = (data, words)
    return shown


def _notes(run: Run) -> str:
    path = run.path(artifacts.NOTES)
    if not path.is_file():
        return ""
    text = path.read_text("utf-8", "replace")
    return text if len(text) <= _MOST_NOTES else text[:_MOST_NOTES] + "\n\n… and more in notes.md"


def _summary(found: Artifacts, view: dict[str, Any], size: int) -> dict[str, Any]:
    told: verdict.Verdict = view["verdict"]
    return {
        "run": found.run.name,
        "verdict": told.state,
        "title": told.title,
        "sentences": list(told.sentences),
        "alarms": view["data"]["alarms"],
        "labels": found.labels,
        "scores": view["learned"]["scores"],
        "targets": [{key: row[key] for key in ("model", "said")} for row in view["file"]["targets"]],
        "gaps": view["gaps"]["sentences"],
        "improve": view["gaps"]["improve"],
        "mistakes": len(view["failures"]["wrong"]),
        "missing": [asdict(row) for row in view["missing"]],
        "pictures": view["pictures"],
        "size_bytes": size,
    }
