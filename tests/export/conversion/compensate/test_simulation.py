from __future__ import annotations

import numpy as np
import pytest

from export.conversion.compensate import graph, simulation
from tests.support import uneven_models

PICTURES = uneven_models.pictures(20)


def test_float_is_kerass_and_int8_is_near_it():
    model = uneven_models.build()
    given = graph.read(model)
    seen: list[tuple[str, int, float]] = []

    def rounding(operation: graph.Operation, weights: graph.Weights, tensor: simulation.Tensor):
        off = np.abs(tensor.real(tensor.levels) - tensor.exact).max() / tensor.scale
        seen.append((operation.name, len(tensor.exact), float(off)))
        return weights

    measured = simulation.run(given, PICTURES, 15, rounding)
    assert [name for name, *_ in seen] == [name for name, each in given.items() if each.weights]
    assert {n for _, n, _ in seen} == {15}
    # -1 … 1 has no level for 0, so that all scaled pixels are half a step off; later layers add to that.
    assert seen[0][2] == pytest.approx(0.5, abs=1e-3)
    assert 0.5 < seen[1][2] < 4
    answers = model.predict_on_batch(PICTURES[15:].astype(np.float32))
    assert measured["answer_softmax"].power == pytest.approx((answers**2).sum(0), rel=1e-4)
    assert measured["answer_softmax"].error.sum() < 0.01 * measured["answer_softmax"].power.sum()


def test_the_largest_weight_of_each_output_is_127_steps():
    kernel = np.array([[1.0, -4.0, 0.0], [-2.0, 3.0, 0.0]])
    assert simulation.grid(kernel, (0,)) * 127 == pytest.approx(np.array([[2.0, 4.0, 127.0]]))
