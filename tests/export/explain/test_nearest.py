from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

from export.explain import selection
from pipeline.training.store import Store


def store_of(features: np.ndarray) -> Store:
    records = np.zeros(len(features), [("sha256", "V32"), ("features", "<f4", (1, features.shape[1]))])
    records["features"][:, 0] = features
    return Store(records, np.arange(len(features)), (features.shape[-1],))


def test_nearest_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    known, wanted = rng.normal(size=(5000, 16)).astype(np.float32), rng.normal(size=(20, 16))
    found = selection.nearest(store_of(known), wanted.astype(np.float32))
    distances, places = NearestNeighbors(n_neighbors=3, metric="cosine").fit(known).kneighbors(wanted)
    assert [[place for place, _ in row] for row in found] == places.tolist()
    np.testing.assert_allclose([[c for _, c in row] for row in found], 1 - distances, atol=1e-5)


def test_fewer_training_pictures_than_asked_for_are_all_given():
    assert len(selection.nearest(store_of(np.eye(2)), np.ones((1, 2), np.float32))[0]) == 2
