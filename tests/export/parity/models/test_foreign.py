from __future__ import annotations

import signal

import numpy as np
import pytest

from export.parity.models import foreign
from pipeline.core.errors import ConversionError
from pipeline.core.size import Size
from pipeline.tflite import interpreter as litert
from tests.support import small_models


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("foreign") / "theirs.tflite"
    path.write_bytes(small_models.build("int8"))
    return path


def frame() -> np.ndarray:
    size = small_models.FRAME
    return np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8)


def test_a_file_answers_in_its_own_process_as_in_this_one(file):
    with foreign.running(file) as model:
        assert (model.frame, model.labels, model.scaled) == (Size(64, 32), 4, True)
        expected = litert.Interpreter(file.read_bytes()).answer(frame())
        np.testing.assert_array_equal(model.answer(frame()), expected)
        # The border has scale 1, so that real numbers and bytes mean the same.
        np.testing.assert_array_equal(model.answer(frame().astype(np.float32)), expected)


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\xff\xd8\xff\xe0 a JPEG", b"\x1c\0\0\0TFL3" + b"\xff" * 4000]
)
def test_what_is_no_model_is_an_error_and_no_crash(tmp_path, content):
    path = tmp_path / "broken.tflite"
    path.write_bytes(content)
    with pytest.raises(ConversionError) as caught, foreign.running(path):
        pass
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_truncated_model_is_an_error_and_no_crash(tmp_path, file):
    path = tmp_path / "half.tflite"
    path.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ConversionError), foreign.running(path) as model:
        model.answer(frame())


def test_the_process_ends_with_the_block(file):
    with foreign.running(file) as model:
        process = model._process
        assert process.poll() is None
    assert process.poll() is not None


def test_an_answer_that_takes_too_long_is_named(file, monkeypatch):
    monkeypatch.setattr(foreign, "ANSWER_SECONDS", 0.1)
    with foreign.running(file) as model:
        model._process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(ConversionError, match=r"took more than 0\.1 seconds for one answer"):
                model.answer(frame())
        finally:
            model._process.send_signal(signal.SIGCONT)
