"""Answers made up for comparisons: a truth of three classes, and models that are right on so much of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from export.parity import comparison, gate
from pipeline.core.sections import Gate
from pipeline.evaluation.predictions import Predictions

TRUTH = np.arange(300) % 3
LABELS = ("ant", "bee", "cat")
OPEN = {
    "min_agreement": 0.0,
    "max_drop": 1.0,
    "max_f1_drop": 1.0,
    "max_mean_abs_dp": 1.0,
    "max_confidence_shift": 1.0,
    "max_coverage_drop": 1.0,
}


def predictions(probabilities: np.ndarray, truth: np.ndarray = TRUTH, model: str = "keras") -> Predictions:
    names = np.array([f"picture{number}" for number in range(len(truth))])
    return Predictions(model, names, names, truth, probabilities.astype(np.float32))


def sure(labels: np.ndarray, confidence: float = 0.9, classes: int = 3) -> np.ndarray:
    """Probabilities that put so much on these labels."""
    rows = np.full((len(labels), classes), (1 - confidence) / (classes - 1))
    rows[np.arange(len(labels)), labels] = confidence
    return rows


def flipped(count: int, start: int = 0, truth: np.ndarray = TRUTH) -> np.ndarray:
    """The truth, with so many answers moved to the next class."""
    labels = truth.copy()
    labels[start : start + count] = (labels[start : start + count] + 1) % 3
    return labels


def compared(
    reference: np.ndarray, target: np.ndarray, truth: np.ndarray = TRUTH, threshold: float | None = None
) -> dict[str, Any]:
    """What `comparison.compare` gives."""
    one, other = predictions(reference, truth), predictions(target, truth, "int8")
    return comparison.compare(one, other, LABELS, threshold)


def judged(
    reference: np.ndarray,
    target: np.ndarray,
    truth: np.ndarray = TRUTH,
    threshold: float | None = None,
    **bounds: Any,
) -> dict[str, Any]:
    """The verdict, with every bound open but those that are given."""
    return gate.judge(compared(reference, target, truth, threshold), Gate(**{**OPEN, **bounds}))
