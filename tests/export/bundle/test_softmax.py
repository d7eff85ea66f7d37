"""The softmax of x86 against LiteRT here, that of 64-bit ARM against LiteRT on an emulated processor."""

from __future__ import annotations

import numpy as np
import pytest

from export.bundle import bundle, softmax
from export.inspection import judges
from pipeline.core.sections import FLOAT32, INT8
from pipeline.tflite.interpreter import BUILT_IN, XNNPACK, Interpreter
from tests.support import dense_models

# Few labels, one more than a vector register of ARM holds, and many.
LABELS = (2, 3, 17, 200)


@pytest.fixture(scope="module", params=LABELS)
def model(request) -> bytes:
    return dense_models.build(per_channel=False, labels=request.param)


@pytest.fixture(scope="module")
def logits(model) -> list[np.ndarray]:
    before = Interpreter(softmax.split(model).before)
    return [before.run(picture) for picture in dense_models.pictures(100)]


@pytest.fixture(scope="module")
def here(model) -> list[np.ndarray]:
    interpreter = Interpreter(model)
    return [interpreter.run(picture) for picture in dense_models.pictures(100)]


@pytest.mark.skipif(softmax.is_arm64(), reason="LiteRT here is ARM's")
def test_x86_is_reproduced_in_every_byte(model, logits, here):
    end = softmax.split(model)
    np.testing.assert_array_equal([end.x86(row) for row in logits], here)


@pytest.mark.slow
def test_64_bit_arm_is_reproduced_in_every_byte(model, logits, here, tmp_path):
    if judges.ARM.missing:
        pytest.skip(judges.ARM.missing)
    end, file = softmax.split(model), tmp_path / "model.tflite"
    file.write_bytes(model)
    calls = [[picture[np.newaxis]] for picture in dense_models.pictures(100)]
    answered = judges.ask(judges.ARM, file, calls, 300, "0", variables={"ARM_CPU": "cortex-a76"})
    assert answered.error == ""
    there = [answered.outputs[f"XNNPACK_{number}"].ravel() for number in range(len(calls))]
    np.testing.assert_array_equal([end.arm64(row) for row in logits], there)


def test_the_two_differ_by_a_step_now_and_then():
    model = dense_models.build(labels=200)
    end = softmax.split(model)
    before = Interpreter(end.before)
    rows = [before.run(picture) for picture in dense_models.pictures(100)]
    apart = [abs(end.x86(row).astype(int) - end.arm64(row)).max() for row in rows]
    assert set(apart) == {0, 1}


@pytest.mark.parametrize("kernels", [XNNPACK, BUILT_IN])
def test_a_runner_answers_as_the_processor_here(small_bundles, draw, kernels):
    for flavour in (INT8, FLOAT32):
        read = bundle.read(small_bundles[flavour])
        frame = draw(*read.contract.input.frame, seed=3)
        expected = Interpreter(read.data, kernels=kernels).run(frame)
        np.testing.assert_array_equal(softmax.runner(read.data, kernels)(frame), expected)


@pytest.mark.parametrize(
    ("mine", "other", "kind"), [("x86_64", "arm64", "arm64"), ("aarch64", "x86_64", "x86")]
)
def test_a_runner_finishes_with_the_softmax_of_another_processor(
    small_bundles, draw, monkeypatch, mine, other, kind
):
    monkeypatch.setattr("platform.machine", lambda: mine)
    monkeypatch.setattr(softmax.Softmax, kind, lambda end, logits: ("finished", logits.dtype.name))
    read = bundle.read(small_bundles[INT8])
    frame = draw(*read.contract.input.frame, seed=3)
    assert softmax.runner(read.data, XNNPACK, other)(frame) == ("finished", "int8")
    for kernels, processor in ((XNNPACK, mine), (BUILT_IN, other)):
        assert softmax.runner(read.data, kernels, processor)(frame).dtype == np.uint8


def test_a_float_file_is_not_split(small_bundles):
    assert softmax.split(bundle.read(small_bundles[FLOAT32]).data) is None
