from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import threading
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import ConversionError
from pipeline.core.packages import ROOT
from pipeline.core.quiet import quiet
from pipeline.core.sections import Head, Model
from pipeline.core.size import Size
from pipeline.tflite import convert as tflite
from pipeline.tflite import interpreter as litert
from pipeline.tflite import schema
from pipeline.tflite.interpreter import BUILT_IN, XNNPACK, Interpreter, Interpreters
from pipeline.tflite.schema import read_schema
from pipeline.training import backbones, classifier

FRAME = Size(64, 32)
# The converter warns of missing ranges although the calibration measures them.
pytestmark = pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning")


@pytest.fixture(scope="module")
def model():
    """A tiny classifier whose answers differ from picture to picture."""
    backbone = backbones.build(Model(backbone="tiny"), FRAME, 0)
    made = classifier.build_classifier(backbone, 3, Head(kind="dense", units=8), 1)
    kernel, bias = made.get_layer("answer").get_weights()
    made.get_layer("answer").set_weights([kernel * 4, bias])
    return made


@pytest.fixture(scope="module")
def frames(draw) -> np.ndarray:
    return np.stack([draw(64, 32, seed) for seed in range(20)])


@pytest.fixture(scope="module")
def float_file(model) -> bytes:
    return tflite.convert(model)


@pytest.fixture(scope="module")
def quantized(model, frames):
    """`quantized(dtype, top)`: an integer file calibrated on pixels from 0 to `top`."""
    made: dict[tuple[str, int], bytes] = {}

    def convert(dtype: str, top: int = 255) -> bytes:
        def configure(converter) -> None:
            import tensorflow as tf

            def calibration():
                for frame in [*frames, np.zeros_like(frames[0]), np.full_like(frames[0], 255)]:
                    yield [frame[np.newaxis].astype(np.float32) * (top / 255)]

            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = calibration
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = getattr(tf, dtype)

        if (dtype, top) not in made:
            made[dtype, top] = tflite.convert(model, configure)
        return made[dtype, top]

    return convert


def wrong_route(model, route: str, folder: Path) -> bytes:
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf

        if route == "concrete function":
            call = tf.function(lambda x: model(x, training=False))
            function = call.get_concrete_function(tf.TensorSpec((1, 32, 64, 3), tf.float32))
            return tf.lite.TFLiteConverter.from_concrete_functions([function], model).convert()
        tf.saved_model.save(model, str(folder))
        return tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert()


def test_the_file_answers_as_keras_does(model, float_file, frames):
    expected = model(frames.astype(np.float32), training=False).numpy()
    interpreter = Interpreter(float_file)
    found = np.stack([interpreter.answer(frame) for frame in frames])
    assert expected.std(0).max() > 0.02
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet_v2"])
def test_a_whole_backbone_answers_as_keras_does(name, frames):
    network = backbones.build(Model(backbone=name, weights="none"), FRAME, 0)
    interpreter = Interpreter(tflite.convert(network))
    expected = network(frames[:4].astype(np.float32), training=False).numpy()
    found = np.stack([interpreter.answer(frame) for frame in frames[:4]])
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-3)


def test_the_same_model_converts_to_the_same_bytes(model, float_file):
    assert tflite.convert(model) == float_file


def half(converter) -> None:
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def small():
    """Another model with the same names and weights each time."""
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 64, 3)),
            layers.Conv2D(16, 3, kernel_initializer=keras.initializers.RandomNormal(seed=1), name="edges"),
            layers.GlobalAveragePooling2D(name="mean"),
            layers.Dense(2, kernel_initializer=keras.initializers.RandomNormal(seed=2), name="answer"),
        ],
        name="small",
    )


def test_the_files_of_a_model_have_the_bytes_that_they_have_alone_in_any_order():
    first, second = small(), small()
    files = [tflite.convert(first), tflite.convert(first, half)]
    assert [tflite.convert(second, half), tflite.convert(second)] == files[::-1]
    assert [tflite.convert(small()), tflite.convert(small(), half)] == files


def test_weights_that_changed_are_in_the_next_file(frames):
    network = small()
    tflite.convert(network)
    network.set_weights([2 * weights + 1 for weights in network.get_weights()])
    expected = network(frames[:1].astype(np.float32)).numpy()[0]
    np.testing.assert_allclose(Interpreter(tflite.convert(network)).answer(frames[0]), expected, rtol=1e-4)


def test_conversion_leaves_no_temporary_files_and_keeps_no_model(tmp_path, monkeypatch):
    tflite.convert(small())  # TensorFlow writes a file of its own at the first call
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    network = small()
    tflite.convert(network)
    assert list(tmp_path.iterdir()) == []
    kept = weakref.ref(network)
    del network
    gc.collect()
    assert kept() is None


def test_the_graphs_of_a_large_model_do_not_wait_to_be_collected(monkeypatch):
    import tensorflow as tf

    def graphs() -> int:
        return sum(isinstance(each, tf.Graph) for each in gc.get_objects())

    network = small()
    tflite.convert(network)
    gc.collect()
    before = graphs()
    gc.disable()
    try:
        tflite.convert(network)
        assert graphs() > before  # a small one is left to Python
        monkeypatch.setattr(tflite, "_LARGE", 1000)
        tflite.convert(network)
        assert graphs() <= before
    finally:
        gc.enable()


def test_a_file_takes_one_picture_of_the_frame(float_file):
    interpreter = Interpreter(float_file)
    assert interpreter.frame == FRAME
    assert interpreter.input["shape"].tolist() == [1, 32, 64, 3]
    assert interpreter.output["shape"].tolist() == [1, 3]


@pytest.mark.parametrize("route", ["concrete function", "saved model"])
def test_a_wrong_route_is_caught_by_the_guard(model, route, tmp_path):
    data = wrong_route(model, route, tmp_path)
    with pytest.raises(ConversionError) as caught:
        tflite._guard_weights(data, model)
    assert "VAR_HANDLE" in caught.value.message or "weights do not fit" in caught.value.message
    assert caught.value.exit_code == 1


def test_the_guard_stands_in_the_way_of_every_conversion(model, float_file, monkeypatch, tmp_path):
    wrong = wrong_route(model, "concrete function", tmp_path)

    def configure(converter) -> None:
        monkeypatch.setattr(converter, "convert", lambda: wrong)

    with pytest.raises(ConversionError):
        tflite.convert(model, configure)


def test_a_file_too_small_for_its_weights_is_refused(float_file):
    large = backbones.BACKBONES["mobilenet_v2"].graph(FRAME, 0.35)
    with pytest.raises(
        ConversionError, match=r"the file has only [\d,]+ bytes of constants for [\d,]+ weights"
    ):
        tflite._guard_weights(float_file, large)


def test_what_the_converter_says_is_passed_on(model):
    def configure(converter) -> None:
        converter.convert = lambda: (_ for _ in ()).throw(RuntimeError("pass 7 failed"))

    with pytest.raises(ConversionError, match="the converter failed: pass 7 failed") as caught:
        tflite.convert(model, configure)
    assert caught.value.hint


def test_an_integer_file_without_calibration_is_a_conversion_error(model):
    def configure(converter) -> None:
        import tensorflow as tf

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8

    with pytest.raises(ConversionError):
        tflite.convert(model, configure)


def kinds(data: bytes) -> set[str]:
    """The types of all tensors in a .tflite."""
    from ai_edge_litert import schema_py_generated as schema

    names = {number: name for name, number in vars(schema.TensorType).items() if not name.startswith("_")}
    return {names[tensor.type] for graph in read_schema(data).subgraphs for tensor in graph.tensors}


def test_operators_and_types_are_read_from_the_file(float_file, quantized):
    names = [name for name, _ in schema.operators(float_file)]
    assert names.count("CONV_2D") == 3
    assert names[-1] == "SOFTMAX"
    assert all(version >= 1 for _, version in schema.operators(float_file))
    assert kinds(float_file) <= {"FLOAT32", "INT32"}
    integer = kinds(quantized("uint8"))
    assert integer <= {"INT8", "UINT8", "INT32"}
    assert "INT8" in integer


def test_raw_pixels_go_into_a_uint8_border_with_scale_one(quantized, frames):
    interpreter = Interpreter(quantized("uint8"))
    assert interpreter.input["quantization"] == (1.0, 0)
    np.testing.assert_array_equal(interpreter._border(frames[0]), frames[0])
    raw = interpreter.run(frames[0])
    assert (raw.dtype, raw.shape) == (np.uint8, (3,))
    np.testing.assert_array_equal(interpreter.answer(frames[0]), raw.astype(np.float32) / 256)


def test_another_scale_is_kept_at_the_border(quantized):
    interpreter = Interpreter(quantized("uint8", 128))
    scale, zero_point = interpreter.input["quantization"]
    assert scale == pytest.approx(128 / 255, rel=0.01)
    pixels = np.resize(np.arange(256, dtype=np.uint8), (32, 64, 3))
    expected = np.clip(np.round(pixels / np.float32(scale)) + zero_point, 0, 255).astype(np.uint8)
    found = interpreter._border(pixels)
    np.testing.assert_array_equal(found, expected)
    assert found.max() == 255


def test_an_int8_border_is_shifted_and_answers_the_same(quantized, frames):
    signed, unsigned = Interpreter(quantized("int8")), Interpreter(quantized("uint8"))
    assert signed.input["quantization"] == (1.0, -128)
    np.testing.assert_array_equal(signed._border(frames[0]).astype(int), frames[0].astype(int) - 128)
    for frame in frames:
        assert signed.run(frame).dtype == np.int8
        np.testing.assert_array_equal(signed.answer(frame), unsigned.answer(frame))


def test_a_float_border_gets_the_same_numbers(float_file, frames):
    border = Interpreter(float_file)._border(frames[0])
    assert border.dtype == np.float32
    np.testing.assert_array_equal(border, frames[0])


def test_integer_answers_stay_close_to_keras(model, quantized, frames):
    expected = model(frames.astype(np.float32), training=False).numpy()
    interpreter = Interpreter(quantized("uint8"))
    found = np.stack([interpreter.answer(frame) for frame in frames])
    assert np.abs(found - expected).mean() < 0.03
    assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.85


@pytest.mark.parametrize("kind", ["float32", "uint8"])
def test_both_sets_of_kernels_answer_alike(float_file, quantized, frames, kind):
    data = float_file if kind == "float32" else quantized("uint8")
    fast, plain = Interpreter(data, kernels=XNNPACK), Interpreter(data, kernels=BUILT_IN)
    apart = max(np.abs(fast.answer(frame) - plain.answer(frame)).max() for frame in frames)
    assert apart <= (1e-5 if kind == "float32" else 3 / 256)


def test_threads_do_not_change_the_answers(float_file, frames):
    one, two = Interpreter(float_file, num_threads=1), Interpreter(float_file, num_threads=2)
    for frame in frames:
        np.testing.assert_allclose(one.answer(frame), two.answer(frame), atol=1e-6)


@pytest.mark.parametrize("data", [b"", b"no model at all", b"\x1c\0\0\0TFL3" + b"\0" * 100])
def test_what_is_no_model_is_refused(data):
    with pytest.raises(ConversionError, match="LiteRT cannot load the file") as caught:
        Interpreter(data)
    assert caught.value.exit_code == 1


def test_a_model_that_takes_no_picture_is_refused():
    with quiet():
        import keras
        import tensorflow as tf

        vector = keras.Input((5,), batch_size=1)
        data = tf.lite.TFLiteConverter.from_keras_model(
            keras.Model(vector, keras.layers.Dense(2)(vector))
        ).convert()
    with pytest.raises(ConversionError, match="expected one picture in and one vector out"):
        Interpreter(data)


def test_answers_come_in_order_and_are_counted(float_file, frames):
    seen = []
    found = litert.predictions(float_file, range(20), lambda at: frames[at], seen.append)
    interpreter = Interpreter(float_file)
    np.testing.assert_array_equal(found, np.stack([interpreter.answer(frame) for frame in frames]))
    assert found.dtype == np.float32
    assert seen == list(range(1, 21))


def test_answers_that_are_no_numbers_are_refused(float_file, frames, monkeypatch):
    monkeypatch.setattr(Interpreter, "answer", lambda self, frame: np.array([np.nan, 1], np.float32))
    with pytest.raises(ConversionError, match="not finite"):
        litert.predictions(float_file, frames, lambda frame: frame)


def test_an_interpreter_is_used_by_one_thread_at_a_time(float_file):
    pool = Interpreters(float_file)
    busy, clashes = set(), []

    def work() -> None:
        for _ in range(50):
            with pool.one() as interpreter:
                if id(interpreter) in busy:
                    clashes.append(1)
                busy.add(id(interpreter))
                busy.discard(id(interpreter))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not clashes


def test_quiet_keeps_everything_off_the_terminal_and_can_be_read(capfd):
    with quiet() as log:
        print("from Python")  # noqa: T201  what is kept quiet
        os.write(1, b"from C\n")
        os.write(2, b"an error from C\n")
        kept = log()
    os.write(1, b"afterwards\n")
    assert "an error from C" in kept
    assert capfd.readouterr() == ("afterwards\n", "")


def test_quiet_gives_the_terminal_back_after_a_failure(capfd):
    with pytest.raises(ZeroDivisionError), quiet():
        raise ZeroDivisionError
    print("afterwards")  # noqa: T201  what must be seen
    assert capfd.readouterr().out == "afterwards\n"


def test_running_a_file_needs_no_tensorflow(float_file, tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(float_file)
    code = """
import sys
from pathlib import Path
import numpy as np
from pipeline.tflite import interpreter as litert, schema
data = Path(sys.argv[1]).read_bytes()
litert.Interpreter(data).answer(np.zeros((32, 64, 3), np.uint8))
schema.operators(data)
print([name for name in ("tensorflow", "keras") if name in sys.modules])
"""
    root = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr
