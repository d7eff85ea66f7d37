"""Keras → .tflite by the one good route, and one interpreter for every .tflite.

The guard for every converted file is here, because the wrong routes fail silently: they write
files without weights, or with float operators in an integer model. Which flavours there are is
decided in `export.convert`.
"""

from __future__ import annotations

import io
import os
import queue
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import workers
from pipeline.errors import ConversionError
from pipeline.letterbox import Size

if TYPE_CHECKING:
    import keras

XNNPACK = "XNNPACK"
BUILT_IN = "built-in"
_VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")


def convert(model: keras.Model, configure: Callable[[Any], object] = bool) -> bytes:
    """A .tflite of batch size 1.

    Args:
        model: Takes RGB, float32, 0 ... 255, shape (batch, height, width, 3).
        configure: Sets the options of the `tf.lite.TFLiteConverter`; float32 without it.

    Raises:
        ConversionError: The converter failed, or the file has no weights in it.
    """
    with quiet() as log:
        import keras
        import tensorflow as tf

        _, height, width, channels = model.input_shape
        picture = keras.Input((height, width, channels), batch_size=1, name="picture")
        converter = tf.lite.TFLiteConverter.from_keras_model(
            # A fixed name, because names end up in the file.
            keras.Model(picture, model(picture, training=False), name="vignette")
        )
        configure(converter)
        try:
            data = converter.convert()
        except Exception as error:
            # The converter raises whatever comes up in its passes, and swallows what a full disk does to it.
            place = tempfile.gettempdir()
            raise ConversionError(
                f"the converter failed: {error}. Its last words: {log() or 'none'}",
                f"it needs room for temporary files in {place}; TMPDIR names another place",
            ) from error
    _guard_weights(data, model)
    return data


def _guard_weights(data: bytes, model: keras.Model) -> None:
    """Raises ConversionError for the file that a wrong route makes: variables, and no weights."""
    found = sorted({name for name, _ in operators(data)} & set(_VARIABLES))
    if found:
        raise ConversionError(f"the file reads variables ({', '.join(found)}) instead of holding its weights")
    # Quantized weights take a byte each at the least; batch-norms are folded away.
    needed = sum(int(np.prod(v.shape)) for v in model.weights if len(v.shape) > 1)
    held = sum(constant_bytes(data).values())
    if held < 0.9 * needed:
        raise ConversionError(f"the file holds {held:,} bytes of constants for {needed:,} weights")


def read_schema(data: bytes) -> Any:
    """The file as an object tree of the LiteRT schema (a `ModelT`)."""
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(data, 0)


def operators(data: bytes) -> list[tuple[str, int]]:
    """The name and version of every operator that a .tflite uses, in order."""
    from ai_edge_litert import schema_py_generated as schema

    names = {
        number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")
    }
    model = read_schema(data)
    found = []
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            number = max(code.builtinCode, code.deprecatedBuiltinCode)
            found.append((names.get(number, str(number)), code.version))
    return found


def constant_bytes(data: bytes) -> Counter[str]:
    """How many bytes of constants, weights above all, a .tflite holds in each type."""
    from ai_edge_litert import schema_py_generated as schema

    names = {number: name for name, number in vars(schema.TensorType).items() if not name.startswith("_")}
    model = read_schema(data)
    held: Counter[str] = Counter()
    for tensor in (tensor for graph in model.subgraphs for tensor in graph.tensors):
        content = model.buffers[tensor.buffer].data
        held[names[tensor.type]] += 0 if content is None else len(content)
    return held


class Interpreter:
    """Runs one .tflite that takes one picture and gives one vector. For one thread at a time.

    Args:
        data: The file.
        num_threads: Threads inside one run.
        kernels: `XNNPACK` (the default delegate) or `built-in`.
        keep_inside: Keeps what every operator gave, for `inside`; with built-in kernels only.

    Raises:
        ConversionError: LiteRT cannot load the file, or it is not of that form.
    """

    def __init__(
        self, data: bytes, num_threads: int = 1, kernels: str = XNNPACK, *, keep_inside: bool = False
    ) -> None:
        from ai_edge_litert import interpreter as runtime

        resolver = runtime.OpResolverType
        kind = resolver.AUTO if kernels == XNNPACK else resolver.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            with quiet():
                self._runtime = runtime.Interpreter(
                    model_content=data,
                    num_threads=num_threads,
                    experimental_op_resolver_type=kind,
                    experimental_preserve_all_tensors=keep_inside,
                )
                self._runtime.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ConversionError(f"LiteRT cannot load the file: {error}") from error
        inputs, outputs = self._runtime.get_input_details(), self._runtime.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0]["shape"]) != 4:
            raise ConversionError("expected one picture in and one vector out")
        self.input, self.output = inputs[0], outputs[0]
        _, height, width, _ = (int(side) for side in self.input["shape"])
        self.frame = Size(width, height)

    def run(self, frame: np.ndarray) -> np.ndarray:
        """The output tensor as it is, shape (n,).

        Args:
            frame: RGB, uint8, 0 ... 255, shape (height, width, 3), or the real numbers that other
                people's models want. A float model gets the same numbers as float32, an integer
                one gets them as its border asks.
        """
        self._runtime.set_tensor(self.input["index"], self._border(frame)[np.newaxis])
        self._runtime.invoke()
        return self._runtime.get_tensor(self.output["index"])[0]

    def answer(self, frame: np.ndarray) -> np.ndarray:
        """The output in real numbers, float32, shape (n,): dequantized where it is quantized."""
        return self._real(self.run(frame))

    def answer_to_bytes(self, frame: np.ndarray) -> np.ndarray:
        """The same for a quantized model whose input tensor takes the picture's bytes as they are."""
        self._runtime.set_tensor(
            self.input["index"], frame.astype(np.uint8).view(self.input["dtype"])[np.newaxis]
        )
        self._runtime.invoke()
        return self._real(self._runtime.get_tensor(self.output["index"])[0])

    def _real(self, raw: np.ndarray) -> np.ndarray:
        if raw.dtype == np.float32:
            return raw
        scale, zero_point = self.output["quantization"]
        return ((raw.astype(np.int32) - zero_point) * np.float32(scale)).astype(np.float32)

    def inside(self, index: int) -> np.ndarray:
        """What the operator whose output has this index gave in the last run, without the batch's axis."""
        return self._runtime.get_tensor(index)[0]

    def _border(self, frame: np.ndarray) -> np.ndarray:
        dtype = self.input["dtype"]
        if dtype == np.float32:
            return frame.astype(np.float32)
        scale, zero_point = self.input["quantization"]
        if dtype == frame.dtype == np.uint8 and scale == 1 and zero_point == 0:
            return frame
        limits = np.iinfo(dtype)
        quantized = np.round(frame.astype(np.float32) / np.float32(scale)) + zero_point
        return np.clip(quantized, limits.min, limits.max).astype(dtype)


class Interpreters:
    """As many interpreters of one thread as there are cores: the fastest way on a CPU."""

    def __init__(self, data: bytes, kernels: str = XNNPACK) -> None:
        self._free: queue.SimpleQueue[Interpreter] = queue.SimpleQueue()
        for _ in range(workers.cores()):
            self._free.put(Interpreter(data, kernels=kernels))

    @contextmanager
    def one(self) -> Iterator[Interpreter]:
        """One that no other thread uses meanwhile; waits for it."""
        interpreter = self._free.get()
        try:
            yield interpreter
        finally:
            self._free.put(interpreter)


def answers(
    data: bytes,
    items: Sequence[Any],
    prepare: Callable[[Any], np.ndarray],
    advance: Callable[[int], object] = bool,
) -> np.ndarray:
    """A model's answers to many pictures, on all cores.

    Args:
        data: The .tflite.
        items: What `prepare` makes a frame from (RGB, uint8), in order.
        prepare: Runs in several threads.
        advance: Called with the number of pictures done.

    Returns:
        float32, shape (items, n).

    Raises:
        ConversionError: An answer is not finite.
    """
    interpreters = Interpreters(data)
    rows = []

    def answer(item: Any) -> np.ndarray:
        frame = prepare(item)
        with interpreters.one() as interpreter:
            return interpreter.answer(frame)

    for row in workers.ordered(answer, items):
        rows.append(row)
        advance(len(rows))
    return finite(np.stack(rows))


def finite(numbers: np.ndarray, model: str = "the file") -> np.ndarray:
    """A model's answers as they are; NaN, which comparisons lose, never gets further than here.

    Raises:
        ConversionError: One of them is not finite.
    """
    if not np.isfinite(numbers).all():
        raise ConversionError(
            f"{model} answers with numbers that are not finite",
            "its weights are damaged, or its training diverged: make it again",
        )
    return numbers


@contextmanager
def quiet() -> Iterator[Callable[[], str]]:
    """Keeps the C++ and Python chatter of TensorFlow off the terminal; yields a reader of it."""
    if threading.current_thread() is not threading.main_thread():
        yield str  # descriptors belong to the whole process
        return
    sys.stdout.flush()
    sys.stderr.flush()
    saved, words = [os.dup(1), os.dup(2)], io.StringIO()
    with tempfile.TemporaryFile() as file, redirect_stdout(words), redirect_stderr(words):

        def text() -> str:
            file.seek(0)
            spoken = file.read().decode(errors="replace") + words.getvalue()
            return "; ".join(line for line in spoken.splitlines() if line.strip())[-600:]

        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            yield text
        finally:
            for descriptor, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
