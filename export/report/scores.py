"""How good the file to ship is on new pictures, and how many of them get an answer.

Pictures that have copies among the training pictures say nothing about new ones, so they do not count.
"""

from __future__ import annotations

from typing import NamedTuple

from export.parity.result import FlavourTarget, KerasReference
from export.report.artifacts import Artifacts
from pipeline.core import runs
from pipeline.stats import confidence


class Scores(NamedTuple):
    """How good a model is on the held-out pictures.

    Attributes:
        who: The model, as a subject of a sentence.
        n: How many pictures were counted; 0 where all of them have copies in training.
        accuracy: On those; None where there are none.
        interval: Its 95% interval.
        leaked: Held-out pictures that were not counted, because they have copies in training.
        coverage: The share of held-out pictures that gets an answer; None where that is not known.
        threshold: Below it the answer is "I don't know".
        right_of_answered: The accuracy on pictures that get an answer, copies included.
    """

    who: str
    n: int
    accuracy: float | None
    interval: tuple[float, float]
    leaked: int
    coverage: float | None
    threshold: float | None
    right_of_answered: float | None


class _Clean(NamedTuple):
    """Accuracy, its 95% interval and the number of pictures, without those that have copies in training."""

    accuracy: float | None
    interval: tuple[float, float]
    n: int


def clean(row: KerasReference | FlavourTarget, n: int) -> _Clean:
    """The clean score of a model that answered n pictures, copies included."""
    if row.without_leaked:
        return _Clean(row.without_leaked.accuracy, row.without_leaked.accuracy_interval, row.without_leaked.n)
    return _Clean(row.accuracy, row.accuracy_interval, n)


def coverage(row: KerasReference | FlavourTarget) -> float | None:
    """The share of pictures that gets an answer; None without a threshold."""
    return row.dont_know and row.dont_know.coverage


def scores(found: Artifacts) -> Scores | None:
    """Of the file to ship; of the Keras model where there is none yet."""
    parity, row = found.parity, found.target()
    if parity and row:
        accuracy, interval, n = clean(row, parity.n)
        return Scores(
            who=f"The {row.model} file",
            n=n,
            accuracy=accuracy,
            interval=interval,
            leaked=parity.n - n,
            coverage=coverage(row),
            threshold=row.dont_know.threshold if row.dont_know else parity.threshold,
            right_of_answered=row.dont_know and row.dont_know.selective_accuracy,
        )
    evaluation, predictions = found.get(runs.EVALUATION), found.predictions()
    if not evaluation:
        return None
    held_out = evaluation["held_out"]
    counted = evaluation.get("without_leaked") or held_out
    accuracy, n = counted["accuracy"], counted["n"]
    low, high = counted["accuracy_interval"]
    threshold, selective = evaluation.get("threshold"), None
    if predictions is not None and threshold is not None:
        selective = confidence.selective(
            predictions["probabilities"], predictions["truth"], predictions["groups"], threshold
        )
    return Scores(
        who="The Keras model",
        n=n,
        accuracy=accuracy,
        interval=(low, high),
        leaked=held_out["n"] - n,
        coverage=selective and selective.coverage,
        threshold=threshold,
        right_of_answered=selective and selective.accuracy,
    )
