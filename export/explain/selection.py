"""Selects held-out pictures to explain, and the training pictures nearest to each.

Half are a sample of all answers, used to judge the border; the rest are changed answers, mistakes, and the
most and least confident pictures of each class.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from export.explain.explanation import Answer, JudgedAnswer, Reason
from pipeline.evaluation.predictions import Predictions
from pipeline.training.store import Store

SAMPLE: Reason = "sample"
FLIP: Reason = "flip"
_MISTAKE: Reason = "mistake"
_MOST_CONFIDENT: Reason = "most confident"
_LEAST_CONFIDENT: Reason = "least confident"
_EACH = 3  # most and least confident pictures of a class
_NEAREST = 3
_PORTION = 2048


def choose(reference: Predictions, target: Predictions, limit: int, seed: int) -> dict[int, list[Reason]]:
    """Up to `limit` pictures to explain, by their index among the held-out ones, each with the reasons."""
    why: dict[int, list[Reason]] = {}

    def add(places: Sequence[int], reason: Reason, most: int) -> None:
        for place in places:
            if place in why:
                why[place].append(reason)
            elif len(why) < most:
                why[place] = [reason]

    add(_sample(target, limit // 2, seed), SAMPLE, limit)
    score = target.probabilities.max(1)
    by_confidence = np.argsort(-score, kind="stable")
    add([int(i) for i in by_confidence if target.predicted[i] != reference.predicted[i]], FLIP, limit)
    wrong = [int(i) for i in by_confidence if target.predicted[i] != target.truth[i]]
    # Leaves room for the most and least confident of each class.
    extremes = confident(target)
    ends = {place for most, least in extremes for place in (*most, *least)} - why.keys()
    add(wrong, _MISTAKE, max(limit - len(ends), limit // 2))
    for most, least in extremes:
        add(most, _MOST_CONFIDENT, limit)
        add(least, _LEAST_CONFIDENT, limit)
    add([place for place in wrong if place not in why], _MISTAKE, limit)
    return dict(sorted(why.items()))


def confident(predictions: Predictions) -> list[tuple[list[int], list[int]]]:
    """For each class, the indices of its pictures with the highest and lowest scores of that class."""
    extremes = []
    for label in range(predictions.probabilities.shape[1]):
        own = np.flatnonzero(predictions.truth == label)
        order = own[np.argsort(-predictions.probabilities[own, label], kind="stable")].tolist()
        most = order[:_EACH]
        extremes.append((most, [place for place in order[::-1][:_EACH] if place not in most]))
    return extremes


def answer(probabilities: np.ndarray, labels: Sequence[str]) -> Answer:
    """The two most likely labels; ties go to the lower index."""
    first, second = np.argsort(-probabilities, kind="stable")[:2]
    return Answer(
        answer=labels[int(first)],
        score=float(probabilities[first]),
        second=labels[int(second)],
        second_score=float(probabilities[second]),
    )


def judged_answer(probabilities: np.ndarray, labels: Sequence[str], truth: int) -> JudgedAnswer:
    """The same, with the probability of the true label; `truth` is its index."""
    return JudgedAnswer(**dict(answer(probabilities, labels)), truth_score=float(probabilities[truth]))


def nearest(store: Store, features: np.ndarray) -> list[list[tuple[int, float]]]:
    """The three training pictures nearest to each picture by cosine, nearest first.

    Args:
        store: The features of the training pictures.
        features: Of the pictures, float32, shape (pictures, width).

    Returns:
        For each picture, the indices in the store, with the cosines.
    """
    directions = _unit(features)
    scores = [
        directions @ _unit(store.take(np.arange(begin, min(begin + _PORTION, len(store.rows))))).T
        for begin in range(0, len(store.rows), _PORTION)
    ]
    cosines = np.concatenate(scores, axis=1)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :_NEAREST]
    return [
        [(int(place), float(cosines[row, place])) for place in places] for row, places in enumerate(order)
    ]


def _sample(predictions: Predictions, count: int, seed: int) -> list[int]:
    """Up to `count` places, taking turns between the answers, in an order set by the seed."""

    def drawn(place: int) -> str:
        return hashlib.sha256(f"{seed}/explain/{predictions.sha256[place]}".encode()).hexdigest()

    queues = [
        sorted(np.flatnonzero(predictions.predicted == label).tolist(), key=drawn)
        for label in range(predictions.probabilities.shape[1])
    ]
    turns = [queue[turn] for turn in range(max(map(len, queues))) for queue in queues if turn < len(queue)]
    return turns[:count]


def _unit(features: np.ndarray) -> np.ndarray:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
