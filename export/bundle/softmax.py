"""The softmax that ends an int8 file, as LiteRT computes it on x86 and on 64-bit ARM.

Up to it, XNNPACK gives the same bytes on both. The softmax is LiteRT's own: x86 adds its exponentials in
float32, 64-bit ARM looks them up in a table of 16 bits and divides in fixed point, so a probability near
halfway between two steps is rounded up by one and down by the other. Source: `Softmax` and `SoftmaxInt8LUT`
in tensorflow/lite/kernels/internal/optimized/optimized_ops.h.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.bundle.contract import is_arm64
from pipeline.tflite import interpreter as litert
from pipeline.tflite import schema
from pipeline.tflite.interpreter import Interpreters

_STEP = np.float32(1 / 256)  # the scale of every int8 softmax's output
_LEVELS = 255
_SIXTEEN_BITS = 65_535
_FRACTION = 31


@dataclass(frozen=True)
class Softmax:
    """An int8 file in two parts.

    Attributes:
        before: The file up to the softmax: a .tflite with the same input, whose output are the int8 logits.
        scale: Of the logits.
    """

    before: bytes
    scale: np.float32

    def x86(self, logits: np.ndarray) -> np.ndarray:
        """The file's output by XNNPACK on x86, uint8, shape (n,), from the int8 logits."""
        exponentials = self._exponentials(logits)
        # One after the other: numpy's own sum adds in pairs, which rounds differently.
        total = np.add.accumulate(exponentials, dtype=np.float32)[-1]
        steps = exponentials * (np.float32(1) / (total * _STEP)) + np.float32(0.5)
        return np.minimum(steps.astype(np.int64), _LEVELS).astype(np.uint8)

    def arm64(self, logits: np.ndarray) -> np.ndarray:
        """The file's output by XNNPACK on 64-bit ARM, uint8, shape (n,), from the int8 logits."""
        table = (self._exponentials(logits) * np.float32(_SIXTEEN_BITS)).astype(np.float64) + 0.5
        exponentials = np.minimum(table.astype(np.int64), _SIXTEEN_BITS)
        total = np.float32(exponentials.sum())
        fraction, exponent = math.frexp(np.float32(1) / (total * _STEP))
        multiplier = round(fraction * (1 << _FRACTION))
        # The divisor is above 1, so the exponent is negative. Rounded twice: to 31 bits, then to whole steps.
        product = (exponentials * multiplier + (1 << (_FRACTION - 1))) >> _FRACTION
        steps = (product + ((1 << -exponent) >> 1)) >> -exponent
        return np.minimum(steps, _LEVELS).astype(np.uint8)

    def _exponentials(self, logits: np.ndarray) -> np.ndarray:
        """Of the distances to the largest logit, float32, 0 ... 1."""
        below = logits.astype(np.int64) - int(logits.max())
        scaled = self.scale * below.astype(np.float32)
        return np.exp(scaled.astype(np.float64)).astype(np.float32)


def runner(data: bytes, kernels: str, processor: str = "") -> Callable[[np.ndarray], np.ndarray]:
    """What runs a model as another processor would, as far as that is known: int8 with XNNPACK.

    Args:
        data: A .tflite for one picture.
        kernels: `XNNPACK` or `built-in`.
        processor: Such as `x86_64`, `aarch64` or `arm64-v8a`; default: the one here.

    Returns:
        Maps a frame (RGB, uint8) to the raw output tensor, shape (n,); thread-safe.

    Raises:
        ConversionError: LiteRT cannot load the file.
    """
    elsewhere = kernels == litert.XNNPACK and is_arm64(processor) != is_arm64()
    end = split(data) if elsewhere else None
    pool = Interpreters(end.before if end else data, kernels)

    def run(frame: np.ndarray) -> np.ndarray:
        with pool.one() as interpreter:
            raw = interpreter.run(frame)
        if end is None:
            return raw
        return end.arm64(raw) if is_arm64(processor) else end.x86(raw)

    return run


def split(data: bytes) -> Softmax | None:
    """An int8 file before its softmax and from there on.

    Args:
        data: A .tflite for one picture.

    Returns:
        None if the file does not end in an int8 softmax, or one that is turned into uint8 without a change.
    """
    model = schema.read_schema(data)
    graph = model.subgraphs[0]
    names = [schema.operator_name(model.operatorCodes[one.opcodeIndex]) for one in graph.operators]
    if names[-2:] != ["SOFTMAX", "QUANTIZE"]:
        return None
    last, quantize = graph.operators[-2:]
    logits, output, final = (
        graph.tensors[at] for at in (last.inputs[0], last.outputs[0], quantize.outputs[0])
    )
    kinds = schema.generated().TensorType
    if (
        (logits.type, output.type, final.type) != (kinds.INT8, kinds.INT8, kinds.UINT8)
        or quantize.inputs[0] != last.outputs[0]
        or list(logits.shape[:-1]) != [1]
        or _quantization(output) != (_STEP, -128)
        or _quantization(final) != (_STEP, 0)
    ):
        return None
    scale = np.float32(_quantization(logits)[0]) * np.float32(last.builtinOptions.beta)
    graph.operators, graph.outputs = graph.operators[:-2], [last.inputs[0]]
    for signature in model.signatureDefs or ():
        for named in signature.outputs:
            named.tensorIndex = last.inputs[0]
    return Softmax(schema.packed(model, len(data)), scale)


def _quantization(tensor: Any) -> tuple[float, int]:
    return tensor.quantization.scale[0], int(tensor.quantization.zeroPoint[0])
