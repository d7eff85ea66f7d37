"""One interpreter for every .tflite."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from pipeline.core import parallel
from pipeline.core.errors import ConversionError, UsageError
from pipeline.core.quiet import quiet
from pipeline.core.size import Size

XNNPACK = "XNNPACK"
BUILT_IN = "built-in"


def leaves_size_open(shape: Sequence[int]) -> bool:
    """Whether an input of this shape, with -1 for open sides, accepts pictures of any size."""
    return len(shape) == 4 and min(shape[_rows(shape)], shape[_rows(shape) + 1]) < 1


def settle_size(reader: Any, size: Size | None) -> None:
    """Sets the input size that a file leaves open, which LiteRT would silently take as 1x1.

    Args:
        reader: LiteRT's interpreter, before tensors are allocated.
        size: For the open sides; ignored if there are none.

    Raises:
        UsageError: The size is open and None is given, or it contradicts a fixed side.
    """
    taken = reader.get_input_details()
    shape = [int(side) for side in taken[0]["shape_signature"]] if taken else []
    if not leaves_size_open(shape):
        return
    rows = _rows(shape)
    if size is None:
        raise UsageError(
            "the file leaves its input size open",
            "pass the size it was trained with: --size WIDTHxHEIGHT, such as --size 224x224",
        )
    for place, side, name in ((rows, size.height, "height"), (rows + 1, size.width, "width")):
        if shape[place] > 0 and shape[place] != side:
            raise UsageError(
                f"the file takes a {name} of {shape[place]}, not {side}", "pass that with --size"
            )
        shape[place] = side
    channels = ({1, 2, 3} - {rows, rows + 1}).pop()
    shape[channels] = 3 if shape[channels] < 1 else shape[channels]
    reader.resize_tensor_input(taken[0]["index"], [max(side, 1) for side in shape])


def _rows(shape: Sequence[int]) -> int:
    """The index of the height: 1, or 2 if channels come first."""
    return 2 if shape[1] in (1, 3, 4) and shape[3] not in (1, 3, 4) else 1


class Interpreter:
    """Runs a .tflite that maps one picture to one vector. Not thread-safe.

    Args:
        data: The file.
        num_threads: Threads inside one run.
        kernels: `XNNPACK` (the default delegate) or `built-in`.
        size: Of the input, if the file leaves it open.

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
        """The raw output tensor, shape (n,).

        Args:
            frame: RGB, uint8, 0 ... 255, shape (height, width, 3), or the real numbers that a
                third-party model expects. They are cast for a float model and quantized for an
                integer one, or passed as they are if it has no scale.
        """
        self._runtime.set_tensor(self.input["index"], self._border(frame)[np.newaxis])
        self._runtime.invoke()
        return self._runtime.get_tensor(self.output["index"])[0]

    def milliseconds(self, frame: np.ndarray) -> float:
        """How long `run` takes."""
        begin = time.perf_counter()
        self.run(frame)
        return 1000 * (time.perf_counter() - begin)

    def answer(self, frame: np.ndarray) -> np.ndarray:
        """The dequantized output, float32, shape (n,)."""
        return self._real(self.run(frame))

    def answer_to_bytes(self, frame: np.ndarray) -> np.ndarray:
        """The same for a model whose uint8 input takes the picture's bytes unchanged."""
        self._runtime.set_tensor(self.input["index"], frame.astype(np.uint8)[np.newaxis])
        self._runtime.invoke()
        return self._real(self._runtime.get_tensor(self.output["index"])[0])

    def _real(self, raw: np.ndarray) -> np.ndarray:
        scale, zero_point = self.output["quantization"]
        if raw.dtype.kind == "f" or not scale:
            return raw.astype(np.float32, copy=False)
        return ((raw.astype(np.int32) - zero_point) * np.float32(scale)).astype(np.float32)

    def _border(self, frame: np.ndarray) -> np.ndarray:
        dtype = self.input["dtype"]
        if np.dtype(dtype).kind == "f":
            return frame.astype(dtype)
        scale, zero_point = self.input["quantization"]
        if dtype == frame.dtype == np.uint8 and (scale, zero_point) in ((1, 0), (0, 0)):
            return frame
        limits = np.iinfo(dtype)
        # Without a scale, numbers are passed as they are.
        quantized = np.round(frame.astype(np.float32) / np.float32(scale or 1)) + zero_point
        return np.clip(quantized, limits.min, limits.max).astype(dtype)


class Interpreters:
    """A pool of single-threaded interpreters, one per core: the fastest way on a CPU."""

    def __init__(self, data: bytes, kernels: str = XNNPACK) -> None:
        self._free: queue.SimpleQueue[Interpreter] = queue.SimpleQueue()
        for _ in range(parallel.cores()):
            self._free.put(Interpreter(data, kernels=kernels))

    @contextmanager
    def one(self) -> Iterator[Interpreter]:
        """Waits for a free interpreter and lends it exclusively."""
        interpreter = self._free.get()
        try:
            yield interpreter
        finally:
            self._free.put(interpreter)


def predictions(
    data: bytes,
    items: Sequence[Any],
    prepare: Callable[[Any], np.ndarray],
    advance: Callable[[int], object] = bool,
    kernels: str = XNNPACK,
) -> np.ndarray:
    """A model's predictions for many pictures, on all cores.

    Args:
        data: The .tflite.
        items: The arguments of `prepare`, in order.
        prepare: Makes a frame (RGB, uint8); runs in several threads.
        advance: Called with the number of pictures done.
        kernels: `XNNPACK` or `built-in`.

    Returns:
        float32, shape (items, n).

    Raises:
        ConversionError: A prediction is not finite.
    """
    interpreters = Interpreters(data, kernels)
    rows = []

    def answer(item: Any) -> np.ndarray:
        frame = prepare(item)
        with interpreters.one() as interpreter:
            return interpreter.answer(frame)

    for row in parallel.ordered(answer, items):
        rows.append(row)
        advance(len(rows))
    return finite(np.stack(rows))


def finite(numbers: np.ndarray, model: str = "the file") -> np.ndarray:
    """The same numbers, checked: comparisons would silently swallow NaN.

    Raises:
        ConversionError: A number is not finite.
    """
    if not np.isfinite(numbers).all():
        raise ConversionError(
            f"{model} predicts numbers that are not finite",
            "its weights are damaged or its training diverged; train or export it again",
        )
    return numbers
