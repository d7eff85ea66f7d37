"""How good the file to ship is on new pictures, and how many of them get an answer.

Pictures that have copies among the training pictures say nothing about new ones, so they do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from export import artifacts
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


def clean(row: Mapping[str, Any], n: int) -> tuple[float | None, tuple[float, float], int]:
    """Accuracy, its interval and the number of pictures, without those that have copies in training.

    Args:
        row: A model's entry in parity.json or evaluation.json.
        n: How many pictures it answered, copies included.
    """
    found = row.get("without_leaked") or {**row, "n": n}
    accuracy, counted = found["accuracy"], found["n"]
    low, high = found["accuracy_interval"]
    return accuracy, (low, high), counted


def coverage(row: Mapping[str, Any]) -> float | None:
    """The share of pictures that gets an answer from a model of parity.json."""
    return row.get("coverage", (row.get("dont_know") or {}).get("coverage"))


def scores(found: Artifacts) -> Scores | None:
    """Of the file to ship; of the Keras model where there is none yet."""
    parity, row = found.get(artifacts.PARITY), found.target()
    if parity and row:
        accuracy, bounds, n = clean(row, parity["n"])
        selective = row.get("dont_know") or {}
        return Scores(
            who=f"The {row['model']} file",
            n=n,
            accuracy=accuracy,
            interval=bounds,
            leaked=parity["n"] - n,
            coverage=coverage(row),
            threshold=selective.get("threshold", parity.get("threshold")),
            right_of_answered=selective.get("selective_accuracy"),
        )
    evaluation, predictions = found.get(runs.EVALUATION), found.predictions()
    if not evaluation:
        return None
    held_out = evaluation["held_out"]
    accuracy, bounds, n = clean(
        {**held_out, "without_leaked": evaluation.get("without_leaked")}, held_out["n"]
    )
    threshold, selective = evaluation.get("threshold"), None
    if predictions is not None and threshold is not None:
        selective = confidence.selective(
            predictions["probabilities"], predictions["truth"], predictions["groups"], threshold
        )
    return Scores(
        who="The Keras model",
        n=n,
        accuracy=accuracy,
        interval=bounds,
        leaked=held_out["n"] - n,
        coverage=selective and selective.coverage,
        threshold=threshold,
        right_of_answered=selective and selective.accuracy,
    )
