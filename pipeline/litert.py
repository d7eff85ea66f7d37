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
from pipeline.errors import ConversionError, UsageError
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


def leaves_size_open(shape: Sequence[int]) -> bool:
    """Whether an input of this shape, with -1 where the file says nothing, is a picture of any size."""
    return len(shape) == 4 and min(shape[_rows(shape)], shape[_rows(shape) + 1]) < 1


def settle_size(reader: Any, size: Size | None) -> None:
    """Gives a picture input the size that its file leaves open; else LiteRT would take 1x1, unsaid.

    Args:
        reader: LiteRT's interpreter, before it has memory.
        size: For the open sides; not looked at where there are none.

    Raises:
        UsageError: The size is left open and None is given, or a side is not open and another one.
    """
    taken = reader.get_input_details()
    shape = [int(side) for side in taken[0]["shape_signature"]] if taken else []
    if not leaves_size_open(shape):
        return
    rows = _rows(shape)
    if size is None:
        raise UsageError(
            "the file leaves the height and width of its input open",
            "give the size that it was trained with: --size WIDTHxHEIGHT, such as --size 224x224",
        )
    for place, side, name in ((rows, size.height, "height"), (rows + 1, size.width, "width")):
        if shape[place] > 0 and shape[place] != side:
            raise UsageError(
                f"the file takes a {name} of {shape[place]}, not {side}", "give --size with that"
            )
        shape[place] = side
    channels = ({1, 2, 3} - {rows, rows + 1}).pop()
    shape[channels] = 3 if shape[channels] < 1 else shape[channels]
    reader.resize_tensor_input(taken[0]["index"], [max(side, 1) for side in shape])


def _rows(shape: Sequence[int]) -> int:
    """Which side is the height: the second, or the third where channels come first."""
    return 2 if shape[1] in (1, 3, 4) and shape[3] not in (1, 3, 4) else 1


class Interpreter:
    """Runs one .tflite that takes one picture and gives one vector. For one thread at a time.

    Args:
        data: The file.
        num_threads: Threads inside one run.
        kernels: `XNNPACK` (the default delegate) or `built-in`.
        keep_inside: Keeps what every operator gave, for `inside`; with built-in kernels only.
        size: Of the input, where the file leaves it open.

    Raises:
        ConversionError: LiteRT cannot load the file, or it is not of that form.
        UsageError: The file leaves the size of its input open, and there is none for it.
    """

    def __init__(
        self,
        data: bytes,
        num_threads: int = 1,
        kernels: str = XNNPACK,
        *,
        keep_inside: bool = False,
        size: Size | None = None,
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
                settle_size(self._runtime, size)
                self._runtime.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ConversionError(f"LiteRT cannot load the file: {error}") from error
        inputs, outputs = self._runtime.get_input_details(), self._runtime.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0]["shape"]) != 4:
            raise ConversionError("expected one picture in and one vector out")
        for tensor in (inputs[0], outputs[0]):
            if np.dtype(tensor["dtype"]).kind not in "fiu":
                raise ConversionError(f"expected numbers, not {np.dtype(tensor['dtype'])}")
        self.input, self.output = inputs[0], outputs[0]
        _, height, width, _ = (int(side) for side in self.input["shape"])
        self.frame = Size(width, height)

    def run(self, frame: np.ndarray) -> np.ndarray:
        """The output tensor as it is, shape (n,).

        Args:
            frame: RGB, uint8, 0 ... 255, shape (height, width, 3), or the real numbers that other
                people's models want. A float model gets the same numbers as float, an integer
                one gets them as its border asks, and as they are where that asks nothing.
        """
        self._runtime.set_tensor(self.input["index"], self._border(frame)[np.newaxis])
        self._runtime.invoke()
        return self._runtime.get_tensor(self.output["index"])[0]

    def answer(self, frame: np.ndarray) -> np.ndarray:
        """The output in real numbers, float32, shape (n,): dequantized where it is quantized."""
        return self._real(self.run(frame))

    def answer_to_bytes(self, frame: np.ndarray) -> np.ndarray:
        """The same for a model whose uint8 input takes the picture's bytes as they are."""
        self._runtime.set_tensor(self.input["index"], frame.astype(np.uint8)[np.newaxis])
        self._runtime.invoke()
        return self._real(self._runtime.get_tensor(self.output["index"])[0])

    def _real(self, raw: np.ndarray) -> np.ndarray:
        scale, zero_point = self.output["quantization"]
        if raw.dtype.kind == "f" or not scale:
            return raw.astype(np.float32, copy=False)
        return ((raw.astype(np.int32) - zero_point) * np.float32(scale)).astype(np.float32)

    def inside(self, index: int) -> np.ndarray:
        """What the operator whose output has this index gave in the last run, without the batch's axis."""
        return self._runtime.get_tensor(index)[0]

    def _border(self, frame: np.ndarray) -> np.ndarray:
        dtype = self.input["dtype"]
        if np.dtype(dtype).kind == "f":
            return frame.astype(dtype)
        scale, zero_point = self.input["quantization"]
        if dtype == frame.dtype == np.uint8 and (scale, zero_point) in ((1, 0), (0, 0)):
            return frame
        limits = np.iinfo(dtype)
        # Without a scale the numbers go in as they are: there is nothing to divide by.
        quantized = np.round(frame.astype(np.float32) / np.float32(scale or 1)) + zero_point
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
