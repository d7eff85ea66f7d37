from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from export.conversion import calibration, convert, one_flavour
from pipeline.core.errors import ConversionError, DataError
from pipeline.core.progress import ProgressReporter
from pipeline.data.pictures import Pictures
from pipeline.tflite import convert as tflite
from pipeline.tflite import interpreter as litert
from tests.support import odd_models

FLAVOURS = ("float32", "float16", "dynamic_range", "int8")


@pytest.mark.parametrize(
    ("given", "name", "message"),
    [
        ("float32", "int8", "the weights of model_int8.tflite are FLOAT32; expected INT8"),
        ("float16", "int8", "the weights of model_int8.tflite are FLOAT16; expected INT8"),
        ("dynamic_range", "int8", "model_int8.tflite is a dynamic-range file: it computes in FLOAT32 ("),
        ("float32", "float16", "the weights of model_float16.tflite are FLOAT32; expected FLOAT16"),
        ("float32", "dynamic_range", "the weights of model_dynamic_range.tflite are FLOAT32; expected INT8"),
        ("int8", "float32", "the weights of model_float32.tflite are INT8; expected FLOAT32"),
        ("int8", "float16", "the weights of model_float16.tflite are INT8; expected FLOAT16"),
    ],
)
def test_a_file_under_another_name_is_refused(files, given, name, message):
    with pytest.raises(ConversionError) as caught:
        one_flavour.check(files[given], name)
    assert caught.value.message.startswith(f"the converted file is not as expected: {message}")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("int8", "dynamic_range"),
        ("float16", "float32"),
        ("float16", "dynamic_range"),
        ("dynamic_range", "float32"),
    ],
)
def test_a_file_whose_weights_are_of_another_kind_is_refused(files, given, name):
    with pytest.raises(ConversionError):
        one_flavour.check(files[given], name)


@pytest.mark.parametrize("name", FLAVOURS)
def test_a_file_under_its_own_name_is_fine(files, name):
    one_flavour.check(files[name], name)


def converted(reference: Any, configure: Any) -> bytes:
    return tflite.convert(reference, configure)


def test_an_int8_file_with_a_float_border_is_refused(experiment, reference):
    import tensorflow as tf

    chosen = calibration.choose(experiment)[:5]

    def configure(converter: Any) -> None:
        convert.FLAVOURS["int8"].configure(converter, calibration.representative(experiment, chosen, bool))
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8

    data = converted(reference, configure)
    with pytest.raises(ConversionError) as caught:
        one_flavour.check(data, "int8")
    assert caught.value.message.startswith(
        "the converted file is not as expected: the input of model_int8.tflite is int8, scale 1.0, "
        "zero point -128"
    )
    assert "; expected uint8, scale 1.0, zero point 0; the output of model_int8.tflite is int8" in (
        caught.value.message
    )


def test_an_int8_file_calibrated_without_black_and_white_is_refused(experiment, reference):
    def grey() -> Any:
        for level in (40, 200):
            yield [np.full((1, 64, 64, 3), level, np.float32)]

    data = converted(reference, lambda converter: convert.FLAVOURS["int8"].configure(converter, grey))
    with pytest.raises(ConversionError) as caught:
        one_flavour.check(data, "int8")
    assert "the input of model_int8.tflite is uint8, scale 0.7" in caught.value.message


def guard(data: bytes, name: str, model: Any) -> None:
    """What every converted file goes through."""
    tflite._guard_weights(data, model)
    one_flavour.check(data, name)


@pytest.mark.parametrize("name", ["float32", "int8"])
def test_a_file_without_weights_is_refused(files, reference, name):
    empty = odd_models.weightless(files[name])
    assert len(empty) < 0.6 * len(files[name])
    guard(files[name], name, reference)
    with pytest.raises(ConversionError):
        guard(empty, name, reference)


def test_answers_far_from_keras_are_refused(experiment, reference, files, monkeypatch):
    import keras

    other = keras.models.clone_model(reference)
    with pytest.raises(ConversionError) as caught:
        one_flavour._check_answers(experiment, other, files["float32"], "float32")
    assert caught.value.message.startswith("model_float32.tflite differs from the Keras model by 0.")
    assert caught.value.message.endswith("; 0.001 is allowed")


def test_float16_is_judged_by_the_gate_and_not_by_its_distance_from_keras(experiment, reference, files):
    import keras

    other = keras.models.clone_model(reference)
    one_flavour._check_answers(experiment, other, files["float16"], "float16")


def test_answers_that_are_not_finite_are_refused(experiment, reference, files, monkeypatch):
    answer = litert.Interpreter.answer
    monkeypatch.setattr(litert.Interpreter, "answer", lambda self, frame: answer(self, frame) * np.nan)
    with pytest.raises(ConversionError) as caught:
        one_flavour._check_answers(experiment, reference, files["int8"], "int8")
    assert caught.value.message == "the outputs of model_int8.tflite are not finite"


def test_the_same_model_converts_to_the_same_bytes(experiment, reference, files):
    for name in ("float32", "int8"):
        assert (
            one_flavour.convert_one(
                experiment, reference, name, calibration.choose(experiment), ProgressReporter()
            )
            == files[name]
        )


def test_a_picture_deleted_since_the_training_is_named(experiment, reference, files, monkeypatch):
    gone = experiment.split.train[0]._replace(path="kitchen-lab/gone.jpg")
    split = replace(experiment.split, train=Pictures([gone, *experiment.split.train[1:]]))
    with pytest.raises(DataError, match=r"gone.jpg: No such file or directory"):
        one_flavour._check_answers(replace(experiment, split=split), reference, files["float32"], "float32")
