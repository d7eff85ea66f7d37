"""Writes a run's report: report.html, report.json and model_card.md, from stored artefacts alone.

Pictures of the data set are read for thumbnails and nothing else; with `pictures=False` the page
holds none, for sharing where they are not one's own.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from export.report import (
    card,
    failures,
    gaps,
    learned,
    material,
    notes,
    page,
    repeat,
    shipped,
    speed,
    verdict,
)
from export.report.artefacts import Artefacts
from export.report.thumbnails import of_file, thumbnails
from pipeline import runs
from pipeline.runs import Recipe, Run
from pipeline.workers import Listener

_VERSION = 1
OUTPUTS = (runs.REPORT, runs.REPORT_JSON, runs.MODEL_CARD)
# Figures on the page; the second part of each is for those who do not see it.
FIGURES = {
    "curves.svg": "Loss and accuracy over the epochs; the difference to the chosen epoch, with its interval",
    "search.svg": "The settings tried, by out-of-fold accuracy, with their intervals",
    "classes.svg": "How many pictures each class has, for training and held out",
    "f1.svg": "F1 of each class with its interval; the table beside it has the same numbers",
}
SHEETS = {
    "samples.png": "Training pictures of each class, as the model sees them",
    "augmentation.png": "One picture of each class, and its random views in training",
    "flips.png": "Held-out pictures whose answer quantization changed",
    "label_doubts.png": "Training pictures whose label the folds contradict",
    "photos_errors.png": "Photos from the field that got a wrong answer",
    "simulated.png": "Held-out pictures as if taken from a screen",
}


def report(run: Run, listener: Listener, *, pictures: bool = True) -> dict[str, Any]:
    """Writes the report as far as it is out of date; gives report.json.

    Raises:
        StorageError: It could not be written.
    """
    found = Artefacts(run)
    recipe = Recipe("report", _VERSION, _inputs(run), {"pictures": pictures}, ("jinja2", "pillow"))

    def build() -> None:
        view = _view(found, listener, pictures=pictures)
        html = page.render(view)
        runs.write_text(run.path(runs.REPORT), html)
        runs.write_text(run.path(runs.MODEL_CARD), card.card(found))
        runs.write_json(run.path(runs.REPORT_JSON), _summary(found, view, len(html.encode())))

    run.make(recipe, OUTPUTS, build)
    return run.read_json(runs.REPORT_JSON)


def _inputs(run: Run) -> dict[str, str]:
    """Every file that the page is made from, by its bytes, and the templates."""
    names = {path: path.relative_to(run.folder).as_posix() for path in sorted(run.folder.rglob("*"))}
    kept = {
        path: name
        for path, name in names.items()
        if path.suffix in (".json", ".csv", ".toml", ".npz", ".svg", ".png", ".jpg", ".md")
        and path.is_file()
        and name not in OUTPUTS
        and not name.startswith((".", "recipes/report"))
    }
    made = {name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path, name in kept.items()}
    own = sorted((page._FOLDER).iterdir())  # noqa: SLF001 - the templates are part of the recipe
    return made | {
        f"template/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in own
    }


def _view(found: Artefacts, listener: Listener, *, pictures: bool) -> dict[str, Any]:
    run = found.run
    wrong, looked, known = failures.failures(found), failures.looks(found), learned.cells(found)
    small: dict[str, str] = {}
    if pictures:
        wanted = [picture["path"] for cell in known for picture in cell["pictures"] if picture["path"]]
        wanted += [row["path"] for row in wrong["wrong"]]
        wanted += [near["path"] for row in looked["pictures"] for near in row["nearest"][:3]]
        small = thumbnails(found.root, wanted, listener.progress)
    lacking = list(found.missing.values())
    drawn = {name: of_file(run.path(runs.FIGURES, name)) for name in FIGURES}
    sheets = {name: of_file(run.path(runs.FIGURES, name)) if pictures else None for name in SHEETS}
    maps = {row["maps"]: of_file(run.path(row["maps"])) if pictures else None for row in looked["pictures"]}
    return {
        "run": run.name,
        "verdict": verdict.verdict(found),
        "file": shipped.shipped(found),
        "learned": learned.learned(found),
        "cells": known,
        "failures": wrong,
        "looks": looked,
        "data": material.material(found),
        "gaps": gaps.gaps(found),
        "speed": speed.speed(found),
        "repeat": repeat.repeat(found),
        "notes": notes.blocks(_notes(run)),
        "missing": lacking,
        "pictures": pictures,
        "thumbnails": small,
        "figures": {name: (data, FIGURES[name]) for name, data in drawn.items() if data},
        "sheets": {name: (data, SHEETS[name]) for name, data in sheets.items() if data},
        "maps": maps,
        "maps_shown": {row["id"] for row in looked["pictures"]},
    }


def _notes(run: Run) -> str:
    path = run.path(runs.NOTES)
    return path.read_text("utf-8", "replace") if path.is_file() else ""


def _summary(found: Artefacts, view: dict[str, Any], size: int) -> dict[str, Any]:
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
