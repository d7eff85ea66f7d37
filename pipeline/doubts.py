"""Which labels are likely wrong, judged by answers on pictures that the model had not seen.

Confident learning: a picture is doubted where the model is as sure of another class as it
usually is of pictures that have that label (Northcutt, Jiang and Chuang, "Confident Learning:
Estimating Uncertainty in Dataset Labels", Journal of Artificial Intelligence Research 70, 2021,
section 3.1). The model may be wrong; a person decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Doubt:
    """One label that is likely wrong.

    Attributes:
        index: Of the picture among those that were judged.
        label: The class that it is filed under.
        suggestion: The class that it may belong to.
        label_score: The model's probability for the label it has.
        suggestion_score: Its probability for the suggestion.
    """

    index: int
    label: int
    suggestion: int
    label_score: float
    suggestion_score: float


def find(truth: np.ndarray, probabilities: np.ndarray) -> list[Doubt]:
    """The doubted labels, the most doubtful first.

    Args:
        truth: Labels as given, shape (n,).
        probabilities: Out-of-fold answers, shape (n, classes).
    """
    confident = _confident(truth, probabilities)
    rows = np.flatnonzero((confident >= 0) & (confident != truth))
    own = probabilities[rows, truth[rows]]
    other = probabilities[rows, confident[rows]]
    # By normalized margin, as section 3.2 of the paper ranks.
    order = np.lexsort((rows, own - other))
    return [
        Doubt(int(rows[at]), int(truth[rows[at]]), int(confident[rows[at]]), float(own[at]), float(other[at]))
        for at in order
    ]


def confident_joint(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Counts, shape (classes, classes): rows are labels as given, columns the classes that the
    model is confident of. Pictures of which it is confident in nothing are not counted."""
    confident = _confident(truth, probabilities)
    classes = probabilities.shape[1]
    counts = np.zeros((classes, classes), np.int64)
    sure = confident >= 0
    np.add.at(counts, (truth[sure], confident[sure]), 1)
    return counts


def share_wrong(joint: np.ndarray, own: Sequence[int]) -> float:
    """The estimated share of wrong labels: the joint, scaled so that each label has its count.

    Args:
        joint: Of `confident_joint`.
        own: How many pictures have each label.
    """
    counts = np.asarray(own, float)
    scaled = joint / np.maximum(joint.sum(1, keepdims=True), 1) * counts[:, None]
    total = scaled.sum()
    return float(1 - np.trace(scaled) / total) if total else 0.0


def _confident(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The class that the model is confident of for each picture; -1 for none.

    A class's threshold is its mean probability over the pictures that have its label (eq. 2).
    """
    classes = probabilities.shape[1]
    thresholds = np.array(
        [probabilities[truth == c, c].mean() if (truth == c).any() else np.inf for c in range(classes)]
    )
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    return np.where(reached.max(1) > 0, reached.argmax(1), -1)
