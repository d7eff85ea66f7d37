"""Writes a run's report: report.html, report.json and model_card.md, from stored artifacts alone.

The pictures of the data set are read for thumbnails only; with `pictures=False` the page shows none, so
that it can be shared without them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from export import artifacts
from export.report import (
    card,
    data_section,
    error_section,
    learned,
    model_section,
    page,
    repeat,
    speed,
    verdict,
)
from export.report.artifacts import Artifacts, Missing
from pipeline.core import files, stages
from pipeline.core.documents import Document
from pipeline.core.errors import RunError
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import key_of, key_of_rows
from pipeline.core.remote_cache import Place
from pipeline.core.runs import Run
from pipeline.images.thumbnails import of_file, thumbnails

_MOST_NOTES = 100_000  # characters
OUTPUTS = (artifacts.REPORT, artifacts.REPORT_JSON, artifacts.MODEL_CARD)
# Figures on the page, each with the document that it belongs to and its alternative text.
FIGURES = {
    "curves.svg": (
        stages.FOLDS,
        "Loss and accuracy over the epochs; the difference from the chosen epoch, with its interval",
    ),
    "classes.svg": (stages.FOLDS, "How many pictures each class has, for training and held out"),
}
_SHEETS = {
    "samples.png": (stages.FOLDS, "Training pictures of each class, as the model sees them"),
    "augmentation.png": (stages.FOLDS, "One picture of each class, and its random views in training"),
    "flips.png": (artifacts.PARITY, "Held-out pictures whose answer quantization changed"),
    "label_issues.png": (stages.LABEL_ISSUES, "Training pictures whose label the folds contradict"),
    "photos_errors.png": (artifacts.PHOTOS, "Photos from the field that got a wrong answer"),
    "simulated.png": (artifacts.SIMULATED, "Held-out pictures as if taken from a screen"),
}


class _Gated(Document):
    """The gate's verdict on a flavour, in words."""

    model: str
    verdict: str


class _Summary(Document):
    """report.json.

    Attributes:
        verdict: `yes`, `look`, `no` or `unknown`; `title` and `sentences` put it in words.
        alarms: What the model may have learned instead of the content.
        scores: The rows of the table of scores, each with what its document holds beside the
            confusion matrix.
        mistakes: How many held-out pictures the explained file gets wrong.
        pictures: Whether the page shows pictures.
        size_bytes: Of the page.
    """

    run: str
    verdict: str
    title: str
    sentences: tuple[str, ...]
    alarms: tuple[str, ...]
    labels: tuple[str, ...]
    scores: tuple[dict[str, JsonValue], ...]
    targets: tuple[_Gated, ...]
    gaps: tuple[str, ...]
    improve: tuple[str, ...]
    mistakes: int
    missing: tuple[Missing, ...]
    pictures: bool
    size_bytes: int


def report(run: Run, reporter: ProgressReporter, *, pictures: bool = True) -> _Summary:
    """Writes the report if it is out of date; returns report.json.

    Raises:
        StorageError: It could not be written.
    """
    contents = Artifacts(run)
    recipe = stages.recipe("report", _inputs(contents), {"pictures": pictures}, ("jinja2", "pillow"))

    def build() -> None:
        html = page.render(_view(contents, reporter, pictures=pictures), contents.labels)
        files.write_text(run.path(artifacts.REPORT), html)
        files.write_text(run.path(artifacts.MODEL_CARD), card.card(contents))
        run.write(_summary(contents, len(html.encode()), pictures=pictures), artifacts.REPORT_JSON)

    run.make(recipe, build)
    return run.read(_Summary, artifacts.REPORT_JSON)


def _inputs(contents: Artifacts) -> dict[str, str]:
    """What the page is made from: the run's files and the templates by content, pictures by size and time."""
    run = contents.run
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
    lacking = key_of([row.model_dump(mode="json") for row in contents.missing.values()])
    return {**_digests(kept), **_digests(own), "thumbnails": _pictures(contents), "missing": lacking}


def _digests(files: Mapping[Path, str]) -> dict[str, str]:
    try:
        return {name: _digest(path) for path, name in files.items()}
    except OSError as error:
        raise RunError(f"{error.filename} cannot be read: {error.strerror}", "allow reading it") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _pictures(contents: Artifacts) -> str:
    """A key of which pictures are there, so that the page changes when some come or go."""
    return key_of_rows(_stamp(path, place) for path, place in contents.places(contents.pictures.paths()))


def _stamp(path: str, place: Place) -> list[str | int | None]:
    try:
        stat = place.stat() if isinstance(place, Path) else None
    except OSError:
        stat = None
    return [path, stat and stat.st_size, stat and stat.st_mtime_ns]


def _view(contents: Artifacts, reporter: ProgressReporter, *, pictures: bool) -> Mapping[str, Any]:
    """What the templates show, by name."""
    run = contents.run
    failures, looks, cells = (
        error_section.failures(contents),
        error_section.looks(contents),
        learned.cells(contents),
    )
    small: dict[str, str] = {}
    if pictures:
        paths = [picture.path for cell in cells for picture in cell.pictures if picture.path]
        paths += [mistake.picture.path for mistake in failures.wrong]
        paths += [near.path for picture in looks.pictures for near in picture.nearest[:3]]
        small = thumbnails(dict(contents.places(paths)), reporter.progress)
    return {
        "run": run.name,
        "try_page": _try_page(run),
        "verdict": verdict.verdict(contents),
        "file": model_section.shipped(contents),
        "learned": learned.learned(contents),
        "cells": cells,
        "failures": failures,
        "looks": looks,
        "data": data_section.data(contents),
        "gaps": data_section.gaps(contents),
        "speed": speed.speed(contents),
        "repeat": repeat.repeat(contents),
        "notes": page.notes_html(_notes(run)),
        "missing": list(contents.missing.values()),
        "pictures": pictures,
        "thumbnails": small,
        "figures": _drawn(contents, FIGURES),
        "sheets": _drawn(contents, _SHEETS) if pictures else {},
        "maps": {picture.maps: of_file(run.path(picture.maps)) for picture in looks.pictures if pictures},
        "maps_shown": {error_section.anchor(picture) for picture in looks.pictures},
        "anchor": error_section.anchor,
    }


def _drawn(contents: Artifacts, figures: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The data address and description of each figure that is there and not stale."""
    shown = {}
    for name, (owner, words) in figures.items():
        file = f"{stages.FIGURES}/{name}"
        data = (
            of_file(contents.run.path(file))
            if owner in contents.documents and contents.run.holds(file)
            else None
        )
        if data:
            shown[name] = (data, words)
    return shown


def _try_page(run: Run) -> str:
    """The address of the page that runs the model; empty if there is none, or it holds another model."""
    current = run.path(artifacts.TRY).is_file() and run.out_of_date("web") is None
    return artifacts.TRY if current else ""


def _notes(run: Run) -> str:
    path = run.path(artifacts.NOTES)
    if not path.is_file():
        return ""
    text = path.read_text("utf-8", "replace")
    return text if len(text) <= _MOST_NOTES else text[:_MOST_NOTES] + "\n\n… and more in notes.md"


def _summary(contents: Artifacts, size: int, *, pictures: bool) -> _Summary:
    state, title, sentences = verdict.verdict(contents)
    gaps = data_section.gaps(contents)
    return _Summary(
        run=contents.run.name,
        verdict=state,
        title=title,
        sentences=sentences,
        alarms=tuple(verdict.alarms_of(contents)),
        labels=tuple(contents.labels),
        scores=tuple(
            {
                "title": row.title,
                **row.of.model_dump(mode="json", exclude={"labels", "history", "confusion"}),
                "leads": row.leads,
            }
            for row in learned.learned(contents).scores
        ),
        targets=tuple(
            _Gated(model=row.target.model, verdict=row.verdict)
            for row in model_section.shipped(contents).targets
        ),
        gaps=tuple(gaps.sentences),
        improve=tuple(gaps.improve),
        mistakes=error_section.failures(contents).count,
        missing=tuple(contents.missing.values()),
        pictures=pictures,
        size_bytes=size,
    )
