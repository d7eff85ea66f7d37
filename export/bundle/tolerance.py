"""How far outputs on a phone may differ from the golden ones.

Other kernels round differently, on a phone or here; a wrong letterbox or model is much further off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pipeline.core.errors import ConversionError
from pipeline.core.sections import DYNAMIC_RANGE, INT8, Flavour
from pipeline.images.letterbox import letterbox
from pipeline.tflite import interpreter as litert
from pipeline.tflite import schema
from pipeline.tflite.interpreter import Interpreter

# The smallest tolerances, in probability.
_FLOAT_TOLERANCE = 1e-3
_DYNAMIC_RANGE_TOLERANCE = 2e-2


def tolerance(data: bytes, flavour: Flavour, difference: float = 0.0) -> float:
    """How far other kernels may differ from those that computed the golden outputs, in probability.

    For int8, at least the effect of two logits that are each one step off: with a softmax input of
    scale s, ceil(128 * s) steps of 1/256. Deep networks accumulate more than that, and how much depends
    on the network, so it is also at least twice the difference of XNNPACK here: the kernels of a phone
    differ from XNNPACK's, too.

    Args:
        data: The file.
        flavour: Its flavour.
        difference: The largest between built-in kernels and XNNPACK on the golden pictures.

    Raises:
        ConversionError: An int8 file has no quantized softmax.
    """
    if flavour == INT8:
        steps = max(1, math.ceil(128 * _softmax_scale(data)), math.ceil(512 * difference - 1e-6))
        return min(1.0, steps / 256)
    # Rounded up, so that noise in the last digits does not change the contract.
    measured = math.ceil(2000 * difference - 1e-6) / 1000
    return min(1.0, max(_DYNAMIC_RANGE_TOLERANCE if flavour == DYNAMIC_RANGE else _FLOAT_TOLERANCE, measured))


def difference(data: bytes, pictures: Sequence[np.ndarray]) -> float:
    """The largest difference between XNNPACK and the built-in kernels, in probability.

    Args:
        data: The file.
        pictures: RGB, uint8, shape (height, width, 3).

    Raises:
        ConversionError: An output is not finite.
    """
    built_in = Interpreter(data, num_threads=1, kernels=litert.BUILT_IN)
    other = Interpreter(data, num_threads=1, kernels=litert.XNNPACK)
    frames = [letterbox(picture, built_in.frame) for picture in pictures]
    both = (litert.finite(np.stack([kind.answer(frame) for frame in frames])) for kind in (built_in, other))
    return float(np.abs(np.subtract(*both)).max())


def _softmax_scale(data: bytes) -> float:
    """The scale of the last softmax's input."""
    model = schema.read_schema(data)
    graph = model.subgraphs[0]
    for operator in reversed(graph.operators):
        if schema.operator_name(model.operatorCodes[operator.opcodeIndex]) == "SOFTMAX":
            quantization = graph.tensors[operator.inputs[0]].quantization
            if quantization is not None and quantization.scale is not None:
                return float(quantization.scale[0])
    raise ConversionError(
        "model_int8.tflite has no quantized softmax, so its outputs are not probabilities",
        "convert a classifier whose last layer is a softmax",
    )
