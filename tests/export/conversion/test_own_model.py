from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.conversion import own_model
from export.model_file import file_kind
from pipeline.core.errors import DataError, UsageError
from pipeline.core.size import Size
from pipeline.tflite import convert as tflite
from pipeline.tflite import interpreter as litert
from tests.support import own_models

PICTURE = np.random.default_rng(3).integers(0, 256, (32, 48, 3)).astype(np.uint8)


def refused(path: Path, kind: type[Exception] = DataError, size: Size | None = None) -> tuple[str, str]:
    """What is said about a file, without its path, and what to do."""
    with pytest.raises(kind) as caught:
        own_model.classifier(own_model.load(path, size))
    error: Any = caught.value
    return error.message.replace(str(path), "FILE"), error.hint


def saved(path: Path, *layers: Any, shape: tuple[int | None, ...] = (8, 8, 3)) -> Path:
    import keras

    keras.Sequential([keras.Input(shape), *layers]).save(path)
    return path


def rewritten(path: Path, **members: str | None) -> Path:
    """A .keras file with some members replaced, or left out for None."""
    names = {"config": "config.json", "weights": "model.weights.h5"}
    with zipfile.ZipFile(path) as archive:
        held: dict[str, bytes | str] = {name: archive.read(name) for name in archive.namelist()}
    for key, text in members.items():
        held.pop(names[key])
        if text is not None:
            held[names[key]] = text
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in held.items():
            archive.writestr(name, data)
    return path


def test_pixels_go_in_and_probabilities_come_out_whatever_the_file_expects(tmp_path):
    import keras

    path = own_models.save(tmp_path / "x.keras")
    own = own_model.load(path)
    assert (own.frame, own.outputs) == (own_models.FRAME, 3)
    model, added = own_model.classifier(own, (-1.0, 1.0))
    assert added
    answer = model.predict_on_batch(PICTURE[np.newaxis].astype(np.float32))
    scaled = PICTURE[np.newaxis].astype(np.float32) / 127.5 - 1
    logits = keras.models.load_model(path).predict_on_batch(scaled)
    odds = np.exp(logits - logits.max())
    assert np.allclose(answer, odds / odds.sum(), atol=1e-5)
    assert np.allclose(litert.Interpreter(tflite.convert(model)).answer(PICTURE), answer[0], atol=1e-5)


def test_what_comes_out_can_be_compensated_unless_a_layer_is_unknown(tmp_path):
    import keras

    from export.conversion.compensate import compensate

    pictures = np.random.default_rng(1).integers(0, 256, (12, 32, 48, 3)).astype(np.float32)
    pictures[0], pictures[1] = 0, 255
    model, _ = own_model.classifier(own_model.load(own_models.save(tmp_path / "x.keras")), (-1.0, 1.0))
    result = compensate.compensate(model, pictures)
    assert isinstance(result, compensate.Compensated)
    assert np.allclose(result.model.predict_on_batch(pictures), model.predict_on_batch(pictures), atol=0.05)
    leaky = saved(
        tmp_path / "leaky.keras",
        keras.layers.Conv2D(4, 3),
        keras.layers.LeakyReLU(name="leaky"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3),
        shape=(32, 48, 3),
    )
    model, _ = own_model.classifier(own_model.load(leaky))
    result = compensate.compensate(model, pictures)
    assert isinstance(result, compensate.NotApplicable)
    assert result.reason == "the layer leaky is of an unknown kind, LeakyReLU"


def test_a_softmax_is_not_added_twice(tmp_path):
    own = own_model.load(own_models.save(tmp_path / "x.keras", ending="softmax"))
    model, added = own_model.classifier(own)
    assert not added
    pixels = PICTURE[np.newaxis].astype(np.float32)
    assert np.allclose(model.predict_on_batch(pixels), own.model.predict_on_batch(pixels), atol=1e-6)


def test_a_model_inside_a_model_is_taken_as_it_is(tmp_path):
    import keras

    inner = own_models.build()
    pixels = keras.Input((32, 48, 3))
    keras.Model(pixels, inner(keras.layers.RandomFlip()(pixels))).save(tmp_path / "x.keras")
    model, added = own_model.classifier(own_model.load(tmp_path / "x.keras"), (-1.0, 1.0))
    assert added
    scaled = PICTURE[np.newaxis].astype(np.float32) / 127.5 - 1
    answer = model.predict_on_batch(PICTURE[np.newaxis].astype(np.float32))
    assert answer.argmax() == inner.predict_on_batch(scaled).argmax()
    assert len(tflite.convert(model)) > 1000


def test_a_size_that_is_left_open_is_asked_for_and_no_other_is_taken(tmp_path):
    anysize = own_models.save(tmp_path / "open.keras", frame=None)
    assert refused(anysize, UsageError) == (
        "FILE leaves its input size open",
        "give it: --size WIDTHxHEIGHT, as the model was trained",
    )
    own = own_model.load(anysize, Size(40, 24))
    assert own.frame == (40, 24)
    assert own_model.classifier(own)[0].input_shape == (None, 24, 40, 3)
    fixed = own_models.save(tmp_path / "fixed.keras")
    assert refused(fixed, UsageError, Size(40, 24)) == ("--size 40x24: FILE takes 48x32", "omit --size")


def test_answers_that_are_neither_probabilities_nor_logits_are_refused(tmp_path):
    message, hint = refused(own_models.save(tmp_path / "x.keras", ending="sigmoid"))
    assert message.startswith("FILE does not give probabilities: its last layer ends with sigmoid, and")
    assert hint == "end it with a softmax, or with a linear layer: then a softmax is added"
    model = own_models.build()
    model.get_layer("answer").set_weights([np.full((51, 3), np.nan), np.zeros(3)])
    model.save(tmp_path / "nan.keras")
    message, _ = refused(tmp_path / "nan.keras")
    assert message == "FILE answers black, white or noise with numbers that are not finite"


def test_what_is_no_classifier_of_one_picture_is_told_by_its_shape(tmp_path):
    import keras

    grey = saved(tmp_path / "grey.keras", keras.layers.Flatten(), keras.layers.Dense(3), shape=(8, 8, 1))
    assert refused(grey)[0] == "FILE does not take one RGB picture: its input is (None, 8, 8, 1)"
    dense = saved(tmp_path / "map.keras", keras.layers.Conv2D(3, 1))
    assert refused(dense)[0] == "FILE is not a classifier: its output is (1, 8, 8, 3)"


def test_code_of_the_file_is_never_run(tmp_path):
    import keras

    class Mine(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    pooled = keras.layers.GlobalAveragePooling2D()
    own = saved(tmp_path / "own.keras", pooled, Mine(), keras.layers.Dense(3))
    assert refused(own) == (
        "FILE needs code that is not in Keras: Mine",
        "no code of a file is run here; build these parts of Keras's own layers",
    )
    by_lambda = saved(tmp_path / "lambda.keras", keras.layers.Lambda(lambda x: x + 1), keras.layers.Flatten())
    assert refused(by_lambda)[0].startswith("FILE needs code that is not in Keras: Lambda")


def test_damage_is_called_that(tmp_path):
    again = "save it again: model.save(FILE.keras)"
    path = own_models.save(tmp_path / "x.keras")
    whole = path.read_bytes()
    deep = rewritten(path, config="[" * 100_000)
    damaged = "FILE is a damaged Keras model: "
    assert refused(deep) == (damaged + "config.json does not describe a model (nested too deeply)", again)
    path.write_bytes(whole)
    assert refused(rewritten(path, config=None)) == (damaged + "it lacks config.json", again)
    path.write_bytes(whole)
    message, _ = refused(rewritten(path, weights="these are none"))
    assert message.startswith("FILE is a damaged Keras model, or one of another version of Keras: ")
    path.write_bytes(whole)
    config = json.loads(zipfile.ZipFile(path).read("config.json"))
    config["config"]["layers"] = [{}]
    message, _ = refused(rewritten(path, config=json.dumps(config)))
    assert message.startswith("FILE is a damaged Keras model, or one of another version of Keras: ")


def test_what_is_no_keras_file_is_named(tmp_path):
    old = tmp_path / "keras_model.h5"
    old.write_bytes(b"\x89HDF\r\n\x1a\n")
    message, hint = refused(old)
    assert message.startswith("FILE is an HDF5 file, such as an older Keras model")
    assert message.endswith(", not a .keras model")
    assert "load_model(FILE, compile=False).save(" in hint
    assert refused(tmp_path / "none.keras")[0] == "FILE cannot be read: No such file or directory"


def test_outputs_and_labels_must_be_as_many(tmp_path):
    own = own_model.load(own_models.save(tmp_path / "x.keras", outputs=5))
    with pytest.raises(DataError, match=r"x\.keras has 5 outputs, but labels\.txt names 3 labels") as caught:
        own_model.check_labels(own, own_models.LABELS, "labels.txt")
    assert caught.value.hint == "name one label per output, in output order"
    one = own_model.load(own_models.save(tmp_path / "one.keras", outputs=1, ending="sigmoid"))
    with pytest.raises(DataError, match=r"has 1 output, but labels\.txt names 2 labels") as caught:
        own_model.check_labels(one, ("no", "yes"), "labels.txt")
    assert caught.value.hint == "train it with two outputs and a softmax"


def test_what_differs_from_labels_and_frame_is_told(tmp_path):
    own = own_model.load(own_models.save(tmp_path / "x.keras", frame=Size(64, 64), outputs=5))
    assert own.differences(own_models.LABELS, Size(224, 128)) == [
        "it has 5 outputs, not one for each of 3 labels (red, green, blue)",
        "it takes 64x64, not 224x128",
    ]
    assert own.differences("abcde", Size(64, 64)) == []
    assert file_kind.GIVE_KERAS.startswith("it can be converted: python -m export tflite --keras FILE")
