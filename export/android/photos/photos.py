"""Photos from the field, scored: photos.json.

The int8 file answers each photo on this computer, as it did the held-out pictures, so that the two are
comparable, whichever flavour answered on the phone; `replay` checks whether the phone gave the answer of that
flavour. Only photos that a flavour of this run's model, or no model, answered on the phone are scored as
"field": whoever saw the answer of another model may have chosen by it what to photograph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum, auto
from pathlib import Path

import numpy as np

from export import artifacts
from export.android.photos import drift, folder, mistakes, replay, score
from export.android.photos.drift import Difference
from export.android.photos.folder import OUT_OF_SCOPE, Photo, PhotoFolder
from export.android.photos.mistakes import Mistake
from export.android.photos.replay import ReplaySummary
from export.android.photos.score import Gap, HeldOutScores, Scores
from export.bundle import bundle
from export.bundle.bundle import Bundle
from export.conversion import convert
from export.parity import parity
from pipeline.core import stages
from pipeline.core.documents import Document
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import key_of
from pipeline.core.sections import INT8
from pipeline.data.folders import Excluded
from pipeline.data.labels import numbers_of
from pipeline.evaluation.predictions import Predictions
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.stats import intervals
from pipeline.stats.metrics import Interval
from pipeline.tflite import interpreter as litert
from pipeline.training.experiment import DRAWN, Experiment

_SAMPLED = 300


class _OutOfScope(Document):
    """The photos that show none of the classes; `dont_know` is None if there are none."""

    n: int
    dont_know: float | None
    dont_know_interval: Interval


class _OtherModels(Document):
    """The photos that a model of another run answered: their number by its sha256, and their scores."""

    models: dict[str, int]
    scored: Scores | None


class Photos(Document):
    """photos.json.

    Attributes:
        folder: Where the photos are.
        labels: The run's labels.
        model: The flavour that is scored, on this computer.
        flavours: The photos that the run's models answered on the phone: their number by flavour.
        threshold: Below it the answer is "don't know".
        photos: The number of usable photos.
        field: The scores of the labelled photos; None if there are none.
        held_out: The scores of the held-out set on the classes that the photos show.
        gap: How much worse the photos are recognized; None without `field`.
        out_of_scope: The photos that show none of the classes.
        unlabelled: The paths of photos without a label.
        other_models: The photos that a model of another run answered.
        already_in_the_run: The paths of photos that are pictures of the run.
        excluded: The files that cannot be used.
        phone: Whether phone and computer agree.
        drift: How the photos differ from training pictures.
        errors: The photos with a wrong answer.
    """

    folder: str
    labels: tuple[str, ...]
    model: str
    flavours: dict[str, int]
    threshold: float
    photos: int
    field: Scores | None
    held_out: HeldOutScores
    gap: Gap | None
    out_of_scope: _OutOfScope
    unlabelled: tuple[str, ...]
    other_models: _OtherModels
    already_in_the_run: tuple[str, ...]
    excluded: tuple[Excluded, ...]
    phone: ReplaySummary
    drift: tuple[Difference, ...]
    errors: tuple[Mistake, ...]


def photos(
    experiment: Experiment, root: Path, reporter: ProgressReporter, decisions: Path | None = None
) -> tuple[Photos, PhotoFolder]:
    """Scores a folder of photos; writes photos.json and the sheet of mistakes.

    Args:
        experiment: A trained and exported run.
        root: The folder.
        reporter: For progress.
        decisions: A decisions.csv about them.

    Raises:
        DataError: There is no such folder, no usable photo in it, or the decisions are damaged.
        RunError: The run has no int8 file yet.
    """
    run = experiment.run
    convert.require(experiment, INT8)
    contract = bundle.read(run.path(convert.bundle_name(INT8))).contract
    threshold = contract.threshold
    taken = folder.read(root, experiment.labels, reporter.progress, decisions)
    held_out, predicted = parity.tflite_answers(experiment, INT8, reporter)
    exports = {name: convert.recipe(experiment, name).key for name in experiment.config.export.flavours}
    inputs = {
        **exports,
        "held_out": predicted.key,
        "train": experiment.split.train_key,
        "photos": _key(taken),
    }
    settings = {
        "threshold": threshold,
        "contract_version": contract.contract_version,
        "root": str(taken.root),
    }
    libraries = ("ai-edge-litert", "numpy", "pillow", "scipy")
    recipe = stages.recipe("photos", inputs, settings, libraries)

    def build() -> None:
        run.write(_score(experiment, taken, held_out, threshold, reporter), artifacts.PHOTOS)

    run.make(recipe, build)
    scored = run.read(Photos, artifacts.PHOTOS)
    if scored.errors:
        settings = {"frame": str(experiment.frame)}
        drawn = stages.recipe(artifacts.PHOTOS_SHEET, {"photos": recipe.key}, settings, DRAWN)
        run.make(drawn, lambda: mistakes.draw(experiment, taken, scored.errors))
    return scored, taken


def _key(taken: PhotoFolder) -> str:
    rows = [
        [photo.path, photo.sha256, photo.truth, photo.record and photo.record.model_dump(mode="json")]
        for photo in taken.photos
    ]
    return key_of([rows, [asdict(entry) for entry in taken.excluded]])


class _Kind(Enum):
    """How a photo counts: from the field, another model's, or a picture that the run was made from."""

    FIELD = auto()
    OTHER_MODEL = auto()
    OF_THE_RUN = auto()


def _score(
    experiment: Experiment,
    taken: PhotoFolder,
    held_out: Predictions,
    threshold: float,
    reporter: ProgressReporter,
) -> Photos:
    bundles, own = _exported(experiment), {picture.sha256 for picture in experiment.table.pictures}
    data = experiment.run.path(convert.file_name(INT8)).read_bytes()

    def frame(photo: Photo) -> np.ndarray:
        return letterbox(decode.read(taken.file(photo)), experiment.frame)

    stage, total = "running the model on the photos", len(taken.photos)
    predictions = litert.predictions(data, taken.photos, frame, lambda n: reporter.progress(stage, n, total))
    kinds = [_kind(photo, bundles, own) for photo in taken.photos]
    labels = experiment.labels

    def of_kind(kind: _Kind) -> list[int]:
        return [n for n, own_kind in enumerate(kinds) if own_kind is kind]

    def sessions(rows: Sequence[int]) -> list[str]:
        return [taken.photos[n].session or taken.photos[n].path for n in rows]

    def scored(kind: _Kind) -> Scores | None:
        rows = [n for n in of_kind(kind) if taken.photos[n].truth]
        if not rows:
            return None
        truth = numbers_of((taken.photos[n].truth or "" for n in rows), labels)
        return score.score(truth, predictions[rows], sessions(rows), threshold)

    in_field = of_kind(_Kind.FIELD)
    outside = [n for n in in_field if taken.photos[n].truth == OUT_OF_SCOPE]
    unsure = predictions[outside].max(1) < threshold
    field = scored(_Kind.FIELD)
    compared = _held_out(held_out, field, threshold)
    answered = Counter(photo.record.model.sha256 for photo in taken.photos if photo.record)
    return Photos(
        folder=str(taken.root),
        labels=tuple(labels),
        model=INT8,
        flavours={
            exported.contract.flavour: answered[sha256]
            for sha256, exported in bundles.items()
            if sha256 in answered
        },
        threshold=threshold,
        photos=len(taken.photos),
        field=field,
        held_out=compared,
        gap=score.gap(field, compared) if field else None,
        out_of_scope=_OutOfScope(
            n=len(outside),
            dont_know=float(unsure.mean()) if outside else None,
            dont_know_interval=intervals.share(unsure, sessions(outside)),
        ),
        unlabelled=tuple(taken.photos[n].path for n in in_field if taken.photos[n].truth is None),
        other_models=_OtherModels(
            models={sha256: count for sha256, count in answered.items() if sha256 not in bundles},
            scored=scored(_Kind.OTHER_MODEL),
        ),
        already_in_the_run=tuple(taken.photos[n].path for n in of_kind(_Kind.OF_THE_RUN)),
        excluded=taken.excluded,
        phone=replay.summary(replay.replay(taken, bundles, reporter.progress)),
        drift=_drift(
            experiment, taken, [n for n in in_field if taken.photos[n].truth != OUT_OF_SCOPE], reporter
        ),
        errors=mistakes.mistakes(taken.photos, labels, predictions, in_field, threshold),
    )


def _exported(experiment: Experiment) -> dict[str, Bundle]:
    """Every bundle that the run has exported, by the sha256 of its model."""
    folders = [experiment.run.path(artifacts.EXPORT, name) for name in experiment.config.export.flavours]
    bundles = [bundle.read(folder) for folder in folders if (folder / bundle.CONTRACT).is_file()]
    return {exported.contract.model.sha256: exported for exported in bundles}


def _kind(photo: Photo, models: dict[str, Bundle], own: set[str]) -> _Kind:
    if photo.sha256 in own:
        return _Kind.OF_THE_RUN
    other = photo.record is not None and photo.record.model.sha256 not in models
    return _Kind.OTHER_MODEL if other else _Kind.FIELD


def _held_out(predictions: Predictions, field: Scores | None, threshold: float) -> HeldOutScores:
    """Scores the held-out set on the classes that the photos show; on all if it has none of those."""
    present = {row.index for row in field.classes} if field else set(predictions.truth.tolist())
    rows = np.isin(predictions.truth, sorted(present))
    if not rows.any():
        rows = np.ones(len(rows), bool)
    truth, probabilities = predictions.truth[rows], predictions.probabilities[rows]
    scored = score.score(truth, probabilities, predictions.groups[rows].tolist(), threshold)
    mixed = None
    if field:
        shown = np.repeat([row.index for row in field.classes], [row.n for row in field.classes])
        mixed = score.at_mix(probabilities.argmax(1) == truth, truth, shown)
    return HeldOutScores(**dict(scored), accuracy_at_mix=mixed)


def _drift(
    experiment: Experiment, taken: PhotoFolder, rows: Sequence[int], reporter: ProgressReporter
) -> tuple[Difference, ...]:
    if not rows:
        return ()
    train = experiment.split.train
    count = min(len(train), _SAMPLED)
    sample = [experiment.table.file(train[n * len(train) // count]) for n in range(count)]
    own = [taken.file(taken.photos[n]) for n in rows]
    frame, progress = experiment.frame, reporter.progress
    known = drift.measure_files(sample, frame, progress, "measuring training pictures")
    return drift.compare(drift.measure_files(own, frame, progress, "measuring the photos"), known)
