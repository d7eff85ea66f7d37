"""Photos from the field, scored: photos.json and the sheet of errors.

Each photo is answered by the int8 file on the desktop, as the held-out pictures were, so that the
two compare like with like; whether the phone said the same is `rerun`'s. Only photos that this
run's model was asked on the phone, or that no model was, count: someone who saw another model's
answer may have chosen what to photograph by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from export import artifacts
from export.android.photos import drift, folder, model, replay, score
from export.android.photos.folder import OUT_OF_SCOPE, Photo, Photos
from export.conversion import convert
from export.parity import parity
from pipeline.core import files, runs
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe, key_of
from pipeline.evaluation.predictions import Predictions
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.stats import intervals
from pipeline.tflite import interpreter as litert
from pipeline.training.experiment import DRAWN, Experiment

SHEET = f"{runs.FIGURES}/photos_errors.png"
VERSION = 3
_LOOKED_AT = 300
_SHOWN = 32
_COLUMNS = 8


def photos(experiment: Experiment, root: Path, reporter: ProgressReporter) -> tuple[dict[str, Any], Photos]:
    """Scores a folder of photos; writes photos.json and its sheet, gives the former and the photos.

    Raises:
        DataError: No such folder, or no photo in it that can be used.
        RunError: The run has no int8 file yet.
    """
    run = experiment.run
    threshold = model.shipped(experiment).contract.threshold
    found = folder.read(root, experiment.labels, reporter.progress)
    held_out, made = parity.tflite_answers(experiment, model.SHIPPED, reporter)
    exports = {name: convert.recipe(experiment, name).key for name in experiment.config.export.flavours}
    inputs = {**exports, "held_out": made.key, "train": experiment.split.train_key, "photos": _key(found)}
    settings = {"threshold": threshold, "root": str(found.root)}
    libraries = ("ai-edge-litert", "numpy", "pillow", "scipy")
    recipe = Recipe("photos", VERSION, inputs, settings, libraries)

    def build() -> None:
        files.write_json(run.path(artifacts.PHOTOS), _judge(experiment, found, held_out, threshold, reporter))

    run.make(recipe, [artifacts.PHOTOS], build)
    judged = run.read_json(artifacts.PHOTOS)
    if judged["errors"]:
        drawn = Recipe(f"figures/{SHEET}", 1, {"photos": recipe.key}, {"frame": str(experiment.frame)}, DRAWN)
        run.make(drawn, [SHEET], lambda: _draw(experiment, found, judged))
    return judged, found


def _key(found: Photos) -> str:
    rows = [
        [photo.path, photo.sha256, photo.truth, photo.record and photo.record.model_dump(mode="json")]
        for photo in found.photos
    ]
    return key_of([rows, [asdict(entry) for entry in found.excluded]])


def _judge(
    experiment: Experiment, found: Photos, held_out: Predictions, threshold: float, reporter: ProgressReporter
) -> dict[str, Any]:
    bundles = model.exported(experiment)
    data = experiment.run.path(convert.file_name(model.SHIPPED)).read_bytes()

    def frame(photo: Photo) -> np.ndarray:
        return letterbox(decode.read(found.file(photo)), experiment.frame)

    stage, total = "answering the photos", len(found.photos)
    predictions = litert.predictions(data, found.photos, frame, lambda n: reporter.progress(stage, n, total))
    learned = {picture.sha256 for picture in experiment.table.pictures}
    kinds = np.array([_kind(photo, set(bundles), learned) for photo in found.photos])
    labels = experiment.labels

    def sessions(rows: Sequence[int]) -> list[str]:
        return [found.photos[n].session or found.photos[n].path for n in rows]

    def scored(kind: str) -> dict[str, Any] | None:
        rows = [n for n in np.flatnonzero(kinds == kind).tolist() if found.photos[n].truth]
        if not rows:
            return None
        truth = np.array([labels.index(found.photos[n].truth or "") for n in rows])
        return score.score(truth, predictions[rows], sessions(rows), threshold)

    field = scored("field")
    own = np.flatnonzero(kinds == "field").tolist()
    none = [n for n in own if found.photos[n].truth == OUT_OF_SCOPE]
    silent = [n for n in own if found.photos[n].truth is None]
    unsure = predictions[none].max(1) < threshold
    document = {
        "folder": str(found.root),
        "labels": list(labels),
        "model": model.SHIPPED,
        "threshold": threshold,
        "photos": len(found.photos),
        "field": field,
        "held_out": _held_out(held_out, field, threshold),
        "gap": None,
        "out_of_scope": {
            "n": len(none),
            "dont_know": float(unsure.mean()) if none else None,
            "dont_know_interval": list(intervals.share(unsure, sessions(none))),
        },
        "unlabelled": [found.photos[n].path for n in silent],
        "other_models": {
            "models": dict(
                Counter(r.model.sha256 for p in found.photos if _other(p, set(bundles)) and (r := p.record))
            ),
            "scored": scored("other"),
        },
        "already_in_the_run": [found.photos[n].path for n in np.flatnonzero(kinds == "learned")],
        "excluded": [asdict(entry) for entry in found.excluded],
        "phone": replay.summary(replay.rerun(found, bundles, reporter.progress)),
        "shift": _shift(
            experiment, found, [n for n in own if found.photos[n].truth != OUT_OF_SCOPE], reporter
        ),
        "errors": _errors(found.photos, labels, predictions, own, threshold),
    }
    if field:
        document["gap"] = score.gap(field, document["held_out"])
    return document


def _other(photo: Photo, models: set[str]) -> bool:
    return photo.record is not None and photo.record.model.sha256 not in models


def _kind(photo: Photo, models: set[str], learned: set[str]) -> str:
    """`learned` for a picture that the run was made from, `other` for another model's photo, else `field`."""
    if photo.sha256 in learned:
        return "learned"
    return "other" if _other(photo, models) else "field"


def _held_out(predictions: Predictions, field: dict[str, Any] | None, threshold: float) -> dict[str, Any]:
    """The held-out set on the classes that the photos show; on all where there are none."""
    present = {row["index"] for row in field["classes"]} if field else set(predictions.truth.tolist())
    rows = np.isin(predictions.truth, sorted(present))
    truth, probabilities = predictions.truth[rows], predictions.probabilities[rows]
    if not len(truth):
        rows = np.ones(len(rows), bool)
        truth, probabilities = predictions.truth, predictions.probabilities
    scored = score.score(truth, probabilities, predictions.groups[rows].tolist(), threshold)
    mixed = None
    if field:
        shown = np.repeat([r["index"] for r in field["classes"]], [r["n"] for r in field["classes"]])
        mixed = score.at_mix(probabilities.argmax(1) == truth, truth, shown)
    return {**scored, "accuracy_at_mix": mixed}


def _shift(
    experiment: Experiment, found: Photos, rows: Sequence[int], reporter: ProgressReporter
) -> list[dict[str, Any]]:
    if not rows:
        return []
    train = experiment.split.train
    some = (
        [train[n * len(train) // _LOOKED_AT] for n in range(_LOOKED_AT)] if len(train) > _LOOKED_AT else train
    )
    known = drift.look_at(
        [experiment.table.file(p) for p in some],
        experiment.frame,
        reporter.progress,
        "looking at training pictures",
    )
    own = drift.look_at(
        [found.file(found.photos[n]) for n in rows],
        experiment.frame,
        reporter.progress,
        "looking at the light",
    )
    return drift.compare(own, known)


def _errors(
    taken: Sequence[Photo],
    labels: Sequence[str],
    predictions: np.ndarray,
    rows: Sequence[int],
    threshold: float,
) -> list[dict[str, Any]]:
    """Photos that got a wrong answer, the surest first; "don't know" is none, but for the sheet."""
    found = []
    for n in rows:
        photo, top = taken[n], int(predictions[n].argmax())
        confidence = float(predictions[n, top])
        if photo.truth is None or photo.truth == labels[top]:
            continue
        if photo.truth == OUT_OF_SCOPE and confidence < threshold:
            continue
        found.append(
            {
                "path": photo.path,
                "truth": photo.truth or None,
                "answer": labels[top],
                "probability": confidence,
                "said": confidence >= threshold,
            }
        )
    return sorted(found, key=lambda row: (-row["probability"], row["path"]))


def _draw(experiment: Experiment, found: Photos, judged: dict[str, Any]) -> None:
    from pipeline.stats import plots

    by_path = {photo.path: photo for photo in found.photos}
    cells = []
    for row in judged["errors"][:_SHOWN]:
        photo = by_path[row["path"]]
        pixels = letterbox(decode.read(found.file(photo)), experiment.frame)
        said = f"{row['answer']} {row['probability']:.2f}" if row["said"] else f"don't know ({row['answer']})"
        colour = plots.VERMILION if row["said"] else "black"
        cells.append((pixels, f"{row['truth'] or 'none of them'}\n→ {said}", colour))
    total = len(judged["errors"])
    shown = f", the surest {_SHOWN} of {total}" if total > _SHOWN else ""
    title = f"Photos with a wrong answer{shown} (orange: said without doubt)"
    plots.captioned_sheet(experiment.run.path(SHEET), title, cells, min(_COLUMNS, len(cells)))
