"""The cards of a run's own pictures, the most doubtful first.

Collected from what the audit, the folds and the evaluation left in the run; nothing is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from export.explain import selection
from export.review.card import Card, Near, Reason
from pipeline.core import stages
from pipeline.core.errors import PictureError
from pipeline.core.progress import ProgressReporter
from pipeline.data.audit.audit import Audit
from pipeline.data.audit.issues import IssueKind
from pipeline.data.pictures import Picture
from pipeline.evaluation.label_issues import LabelIssues
from pipeline.evaluation.predictions import keras_predictions
from pipeline.images import decode
from pipeline.training import features
from pipeline.training.experiment import Experiment, load_out_of_fold

_NEAR = 3
# The issues that are about what a picture shows.
_SHOWS_LITTLE = (IssueKind.UNIFORM, IssueKind.PLACEHOLDER, IssueKind.TINY, IssueKind.BARS)


def collect(experiment: Experiment, reporter: ProgressReporter) -> list[Card]:
    """All cards of a trained and evaluated run."""
    pictures = {picture.path: picture for picture in _all(experiment)}
    found: dict[str, tuple[list[Reason], list[str]]] = {}  # the reasons and the copies, by path

    def add(path: str, reason: Reason, copies: Sequence[str] = ()) -> None:
        if path in pictures:
            reasons, others = found.setdefault(path, ([], []))
            reasons += [] if reason in reasons else [reason]
            others += [other for other in copies if other != path and other in pictures]

    audit = experiment.run.read(Audit, stages.AUDIT)
    for group in audit.contradictions:
        for path in group:
            add(path, "contradiction", group)
    for pair in audit.near_duplicates:
        both = (pair.first, pair.second)
        if len({pictures[path].final_label for path in both if path in pictures}) > 1:
            for path in both:
                add(path, "copy", both)
    issues = experiment.run.read(LabelIssues, stages.LABEL_ISSUES)
    for issue in issues.label_issues:
        add(issue.path, "doubt")
    predictions, _ = keras_predictions(experiment, reporter)
    held_out = {picture.path: row for row, picture in enumerate(experiment.split.held_out)}
    for path, row in held_out.items():
        if predictions.predicted[row] != predictions.truth[row]:
            add(path, "mistake")
    for odd in audit.image_issues:
        for path in odd.pictures if odd.kind in _SHOWS_LITTLE else ():
            add(path, "odd")
    for issue in issues.withheld:
        add(issue.path, "disagrees")
    trained = {picture.path: row for row, picture in enumerate(experiment.split.train)}
    answers = {path: predictions.probabilities[row] for path, row in held_out.items()}
    out_of_fold = load_out_of_fold(experiment.run)["probabilities"]
    answers |= {path: out_of_fold[row] for path, row in trained.items()}
    # A decision follows the bytes, so that one card is enough for equal files.
    found = {path: found[path] for path in {pictures[path].sha256: path for path in reversed(found)}.values()}
    near = _nearest(experiment, [pictures[path] for path in found], reporter)
    return [
        Card(
            sha256=pictures[path].sha256,
            path=path,
            label=pictures[path].label,
            held_out=path in held_out,
            reasons=tuple(reasons),
            near=tuple(
                Near(path=other, label=pictures[other].final_label)
                for other in dict.fromkeys(copies or near[path])
            )[:_NEAR],
            **_answer(experiment, pictures[path], answers.get(path)),
        )
        for path, (reasons, copies) in reversed(found.items())
    ]


def _answer(experiment: Experiment, picture: Picture, probabilities: np.ndarray | None) -> dict[str, Any]:
    """The fields of a card that say what the model thinks."""
    if probabilities is None:
        return {}
    best, own = int(probabilities.argmax()), experiment.labels.index(picture.label)
    return {
        "answer": experiment.labels[best],
        "score": round(float(probabilities[best]), 6),
        "label_score": round(float(probabilities[own]), 6),
    }


def _all(experiment: Experiment) -> list[Picture]:
    """The pictures of the table, and those that it excludes as contradictions."""
    table, excluded = experiment.table, []
    contradictory = {
        path for group in experiment.run.read(Audit, stages.AUDIT).contradictions for path in group
    }
    for entry in table.excluded:
        if entry.path in contradictory:
            try:
                sha256 = decode.digest(table.at(entry.path))
            except (OSError, PictureError):
                continue
            excluded.append(Picture(entry.path, entry.label, "", "", sha256, 0, 0))
    return [*table.pictures, *excluded]


def _nearest(
    experiment: Experiment, pictures: Sequence[Picture], reporter: ProgressReporter
) -> dict[str, list[str]]:
    """The paths of the training pictures nearest to each, by the frozen backbone's features."""
    train = experiment.split.train
    store = features.compute(
        experiment.config,
        experiment.frame,
        experiment.table,
        [*train, *pictures],
        reporter.progress,
        warn=reporter.warn,
    )
    rows = np.arange(len(train), len(train) + len(pictures))
    trained = replace(store, rows=store.rows[: len(train)])
    found = selection.nearest(trained, store.take(rows)) if len(pictures) else []
    return {
        picture.path: [train[place].path for place, _ in places if train[place].sha256 != picture.sha256]
        for picture, places in zip(pictures, found, strict=True)
    }
