from __future__ import annotations

import numpy as np
import pytest

from export.conversion import layers
from pipeline.tflite import interpreter as litert
from tests.support import damages, small_models


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    import keras

    found = {}
    for flavour in ("float32", "int8"):
        keras.backend.clear_session()  # the same names in both
        found[flavour] = small_models.build(flavour)
    return found


def frames(count: int = 4) -> list[np.ndarray]:
    size = small_models.FRAME
    random = np.random.default_rng(0)
    return list(random.integers(0, 256, (count, size.height, size.width, 3), np.uint8))


def test_the_last_layer_gives_the_answer(files):
    for data in files.values():
        (frame,) = frames(1)
        found = list(layers.Inside(data).run(frame))
        layer, numbers = found[-1]
        expected = litert.Interpreter(data, kernels=litert.BUILT_IN).answer(frame)
        np.testing.assert_allclose(layers.real(layer, numbers), expected, atol=1e-6)
        assert len(found) > 5


def test_an_int8_file_is_near_the_float_file_in_every_layer(files):
    found = layers.partings(files["float32"], files["int8"], frames())
    assert len(found) > 3
    assert all(0 <= float(row["error"]) < 0.2 for row in found)
    assert [row["added"] for row in found] == sorted((row["added"] for row in found), reverse=True)


def test_a_damaged_layer_is_named_first(files):
    damaged = damages.layer_doubled(files["int8"], "depthwise_conv2d")
    worst = layers.partings(files["float32"], damaged, frames())[0]
    assert "depthwise_conv2d" in str(worst["layer"])
    assert float(worst["added"]) > 0.3


def test_a_file_is_equal_to_itself(files):
    found = layers.partings(files["float32"], files["float32"], frames(1))
    assert max(float(row["error"]) for row in found) == 0


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("vignette_1/classifier_1/block4_project_norm_1/batchnorm/add_1;and/more", "block4_project_norm"),
        ("vignette_1/classifier_1/stem_relu_1/Relu6", "stem_relu"),
        ("tfl.quantize", "tfl.quantize"),
        ("", "unnamed"),
    ],
)
def test_names_are_shortened_to_those_of_the_model(name, short):
    assert layers._short(name) == short
