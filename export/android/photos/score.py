"""What photos from the field say about a model, against the held-out set: numbers, then words.

Pure functions on arrays. Probabilities are those of the int8 file on the desktop, the same for
both sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.stats import intervals, metrics
from pipeline.stats.metrics import Interval

MIN_PHOTOS = 10


def score(
    truth: np.ndarray, probabilities: np.ndarray, groups: Sequence[str], threshold: float
) -> dict[str, Any]:
    """Accuracy, macro F1 and the share of "don't know", with 95% intervals over sessions.

    Macro F1 is over the classes that occur.

    Args:
        truth: Labels, shape (n,), n at least 1.
        probabilities: Shape (n, classes).
        groups: The session of each; one of its own where nobody knows.
        threshold: Below it the answer is "don't know".
    """
    classes, names = probabilities.shape[1], np.asarray(groups)
    predicted = probabilities.argmax(1)
    right, unsure = predicted == truth, probabilities.max(1) < threshold
    confusion = metrics.confusion(truth, predicted, classes)
    present = np.unique(truth)
    rows = []
    for index in present.tolist():
        own = truth == index
        rows.append(
            {
                "index": index,
                "n": int(own.sum()),
                "recall": float(right[own].mean()),
                "recall_interval": list(intervals.share(right[own], names[own])),
                "dont_know": float(unsure[own].mean()),
            }
        )
    answered = ~unsure
    return {
        "n": len(truth),
        "sessions": len(np.unique(names)),
        "accuracy": float(right.mean()),
        "accuracy_interval": list(intervals.share(right, names)),
        "macro_f1": float(metrics.f1_of(confusion)[present].mean()),
        "macro_f1_interval": list(intervals.f1(truth, predicted, names, classes).macro),
        "dont_know": float(unsure.mean()),
        "dont_know_interval": list(intervals.share(unsure, names)),
        "right_of_answered": float(right[answered].mean()) if answered.any() else None,
        "classes": rows,
        "confusion": confusion.tolist(),
    }


def at_mix(recalls: np.ndarray, truth: np.ndarray, photos: np.ndarray) -> float | None:
    """The held-out accuracy if the classes were as frequent as among the photos.

    Args:
        recalls: Whether each held-out picture was answered rightly, shape (m,).
        truth: Their labels, shape (m,).
        photos: The labels of the photos, shape (n,).

    Returns:
        None where a class of the photos has no held-out picture.
    """
    labels, counts = np.unique(photos, return_counts=True)
    if not set(labels.tolist()) <= set(truth.tolist()):
        return None
    shares = np.array([recalls[truth == label].mean() for label in labels])
    return float((shares * counts).sum() / counts.sum())


def gap(field: dict[str, Any], held_out: dict[str, Any]) -> dict[str, Any]:
    """How much worse the photos are than the held-out set, with its interval, and what that may mean.

    Args:
        field: What `score` gave for the photos.
        held_out: The same for the held-out set, with `accuracy_at_mix` in it.
    """
    drop = held_out["accuracy"] - field["accuracy"]
    interval = intervals.difference(
        held_out["accuracy"],
        Interval(*held_out["accuracy_interval"]),
        field["accuracy"],
        Interval(*field["accuracy_interval"]),
    )
    return {
        "accuracy_drop": drop,
        "accuracy_drop_interval": list(interval),
        "dont_know_more": field["dont_know"] - held_out["dont_know"],
        "words": _words(field, held_out, drop, interval),
    }


def _words(field: dict[str, Any], held_out: dict[str, Any], drop: float, interval: Interval) -> list[str]:
    n, said = field["n"], []
    if n < MIN_PHOTOS:
        said.append(
            f"{n} labelled photos say next to nothing; docs/field-protocol.md says how many are needed."
        )
    found = f"accuracy is {_points(drop)} than on the held-out pictures"
    reach = f"95% interval: {_points(interval.low)} to {_points(interval.high)}"
    if interval.low > 0:
        said.append(
            f"In the field {found} ({reach}): the photos are of another kind than the training pictures. "
            "Adding such photos to the training helps most: --adopt."
        )
    elif interval.high < 0:
        said.append(
            f"In the field {found} ({reach}): the photos are easier, perhaps of few things, or photos that "
            "went wrong were not kept."
        )
    else:
        said.append(
            f"In the field {found}, which may be chance ({reach}): with {n} photos, anything between the two "
            "would look like this."
        )
    mixed = held_out["accuracy_at_mix"]
    if mixed is not None and abs(mixed - held_out["accuracy"]) > 0.01:
        said.append(
            f"The photos have another mix of classes; at that mix the held-out accuracy would be {mixed:.3f}."
        )
    more = field["dont_know"] - held_out["dont_know"]
    if more > 0.1:
        said.append(
            f"It says “don't know” much more often than on the held-out pictures ({field['dont_know']:.0%} "
            f"against {held_out['dont_know']:.0%}): it notices that these photos are unlike what it knows."
        )
    if field["sessions"] == 1 and n > 1:
        said.append(
            "All photos are from one session: one place, one light. They say nothing about other places, so "
            "the intervals are as wide as can be."
        )
    elif field["sessions"] < n:
        said.append(
            f"The {n} photos are from {field['sessions']} sessions. Photos of one session are alike, so "
            "more sessions narrow the intervals faster than more photos."
        )
    return said


def _points(drop: float) -> str:
    """A drop of accuracy in words."""
    points = round(100 * drop)
    if not points:
        return f"under a point {'lower' if drop > 0 else 'higher'}" if drop else "no lower"
    return f"{abs(points)} point{'s' * (abs(points) != 1)} {'lower' if points >= 0 else 'higher'}"
