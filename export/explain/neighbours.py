"""The training pictures that a picture resembles most, as the backbone sees them."""

from __future__ import annotations

import numpy as np

from pipeline.training.features import Store

NEAREST = 3
_PORTION = 2048


def nearest(store: Store, wanted: np.ndarray) -> list[list[tuple[int, float]]]:
    """For each picture the three nearest training pictures, by cosine, nearest first.

    Args:
        store: The features of the training pictures.
        wanted: Features, float32, shape (pictures, width).

    Returns:
        Place among the training pictures, and cosine.
    """
    directions = _unit(wanted)
    scores = [
        directions @ _unit(store.take(np.arange(begin, min(begin + _PORTION, len(store.rows))))).T
        for begin in range(0, len(store.rows), _PORTION)
    ]
    cosines = np.concatenate(scores, axis=1)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :NEAREST]
    return [
        [(int(place), float(cosines[row, place])) for place in places] for row, places in enumerate(order)
    ]


def _unit(features: np.ndarray) -> np.ndarray:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
