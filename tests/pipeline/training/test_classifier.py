from __future__ import annotations

import zipfile

import numpy as np
import pytest
from scipy import special

from pipeline.core.errors import RunError
from pipeline.core.sections import Head, Model
from pipeline.core.size import Size
from pipeline.training import backbones, classifier

FRAME = Size(48, 32)
LINEAR, DENSE = Head(kind="linear"), Head(kind="dense", units=20)


@pytest.fixture(scope="module")
def backbone():
    return backbones.build(Model(backbone="tiny"), FRAME, 0)


@pytest.fixture
def frames(draw) -> np.ndarray:
    return np.stack([draw(48, 32, seed) for seed in range(6)]).astype(np.float32)


def trained(head: Head):
    """A head with weights as training might leave them."""
    model = classifier.build_head(32, 4, head, 0)
    random = np.random.default_rng(1)
    model.set_weights([random.normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("head", [LINEAR, DENSE], ids=["linear", "dense"])
@pytest.mark.parametrize(("temperature", "scale"), [(1.0, 1.0), (0.4, 0.3), (3.0, 2.5), (1.5, 0.05)])
def test_folding_changes_no_answer(backbone, frames, head, temperature, scale):
    mean = np.random.default_rng(2).normal(0.3, 0.2, 32).astype(np.float32)
    model = trained(head)
    logits = model((backbone(frames) - mean) / scale, training=False).numpy()
    whole = classifier.assemble(backbone, model, head, mean, scale, temperature)
    expected = special.softmax(logits.astype(np.float64) / temperature, 1)
    assert expected.std() > 0.04
    np.testing.assert_allclose(whole(frames, training=False).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("head", [LINEAR, DENSE], ids=["linear", "dense"])
def test_folding_keeps_the_graph_and_its_parameters(backbone, head):
    plain = classifier.build_classifier(backbone, 4, head)
    whole = classifier.assemble(backbone, trained(head), head, np.ones(32), 2.0, 2.0)
    assert [type(layer) for layer in whole.layers] == [type(layer) for layer in plain.layers]
    assert whole.count_params() == plain.count_params()
    assert whole.output_shape == (None, 4)


def test_folding_leaves_the_trained_head_alone(backbone):
    model = trained(LINEAR)
    before = model.get_weights()
    classifier.assemble(backbone, model, LINEAR, np.ones(32), 2.0, 2.0)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("head", "parameters"),
    [(LINEAR, 32 * 4 + 4), (DENSE, 32 * 20 + 20 + 20 * 4 + 4)],
    ids=["linear", "dense"],
)
def test_only_the_head_is_trainable(backbone, head, parameters):
    model = classifier.build_classifier(backbone, 4, head)
    assert sum(int(np.prod(v.shape)) for v in model.trainable_weights) == parameters
    assert len(model.non_trainable_weights) == len(backbone.weights)


def test_the_classifier_answers_with_probabilities(backbone, frames):
    predictions = classifier.build_classifier(backbone, 4, DENSE)(frames).numpy()
    assert predictions.shape == (6, 4)
    np.testing.assert_allclose(predictions.sum(1), 1, atol=1e-6)
    assert (predictions >= 0).all()


def test_the_head_alone_answers_with_logits():
    features = np.random.default_rng(0).normal(0, 1, (5, 32)).astype(np.float32)
    kernel, bias = trained(LINEAR).get_weights()
    np.testing.assert_allclose(trained(LINEAR)(features).numpy(), features @ kernel + bias, atol=1e-5)


def test_the_reference_head_has_its_layers_in_order():
    import keras

    layers = classifier.build_head(1280, 3, Head(kind="dense"), 0).layers[1:]
    kinds = [keras.layers.Dropout, keras.layers.Dense, keras.layers.Dropout, keras.layers.Dense]
    assert [type(layer) for layer in layers] == kinds
    assert (layers[0].rate, layers[1].units, layers[1].activation.__name__) == (0.3, 100, "relu")
    assert (layers[2].rate, layers[3].units, layers[3].activation.__name__) == (0.3, 3, "linear")


def test_first_weights_follow_from_the_seed():
    first, same, other = (classifier.build_head(32, 4, DENSE, seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_an_untrained_linear_head_prefers_no_class(backbone, frames):
    np.testing.assert_allclose(classifier.build_classifier(backbone, 4, LINEAR)(frames).numpy(), 0.25)


@pytest.mark.parametrize(
    "config", ["[" * 100_000 + "]" * 100_000, "[]", None], ids=["deep", "another form", "none"]
)
def test_a_keras_file_that_is_damaged_is_named(tmp_path, config):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", "{}")
        if config:
            file.writestr("config.json", config)
    with pytest.raises(RunError) as caught:
        classifier.load(path)
    assert caught.value.message.startswith(f"{path} is damaged and cannot be loaded: ")
    assert caught.value.hint == "delete it and train again"
