"""What photos from the field say about a model, against the held-out set: numbers, then words.

Pure functions on arrays. Probabilities are those of the int8 file on the desktop, the same for
both sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline import metrics
from pipeline.metrics import RESAMPLES

# With fewer sessions, resampling them gives intervals that cannot be trusted.
MIN_SESSIONS = 8
MIN_PHOTOS = 10


def score(
    truth: np.ndarray, probabilities: np.ndarray, groups: Sequence[str], threshold: float, seed: int
) -> dict[str, Any]:
    """Accuracy, macro F1 and the share of "don't know", with 95% intervals.

    Shares have Wilson's interval over pictures; where there are at least eight sessions of several
    pictures, all have the bootstrap's over whole sessions. Macro F1 is over the classes that occur.

    Args:
        truth: Labels, shape (n,), n at least 1.
        probabilities: Shape (n, classes).
        groups: The session of each; one of its own where nobody knows.
        threshold: Below it the answer is "don't know".
        seed: For the bootstrap.
    """
    classes, n = probabilities.shape[1], len(truth)
    predicted = probabilities.argmax(1)
    present = np.flatnonzero(np.bincount(truth, minlength=classes))
    right, unsure = predicted == truth, probabilities.max(1) < threshold
    sessions = len(set(groups))
    whole = MIN_SESSIONS <= sessions < n
    units = groups if whole else [str(number) for number in range(n)]

    def macro(counts: np.ndarray) -> np.ndarray:
        return metrics.f1_of(counts)[..., present].mean(-1)

    def share(hits: np.ndarray) -> list[float]:
        if whole:
            return _bootstrapped(hits, units, seed)
        return list(metrics.wilson(int(hits.sum()), n))

    confusion = metrics.confusion(truth, predicted, classes)
    f1_interval = metrics.bootstrap(truth, predicted, units, classes, macro, seed)
    rows = []
    for index in present.tolist():
        own = int(confusion[index].sum())
        hits = int(confusion[index, index])
        rows.append(
            {
                "index": index,
                "n": own,
                "recall": hits / own,
                "recall_interval": list(metrics.wilson(hits, own)),
                "dont_know": float(unsure[truth == index].mean()),
            }
        )
    answered = int((~unsure).sum())
    return {
        "n": n,
        "sessions": sessions,
        "intervals_over": "sessions" if whole else "photos",
        "accuracy": float(right.mean()),
        "accuracy_interval": share(right),
        "macro_f1": float(macro(confusion)),
        "macro_f1_interval": f1_interval.tolist(),
        "dont_know": float(unsure.mean()),
        "dont_know_interval": share(unsure),
        "right_of_answered": float(right[~unsure].mean()) if answered else None,
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


def gap(field: dict[str, Any], held_out: dict[str, Any], right: int, n: int) -> dict[str, Any]:
    """How much worse the photos are than the held-out set, with its interval, and what that may mean.

    Args:
        field: What `score` gave for the photos.
        held_out: The same for the held-out set, with `accuracy_at_mix` in it.
        right: Held-out pictures answered rightly.
        n: All of them.
    """
    hits = round(field["accuracy"] * field["n"])
    found = metrics.difference_of_shares(right, n, hits, field["n"])
    return {
        "accuracy_drop": right / n - hits / field["n"],
        "accuracy_drop_interval": list(found),
        "dont_know_more": field["dont_know"] - held_out["dont_know"],
        "words": _words(field, held_out, right / n - hits / field["n"], found),
    }


def _bootstrapped(hits: np.ndarray, groups: Sequence[str], seed: int) -> list[float]:
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    right, size = np.bincount(group, weights=hits), np.bincount(group)
    drawn = np.random.default_rng(seed).multinomial(len(size), np.full(len(size), 1 / len(size)), RESAMPLES)
    return np.percentile((drawn @ right) / (drawn @ size), (2.5, 97.5)).tolist()


def _words(
    field: dict[str, Any], held_out: dict[str, Any], drop: float, interval: metrics.Interval
) -> list[str]:
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
    if 1 < field["sessions"] < n and field["intervals_over"] == "photos":
        said.append(
            f"The photos are from {field['sessions']} sessions. Photos of one session are alike, so the "
            f"intervals are too narrow; with {MIN_SESSIONS} sessions or more they are taken over sessions."
        )
    elif field["sessions"] == 1 and n > 1:
        said.append(
            "All photos are from one session: one place, one light. They speak for that alone, and the "
            "intervals are too narrow."
        )
    return said


def _points(drop: float) -> str:
    """A drop of accuracy in words."""
    points = round(100 * drop)
    if not points:
        return f"under a point {'lower' if drop > 0 else 'higher'}" if drop else "no lower"
    return f"{abs(points)} point{'s' * (abs(points) != 1)} {'lower' if points >= 0 else 'higher'}"
