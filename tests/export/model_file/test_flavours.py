from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated as schema

from export.model_file import flavours, structure
from tests.support import odd_models, verbs
from tests.support.small_models import build

FLAVOURS = ("float32", "float16", "dynamic_range", "int8")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    place = verbs.finished(tmp_path_factory) / verbs.RUN / "export"
    return {name: (place / name / f"model_{name}.tflite").read_bytes() for name in FLAVOURS}


def kind(data: bytes) -> str:
    return flavours.kind(structure.read(data))


@pytest.mark.parametrize("name", FLAVOURS)
def test_every_flavour_is_recognized(files, name):
    found = structure.read(files[name])
    assert flavours.kind(found) == name
    assert flavours.broken(found, name, "x") == flavours.broken_border(found, name, "x") == []


@pytest.mark.parametrize("given", FLAVOURS)
@pytest.mark.parametrize("name", FLAVOURS)
def test_no_flavour_passes_for_another(files, given, name):
    assert bool(flavours.broken(structure.read(files[given]), name, "x")) is (given != name)


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        ("fallback", "fallback"),
        ("float border", "int8"),
        ("int8 border", "int8"),
        ("uint8 in, float32 out", "int8"),
        ("dynamic batch", "float32"),
        ("without metadata", "float32"),
    ],
)
def test_files_of_others_are_recognized(odd, expected):
    assert kind(odd_models.build(odd)) == expected


def test_a_file_without_its_weights_is_nothing():
    for flavour in ("float32", "int8"):
        found = structure.read(odd_models.weightless(odd_models.build("int8 border")))
        assert flavours.kind(found) == "nothing"
        assert flavours.broken(found, flavour, "x.tflite") == ["x.tflite does not contain its weights"]


def test_a_file_that_reads_variables_is_nothing():
    def read_variable(model: schema.ModelT) -> None:
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.READ_VARIABLE
        model.operatorCodes[0].deprecatedBuiltinCode = 127

    found = structure.read(odd_models.changed(build("float32"), read_variable))
    assert found.variables == ["READ_VARIABLE"]
    assert flavours.kind(found) == "nothing"


def test_int16_arithmetic_is_told_from_int8():
    def widen(model: schema.ModelT) -> None:
        for tensor in model.subgraphs[0].tensors:
            if model.buffers[tensor.buffer].data is None and tensor.type == schema.TensorType.INT8:
                tensor.type = schema.TensorType.INT16

    assert kind(odd_models.changed(build("int8"), widen)) == "int16x8"


def test_a_float_fallback_is_named_with_its_tensors():
    (broken,) = flavours.broken(structure.read(odd_models.build("fallback")), "int8", "cats_int8.tflite")
    assert broken.startswith("cats_int8.tflite falls back to float in places (2 tensors: ")
    assert "sin" in broken.lower()


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("model_int8", "int8"),
        ("cats_INT8", "int8"),
        ("cats_float16_v2", "float16"),
        ("cats_dynamic_range.final", "dynamic_range"),
        ("cats_float32_int8", "int8"),
        ("cats_int8x", None),
        ("int8", None),
        ("cats-int8", None),
        ("mobilenet", None),
    ],
)
def test_names_that_promise_something(stem, expected):
    assert flavours.promised(stem) == expected


def test_another_border_than_ours_is_named(files):
    found = structure.read(odd_models.build("two outputs"))
    assert flavours.broken_border(found, "float32", "x") == ["x has 2 outputs; expected 1"]
    found = structure.read(odd_models.build("int8 border"))
    wrong = flavours.broken_border(found, "int8", "x")
    assert wrong[0].startswith("the input of x is int8, scale 1.0")
    assert wrong[1].endswith("expected uint8, scale 0.00390625, zero point 0")
