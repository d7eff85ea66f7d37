from __future__ import annotations

import collections
import hashlib
import io
import os
import pickle
import struct

import numpy as np
import pytest

from pipeline.core.errors import WeightsError
from pipeline.core.sections import Model
from pipeline.core.size import Size
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.training import backbones, efficientnet_lite

DAISY = 985


@pytest.fixture(scope="module")
def network():
    model = efficientnet_lite.build("efficientnet_lite0", Size(64, 32))
    efficientnet_lite.load_imagenet(model)
    return model


@pytest.fixture(scope="module")
def tensors() -> dict[str, np.ndarray]:
    return efficientnet_lite._read_tensors(efficientnet_lite._read_file("efficientnet_lite0"))


def old_format(entries: object, storages: dict[str, np.ndarray]) -> bytes:
    """A file as PyTorch wrote it before 1.6, by an ordinary pickler."""
    file = io.BytesIO()
    for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, entries, list(storages)):
        pickle.dump(value, file, 2)
    for storage in storages.values():
        file.write(struct.pack("<q", storage.size) + storage.tobytes())
    return file.getvalue()


def test_the_graph_has_the_parameters_of_the_published_network():
    model = efficientnet_lite.build("efficientnet_lite0", Size(224, 224))
    assert (
        model.count_params() == 3_413_024
    )  # Google's 4.65 M less the classifier's 1281 x 1000, plus moments
    assert model.output_shape == (None, 7, 7, 1280)


def test_the_frame_is_width_by_height(network):
    assert network.input_shape == (None, 32, 64, 3)
    assert network.output_shape == (None, 1, 2, 1280)


def test_no_name_of_a_layer_breaks_the_conversion(network):
    assert not [layer.name for layer in network.layers if "." in layer.name or "/" in layer.name]


def test_every_weight_comes_out_of_the_file(network, tensors):
    used = {
        name for name in tensors if not name.startswith("_fc") and not name.endswith("num_batches_tracked")
    }
    assert sum(tensors[name].size for name in used) == network.count_params()
    stem = network.get_layer("stem_conv").get_weights()[0]
    np.testing.assert_array_equal(stem[:, :, 2, 5], tensors["_conv_stem.weight"][5, 2])
    depthwise = network.get_layer("block3_depthwise_conv").get_weights()[0]
    np.testing.assert_array_equal(depthwise[:, :, 7, 0], tensors["_blocks.3._depthwise_conv.weight"][7, 0])
    gamma, beta, mean, variance = network.get_layer("block15_project_norm").get_weights()
    np.testing.assert_array_equal(gamma, tensors["_blocks.15._bn2.weight"])
    np.testing.assert_array_equal(beta, tensors["_blocks.15._bn2.bias"])
    np.testing.assert_array_equal(mean, tensors["_blocks.15._bn2.running_mean"])
    np.testing.assert_array_equal(variance, tensors["_blocks.15._bn2.running_var"])


def test_a_changed_file_is_refused_before_it_is_read(monkeypatch):
    class Changed:
        def joinpath(self, name):
            return self

        def read_bytes(self) -> bytes:
            return b"something else"

    monkeypatch.setattr(efficientnet_lite.resources, "files", lambda package: Changed())
    monkeypatch.setattr(efficientnet_lite, "_read_tensors", lambda data: pytest.fail("it was read"))
    with pytest.raises(WeightsError, match="is not the expected file: sha256 ") as caught:
        efficientnet_lite.load_imagenet(efficientnet_lite.build("efficientnet_lite0", Size(32, 32)))
    found = hashlib.sha256(b"something else").hexdigest()[:16]
    assert found in caught.value.message
    assert "requirements.txt" in caught.value.hint
    assert caught.value.exit_code == 1


def test_a_missing_package_is_said_with_what_else_works(monkeypatch):
    def missing(package: str):
        raise ModuleNotFoundError(package)

    monkeypatch.setattr(efficientnet_lite.resources, "files", missing)
    with pytest.raises(WeightsError, match="the package with the weights of efficientnet_lite0") as caught:
        efficientnet_lite.load_imagenet(efficientnet_lite.build("efficientnet_lite0", Size(32, 32)))
    assert "mobilenet_v2" in caught.value.hint


class Hostile:
    def __init__(self, call, *arguments) -> None:
        self._reduced = call, arguments

    def __reduce__(self):
        return self._reduced


@pytest.mark.parametrize("place", ["first", "entries", "inside"])
@pytest.mark.parametrize("call", [os.system, eval, getattr, __import__], ids=lambda call: call.__name__)
def test_a_hostile_file_runs_nothing(tmp_path, place, call):
    trace = tmp_path / "trace"
    commands = {
        "system": (f"touch {trace}",),
        "eval": (f"open({str(trace)!r}, 'w')",),
        "getattr": (trace, "touch"),
        "__import__": ("antigravity",),
    }
    hostile = Hostile(call, *commands[call.__name__])
    if place == "first":
        data = pickle.dumps(hostile, 2)
    else:
        entries = hostile if place == "entries" else collections.OrderedDict(weight=hostile)
        data = old_format(entries, {})
    with pytest.raises(pickle.UnpicklingError, match="is not allowed in a weights file"):
        efficientnet_lite._read_tensors(data)
    assert not trace.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_of_pickle_is_as_strict(tmp_path, protocol):
    trace = tmp_path / "trace"
    with pytest.raises(pickle.UnpicklingError):
        efficientnet_lite._read_tensors(pickle.dumps(Hostile(os.system, f"touch {trace}"), protocol))
    assert not trace.exists()


@pytest.mark.slow
def test_real_daisies_are_daisies_to_the_imagenet_weights(real_pictures, tensors):
    import keras

    frame = Size(224, 224)
    model = efficientnet_lite.build("efficientnet_lite0", frame)
    efficientnet_lite.load_imagenet(model)
    files = sorted((real_pictures / "flowers5" / "daisy").iterdir())[:40]
    frames = np.stack([letterbox(decode.read(path), frame) for path in files]).astype(np.float32)
    pool = keras.layers.GlobalAveragePooling2D()
    pooled = keras.Model(model.input, pool(model.output)).predict(frames, batch_size=8, verbose=0)
    logits = pooled @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    assert len(files) == 40
    assert (logits.argmax(1) == DAISY).mean() > 0.8


def test_it_is_the_default_backbone():
    assert Model().backbone == "efficientnet_lite0"


@pytest.mark.parametrize(
    ("name", "parameters"), [("efficientnet_lite1", 4_189_344), ("efficientnet_lite2", 4_869_168)]
)
def test_the_larger_networks_take_every_weight_of_their_files(name, parameters):
    variant = efficientnet_lite.VARIANTS[name]
    pytest.importorskip(variant.package, reason=f"{variant.requirements} is not installed")
    model = efficientnet_lite.build(name, Size(64, 32))
    efficientnet_lite.load_imagenet(model)
    tensors = efficientnet_lite._read_tensors(efficientnet_lite._read_file(name))
    used = [tensor for key, tensor in tensors.items() if not key.startswith("_fc") and tensor.ndim]
    assert sum(tensor.size for tensor in used) == model.count_params() == parameters
    kernel = model.get_layer("block15_depthwise_conv").get_weights()[0]
    np.testing.assert_array_equal(kernel[:, :, 7, 0], tensors["_blocks.15._depthwise_conv.weight"][7, 0])


@pytest.mark.parametrize("name", efficientnet_lite.VARIANTS)
def test_the_blocks_that_heads_see_are_in_the_graph(name):
    model, row = efficientnet_lite.build(name, Size(64, 64)), backbones.BACKBONES[name]
    order = [layer.name for layer in model.layers]
    places = [order.index(block) for block in row.blocks]
    assert places == sorted(places, reverse=True)
    # Each is what the next block takes, or what its sum takes besides.
    assert all(order[place + 1].endswith(("_expand_conv", "top_conv")) for place in places)


def test_a_package_that_is_missing_is_named(monkeypatch):
    def missing(_: str) -> None:
        raise ModuleNotFoundError

    monkeypatch.setattr(efficientnet_lite.resources, "files", missing)
    with pytest.raises(WeightsError, match="the weights of efficientnet_lite2 is not installed") as caught:
        efficientnet_lite.load_imagenet(efficientnet_lite.build("efficientnet_lite2", Size(32, 32)))
    assert "requirements-backbones.txt" in caught.value.hint
