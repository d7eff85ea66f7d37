"""LiteRT and the app's library on emulated ARM processors, against bundles made here."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from export import app_versions
from export.android.apk import runtime
from export.bundle import bundle
from export.inspection import arm, judges
from pipeline.core.errors import GateError, ToolError
from pipeline.core.progress import ProgressReporter
from pipeline.core.sections import FLOAT32, INT8
from pipeline.tflite.dense import as_convolutions
from pipeline.tflite.interpreter import XNNPACK, Interpreter
from tests.support import dense_models

pytestmark = pytest.mark.slow


@pytest.fixture
def emulated() -> None:
    if judges.ARM.missing:
        pytest.skip(judges.ARM.missing)


@pytest.fixture(scope="module")
def library() -> bytes:
    """The native library for arm64 that the app has."""
    versions = app_versions.read_versions(app_versions.PROJECT)
    found = runtime.pinned(versions, Path("data/cache"))
    return found.libraries[runtime.ARM64]


@pytest.fixture
def pictures(draw) -> list[np.ndarray]:
    return [draw(90, 60, seed=number) for number in range(5)]


@pytest.mark.usefixtures("emulated")
@pytest.mark.parametrize("flavour", [FLOAT32, INT8])
def test_xnnpack_gives_the_bytes_of_this_computer_on_processors_old_and_new(
    flavour, small_bundles, pictures, library
):
    results = arm.verify_on_arm(small_bundles[flavour], pictures, ProgressReporter(), library)
    assert [(result.processor, result.runtime) for result in results] == [
        ("cortex-a53", f"LiteRT {judges.ARM.version}"),
        ("cortex-a53", "the app's library 2.16.1"),
        ("cortex-a76", f"LiteRT {judges.ARM.version}"),
        ("cortex-a76", "the app's library 2.16.1"),
    ]
    for result in results:
        result.require()
        assert result.pictures == 5
        assert result.built_in.passed
        if flavour == INT8:
            assert result.vectors.equal == len(result.vectors.differences)
            assert result.equal == 5


@pytest.fixture
def changed(small_bundles, tmp_path) -> Path:
    """The int8 bundle with one byte of one golden output changed by one step."""
    folder = Path(shutil.copytree(small_bundles[INT8], tmp_path / "int8"))
    path = folder / bundle.CONTRACT
    contract = json.loads(path.read_text("utf-8"))
    vector = contract["golden"]["vectors"][3]
    output = bytearray(base64.b64decode(vector["output_xnnpack_arm64"]))
    output[0] += 1 if output[0] < 255 else -1
    vector["output_xnnpack_arm64"] = base64.b64encode(output).decode()
    path.write_text(json.dumps(contract), "utf-8")
    return folder


@pytest.mark.usefixtures("emulated")
def test_one_changed_byte_is_found(changed, library):
    results = arm.verify_on_arm(changed, [], ProgressReporter(), library)
    assert len(results) == 4
    for result in results:
        assert not result.passed
        assert result.vectors.equal == len(result.vectors.differences) - 1
        with pytest.raises(
            GateError, match=r"1 of 15 golden vectors \(XNNPACK kernels\) differ, by up to 0.0039"
        ):
            result.require()


def test_without_the_emulator_the_hint_says_what_to_run(small_bundles, monkeypatch, tmp_path):
    monkeypatch.setattr(judges, "ROOT", tmp_path)
    with pytest.raises(ToolError, match="ARM cannot be emulated") as refused:
        arm.verify_on_arm(small_bundles[INT8], [], ProgressReporter())
    assert refused.value.hint == "run make judges, and read what it says"


@pytest.mark.usefixtures("emulated")
def test_the_apps_library_needs_convolutions_instead_of_dense_layers(library, tmp_path):
    """Its XNNPACK leaves dense layers to the built-in kernels, which round otherwise."""
    dense, pictures = dense_models.build(), dense_models.pictures(30)
    equal = []
    for name, data in (("dense", dense), ("convolutions", as_convolutions(dense))):
        model, app = tmp_path / f"{name}.tflite", tmp_path / "library.so"
        model.write_bytes(data)
        app.write_bytes(library)
        answered = judges.ask(
            judges.ARM,
            model,
            [[p[np.newaxis]] for p in pictures],
            300,
            "0",
            str(app),
            variables={"ARM_CPU": "cortex-a76"},
        )
        assert answered.error == ""
        here = Interpreter(data, num_threads=1, kernels=XNNPACK)
        there = [answered.outputs[f"XNNPACK_{number}"].ravel() for number in range(len(pictures))]
        equal.append(
            sum(np.array_equal(here.run(p).ravel(), t) for p, t in zip(pictures, there, strict=True))
        )
    assert equal[0] < len(pictures) == equal[1]


@pytest.mark.usefixtures("emulated")
def test_a_library_that_cannot_run_here_is_named_with_the_reason(small_bundles):
    with pytest.raises(ToolError, match=r"the app's library on the emulated cortex-a53: .+"):
        arm.verify_on_arm(small_bundles[INT8], [], ProgressReporter(), b"no library")
