"""What photos from the field say about a model, compared with the held-out set.

For both sets, the probabilities are those of the int8 file on this computer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.core.documents import Document
from pipeline.stats import intervals, metrics
from pipeline.stats.metrics import Interval

_FEW = 10


class _ClassScores(Document):
    """The scores of one class; `index` is its place in the labels."""

    index: int
    n: int
    recall: float
    recall_interval: Interval
    dont_know: float


class Scores(Document):
    """The scores of a set of pictures; every interval is a 95% interval over sessions.

    Attributes:
        n: The number of pictures.
        sessions: The number of sessions.
        accuracy: The share of right answers, whether above the threshold or not.
        macro_f1: Over the classes that occur.
        dont_know: The share of answers below the threshold.
        right_of_answered: The accuracy above the threshold; None if no answer is.
        classes: Those that occur.
        confusion: Counts; rows are the truth, columns the answers.
    """

    n: int
    sessions: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    dont_know: float
    dont_know_interval: Interval
    right_of_answered: float | None
    classes: tuple[_ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]


class HeldOutScores(Scores):
    """The scores of the held-out set.

    Attributes:
        accuracy_at_mix: What `at_mix` returned.
    """

    accuracy_at_mix: float | None = None


class Gap(Document):
    """How much worse photos are recognized than held-out pictures.

    Attributes:
        accuracy_drop: Held-out minus field accuracy, with its interval.
        dont_know_more: How much larger the share of "don't know" is.
        words: What that may mean, in sentences.
    """

    accuracy_drop: float
    accuracy_drop_interval: Interval
    dont_know_more: float
    words: tuple[str, ...]


def score(truth: np.ndarray, probabilities: np.ndarray, groups: Sequence[str], threshold: float) -> Scores:
    """Scores a set of pictures.

    Args:
        truth: Labels, shape (n,), n at least 1.
        probabilities: Shape (n, classes).
        groups: The session of each picture; a unique name if it is unknown.
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
            _ClassScores(
                index=index,
                n=int(own.sum()),
                recall=float(right[own].mean()),
                recall_interval=intervals.share(right[own], names[own]),
                dont_know=float(unsure[own].mean()),
            )
        )
    answered = ~unsure
    return Scores(
        n=len(truth),
        sessions=len(np.unique(names)),
        accuracy=float(right.mean()),
        accuracy_interval=intervals.share(right, names),
        macro_f1=float(metrics.macro_f1_of(confusion)),
        macro_f1_interval=intervals.f1(truth, predicted, names, classes).macro,
        dont_know=float(unsure.mean()),
        dont_know_interval=intervals.share(unsure, names),
        right_of_answered=float(right[answered].mean()) if answered.any() else None,
        classes=tuple(rows),
        confusion=tuple(map(tuple, confusion.tolist())),
    )


def at_mix(recalls: np.ndarray, truth: np.ndarray, photos: np.ndarray) -> float | None:
    """The held-out accuracy if its classes were as frequent as those of the photos.

    Args:
        recalls: Whether the answer to each held-out picture is right, shape (m,).
        truth: Their labels, shape (m,).
        photos: The labels of the photos, shape (n,).

    Returns:
        None if a class of the photos has no held-out picture.
    """
    labels, counts = np.unique(photos, return_counts=True)
    if not set(labels.tolist()) <= set(truth.tolist()):
        return None
    shares = np.array([recalls[truth == label].mean() for label in labels])
    return float((shares * counts).sum() / counts.sum())


def gap(field: Scores, held_out: HeldOutScores) -> Gap:
    """How much worse the photos are recognized than the held-out set, and what that may mean."""
    drop = held_out.accuracy - field.accuracy
    interval = intervals.difference(
        held_out.accuracy,
        held_out.accuracy_interval,
        field.accuracy,
        field.accuracy_interval,
    )
    return Gap(
        accuracy_drop=drop,
        accuracy_drop_interval=interval,
        dont_know_more=field.dont_know - held_out.dont_know,
        words=tuple(_sentences(field, held_out, drop, interval)),
    )


def interval_text(interval: Interval) -> str:
    """An interval as a table shows it."""
    return f"{interval.low:.3f} to {interval.high:.3f}"


def _sentences(field: Scores, held_out: HeldOutScores, drop: float, interval: Interval) -> Iterator[str]:
    n = field.n
    if n < _FEW:
        yield (
            f"{n} labelled photo{'s are' if n != 1 else ' is'} too few to conclude anything; "
            "docs/field-protocol.md says how many you need."
        )
    change = f"accuracy is {_points(drop)} than on the held-out pictures"
    bounds = f"95% interval: {_points(interval.low)} to {_points(interval.high)}"
    if interval.low > 0:
        yield (
            f"In the field {change} ({bounds}): the photos differ from the training pictures. "
            "Adding such photos to the training set helps most: --adopt."
        )
    elif interval.high < 0:
        yield (
            f"In the field {change} ({bounds}): the photos are easier. Perhaps they vary little, or "
            "photos with a wrong answer were not kept."
        )
    else:
        yield f"In the field {change}, which may be chance ({bounds}, n = {n})."
    mixed = held_out.accuracy_at_mix
    if mixed is not None and abs(mixed - held_out.accuracy) > 0.01:
        yield (
            "The class frequencies differ from those of the held-out set; with these frequencies, the "
            f"held-out accuracy would be {mixed:.3f}."
        )
    if field.dont_know - held_out.dont_know > 0.1:
        yield (
            f"The model says “don't know” much more often than on held-out pictures ({field.dont_know:.0%} "
            f"instead of {held_out.dont_know:.0%}): it notices that these photos are unfamiliar."
        )
    if field.sessions == 1 and n > 1:
        yield (
            "All photos are from one session: one place, one light. They say nothing about other "
            "places, which is why the intervals are so wide."
        )
    elif field.sessions < n:
        yield (
            f"The {n} photos are from {field.sessions} sessions. Photos of a session resemble each other, so "
            "more sessions narrow the intervals faster than more photos."
        )


def _points(drop: float) -> str:
    """A drop in accuracy, as a phrase."""
    points = round(100 * drop)
    if not points:
        return f"less than a point {'lower' if drop > 0 else 'higher'}" if drop else "no lower"
    return f"{abs(points)} point{'s' * (abs(points) != 1)} {'lower' if points >= 0 else 'higher'}"
