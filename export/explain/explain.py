"""Explains a run: explain.json, and a picture of maps for each explained one.

Held-out pictures only, unless others are given. Answers are those that `parity` stored; nothing
here changes a score. The Keras model is loaded only when something is out of date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export import artifacts
from export.conversion import convert
from export.explain import border, gradcam, neighbours, occlusion, panels, selection
from export.explain.gradcam import Look
from export.explain.occlusion import Occluded
from export.parity import parity
from pipeline.core import files, runs, stages
from pipeline.core.errors import DataError, PictureError, RunError
from pipeline.core.parallel import ordered
from pipeline.core.progress import ProgressReporter
from pipeline.core.quiet import quiet
from pipeline.core.sections import INT8
from pipeline.data import dataset
from pipeline.evaluation.predictions import KERAS, Predictions
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.images.views import plain_view
from pipeline.tflite import interpreter as litert
from pipeline.training import features
from pipeline.training.experiment import Experiment

LIMIT = 100
GIVEN_MAPS = f"{artifacts.EXPLANATIONS}/given"
_LIBRARIES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "pillow")


@dataclass(frozen=True)
class View:
    """A picture to explain: its frame, and where the border is in it."""

    frame: np.ndarray
    border: np.ndarray


def flavour(experiment: Experiment) -> str:
    """The file that is explained: the int8 one where there is one."""
    made = convert.exported(experiment)
    return INT8 if INT8 in made else made[-1]


def explain(experiment: Experiment, reporter: ProgressReporter, limit: int = LIMIT) -> dict[str, Any]:
    """Writes and gives explain.json.

    Raises:
        RunError: The run is not exported.
        DataError: A held-out picture was changed since the training.
    """
    run, name = experiment.run, flavour(experiment)
    parity.parity(experiment, reporter)  # the stored answers are those of the files that are there
    keys = {model: run.key(f"{runs.PREDICTIONS}/{model}") for model in (KERAS, name)}
    inputs = {**keys, "train": experiment.split.train_key}
    recipe = stages.recipe("explain", inputs, {"limit": limit, "seed": experiment.config.seed}, _LIBRARIES)

    def build() -> list[str]:
        reference, target = (Predictions(m, **run.read_arrays(runs.PREDICTIONS, f"{m}.npz")) for m in keys)
        explained = _explained(experiment, reference, target, limit, reporter)
        files.write_json(run.path(artifacts.EXPLAINED), explained)
        return [row["maps"] for row in explained["pictures"]]

    run.make(recipe, build)
    return run.read_json(artifacts.EXPLAINED)


def explain_given(
    experiment: Experiment, files: Sequence[Path], reporter: ProgressReporter
) -> dict[str, Any]:
    """Explains pictures that are no part of the run; their maps go into explanations/given.

    Raises:
        RunError: The run is not exported.
        DataError: None of the files can be read.
    """
    name, labels = flavour(experiment), experiment.labels
    path = experiment.run.path(convert.file_name(name))
    if not experiment.run.done(convert.recipe(experiment, name)):
        raise RunError(
            f"{path} is missing or out of date", f"export it: python -m export tflite {experiment.run.name}"
        )

    def seen(file: Path) -> View | str:
        try:
            pixels = decode.read(file)
        except PictureError as error:
            return error.message
        except OSError as error:
            return f"{file}: {error.strerror}"
        edge = border.mask(pixels.shape[1], pixels.shape[0], experiment.frame)
        return View(letterbox(pixels, experiment.frame), edge)

    looked_at = list(zip(files, ordered(seen, files), strict=True))
    unread = [(file, view) for file, view in looked_at if isinstance(view, str)]
    if unread:
        file, why = unread[0]
        many = "file cannot be read; it" if len(unread) == 1 else "files cannot be read; the first"
        reporter.warn(f"{len(unread)} {many}: {file}: {why}")
    if len(unread) == len(files):
        raise DataError("none of the pictures can be read", "open them yourself, and save them again as JPEG")
    read = [file for file, view in looked_at if not isinstance(view, str)]
    views = [view for _, view in looked_at if not isinstance(view, str)]
    data = path.read_bytes()
    frames = [view.frame for view in views]
    predictions = litert.predictions(data, frames, lambda frame: frame)
    occluded = _occlude(data, views, reporter)
    looked = _look(experiment, views, predictions.argmax(1), reporter)
    close = _nearest(experiment, looked, reporter)
    rows = []
    for number, (file, view, look, found) in enumerate(zip(read, views, looked, occluded, strict=True)):
        maps = f"{GIVEN_MAPS}/{number + 1:03d}-{runs.run_name(Path(file.stem))}.jpg"
        files.write_bytes(experiment.run.path(maps), panels.draw(view.frame, [look.cells, found.cells]))
        rows.append(
            {
                "path": str(file),
                "file": selection.says(predictions[number], None, labels),
                "nearest": close[number],
                "maps": maps,
                **_measured(view, look, found),
            }
        )
    _forget(experiment, GIVEN_MAPS, {row["maps"] for row in rows})
    return {
        "model": name,
        "pictures": rows,
        "unread": [{"path": str(file), "reason": why} for file, why in unread],
    }


def _explained(
    experiment: Experiment,
    reference: Predictions,
    target: Predictions,
    limit: int,
    reporter: ProgressReporter,
) -> dict[str, Any]:
    run, labels, held_out = experiment.run, experiment.labels, experiment.split.held_out
    chosen = selection.choose(reference, target, limit, experiment.config.seed)
    picked = [held_out[place] for place in chosen]
    dataset.check_unchanged(experiment.table, picked)

    def seen(picture: dataset.Picture) -> View:
        edge = border.mask(picture.width, picture.height, experiment.frame)
        return View(plain_view(experiment.table.file(picture), experiment.frame), edge)

    views = list(ordered(seen, picked))
    data = run.path(convert.file_name(target.model)).read_bytes()
    occluded = _occlude(data, views, reporter)
    looked = _look(experiment, views, reference.predicted[list(chosen)], reporter)
    close = _nearest(experiment, looked, reporter)
    rows = []
    for number, (place, why) in enumerate(chosen.items()):
        maps = f"{artifacts.EXPLANATIONS}/{held_out[place].sha256[:20]}.jpg"
        panel = panels.draw(views[number].frame, [looked[number].cells, occluded[number].cells])
        files.write_bytes(run.path(maps), panel)
        rows.append(
            {
                **_answered(held_out[place], place, reference, target, labels),
                "why": why,
                "nearest": close[number],
                "maps": maps,
                **_measured(views[number], looked[number], occluded[number]),
            }
        )
    _forget(experiment, artifacts.EXPLANATIONS, {row["maps"] for row in rows})
    sampled = [row for row in rows if selection.SAMPLE in row["why"]]
    classes = [
        border.of_class(
            label,
            [
                {**row["border"], "group": experiment.split.groups[row["path"]]}
                for row in sampled
                if row["file"]["answer"] == label
            ],
        )
        for label in labels
    ]
    extremes = selection.confident(target)
    wrong = np.flatnonzero((target.predicted != target.truth) | (reference.predicted != reference.truth))
    return {
        "model": target.model,
        "reference": reference.model,
        "n": len(held_out),
        "limit": limit,
        "labels": list(labels),
        "panels": [
            "the picture as the models see it",
            "Grad-CAM of the Keras model",
            "occlusion of the file",
        ],
        "pictures": rows,
        "mistakes": [_answered(held_out[i], int(i), reference, target, labels) for i in wrong],
        "classes": [
            {
                **found,
                "most_confident": [held_out[place].path for place in extremes[index][0]],
                "least_confident": [held_out[place].path for place in extremes[index][1]],
            }
            for index, found in enumerate(classes)
        ],
        "alarms": [found["sentence"] for found in classes if found["alarm"]],
    }


def _answered(
    picture: dataset.Picture, place: int, reference: Predictions, target: Predictions, labels: Sequence[str]
) -> dict[str, Any]:
    truth = int(target.truth[place])
    before, after = int(reference.predicted[place]), int(target.predicted[place])
    return {
        "path": picture.path,
        "sha256": picture.sha256,
        "label": picture.label,
        "right": after == truth,
        # A wrong answer that Keras does not give is the file's own.
        "flip": before != after,
        "keras": selection.says(reference.probabilities[place], truth, labels),
        "file": selection.says(target.probabilities[place], truth, labels),
    }


def _measured(view: View, look: Look, found: Occluded) -> dict[str, Any]:
    return {
        "gradcam": _cells(look.cells),
        "occlusion": {**_cells(found.cells), "patch_cells": found.patch, "drop": found.drop},
        "border": {
            "share": border.share(found.cells, view.border),
            "share_gradcam": border.share(look.cells, view.border),
            "area": float(view.border.mean()),
            "kept_without": found.kept_without,
            "kept_alone": found.kept_alone,
        },
    }


def _cells(cells: np.ndarray) -> dict[str, Any]:
    row, column = np.unravel_index(int(cells.argmax()), cells.shape)
    strongest = [int(row), int(column)] if cells.max() > 0 else None
    return {"rows": cells.shape[0], "columns": cells.shape[1], "strongest": strongest}


def _occlude(data: bytes, views: Sequence[View], reporter: ProgressReporter) -> list[Occluded]:
    interpreters = litert.Interpreters(data)

    def one(view: View) -> Occluded:
        with interpreters.one() as interpreter:
            return occlusion.occlude(interpreter, view.frame, view.border)

    found = []
    for done, result in enumerate(ordered(one, views), 1):
        found.append(result)
        reporter.progress("covering parts of the pictures", done, len(views))
    return found


def _look(
    experiment: Experiment, views: Sequence[View], classes: np.ndarray, reporter: ProgressReporter
) -> list[Look]:
    stage = "where the Keras model looks"
    reporter.progress(stage, 0, len(views))
    with quiet():
        from pipeline.training import classifier

        model = classifier.load(experiment.run.path(runs.MODEL))
    frames = (view.frame for view in views)
    return gradcam.looks(model, frames, classes, lambda done: reporter.progress(stage, done, len(views)))


def _nearest(
    experiment: Experiment, looked: Sequence[Look], reporter: ProgressReporter
) -> list[list[dict[str, Any]]]:
    train = experiment.split.train
    store = features.compute(experiment.config, experiment.frame, experiment.table, train, reporter.progress)
    found = neighbours.nearest(store, np.stack([look.features for look in looked]))
    return [
        [
            {"path": train[place].path, "label": train[place].label, "similarity": cosine}
            for place, cosine in row
        ]
        for row in found
    ]


def _forget(experiment: Experiment, folder: str, kept: set[str]) -> None:
    """Removes the maps of an earlier explanation."""
    for path in experiment.run.path(folder).glob("*.jpg"):
        if f"{folder}/{path.name}" not in kept:
            path.unlink()
