from __future__ import annotations

import keras
import numpy as np
import pytest

from export.conversion.compensate import equalization, graph, simulation
from tests.support import uneven_models

PICTURES = uneven_models.pictures(6)


def equalized(model: keras.Model) -> tuple[dict[str, graph.Operation], dict[str, np.ndarray]]:
    given = graph.read(model)
    measured = simulation.run(given, PICTURES, 3, lambda _operation, weights, _tensor: weights)
    return equalization.equalize(given, {name: row.largest for name, row in measured.items()})


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("head", uneven_models.HEADS)
def test_the_float_model_stays_the_same(head, padded):
    model = uneven_models.build(head, padded=padded)
    level, factors = equalized(model)
    assert any((shares < 0.5).any() for shares in factors.values())
    frames = PICTURES.astype(np.float32)
    np.testing.assert_allclose(
        graph.build(level).predict_on_batch(frames), model.predict_on_batch(frames), atol=1e-5, rtol=0
    )


def test_channels_that_are_added_share_their_factors_and_then_their_range():
    level, factors = equalized(uneven_models.build("concatenated"))
    assert factors["block1_project"] is factors["block2_project"] is factors["block2_add"]
    assert "block0_project" in factors
    assert factors["block0_project"] is not factors["block1_project"]
    measured = simulation.run(level, PICTURES, 3, lambda _operation, weights, _tensor: weights)
    stream = [measured[name].largest for name in ("block1_project", "block2_project", "block2_add")]
    np.testing.assert_allclose(np.max(stream, 0), np.max(stream), rtol=1e-4)


def test_relu6_softmax_and_the_output_are_left_alone():
    _, factors = equalized(uneven_models.build("summed"))
    assert not factors.keys() & {"stem", "top", "block1_expand", "answer0", "answer1", "sum", "answer"}


def test_relu_without_a_bound_is_scaled():
    _, factors = equalized(uneven_models.build(plain=True))
    assert {"plain1", "plain2"} <= factors.keys()
