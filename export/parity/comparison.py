"""Measures what changed from a reference to a target on the same pictures.

`gate` judges the numbers and `wording` puts them in words; the statistics are those of
`pipeline.stats.paired` and `pipeline.stats.intervals`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from export.parity.result import ClassChange, Comparison, DontKnow, SameAnswers, Scores
from pipeline.evaluation.predictions import Predictions
from pipeline.stats import confidence, intervals, metrics, paired


def scores(predictions: Predictions, threshold: float | None) -> Scores:
    """How good one model is, and how far its confidence can be trusted.

    Args:
        predictions: For all pictures.
        threshold: Below it the answer is "I don't know"; None if the model has none.
    """
    counts = predictions.confusion
    return Scores(
        accuracy=float(metrics.accuracy_of(counts)),
        accuracy_interval=intervals.share(predictions.predicted == predictions.truth, predictions.groups),
        macro_f1=float(metrics.macro_f1_of(counts)),
        calibration_error=confidence.calibration_error(predictions.probabilities, predictions.truth),
        dont_know=None if threshold is None else _dont_know(predictions, threshold),
    )


def compare(
    reference: Predictions, target: Predictions, labels: Sequence[str], threshold: float | None
) -> Comparison:
    """The target's scores and everything that changed, with 95% intervals that respect groups.

    Both must hold the same pictures in the same order.

    Args:
        reference: Predictions of the reference.
        target: Predictions of the target.
        labels: In the order of both models' outputs.
        threshold: As in `scores`.
    """
    if not np.array_equal(reference.sha256, target.sha256):
        raise ValueError("reference and target answered different pictures")
    truth, before, after, groups = reference.truth, reference.predicted, target.predicted, reference.groups
    changes = paired.changes(before == truth, after == truth)
    f1_drops = metrics.f1_of(reference.confusion) - metrics.f1_of(target.confusion)
    f1_intervals = intervals.f1_drop(truth, before, after, groups, len(labels))
    accuracy = intervals.drop(before == truth, after == truth, groups)
    moved = metrics.moved(reference.probabilities, target.probabilities)
    shifts = paired.confidence_shifts(reference.probabilities, target.probabilities)
    return Comparison(
        **dict(scores(target, threshold)),
        n=changes.n,
        groups=len(np.unique(groups)),
        agreement=metrics.agreement(reference.probabilities, target.probabilities),
        agreement_interval=intervals.share(before == after, groups),
        flips=int((before != after).sum()),
        lost=changes.lost,
        gained=changes.gained,
        mean_abs_dp=float(moved.mean()),
        mean_abs_dp_interval=intervals.mean(moved, groups, 0, 1),
        max_abs_dp=float(np.abs(reference.probabilities - target.probabilities).max()),
        confidence_shift=float(shifts.mean()),
        confidence_shift_interval=intervals.mean(shifts, groups, -1, 1),
        accuracy_drop=changes.drop,
        accuracy_drop_interval=accuracy,
        macro_f1_drop=float(f1_drops[_present(reference)].mean()),
        macro_f1_drop_interval=f1_intervals.macro,
        **_coverage(reference, target, threshold),
        mcnemar_p=paired.mcnemar(changes),
        smallest_drop_that_would_show=changes.drop - accuracy.low,
        classes=tuple(
            ClassChange(
                label=label,
                **_class(truth == index, before == index, after == index, groups),
                f1_drop=float(f1_drops[index]),
                f1_drop_interval=metrics.Interval(*f1_intervals.classes[:, index].tolist()),
            )
            for index, label in enumerate(labels)
        ),
    )


def same_answers(reference: Predictions, target: Predictions) -> SameAnswers:
    """How often the target answers as the reference does on the same pictures."""
    return SameAnswers(
        agreement=metrics.agreement(reference.probabilities, target.probabilities),
        agreement_interval=intervals.share(reference.predicted == target.predicted, reference.groups),
    )


def _coverage(reference: Predictions, target: Predictions, threshold: float | None) -> dict[str, Any]:
    """The share of pictures that get an answer, and how much lower it is than the reference's."""
    if threshold is None:
        return {"coverage": None, "coverage_drop": None, "coverage_drop_interval": None}
    before, after = (each.probabilities.max(1) >= threshold for each in (reference, target))
    return {
        "coverage": float(after.mean()),
        "coverage_drop": float(before.mean() - after.mean()),
        "coverage_drop_interval": intervals.drop(before, after, reference.groups),
    }


def _present(predictions: Predictions) -> np.ndarray:
    """The classes that occur in the pictures; others have no F1."""
    return np.unique(predictions.truth)


def _class(own: np.ndarray, before: np.ndarray, after: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    """The recall of one class; None if it does not occur."""
    changes = paired.changes(before[own], after[own])
    if not changes.n:
        return {"n": 0, "lost": 0, "gained": 0, "recall": None, "recall_drop_interval": None}
    return {
        "n": changes.n,
        "lost": changes.lost,
        "gained": changes.gained,
        "recall": float(after[own].mean()),
        "recall_drop_interval": intervals.drop(before[own], after[own], groups[own]),
    }


def _dont_know(predictions: Predictions, threshold: float) -> DontKnow:
    selective = confidence.selective(
        predictions.probabilities, predictions.truth, predictions.groups, threshold
    )
    return DontKnow(
        threshold=threshold,
        coverage=selective.coverage,
        coverage_interval=selective.coverage_interval,
        selective_accuracy=selective.accuracy,
        selective_accuracy_interval=selective.accuracy_interval,
    )
