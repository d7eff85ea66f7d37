"""How good the file to ship is on new pictures, and how many of them get an answer.

Held-out pictures with copies in training say nothing about new pictures, so they do not count.
"""

from __future__ import annotations

from typing import NamedTuple

from export.parity.result import FlavourTarget, KerasReference
from export.report.artifacts import Artifacts
from pipeline.evaluation.evaluate import Evaluation
from pipeline.stats import confidence


class Scores(NamedTuple):
    """How good a model is on the held-out pictures.

    Attributes:
        who: The model, as a subject of a sentence.
        n: The number of pictures; 0 if all of them have copies in training.
        accuracy: On those; None if there are none.
        interval: Its 95% interval.
        leaked: Held-out pictures that are not counted because they have copies in training.
        coverage: The share of held-out pictures that gets an answer; None if unknown.
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


def scores(contents: Artifacts) -> Scores | None:
    """The scores of the file to ship, or of the Keras model before there is one; None without any."""
    parity, row = contents.parity, contents.target()
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
    evaluation, predictions = contents.get(Evaluation), contents.predictions()
    if not evaluation:
        return None
    counted = evaluation.without_leaked or evaluation.held_out
    threshold, selective = evaluation.threshold, None
    if predictions is not None:
        selective = confidence.selective(
            predictions["probabilities"], predictions["truth"], predictions["groups"], threshold
        )
    return Scores(
        who="The Keras model",
        n=counted.n,
        accuracy=counted.accuracy,
        interval=counted.accuracy_interval,
        leaked=evaluation.held_out.n - counted.n,
        coverage=selective and selective.coverage,
        threshold=threshold,
        right_of_answered=selective and selective.accuracy,
    )
