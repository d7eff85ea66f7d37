"""What changed from a reference to a target on the same pictures, in numbers.

Judging them belongs to `gate`, saying them to `words`; the statistics are those of `pipeline.paired`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline import confidence, metrics, paired
from pipeline.evaluate import Answers


def scores(answers: Answers, threshold: float | None) -> dict[str, Any]:
    """How good one model is, and how far its confidence can be trusted.

    Args:
        answers: To all pictures.
        threshold: Below it the answer is "I don't know"; None where the model has none.
    """
    counts = answers.confusion
    return {
        "accuracy": float(metrics.accuracy_of(counts)),
        "macro_f1": float(metrics.f1_of(counts)[_present(answers)].mean()),
        "calibration_error": confidence.calibration_error(answers.probabilities, answers.truth),
        "dont_know": None if threshold is None else _dont_know(answers, threshold),
    }


def compare(
    reference: Answers, target: Answers, labels: Sequence[str], threshold: float | None, seed: int
) -> dict[str, Any]:
    """The target's scores and all that changed; JSON values.

    Both must hold the same pictures in the same order.

    Args:
        reference: Answers of the one.
        target: Answers of the other.
        labels: In the order of both models' outputs.
        threshold: As in `scores`.
        seed: For the bootstrap.
    """
    if not np.array_equal(reference.sha256, target.sha256):
        raise ValueError("reference and target answered different pictures")
    truth, before, after = reference.truth, reference.predicted, target.predicted
    found = paired.changes(before == truth, after == truth)
    f1_low, f1_high = paired.f1_drops(truth, before, after, reference.groups.tolist(), len(labels), seed)
    f1_drop = metrics.f1_of(reference.confusion) - metrics.f1_of(target.confusion)
    return {
        **scores(target, threshold),
        "agreement": metrics.agreement(reference.probabilities, target.probabilities),
        "flips": int((before != after).sum()),
        "lost": found.lost,
        "gained": found.gained,
        "mean_abs_dp": metrics.mean_abs_dp(reference.probabilities, target.probabilities),
        "max_abs_dp": float(np.abs(reference.probabilities - target.probabilities).max()),
        "confidence_shift": paired.confidence_shift(reference.probabilities, target.probabilities),
        "accuracy_drop": found.drop,
        "accuracy_drop_interval": _accuracy_interval(found, reference, target, seed),
        "macro_f1_drop": float(f1_drop[_present(reference)].mean()),
        "macro_f1_drop_interval": [float(f1_low[-1]), float(f1_high[-1])],
        "macro_f1_interval_reliable": found.discordant >= paired.MIN_DISCORDANT,
        "mcnemar_p": paired.mcnemar(found),
        "smallest_drop_that_would_show": paired.smallest_drop(found.discordant, found.n),
        "classes": [
            {
                "label": label,
                **_class(truth == index, before == index, after == index),
                "f1_drop": float(f1_drop[index]),
                "f1_drop_interval": [float(f1_low[index]), float(f1_high[index])],
            }
            for index, label in enumerate(labels)
        ],
    }


def _present(answers: Answers) -> np.ndarray:
    """The classes that some picture shows; others have no F1."""
    return np.unique(answers.truth)


def _accuracy_interval(found: paired.Changes, reference: Answers, target: Answers, seed: int) -> list[float]:
    """Tango's interval; where pictures come in groups, at least as wide as the bootstrap by group."""
    low, high = paired.tango_interval(found)
    if len(set(reference.groups.tolist())) < found.n:
        right = [answers.predicted == answers.truth for answers in (reference, target)]
        _, grouped = metrics.paired_difference(right[0], right[1], reference.groups.tolist(), seed)
        low, high = min(low, grouped.low), max(high, grouped.high)
    return [low, high]


def _class(own: np.ndarray, before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """Recall of one class; nothing to say where no picture shows it."""
    found = paired.changes(before[own], after[own])
    if not found.n:
        return {"n": 0, "lost": 0, "gained": 0, "recall": None, "recall_drop_interval": None}
    return {
        "n": found.n,
        "lost": found.lost,
        "gained": found.gained,
        "recall": float(after[own].mean()),
        "recall_drop_interval": list(paired.tango_interval(found)),
    }


def _dont_know(answers: Answers, threshold: float) -> dict[str, Any]:
    found = confidence.selective(answers.probabilities, answers.truth, threshold)
    return {
        "threshold": threshold,
        "coverage": found.coverage,
        "coverage_interval": list(found.coverage_interval),
        "selective_accuracy": found.accuracy,
        "selective_accuracy_interval": list(found.accuracy_interval),
    }
