"""Which held-out pictures are worth explaining, from the answers that are stored.

Half of them a sample of every answer, on which the border is judged; the others those that tell
most: changed answers, mistakes, the surest and the least sure of each class.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.evaluation.predictions import Predictions

SAMPLE, FLIP, MISTAKE, SUREST, LEAST_SURE = "sample", "flip", "mistake", "most confident", "least confident"
EACH = 3


def choose(reference: Predictions, target: Predictions, limit: int, seed: int) -> dict[int, list[str]]:
    """Pictures to explain and why, at most `limit`, by their place among the held-out ones."""
    why: dict[int, list[str]] = {}

    def add(places: Sequence[int], reason: str, most: int) -> None:
        for place in places:
            if place in why:
                why[place].append(reason)
            elif len(why) < most:
                why[place] = [reason]

    add(_sample(target, limit // 2, seed), SAMPLE, limit)
    score = target.probabilities.max(1)
    surest_first = np.argsort(-score, kind="stable")
    add([int(i) for i in surest_first if target.predicted[i] != reference.predicted[i]], FLIP, limit)
    wrong = [int(i) for i in surest_first if target.predicted[i] != target.truth[i]]
    # Room is left for the surest and the least sure of each class.
    extremes = confident(target)
    ends = {place for most, least in extremes for place in (*most, *least)} - why.keys()
    add(wrong, MISTAKE, max(limit - len(ends), limit // 2))
    for most, least in extremes:
        add(most, SUREST, limit)
        add(least, LEAST_SURE, limit)
    add([place for place in wrong if place not in why], MISTAKE, limit)
    return dict(sorted(why.items()))


def confident(predictions: Predictions) -> list[tuple[list[int], list[int]]]:
    """Of every class: the places of its pictures with the highest and the lowest score of that class."""
    found = []
    for label in range(predictions.probabilities.shape[1]):
        own = np.flatnonzero(predictions.truth == label)
        order = own[np.argsort(-predictions.probabilities[own, label], kind="stable")].tolist()
        most = order[:EACH]
        found.append((most, [place for place in order[::-1][:EACH] if place not in most]))
    return found


def says(probabilities: np.ndarray, truth: int | None, labels: Sequence[str]) -> dict[str, Any]:
    """An answer in words and numbers."""
    first, second = np.argsort(-probabilities, kind="stable")[:2]
    found = {
        "answer": labels[first],
        "score": float(probabilities[first]),
        "second": labels[second],
        "second_score": float(probabilities[second]),
    }
    return found if truth is None else {**found, "truth_score": float(probabilities[truth])}


def _sample(predictions: Predictions, count: int, seed: int) -> list[int]:
    """As many of each answer as there are, in turns, in an order drawn from the seed."""

    def drawn(place: int) -> str:
        return hashlib.sha256(f"{seed}/explain/{predictions.sha256[place]}".encode()).hexdigest()

    queues = [
        sorted(np.flatnonzero(predictions.predicted == label).tolist(), key=drawn)
        for label in range(predictions.probabilities.shape[1])
    ]
    turns = [queue[turn] for turn in range(max(map(len, queues))) for queue in queues if turn < len(queue)]
    return turns[:count]
