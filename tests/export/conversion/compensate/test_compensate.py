from __future__ import annotations

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from export.conversion.compensate import compensate
from export.conversion.compensate.compensate import Compensated, NotApplicable
from export.conversion.flavour_options import FLAVOURS
from pipeline.stats import metrics
from pipeline.tflite import convert as tflite
from pipeline.tflite import interpreter as litert
from tests.support import uneven_models

PICTURES = uneven_models.pictures(40)
UNSEEN = uneven_models.pictures(60, seed=2)


def compensated(model: keras.Model) -> Compensated:
    result = compensate.compensate(model, PICTURES)
    assert isinstance(result, Compensated)
    return result


def int8(model: keras.Model) -> bytes:
    def representative():
        return ([frame[np.newaxis].astype(np.float32)] for frame in PICTURES)

    return tflite.convert(model, lambda converter: FLAVOURS["int8"].configure(converter, representative))


def moved(model: keras.Model, data: bytes) -> float:
    reference = model.predict_on_batch(UNSEEN.astype(np.float32))
    return metrics.mean_abs_dp(reference, litert.predictions(data, UNSEEN, lambda frame: frame))


def weights_of(data: bytes) -> list[np.ndarray]:
    """The kernels of a file, as its convolutions name them."""
    model = schema.ModelT.InitFromPackedBuf(bytearray(data), 0)
    graph, builtin = model.subgraphs[0], schema.BuiltinOperator
    kernels = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex].builtinCode
        if code in (builtin.CONV_2D, builtin.DEPTHWISE_CONV_2D):
            tensor = graph.tensors[operator.inputs[1]]
            kernels.append(np.frombuffer(model.buffers[tensor.buffer].data, np.int8).reshape(tensor.shape))
    return kernels


@pytest.mark.parametrize(
    ("head", "padded"),
    [
        ("linear", True),
        pytest.param("dense", False, marks=pytest.mark.slow),
        pytest.param("concatenated", True, marks=pytest.mark.slow),
        pytest.param("summed", False, marks=pytest.mark.slow),
    ],
)
def test_the_file_holds_the_compensated_kernels_and_is_nearer_to_keras(head, padded):
    model = uneven_models.build(head, padded=padded)
    result = compensated(model)
    data = int8(result.model)
    kernels = [layer.kernel for layer in result.model.layers if getattr(layer, "kernel", None) is not None]
    stored = {found.shape: [] for found in weights_of(data)}
    for found in weights_of(data):
        stored[found.shape].append(found)
    for kernel in map(np.asarray, kernels):
        # Convolutions (out, height, width, in), depthwise (1, height, width, in); dense as 1×1.
        kernel = kernel.reshape(1, 1, *kernel.shape) if kernel.ndim == 2 else kernel
        if kernel.ndim == 4 and kernel.shape[3] == 1:
            kernel, axes = kernel.transpose(3, 0, 1, 2), (0, 1, 2)
        else:
            kernel = np.moveaxis(kernel, -1, 0)
            axes = tuple(range(1, kernel.ndim))
        levels = kernel / (np.abs(kernel).max(axes, keepdims=True) / 127)
        np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
        assert any(np.array_equal(np.rint(levels), found) for found in stored[kernel.shape])
    assert moved(model, data) < moved(model, int8(model))


def test_the_errors_of_the_layers_are_told_and_smaller():
    layers = compensated(uneven_models.build("concatenated")).layers
    names = [row.name for row in layers]
    assert names[0] == "stem"
    assert names[-3:] == ["pooled1", "answer", "answer_softmax"]
    assert {"block2_add", "block1_depthwise", "pooled0"} <= set(names)
    assert all(0 < row.before < 1 for row in layers)
    assert np.median([row.after / row.before for row in layers]) < 0.8


@pytest.mark.slow
def test_the_same_model_and_pictures_give_the_same_model():
    model = uneven_models.build("summed", padded=True)
    first, second = compensated(model), compensated(model)
    assert first.layers == second.layers
    assert first.model.get_config() == second.model.get_config()
    assert all(map(np.array_equal, first.model.get_weights(), second.model.get_weights()))


def test_the_model_itself_is_not_touched():
    model = uneven_models.build()
    before = [array.copy() for array in model.get_weights()]
    compensated(model)
    assert all(map(np.array_equal, before, model.get_weights()))


def test_a_model_with_an_unknown_layer_says_which():
    picture = keras.Input((32, 32, 3))
    x = keras.layers.GlobalMaxPooling2D(name="most")(keras.layers.Conv2D(4, 3)(picture))
    model = keras.Model(picture, keras.layers.Dense(3, "softmax")(x))
    result = compensate.compensate(model, PICTURES)
    assert result == NotApplicable("the layer most is of an unknown kind, GlobalMaxPooling2D")
