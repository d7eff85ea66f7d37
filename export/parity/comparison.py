"""What changed from a reference to a target on the same pictures, in numbers.

Judging them belongs to `gate`, saying them to `wording`; the statistics are those of
`pipeline.stats.paired` and `pipeline.stats.intervals`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.evaluation.predictions import Predictions
from pipeline.stats import confidence, intervals, metrics, paired


def scores(predictions: Predictions, threshold: float | None) -> dict[str, Any]:
    """How good one model is, and how far its confidence can be trusted.

    Args:
        answers: To all pictures.
        threshold: Below it the answer is "I don't know"; None where the model has none.
    """
    counts = predictions.confusion
    return {
        "accuracy": float(metrics.accuracy_of(counts)),
        "accuracy_interval": list(
            intervals.share(predictions.predicted == predictions.truth, predictions.groups)
        ),
        "macro_f1": float(metrics.f1_of(counts)[_present(predictions)].mean()),
        "calibration_error": confidence.calibration_error(predictions.probabilities, predictions.truth),
        "dont_know": None if threshold is None else _dont_know(predictions, threshold),
    }


def compare(
    reference: Predictions, target: Predictions, labels: Sequence[str], threshold: float | None
) -> dict[str, Any]:
    """The target's scores and all that changed, with 95% intervals that respect groups; JSON values.

    Both must hold the same pictures in the same order.

    Args:
        reference: Answers of the one.
        target: Answers of the other.
        labels: In the order of both models' outputs.
        threshold: As in `scores`.
    """
    if not np.array_equal(reference.sha256, target.sha256):
        raise ValueError("reference and target answered different pictures")
    truth, before, after, groups = reference.truth, reference.predicted, target.predicted, reference.groups
    counted = paired.changes(before == truth, after == truth)
    f1_drop = metrics.f1_of(reference.confusion) - metrics.f1_of(target.confusion)
    of_f1 = intervals.f1_drop(truth, before, after, groups, len(labels))
    accuracy = intervals.drop(before == truth, after == truth, groups)
    moved = metrics.moved(reference.probabilities, target.probabilities)
    shifts = paired.confidence_shifts(reference.probabilities, target.probabilities)
    return {
        "n": counted.n,
        "groups": len(np.unique(groups)),
        **scores(target, threshold),
        "agreement": metrics.agreement(reference.probabilities, target.probabilities),
        "agreement_interval": list(intervals.share(before == after, groups)),
        "flips": int((before != after).sum()),
        "lost": counted.lost,
        "gained": counted.gained,
        "mean_abs_dp": float(moved.mean()),
        "mean_abs_dp_interval": list(intervals.mean(moved, groups, 0, 1)),
        "max_abs_dp": float(np.abs(reference.probabilities - target.probabilities).max()),
        "confidence_shift": float(shifts.mean()),
        "confidence_shift_interval": list(intervals.mean(shifts, groups, -1, 1)),
        "accuracy_drop": counted.drop,
        "accuracy_drop_interval": list(accuracy),
        "macro_f1_drop": float(f1_drop[_present(reference)].mean()),
        "macro_f1_drop_interval": list(of_f1.macro),
        **_coverage(reference, target, threshold),
        "mcnemar_p": paired.mcnemar(counted),
        "smallest_drop_that_would_show": counted.drop - accuracy.low,
        "classes": [
            {
                "label": label,
                **_class(truth == index, before == index, after == index, groups),
                "f1_drop": float(f1_drop[index]),
                "f1_drop_interval": of_f1.classes[:, index].tolist(),
            }
            for index, label in enumerate(labels)
        ],
    }


def _coverage(reference: Predictions, target: Predictions, threshold: float | None) -> dict[str, Any]:
    """How many pictures get an answer that is no "don't know", and how many fewer than from the reference."""
    if threshold is None:
        return {"coverage": None, "coverage_drop": None, "coverage_drop_interval": None}
    before, after = (each.probabilities.max(1) >= threshold for each in (reference, target))
    return {
        "coverage": float(after.mean()),
        "coverage_drop": float(before.mean() - after.mean()),
        "coverage_drop_interval": list(intervals.drop(before, after, reference.groups)),
    }


def _present(predictions: Predictions) -> np.ndarray:
    """The classes that some picture shows; others have no F1."""
    return np.unique(predictions.truth)


def _class(own: np.ndarray, before: np.ndarray, after: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    """Recall of one class; nothing to say where no picture shows it."""
    counted = paired.changes(before[own], after[own])
    if not counted.n:
        return {"n": 0, "lost": 0, "gained": 0, "recall": None, "recall_drop_interval": None}
    return {
        "n": counted.n,
        "lost": counted.lost,
        "gained": counted.gained,
        "recall": float(after[own].mean()),
        "recall_drop_interval": list(intervals.drop(before[own], after[own], groups[own])),
    }


def _dont_know(predictions: Predictions, threshold: float) -> dict[str, Any]:
    found = confidence.selective(predictions.probabilities, predictions.truth, predictions.groups, threshold)
    return {
        "threshold": threshold,
        "coverage": found.coverage,
        "coverage_interval": list(found.coverage_interval),
        "selective_accuracy": found.accuracy,
        "selective_accuracy_interval": list(found.accuracy_interval),
    }
