from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from export.inspection import examination
from export.model_file import file_kind, keras_archive
from pipeline.core.errors import DataError


def archive(path: Path, **files: str) -> Path:
    names = {"config": "config.json", "weights": "model.weights.h5", "metadata": "metadata.json"}
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in files.items():
            opened.writestr(names.get(name, name), content)
    return path


def config(width: int, height: int, outputs: int) -> str:
    layers = [
        {"config": {"batch_shape": [None, height, width, 3]}},
        {"config": {"filters": 4}},
        {"config": {"units": outputs}},
    ]
    return json.dumps({"config": {"layers": layers}})


def test_a_model_of_keras_itself_is_described_as_keras_wrote_it(tmp_path):
    import keras

    inputs = keras.Input((128, 224, 3))
    outputs = keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(inputs))
    keras.Model(inputs, outputs).save(tmp_path / "x.keras")
    words = "a Keras model for pictures of 224x128 (width x height) with 5 outputs"
    assert keras_archive.describe(tmp_path / "x.keras") == words


def test_a_damaged_configuration_is_said(tmp_path):
    path = tmp_path / "x.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("config.json", config(32, 64, 3))
        opened.writestr("model.weights.h5", "x")
    data = bytearray(path.read_bytes())
    begin = data.index(b"config.json") + len("config.json")
    data[begin : begin + 20] = b"\xff" * 20
    path.write_bytes(data)
    assert keras_archive.describe(path).startswith("a damaged Keras model: it cannot be read (")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"metadata": "{}", "weights": "x"}, "a damaged Keras model: it lacks config.json"),
        ({"config": config(32, 32, 3), "metadata": "{}"}, "a damaged Keras model: it lacks model.weights.h5"),
        (
            {"config": "[" * 100_000, "weights": "x"},
            "a damaged Keras model: config.json does not describe a model (nested too deeply)",
        ),
        (
            {"config": "[]", "weights": "x"},
            "a damaged Keras model: config.json does not describe a model (expected an object)",
        ),
        ({"config": '{"config": [1]}', "weights": "x"}, "a Keras model"),
        (
            {"config": config(32, 64, 3), "weights": "x"},
            "a Keras model for pictures of 32x64 (width x height) with 3 outputs",
        ),
        ({"AndroidManifest.xml": "x"}, ""),
    ],
)
def test_what_is_damaged_of_a_keras_file_is_told(tmp_path, files, words):
    assert keras_archive.describe(archive(tmp_path / "x.keras", **files)) == words


def test_what_is_no_zip_is_no_keras_file(tmp_path):
    (tmp_path / "x.keras").write_bytes(b"PK\x03\x04")
    assert keras_archive.describe(tmp_path / "x.keras") == ""
    assert keras_archive.describe(tmp_path / "none.keras") == ""


def test_a_damaged_keras_file_that_is_given_as_a_model_is_called_that(tmp_path):
    path = archive(tmp_path / "x.keras", metadata="{}", weights="x")
    with pytest.raises(DataError, match="it is a damaged Keras model: it lacks config") as caught:
        examination.examine(path)
    assert caught.value.hint == file_kind.TO_TFLITE


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        ({"module": "keras.layers", "class_name": "Dense", "registered_name": None}, ()),
        ({"module": "builtins", "class_name": "function", "registered_name": "function"}, ()),
        ({"class_name": "__keras_tensor__"}, ()),
        ({"module": None, "class_name": "Mine", "registered_name": "Mine"}, ("Mine",)),
        ({"module": "mine.layers", "class_name": "Mine", "registered_name": "Package>Mine"}, ("Mine",)),
        ({"module": "kerasy", "class_name": "Mine", "registered_name": None}, ("Mine",)),
        ({"module": "keras.layers", "class_name": "Lambda", "registered_name": None}, ("Lambda",)),
    ],
)
def test_classes_that_keras_does_not_have_are_found_at_any_depth(tmp_path, layer, names):
    inner = {"config": {"layers": [{**layer, "config": {}}]}, "class_name": "Sequential", "module": "keras"}
    compiled = {"loss": {"class_name": "Loss", "module": "mine", "config": {}}}
    described = json.dumps({"config": {"layers": [inner]}, "compile_config": compiled})
    found = keras_archive.read(archive(tmp_path / "x.keras", config=described, weights="x"))
    assert found
    assert (found.own_code, found.damage) == (names, False)


def test_a_whole_keras_file_that_is_given_as_a_tflite_is_told_how_to_become_one(tmp_path):
    path = archive(tmp_path / "x.keras", config=config(32, 64, 3), weights="x")
    with pytest.raises(DataError, match="it is a Keras model for pictures of 32x64") as caught:
        examination.examine(path)
    assert caught.value.hint == file_kind.GIVE_KERAS
