from __future__ import annotations

import numpy as np
import pytest

from pipeline.tflite import dense, schema
from pipeline.tflite.interpreter import BUILT_IN, XNNPACK, Interpreter
from tests.support import dense_models

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def original() -> bytes:
    return dense_models.build()


def operators(data: bytes) -> list[str]:
    return [name for name, _ in schema.operators(data)]


def test_every_layer_becomes_a_convolution_with_its_scales_and_activation(original):
    changed = dense.as_convolutions(original)
    assert operators(original).count("FULLY_CONNECTED") == 2
    assert operators(changed).count("CONV_2D") == 2
    # No unused code is left, which a runtime would look up in vain.
    assert {schema.operator_name(code) for code in schema.read_schema(changed).operatorCodes} == set(
        operators(changed)
    )
    assert "FULLY_CONNECTED" not in operators(changed)
    assert schema.constant_bytes(changed)["INT8"] == schema.constant_bytes(original)["INT8"]


@pytest.mark.parametrize("kernels", [XNNPACK, BUILT_IN])
def test_it_answers_with_the_same_bytes(original, kernels):
    before = Interpreter(original, kernels=kernels)
    after = Interpreter(dense.as_convolutions(original), kernels=kernels)
    for picture in dense_models.pictures(50):
        assert np.array_equal(before.run(picture), after.run(picture))


def test_a_file_without_such_layers_stays_as_it_is(original):
    changed = dense.as_convolutions(original)
    assert dense.as_convolutions(changed) is changed
    one_scale = dense_models.build(per_channel=False)
    assert dense.as_convolutions(one_scale) is one_scale


def test_a_kernel_of_two_layers_stays_dense(original):
    model = schema.read_schema(original)
    (graph,) = model.subgraphs
    first = next(
        op for op in graph.operators if op.builtinOptions.__class__.__name__ == "FullyConnectedOptionsT"
    )
    graph.operators.append(first)
    shared = schema.packed(model, len(original))
    assert operators(dense.as_convolutions(shared)).count("FULLY_CONNECTED") == 2


def test_a_layer_without_bias_gets_one_of_zeros(original):
    model = schema.read_schema(original)
    for operator in model.subgraphs[0].operators:
        if operator.builtinOptions.__class__.__name__ == "FullyConnectedOptionsT":
            operator.inputs = [*operator.inputs[:2], -1]
    without = schema.packed(model, len(original))
    before, after = Interpreter(without), Interpreter(dense.as_convolutions(without))
    assert "CONV_2D" in operators(dense.as_convolutions(without))
    for picture in dense_models.pictures(20):
        assert np.array_equal(before.run(picture), after.run(picture))
