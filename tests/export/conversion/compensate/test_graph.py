from __future__ import annotations

import keras
import numpy as np
import pytest

from export.conversion.compensate import graph
from tests.support import uneven_models

PICTURES = uneven_models.pictures(6).astype(np.float32)


def rebuilt(model: keras.Model) -> keras.Model:
    return graph.build(graph.read(model))


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("head", uneven_models.HEADS)
def test_the_folded_model_computes_the_same_without_batch_norm(head, padded):
    model = uneven_models.build(head, padded=padded)
    folded = rebuilt(model)
    np.testing.assert_allclose(
        folded.predict_on_batch(PICTURES), model.predict_on_batch(PICTURES), atol=1e-5, rtol=0
    )
    kinds = {type(layer) for layer in folded.layers}
    assert not kinds & {keras.layers.BatchNormalization, keras.layers.ReLU, keras.layers.Dropout}


def test_a_model_inside_a_model_is_read():
    inner = uneven_models.build("concatenated")
    trunk = keras.Model(inner.input, inner.get_layer("top_relu").output)
    picture = keras.Input((32, 32, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(trunk(picture, training=False))
    model = keras.Model(picture, keras.layers.Dense(4, "softmax")(pooled))
    np.testing.assert_allclose(
        rebuilt(model).predict_on_batch(PICTURES), model.predict_on_batch(PICTURES), atol=1e-5, rtol=0
    )


def test_a_sequential_model_is_read():
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(4, 3, dilation_rate=2),
            layers.BatchNormalization(scale=False, center=False),
            layers.Activation("relu6"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
            layers.Activation("softmax"),
        ]
    )
    assert list(graph.read(model))[-1] == model.layers[-1].name
    np.testing.assert_allclose(
        rebuilt(model).predict_on_batch(PICTURES), model.predict_on_batch(PICTURES), atol=1e-5, rtol=0
    )


def refused(*layers: keras.Layer) -> str:
    picture = x = keras.Input((32, 32, 3))
    for layer in layers:
        x = layer(x)
    with pytest.raises(graph.UnknownLayerError) as caught:
        graph.read(keras.Model(picture, x))
    return str(caught.value)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([keras.layers.MaxPooling2D(name="most")], "the layer most is of an unknown kind, MaxPooling2D"),
        (
            [keras.layers.Conv2D(4, 1, activation="swish", name="smooth")],
            "the layer smooth has an unknown activation, silu",
        ),
        (
            [keras.layers.Conv2D(4, 1), keras.layers.LeakyReLU(name="leaky")],
            "the layer leaky is of an unknown kind, LeakyReLU",
        ),
        (
            [keras.layers.Conv2D(4, 1), keras.layers.ReLU(3.0, name="low")],
            "the layer low is of an unknown kind, ReLU",
        ),
        ([keras.layers.Conv2D(6, 1, groups=3, name="split")], "the layer split has groups"),
        (
            [keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="more")],
            "the layer more has a depth multiplier",
        ),
        ([keras.layers.Dense(3, name="wide")], "the layer wide has more than one position"),
        (
            [keras.layers.BatchNormalization(name="norm")],
            "the batch-norm norm does not follow a convolution of its own",
        ),
    ],
)
def test_what_it_does_not_know_is_named(layers, message):
    assert refused(*layers) == message


def test_a_layer_used_twice_and_a_second_output_are_refused():
    twice = keras.layers.Conv2D(3, 1, name="twice")
    assert refused(twice, twice) == "the layer twice is used more than once"
    picture = keras.Input((8, 8, 3))
    both = [keras.layers.Conv2D(3, 1)(picture), keras.layers.Conv2D(3, 1)(picture)]
    with pytest.raises(graph.UnknownLayerError, match="one input and one output"):
        graph.read(keras.Model(picture, both))


def test_batch_norm_in_training_is_refused():
    picture = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization(name="norm")(keras.layers.Conv2D(3, 1)(picture), training=True)
    with pytest.raises(graph.UnknownLayerError, match="the layer norm is called as in training"):
        graph.read(keras.Model(picture, x))
