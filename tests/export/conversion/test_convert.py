from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import interpreter as runtime
from ai_edge_litert import schema_py_generated as schema

from export import artifacts
from export.bundle import bundle
from export.conversion import calibration, convert, flavour_options
from pipeline.core import stages
from pipeline.core.errors import ConversionError, DataError, GateError, RunError
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.data import dataset
from pipeline.images.views import plain_view
from pipeline.tflite import interpreter as litert
from pipeline.training import experiment as experiments
from pipeline.training.experiment import Experiment
from tests.support import verbs
from tests.support.heard import Heard
from tests.support.verbs import RUN

FLAVOURS = ("float32", "float16", "dynamic_range", "int8")


def model_of(data: bytes) -> Any:
    """The file as LiteRT's own schema reads it."""
    return schema.ModelT.InitFromPackedBuf(bytearray(data), 0)


def types_of(data: bytes) -> set[int]:
    return {tensor.type for graph in model_of(data).subgraphs for tensor in graph.tensors}


def weights_of(data: bytes) -> dict[int, int]:
    """Bytes of constants in a file, by type."""
    model = model_of(data)
    found: dict[int, int] = {}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            stored = model.buffers[tensor.buffer].data
            if stored is not None:
                found[tensor.type] = found.get(tensor.type, 0) + len(stored)
    return found


def frames_of(experiment: Experiment, count: int) -> list[np.ndarray]:
    return [plain_view(experiment.table.file(p), experiment.frame) for p in experiment.split.held_out[:count]]


# The int8 file, read without the project's own reader.


def test_the_int8_file_takes_and_gives_raw_bytes(files):
    reader = runtime.Interpreter(model_content=files["int8"])
    (taken,), (given,) = reader.get_input_details(), reader.get_output_details()
    assert taken["dtype"] is np.uint8
    assert taken["quantization"] == (1.0, 0)
    assert taken["shape"].tolist() == [1, 64, 64, 3]
    assert given["dtype"] is np.uint8
    assert given["quantization"] == (1 / 256, 0)
    assert given["shape"].tolist() == [1, 3]


def test_the_border_stands_so_in_the_file_itself(files):
    graph = model_of(files["int8"]).subgraphs[0]
    for number, scale in ((graph.inputs[0], 1.0), (graph.outputs[0], 1 / 256)):
        tensor = graph.tensors[number]
        assert tensor.type == schema.TensorType.UINT8
        assert list(tensor.quantization.scale) == [scale]
        assert list(tensor.quantization.zeroPoint) == [0]


def test_the_int8_file_has_no_float_tensor_anywhere(files):
    allowed = {schema.TensorType.UINT8, schema.TensorType.INT8, schema.TensorType.INT32}
    assert types_of(files["int8"]) <= allowed
    assert schema.TensorType.INT8 in types_of(files["int8"])


# The others are what their names say.


def test_weights_have_the_type_of_the_name(files):
    kinds = schema.TensorType
    parameters = 3 * 3 * (3 * 8 + 8 * 16 + 16 * 32) + 32 * 3  # kernels alone
    float32, float16, dynamic, int8 = (weights_of(files[name]) for name in FLAVOURS)
    assert float32[kinds.FLOAT32] >= 4 * parameters
    assert float16[kinds.FLOAT16] >= 2 * parameters
    assert float16.get(kinds.FLOAT32, 0) < 200
    # Small tensors stay float32 in a dynamic-range file; the large ones are int8.
    assert dynamic[kinds.INT8] >= 0.8 * parameters
    assert int8[kinds.INT8] >= parameters
    sizes = [len(files[name]) for name in ("float32", "float16", "dynamic_range")]
    assert sizes == sorted(sizes, reverse=True)


def test_no_file_reads_variables(files):
    forbidden = {
        getattr(schema.BuiltinOperator, name)
        for name in ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")
    }
    for data in files.values():
        assert not {code.builtinCode for code in model_of(data).operatorCodes} & forbidden


def test_the_dynamic_range_file_loads_in_older_runtimes(files):
    """FULLY_CONNECTED version 12 is refused before 2.17 and by the Android runtime 2.16.1."""
    for name, data in files.items():
        for code in model_of(data).operatorCodes:
            if code.builtinCode == schema.BuiltinOperator.FULLY_CONNECTED:
                assert code.version <= 11, name


def test_float32_equals_keras(files, experiment, reference):
    frames = frames_of(experiment, 8)
    expected = reference(np.stack(frames).astype(np.float32), training=False).numpy()
    reader = runtime.Interpreter(model_content=files["float32"])
    reader.allocate_tensors()
    for frame, row in zip(frames, expected, strict=True):
        reader.set_tensor(reader.get_input_details()[0]["index"], frame[np.newaxis].astype(np.float32))
        reader.invoke()
        found = reader.get_tensor(reader.get_output_details()[0]["index"])[0]
        np.testing.assert_allclose(found, row, atol=1e-4)


@pytest.mark.parametrize(("name", "tolerance"), [("float16", 2e-2), ("dynamic_range", 5e-2), ("int8", 0.1)])
def test_the_others_are_near_keras(files, experiment, reference, name, tolerance):
    frames = frames_of(experiment, 12)
    expected = reference(np.stack(frames).astype(np.float32), training=False).numpy()
    found = litert.predictions(files[name], frames, lambda frame: frame)
    np.testing.assert_allclose(found, expected, atol=tolerance)


def test_every_bundle_is_whole(experiment):
    for name in FLAVOURS:
        folder = experiment.run.path(artifacts.EXPORT, name)
        held = ["contract.json", "labels.txt", f"model_{name}.tflite"]
        assert sorted(path.name for path in folder.iterdir()) == held
        assert tuple((folder / "labels.txt").read_text("utf-8").splitlines()) == experiment.labels
        rules = bundle.read(folder).contract
        assert (rules.flavour, rules.labels) == (name, experiment.labels)
        assert rules.threshold == experiment.run.read_json(stages.FOLDS)["threshold"]
        assert rules.input.content_aspect == experiment.run.read_json(stages.FRAME)["content_aspect"]


def swapped(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join([lines[1], lines[0], *lines[2:]])


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("labels.txt", swapped),
        ("contract.json", lambda data: data[: len(data) // 2]),
        ("contract.json", lambda data: data.replace(b'"threshold": 0.', b'"threshold": 0.0')),
        ("model_float32.tflite", lambda data: data[:9000] + bytes([data[9000] ^ 1]) + data[9001:]),
        ("model_float32.tflite", lambda data: data[:100]),
    ],
)
def test_a_changed_file_of_a_bundle_is_named_and_made_again_as_it_was(
    tmp_path_factory, tmp_path, capfd, name, damage
):
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    path = place / RUN / "export/float32" / name
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert path.read_bytes() != whole
    ended = verbs.call(capfd, "export", "tflite", "pictures", cwd=place)
    assert ended.returncode == 0
    assert f"damaged in {RUN}: export/float32/{name}; " in ended.stdout
    assert path.read_bytes() == whole


def test_a_changed_file_is_not_compared_as_the_old_one(tmp_path_factory, tmp_path, capfd):
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    path = RUN / "export/int8/model_int8.tflite"
    (place / path).write_bytes((place / RUN / "export/float32/model_float32.tflite").read_bytes())
    ended = verbs.call(capfd, "export", "parity", "pictures", cwd=place)
    assert ended.returncode == 1
    assert f"error: {path} is damaged: it is not the file that `tflite` wrote\n" in ended.stderr
    assert "hint: recreate it: python -m export tflite pictures\n" in ended.stderr


@pytest.mark.parametrize("name", ["contract.json", "labels.txt"])
def test_what_lies_beside_a_file_is_restored_alone_and_without_tensorflow(tmp_path_factory, tmp_path, name):
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    lost = place / RUN / "export/int8" / name
    content, before = lost.read_bytes(), verbs.stamps(place / RUN)
    lost.unlink()
    ended, modules = verbs.watched("export", "tflite", "pictures", cwd=place)
    verbs.fine(ended)
    assert lost.read_bytes() == content
    after = verbs.stamps(place / RUN)
    recipe = f"recipes/export/int8/{name.partition('.')[0]}.json"
    assert {file for file in after if after[file] != before[file]} == {f"export/int8/{name}", recipe}
    assert not modules & {"tensorflow", "keras"}


@pytest.mark.parametrize(
    ("artifact", "key", "value"), [("folds", "threshold", 0.75), ("frame", "content_aspect", 2.5)]
)
def test_a_contract_follows_what_it_states(tmp_path_factory, tmp_path, artifact, key, value):
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    stated = json.loads((place / RUN / f"{artifact}.json").read_text("utf-8"))
    verbs.rewrite(place / RUN, f"{artifact}.json", json.dumps(stated | {key: value}))
    before = verbs.stamps(place / RUN)
    with contextlib.chdir(place):
        experiment = experiments.open_trained(Run(RUN))
        convert.convert(experiment, ProgressReporter())
        rules = bundle.read(experiment.run.path(convert.bundle_name("int8"))).contract
    assert value in (rules.threshold, rules.input.content_aspect)
    assert (
        verbs.stamps(place / RUN)["export/int8/model_int8.tflite"] == before["export/int8/model_int8.tflite"]
    )


# Which flavours, and when.


def test_only_the_wanted_flavours_are_made(experiment, tmp_path, monkeypatch):
    monkeypatch.chdir(verbs.shutil.copytree(Path.cwd(), tmp_path, dirs_exist_ok=True))
    run = Run(RUN)
    config = verbs.tiny_config("export.flavours=['float32']")
    verbs.shutil.rmtree(run.path(artifacts.EXPORT))
    only = Experiment(run, config, experiment.table, experiment.split, experiment.frame)
    convert.convert(only, ProgressReporter())
    assert [path.name for path in run.path(artifacts.EXPORT).iterdir()] == ["float32"]


def test_a_picture_changed_since_the_training_is_not_calibrated_on(experiment, tmp_path, monkeypatch):
    from pipeline.core.errors import DataError

    monkeypatch.chdir(verbs.shutil.copytree(Path.cwd(), tmp_path, dirs_exist_ok=True))
    from export.conversion import calibration

    chosen = calibration.choose(experiment)
    changed = experiment.table.file(chosen[7])
    changed.write_bytes(changed.read_bytes() + b"more")
    with pytest.raises(DataError) as caught:
        list(calibration.representative(experiment, chosen, bool)())
    assert caught.value.message == f"{changed} has changed since the training"
    assert isinstance(experiment.table, dataset.Table)


# A flavour that fails.


@pytest.fixture
def broken_float16(tmp_path_factory, tmp_path, monkeypatch) -> Any:
    """A run with the files of an earlier model, now to be exported where float16 cannot be made."""
    monkeypatch.chdir(verbs.copy_finished(tmp_path_factory, tmp_path))

    def fail(_converter: Any, _representative: Any) -> None:
        raise ConversionError("no half precision here", "use another machine")

    monkeypatch.setitem(convert.FLAVOURS, "float16", replace(convert.FLAVOURS["float16"], configure=fail))
    experiment = experiments.open_trained(Run(RUN))
    for name in FLAVOURS:
        experiment.run.forget(convert.recipe(experiment, name).stage)
    return experiment


def test_a_flavour_that_fails_does_not_stop_the_others(broken_float16):
    heard, run = Heard(), broken_float16.run
    convert.convert(broken_float16, heard)
    assert heard.warnings == ["could not make float16 (no half precision here)"]
    assert {"float32", "dynamic_range", "int8"} <= heard.said.keys()
    assert convert.exported(broken_float16) == ["float32", "dynamic_range", "int8"]
    # What an earlier model left there is not taken for this one's.
    assert not run.path(convert.file_name("float16")).exists()
    assert not run.path(convert.contract_name("float16")).exists()
    with pytest.raises(RunError, match=r"model_float16.tflite is missing"):
        convert.require(broken_float16, "float16")


def test_what_exists_is_compared_and_the_failure_ends_with_3_by_name(broken_float16):
    from export.parity import recalibration

    convert.convert(broken_float16, Heard())
    found = recalibration.gated(broken_float16, ProgressReporter())
    assert [row.model for row in found.targets] == ["float32", "dynamic_range", "int8"]
    error = recalibration.refusal(broken_float16, found)
    assert error is not None
    assert error.exit_code == 3
    assert error.message == "could not make float16 (no half precision here)"
    assert error.hint == "use another machine"


@pytest.mark.slow
def test_a_flavour_that_failed_is_tried_again_and_the_note_goes(broken_float16, monkeypatch):
    convert.convert(broken_float16, Heard())
    monkeypatch.setitem(
        convert.FLAVOURS,
        "float16",
        replace(convert.FLAVOURS["float16"], configure=flavour_options._float16),
    )
    convert.convert(broken_float16, Heard())
    assert convert.failed(broken_float16) == {}
    assert broken_float16.run.path(convert.contract_name("float16")).is_file()


def test_where_every_flavour_fails_all_are_named(broken_float16):
    only = broken_float16.config.export.model_copy(update={"flavours": ("float16",)})
    config = broken_float16.config.model_copy(update={"export": only})
    with pytest.raises(GateError) as caught:
        convert.convert(replace(broken_float16, config=config), Heard())
    assert caught.value.message == "could not make float16 (no half precision here)"


def test_pictures_that_are_no_representative_dataset_fail_int8_alone(broken_float16, monkeypatch):
    def refuse(*_: Any) -> None:
        raise DataError("calibration refused: all of one colour", "train on pictures")

    monkeypatch.setattr(calibration, "require_content", refuse)
    convert.convert(broken_float16, Heard())
    assert convert.exported(broken_float16) == ["float32", "dynamic_range"]
    assert (
        convert.failed(broken_float16)["int8"].message
        == "nothing to calibrate on: calibration refused: all of one colour"
    )


@pytest.mark.slow
def test_the_verb_writes_and_shows_the_others_and_ends_with_3(broken_float16, capfd):
    ended = verbs.call(capfd, "export", "tflite", "pictures", cwd=Path.cwd())
    assert ended.returncode == 3
    message, hint = ended.stderr.splitlines()
    assert message == "error: could not make float16 (no half precision here)"
    assert hint == "hint: use another machine"
    assert "could not make float16 (no half precision here)" in ended.stdout
    assert "int8 passed" in ended.stdout
    assert "Keras against .tflite on 36 held-out pictures" in ended.stdout
    # The comparison alone goes on without it, too, and still names it.
    again = verbs.call(capfd, "export", "parity", "pictures", cwd=Path.cwd())
    assert (again.returncode, again.stderr.splitlines()[0]) == (3, message)
    report = verbs.call(capfd, "export", "report", "pictures", cwd=Path.cwd())
    assert report.returncode == 0
    text = broken_float16.run.path(artifacts.REPORT).read_text("utf-8")
    assert "<strong>float16</strong> could not be converted: no half precision here" in text
