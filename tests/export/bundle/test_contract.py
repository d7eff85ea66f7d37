"""The form of the contract, bundles that are whole, and those that are not."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from export.bundle import bundle, contract, golden, tolerance
from pipeline.core import sections
from pipeline.core.errors import BundleError, ConversionError, StorageError
from pipeline.core.packages import ROOT
from pipeline.core.size import Size
from pipeline.images.letterbox import fitted_size, letterbox
from pipeline.tflite import interpreter as litert
from pipeline.tflite.schema import packed, read_schema
from tests.support import small_models

SCHEMA = json.loads((ROOT / "export/bundle/contract.schema.json").read_text("utf-8"))


def stated(folder: Path) -> dict:
    return json.loads((folder / bundle.CONTRACT).read_text("utf-8"))


def edit(folder: Path, change) -> None:
    record = stated(folder)
    change(record)
    (folder / bundle.CONTRACT).write_text(json.dumps(record), "utf-8")


def valid(record: dict) -> bool:
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(record)


@pytest.mark.parametrize("flavour", sections.FLAVOURS)
def test_every_flavours_contract_fits_the_schema_and_reads_back(small_bundles, flavour):
    folder = small_bundles[flavour]
    jsonschema.validate(stated(folder), SCHEMA, jsonschema.Draft202012Validator)
    read = bundle.read(folder)
    assert contract.as_json(read.contract) == stated(folder)
    assert read.model == folder / f"model_{flavour}.tflite"
    assert read.data == read.model.read_bytes()


def test_schema_itself_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_int8_contract_states_the_border_of_its_file(small_bundles):
    record = stated(small_bundles["int8"])
    data = (small_bundles["int8"] / "model_int8.tflite").read_bytes()
    assert list(record) == [
        *("contract_version", "flavour", "model", "input", "camera", "output"),
        *("labels", "threshold", "tolerance", "golden"),
    ]
    assert record["model"] == {
        "file": "model_int8.tflite",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
    }
    assert record["input"] == {
        "width": 64,
        "height": 32,
        "dtype": "uint8",
        "scale": 1.0,
        "zero_point": 0,
        "colour_order": "RGB",
        "value_range": [0, 255],
        "letterbox": "bilinear-antialiased-centred-black",
        "content_aspect": 16 / 9,
    }
    assert record["camera"] == {"yuv": "bt601-full-range", "chroma_upsampling": "nearest"}
    assert record["output"] == {
        "dtype": "uint8",
        "scale": 1 / 256,
        "zero_point": 0,
        "meaning": "probabilities",
    }
    assert record["labels"] == list(small_models.LABELS)
    assert record["threshold"] == 0.4296875
    assert record["golden"]["runtime"].startswith("LiteRT 2.")
    assert record["golden"]["kernels"] == "built-in"
    assert record["golden"]["num_threads"] == 1


def test_float_contract_has_no_quantization(small_bundles):
    for side in ("input", "output"):
        part = stated(small_bundles["float16"])[side]
        assert (part["dtype"], part["scale"], part["zero_point"]) == ("float32", None, None)


def test_labels_file_has_one_label_a_line(small_bundles):
    text = (small_bundles["int8"] / "labels.txt").read_text("utf-8")
    assert text == "".join(f"{label}\n" for label in small_models.LABELS)


def test_tolerance_of_int8_is_two_logits_one_step_apart(small_bundles):
    data = (small_bundles["int8"] / "model_int8.tflite").read_bytes()
    interpreter = litert.Interpreter(data, kernels=litert.BUILT_IN)
    softmax = [d for d in interpreter._runtime._get_ops_details() if d["op_name"] == "SOFTMAX"]
    details = {d["index"]: d for d in interpreter._runtime.get_tensor_details()}
    scale = details[softmax[0]["inputs"][0]]["quantization"][0]
    # The largest change of a softmax, over every pair of int8 logits, when each moves one step apart.
    gaps = np.arange(-255, 256) * scale
    moved = 1 / (1 + np.exp(-(gaps + 2 * scale))) - 1 / (1 + np.exp(-gaps))
    steps = tolerance.tolerance(data, "int8") * 256
    assert steps == max(1, math.ceil(128 * scale))
    assert moved.max() * 256 <= steps
    assert steps <= moved.max() * 256 * 1.1 + 1
    assert stated(small_bundles["int8"])["tolerance"] * 256 >= steps


def test_no_tolerance_is_measured_on_answers_that_are_not_numbers(monkeypatch):
    """On any picture, not the first one only; Python's max would lose it."""
    data, calls = small_models.build("float32"), iter([0.5, np.nan, 0.5] * 2)
    monkeypatch.setattr(litert.Interpreter, "answer", lambda *_: np.full(4, next(calls), np.float32))
    with pytest.raises(ConversionError, match="predicts numbers that are not finite"):
        tolerance.difference(data, [np.zeros((8, 8, 3), np.uint8)] * 3)


def test_tolerance_is_twice_what_other_kernels_differ_by_where_that_is_more(small_bundles):
    data = (small_bundles["int8"] / "model_int8.tflite").read_bytes()
    least = tolerance.tolerance(data, "int8")
    assert tolerance.tolerance(data, "int8", least / 2) == least
    assert tolerance.tolerance(data, "int8", 0.4375) == 0.875
    assert tolerance.tolerance(data, "dynamic_range", 0.0638) == 0.128
    assert tolerance.tolerance(data, "dynamic_range", 0.001) == 2e-2
    assert tolerance.tolerance(data, "float32", 1e-7) == 1e-3


@pytest.mark.parametrize(
    ("flavour", "least"), [("float32", 1e-3), ("float16", 1e-3), ("dynamic_range", 2e-2)]
)
def test_tolerance_of_the_other_flavours(small_bundles, flavour, least):
    assert stated(small_bundles[flavour])["tolerance"] == least


def test_int8_file_without_softmax_is_refused(small_bundles):
    data = (small_bundles["float32"] / "model_float32.tflite").read_bytes()
    with pytest.raises(ConversionError, match=r"model_int8\.tflite has no quantized softmax"):
        tolerance.tolerance(data, "int8")


@pytest.mark.parametrize(
    "frame", [Size(224, 128), Size(224, 224), Size(128, 224), Size(32, 1024), Size(1024, 32)]
)
def test_golden_pictures_are_telling_in_every_frame(frame):
    drawn = dict(golden.pictures(frame))
    shapes = [picture.shape for picture in drawn.values()]
    assert drawn["one_pixel"].shape == (1, 1, 3)
    assert any(height == 1 < width for height, width, _ in shapes)
    assert any(width == 1 < height for height, width, _ in shapes)
    fits = {name: fitted_size(p.shape[1], p.shape[0], frame) for name, p in drawn.items()}
    assert any(fits[name].width > p.shape[1] for name, p in drawn.items())
    assert any(fits[name].width < p.shape[1] and fits[name].height < p.shape[0] for name, p in drawn.items())
    # Rounded halves up: 2.5 pixels become 3, where Python's own rounding says 2.
    assert fits["shrunk_exactly"] == Size(frame.width, 3)
    for picture in drawn.values():
        assert picture.dtype == np.uint8


@pytest.mark.parametrize("frame", [Size(224, 128), Size(128, 224), Size(320, 320)])
def test_every_grey_level_arrives_in_the_frame_as_it_is(frame):
    prepared = letterbox(dict(golden.pictures(frame))["every_grey"], frame)
    assert set(range(256)) == set(prepared.reshape(-1, 3).min(axis=1).tolist())
    assert np.array_equal(prepared[..., 0], prepared[..., 2])


@pytest.mark.parametrize(
    ("labels", "frame", "vectors"),
    [
        (4, Size(224, 224), 15),
        (1000, Size(224, 128), 5),
        pytest.param(3, Size(1024, 1024), 11, marks=pytest.mark.slow),
    ],
)
def test_golden_part_stays_within_64_kb(labels, frame, vectors):
    data = small_models.build("float32", labels=labels, frame=frame)
    made = bundle.make_contract(
        data, flavour="float32", labels=[str(i) for i in range(labels)], threshold=0.5, content_aspect=1.0
    )
    text = json.dumps(contract.as_json(made)["golden"], indent=1)
    assert len(text) <= 64_000
    assert len(made.golden.vectors) == vectors <= len(list(golden.pictures(frame)))
    assert made.golden.vectors[0].name == "every_grey"


def test_answers_too_long_for_the_golden_part_are_refused():
    data = small_models.build("float32", labels=20_000)
    with pytest.raises(
        ConversionError, match=r"a single golden vector of model_float32\.tflite takes more than 64,000 bytes"
    ):
        bundle.make_contract(
            data, flavour="float32", labels=[str(i) for i in range(20_000)], threshold=0.5, content_aspect=1.0
        )


def test_golden_vectors_hold_what_the_model_answers(small_bundles):
    read = bundle.read(small_bundles["int8"])
    for kernels in (litert.BUILT_IN, litert.XNNPACK):
        interpreter = litert.Interpreter(read.data, num_threads=1, kernels=kernels)
        tops = set()
        for vector in read.contract.golden.vectors:
            frame = letterbox(vector.picture, read.contract.input.frame)
            assert hashlib.sha256(frame.tobytes()).hexdigest() == vector.prepared_sha256
            assert interpreter.run(frame).tobytes() == vector.answer(kernels)
            tops.add(int(read.contract.output.probabilities(vector.answer(kernels)).argmax()))
        assert len(tops) >= 2


def test_only_int8_by_xnnpack_must_be_equal(small_bundles):
    for flavour, folder in small_bundles.items():
        read = bundle.read(folder).contract
        assert read.allowed(litert.BUILT_IN) == read.tolerance
        assert read.allowed(litert.XNNPACK) == (0 if flavour == "int8" else read.tolerance)


def test_version_1_is_read_and_holds_xnnpack_to_the_tolerance(int8_bundle):
    edit(int8_bundle, small_models.to_version_1)
    read = bundle.read(int8_bundle).contract
    assert read.weaker
    assert contract.as_json(read) == stated(int8_bundle)
    assert valid(stated(int8_bundle))
    assert read.allowed(litert.BUILT_IN) == 0
    assert read.allowed(litert.XNNPACK) == read.tolerance
    for vector in read.golden.vectors:
        assert vector.answer(litert.XNNPACK) == vector.answer(litert.BUILT_IN)


def test_contract_is_made_with_the_same_bytes_twice(small_bundles, tmp_path):
    data = (small_bundles["int8"] / "model_int8.tflite").read_bytes()
    again = bundle.make_contract(
        data, flavour="int8", labels=small_models.LABELS, threshold=0.4296875, content_aspect=16 / 9
    )
    bundle.write(again, tmp_path)
    for name in (bundle.CONTRACT, bundle.LABELS):
        assert (tmp_path / name).read_bytes() == (small_bundles["int8"] / name).read_bytes()


def test_fewer_labels_than_outputs_are_refused_when_making(small_bundles):
    data = (small_bundles["int8"] / "model_int8.tflite").read_bytes()
    with pytest.raises(BundleError, match=r"model_int8\.tflite has 4 outputs, but there are 3 labels"):
        bundle.make_contract(
            data, flavour="int8", labels=small_models.LABELS[:3], threshold=0.5, content_aspect=1.0
        )


def test_label_with_a_line_break_is_refused(small_bundles):
    data = (small_bundles["int8"] / "model_int8.tflite").read_bytes()
    with pytest.raises(
        BundleError, match=r"cannot make a contract for model_int8\.tflite: labels\.1: expected"
    ):
        bundle.make_contract(
            data, flavour="int8", labels=["a", "b\nc", "d", "e"], threshold=0.5, content_aspect=1.0
        )


def test_input_that_does_not_take_raw_pixels_is_refused(small_bundles):
    model = read_schema((small_bundles["int8"] / "model_int8.tflite").read_bytes())
    model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].quantization.scale = [0.996]
    with pytest.raises(
        ConversionError, match=r"has scale 0\.99\d+ and zero point 0; raw pixels need 1 and 0"
    ):
        bundle.make_contract(
            packed(model, 1024),
            flavour="int8",
            labels=small_models.LABELS,
            threshold=0.5,
            content_aspect=1.0,
        )


@pytest.mark.parametrize("name", ["contract.json", "model_int8.tflite", "labels.txt"])
def test_missing_file_is_named(int8_bundle, name):
    (int8_bundle / name).unlink()
    with pytest.raises(BundleError, match=rf"{name} is missing") as caught:
        bundle.read(int8_bundle)
    assert caught.value.exit_code == 2
    assert "a bundle is a folder" in caught.value.hint


def test_folder_in_the_place_of_a_file_is_named(int8_bundle):
    (int8_bundle / "labels.txt").unlink()
    (int8_bundle / "labels.txt").mkdir()
    with pytest.raises(BundleError, match=r"labels\.txt cannot be read: Is a directory"):
        bundle.read(int8_bundle)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: data[:900] + b"!" + data[901:]]
)
def test_model_of_another_contract_is_refused_by_size_or_sha256(int8_bundle, damage):
    path = int8_bundle / "model_int8.tflite"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        BundleError, match=r"model_int8\.tflite is not the model of this contract: it has [\d,]+ by"
    ):
        bundle.read(int8_bundle)


def test_truncated_contract_is_called_damaged(int8_bundle):
    path = int8_bundle / "contract.json"
    path.write_text(path.read_text("utf-8")[:500], "utf-8")
    with pytest.raises(BundleError, match=r"contract\.json is damaged: .*line \d+ column \d+") as caught:
        bundle.read(int8_bundle)
    assert "python -m export tflite" in caught.value.hint


def test_contract_that_is_no_text_is_called_damaged(int8_bundle):
    (int8_bundle / "contract.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(BundleError, match=r"contract\.json is damaged: 'utf-8' codec"):
        bundle.read(int8_bundle)


def test_newer_contract_is_refused_whatever_else_it_holds(int8_bundle):
    edit(int8_bundle, lambda record: record.update(contract_version=3, input={"new": "rules"}))
    with pytest.raises(
        BundleError, match=r"contract\.json has contract version 3; this program reads versions up to 2"
    ) as caught:
        bundle.read(int8_bundle)
    assert "newer" in caught.value.hint


# A change, and what is said of it.
WRONG = {
    "no_list": (lambda r: r.update(labels="a"), r"labels: expected a valid (array|tuple)"),
    "key_missing": (lambda r: r["input"].pop("content_aspect"), r"input\.content_aspect is missing"),
    "vector_key_missing": (
        lambda r: r["golden"]["vectors"][3].pop("rgb"),
        r"golden\.vectors\.3\.rgb is missing",
    ),
    "section_missing": (lambda r: r.pop("camera") and r.pop("golden"), r"golden is missing"),
    "unknown_key": (lambda r: r["output"].update(scael=1), r"unknown key output\.scael"),
    "another_yuv": (lambda r: r["camera"].update(yuv="bt709"), r"camera\.yuv: expected 'bt601-full-range'"),
    "another_order": (lambda r: r["input"].update(colour_order="BGR"), r'expected \'RGB\'\. Received: "BGR"'),
    "another_range": (lambda r: r["input"].update(value_range=[-1, 1]), r"input\.value_range\.0: expected 0"),
    "width_as_text": (lambda r: r["input"].update(width="64"), r"input\.width: expected a valid integer"),
    "zero_width": (
        lambda r: r["input"].update(width=0),
        r"input\.width: expected greater than or equal to 1",
    ),
    "no_threshold": (lambda r: r.update(threshold=1.5), r"threshold: expected less than or equal to 1"),
    "half_quantized": (
        lambda r: r["output"].update(zero_point=None),
        r"output: expected scale and zero_point for uint8, null for float32",
    ),
    "path_as_file": (lambda r: r["model"].update(file="../m.tflite"), r"model\.file: expected"),
    "short_rgb": (
        lambda r: r["golden"]["vectors"][1].update(rgb="AAAA", width=2),
        r"golden\.vectors\.1: expected 6 bytes of RGB for 2x1, not 3",
    ),
    "no_base64": (
        lambda r: r["golden"]["vectors"][0].update(output="%"),
        r"golden\.vectors\.0\.output: expected",
    ),
    "short_output": (
        lambda r: r["golden"]["vectors"][0].update(output=base64.b64encode(b"123").decode()),
        r"expected 4 bytes of output for 4 labels in golden vector every_grey, not 3",
    ),
    "short_output_xnnpack_arm64": (
        lambda r: r["golden"]["vectors"][0].update(output_xnnpack_arm64=""),
        r"4 bytes of output for 4 labels in golden vector every_grey, not 0",
    ),
    "arm64_in_some_vectors_only": (
        lambda r: r["golden"]["vectors"][1].pop("output_xnnpack_arm64"),
        r"expected output_xnnpack_arm64 in every golden vector or in none",
    ),
    "short_output_xnnpack": (
        lambda r: r["golden"]["vectors"][0].update(output_xnnpack=""),
        r"expected 4 bytes of output for 4 labels in golden vector every_grey, not 0",
    ),
    "xnnpack_in_version_1": (
        lambda r: r.update(contract_version=1),
        r"unknown key golden\.vectors\.0\.output_xnnpack",
    ),
    "no_vectors": (lambda r: r["golden"].update(vectors=[]), r"golden\.vectors: expected"),
    "label_twice": (lambda r: r.update(labels=["a", "b", "c", "a"]), r"expected distinct labels"),
    "version_zero": (
        lambda r: r.update(contract_version=0),
        r"contract_version: expected 1 or 2\. Received: 0",
    ),
    "version_missing": (lambda r: r.pop("contract_version"), r"contract_version is missing"),
}
# What a schema cannot say.
BEYOND_THE_SCHEMA = (
    *("short_rgb", "short_output", "short_output_xnnpack", "short_output_xnnpack_arm64"),
    "arm64_in_some_vectors_only",
)


@pytest.mark.parametrize("case", WRONG)
def test_wrong_contract_is_explained_by_its_key(int8_bundle, case):
    change, message = WRONG[case]
    edit(int8_bundle, change)
    with pytest.raises(BundleError, match=message):
        bundle.read(int8_bundle)
    assert valid(stated(int8_bundle)) == (case in BEYOND_THE_SCHEMA)


def paths(value, prefix=()):
    """Every key of the contract, of the first golden vector only."""
    for key, inner in value.items():
        yield (*prefix, key)
        if key == "vectors":
            yield from paths(inner[0], (*prefix, key, 0))
        elif isinstance(inner, dict):
            yield from paths(inner, (*prefix, key))


def test_no_key_may_be_missing(small_bundles):
    text = json.dumps(stated(small_bundles["int8"]))
    # The one key that may be missing, from every vector.
    all_keys = [path for path in paths(json.loads(text)) if path[-1] != "output_xnnpack_arm64"]
    assert len(all_keys) == 39
    for path in all_keys:
        record = json.loads(text)
        part = record
        for key in path[:-1]:
            part = part[key]
        del part[path[-1]]
        named = ".".join(str(key) for key in path).replace(".", r"\.")
        with pytest.raises(
            BundleError, match=rf"contract\.json is not a valid contract: .*{named} is missing"
        ):
            contract.parse(json.dumps(record), "contract.json")
        assert not valid(record)


def test_contract_that_is_a_list_is_refused(int8_bundle):
    (int8_bundle / "contract.json").write_text("[]", "utf-8")
    with pytest.raises(BundleError, match=r"contract\.json is not a valid contract: the contract: expected"):
        bundle.read(int8_bundle)


def test_fewer_labels_than_outputs_are_refused_when_reading(int8_bundle):
    def change(record):
        record["labels"].pop()
        for vector in record["golden"]["vectors"]:
            for key in ("output", "output_xnnpack", "output_xnnpack_arm64"):
                vector[key] = base64.b64encode(base64.b64decode(vector[key])[:3]).decode()

    edit(int8_bundle, change)
    lines = (int8_bundle / "labels.txt").read_text("utf-8").splitlines()[:3]
    (int8_bundle / "labels.txt").write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.raises(BundleError, match=r"model_int8\.tflite has 4 outputs, but there are 3 labels"):
        bundle.read(int8_bundle)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "bicycle\nkettle\nfenêtre\n",
            r"line 4: nothing, but contract\.json says '窓 with a name of several words'",
        ),
        ("bicycle\nfenêtre\nkettle\n窓\n", r"line 2: 'fenêtre', but contract\.json says 'kettle'"),
        ("\n".join((*small_models.LABELS, "more")), r"line 5: 'more', but contract\.json says nothing"),
    ],
)
def test_labels_file_that_differs_is_named_with_its_line(int8_bundle, text, message):
    (int8_bundle / "labels.txt").write_text(text, "utf-8")
    with pytest.raises(BundleError, match=message):
        bundle.read(int8_bundle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["input"].update(width=32), r"the frame is 32x32, but model_int8\.tflite takes 64x32"),
        (
            lambda r: r["output"].update(scale=0.5),
            r"output is uint8 with scale 0\.5 and zero point 0, but .* uint8 with scale 0\.00390625 and zero",
        ),
        (
            lambda r: r["input"].update(dtype="float32", scale=None, zero_point=None),
            r"input is float32, but model_int8\.tflite has uint8 with scale 1\.0",
        ),
    ],
)
def test_border_that_is_not_the_files_is_refused(int8_bundle, change, message):
    edit(int8_bundle, change)
    with pytest.raises(BundleError, match=message):
        bundle.read(int8_bundle)


def test_contract_that_cannot_be_written_is_named(small_bundles, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"labels\.txt|cannot write"):
        bundle.write(bundle.read(small_bundles["int8"]).contract, tmp_path / "file")


def test_on_64_bit_arm_its_own_bytes_are_demanded(small_bundles):
    int8 = bundle.read(small_bundles["int8"]).contract
    assert int8.holds_arm64
    for processor in ("x86_64", "aarch64", "arm64", "arm64-v8a"):
        assert int8.allowed(litert.XNNPACK, processor) == 0
    for processor in ("aarch64", "armeabi-v7a"):
        assert int8.allowed(litert.BUILT_IN, processor) == int8.tolerance
    assert int8.allowed(litert.XNNPACK, "armeabi-v7a") == 1 / 256
    float32 = bundle.read(small_bundles["float32"]).contract
    assert not float32.holds_arm64
    assert float32.allowed(litert.XNNPACK, "aarch64") == float32.tolerance


def test_without_the_bytes_of_64_bit_arm_one_step_is_allowed_and_version_1_has_the_tolerance(int8_bundle):
    def forget(record):
        for vector in record["golden"]["vectors"]:
            del vector["output_xnnpack_arm64"]

    edit(int8_bundle, forget)
    int8 = bundle.read(int8_bundle).contract
    assert int8.allowed(litert.XNNPACK, "x86_64") == 0
    for processor in ("aarch64", "arm64", "arm64-v8a", "armeabi-v7a"):
        assert int8.allowed(litert.XNNPACK, processor) == 1 / 256
    older = int8.model_copy(update={"contract_version": 1})
    assert older.allowed(litert.BUILT_IN, "x86_64") == 0
    assert older.allowed(litert.BUILT_IN, "aarch64") == older.tolerance


def test_the_outputs_of_64_bit_arm_answer_for_it_alone(int8_bundle):
    edit(int8_bundle, lambda r: r["golden"]["vectors"][0].update(output_xnnpack_arm64="AAAA/w=="))
    vector = bundle.read(int8_bundle).contract.golden.vectors[0]
    assert vector.answer(litert.XNNPACK, "arm64-v8a") == b"\0\0\0\xff"
    assert vector.answer(litert.XNNPACK, "x86_64") == vector.answer(litert.XNNPACK, "armeabi-v7a")
    assert vector.answer(litert.XNNPACK, "x86_64") != b"\0\0\0\xff"
    assert vector.answer(litert.BUILT_IN, "arm64-v8a") == base64.b64decode(vector.output)
