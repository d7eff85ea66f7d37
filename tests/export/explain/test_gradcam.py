from __future__ import annotations

import numpy as np
import pytest

from export.explain import gradcam
from pipeline.core.quiet import quiet
from pipeline.core.sections import Head, Model
from pipeline.core.size import Size

FRAME = Size(64, 32)


def classifier_of(head: Head):
    with quiet():
        from pipeline.training import backbones, classifier

        tiny = Model(backbone="tiny")
        backbone = backbones.build(tiny, FRAME, 3, backbones.pooled_blocks(tiny, head))
        model = classifier.build_classifier(backbone, 3, head, seed=1)
    rng = np.random.default_rng(0)
    for layer in model.layers[-4:]:
        layer.set_weights([rng.normal(0, 0.5, w.shape).astype(np.float32) for w in layer.get_weights()])
    return model


def maps_of(model, frames):
    import keras

    return keras.Model(model.input, model.get_layer("pooled").input).predict(
        np.stack(frames).astype(np.float32), verbose=0
    )


@pytest.fixture(scope="module")
def frames(draw):
    return [draw(64, 32, seed) for seed in range(40)]


def test_grad_cam_of_the_linear_head_is_cam(frames):
    model, classes = classifier_of(Head()), np.arange(40) % 3
    kernel = model.layers[-1].get_weights()[0]
    found = gradcam.looks(model, frames, classes)
    for look, maps, label in zip(found, maps_of(model, frames), classes, strict=True):
        cam = np.maximum(maps @ kernel[:, label], 0)
        np.testing.assert_allclose(look.cells * maps[..., 0].size, cam, rtol=1e-4, atol=1e-5)


def test_grad_cam_of_the_dense_head_agrees_with_finite_differences(frames):
    """The gradient of the logit by each feature, found by moving that feature a little."""
    import keras

    model = classifier_of(Head(kind="dense"))
    hidden, answer = model.get_layer("hidden").get_weights(), model.get_layer("answer").get_weights()
    found = gradcam.looks(model, frames[:4], np.full(4, 2))

    def logit(features):
        return float((np.maximum(features @ hidden[0] + hidden[1], 0) @ answer[0] + answer[1])[2])

    pooled = keras.Model(model.input, model.get_layer("pooled").output)
    features = pooled.predict(np.stack(frames[:4]).astype(np.float32), verbose=0).astype(np.float64)
    for look, maps, own in zip(found, maps_of(model, frames[:4]), features, strict=True):
        steps = 1e-5 * np.eye(len(own))
        gradient = np.array([(logit(own + step) - logit(own - step)) / 2e-5 for step in steps])
        expected = np.maximum(maps @ gradient, 0) / maps[..., 0].size
        np.testing.assert_allclose(look.cells, expected, rtol=1e-3, atol=1e-6)


def test_the_features_are_those_that_the_head_reads(frames):
    model = classifier_of(Head())
    found = gradcam.looks(model, frames, np.zeros(40, int))
    np.testing.assert_allclose(
        np.stack([look.features for look in found]), maps_of(model, frames).mean((1, 2)), rtol=1e-5
    )


@pytest.mark.parametrize("kind", ["linear", "dense"])
def test_the_map_of_several_depths_is_the_sum_of_each_depths_own(frames, kind):
    """A depth's own is Grad-CAM's definition: its channels, each weighted by TensorFlow's mean gradient."""
    import keras
    import tensorflow as tf

    model, names = classifier_of(Head(kind=kind, depths=3)), ("conv2", "conv1", "conv0")
    found = gradcam.looks(model, frames[:8], np.full(8, 2))
    model.layers[-1].activation = keras.activations.linear
    outputs = [model.get_layer(name).output for name in names]
    maps = keras.Model(model.input, outputs)(np.stack(frames[:8]).astype(np.float32))
    above = keras.Model(outputs, model.layers[-1](model.layers[-1].input))
    with tf.GradientTape() as tape:
        tape.watch(maps)
        logit = above(maps)[:, 2]
    expected = np.zeros((8, 16, 32))
    for depth, gradient in zip(maps, tape.gradient(logit, maps), strict=True):
        weights = gradient.numpy().sum((1, 2))
        cells = np.einsum("nrck,nk->nrc", depth.numpy(), weights)
        coarser = 16 // cells.shape[1]
        expected += np.kron(cells, np.ones((1, coarser, coarser)))
    shown = np.stack([look.cells for look in found])
    assert shown.max() > 0
    np.testing.assert_allclose(shown * 16 * 32, np.maximum(expected, 0), rtol=1e-4, atol=1e-4)


def test_progress_tells_how_many_are_done(frames):
    told = []
    gradcam.looks(classifier_of(Head()), iter(frames), np.zeros(40, int), told.append)
    assert told == [32, 40]
