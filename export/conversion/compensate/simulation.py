"""Runs the operations of a graph on pictures, exactly and as an int8 file would.

Tensors are held for all pictures at once, and only as long as an operation reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import keras
import numpy as np

from export.conversion.compensate.graph import Operation, Weights

_BATCH = 8
_LEVELS = 255


@dataclass(frozen=True)
class Tensor:
    """What an operation gives for all pictures.

    Attributes:
        exact: float32, as the float model computes it, shape (pictures, ..., channels).
        levels: uint8, as an int8 file computes it, same shape.
        scale: Of the levels.
        zero: The level that stands for 0.
    """

    exact: np.ndarray
    levels: np.ndarray
    scale: float
    zero: int

    def real(self, levels: np.ndarray) -> np.ndarray:
        """The numbers that levels stand for, float32."""
        values = levels.astype(np.float32)
        values -= np.float32(self.zero)
        values *= np.float32(self.scale)
        return values


@dataclass(frozen=True)
class Measured:
    """One tensor over all pictures and positions, by channel, float64.

    Attributes:
        error: Sum of the squared differences between int8 and float.
        power: Sum of the squared values of float.
        largest: Largest absolute value of float.
    """

    error: np.ndarray
    power: np.ndarray
    largest: np.ndarray


# An operation, its weights and what it reads → the weights with which the int8 file computes it.
_Rounding = Callable[[Operation, Weights, Tensor], Weights]


def run(
    graph: Mapping[str, Operation], pictures: np.ndarray, fitted: int, rounding: _Rounding
) -> dict[str, Measured]:
    """Runs a graph and measures every tensor.

    Args:
        graph: As `graph.read` gives it.
        pictures: 0 ... 255, shape (n, height, width, channels).
        fitted: The number of pictures that `rounding` sees; errors are measured on the others.
        rounding: Asked once for each operation with weights, in order.
    """
    unread = {name: sum(name in each.inputs for each in graph.values()) for name in graph}
    tensors: dict[str, Tensor] = {}
    measured: dict[str, Measured] = {}
    for name, each in graph.items():
        given = [tensors[source] for source in each.inputs]
        exact = quantized = _plain(each)
        if each.weights:
            source = given[0]
            seen = replace(source, exact=source.exact[:fitted], levels=source.levels[:fitted])
            exact = _weighted(each, each.weights)
            quantized = _weighted(each, rounding(each, each.weights, seen))
        values = pictures.astype(np.float32) if not given else _joined(exact, [t.exact for t in given])
        tensors[name], measured[name] = _quantized(values, given, quantized, fitted)
        for source in each.inputs:
            unread[source] -= 1
            if not unread[source]:
                del tensors[source]
    return measured


def grid(kernel: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The step of each channel's integers, so that its largest weight is 127; 1 for channels of zeros.

    Args:
        kernel: Any shape.
        axes: Those that share a step; they stay, with length 1.
    """
    step = np.abs(kernel).max(axes, keepdims=True) / 127
    return np.where(step > 0, step, 1.0)


def _plain(each: Operation) -> Callable[[list[np.ndarray]], Any]:
    return lambda inputs: each.layer(inputs if len(inputs) > 1 else inputs[0])


def _weighted(each: Operation, weights: Weights) -> Callable[[list[np.ndarray]], Any]:
    layer, ops = each.layer, cast("Any", keras.ops)  # the stubs know every backend's tensors
    activation = keras.activations.get(each.activation)
    w, b = (ops.convert_to_tensor(array, "float32") for array in (weights.kernel, weights.bias))

    def compute(inputs: list[np.ndarray]) -> Any:
        if isinstance(layer, keras.layers.Dense):
            return activation(ops.matmul(inputs[0], w) + b)
        convolve = ops.depthwise_conv if each.depthwise else ops.conv
        y = convolve(inputs[0], w, layer.strides, layer.padding, dilation_rate=layer.dilation_rate)
        return activation(y + b)

    return compute


def _batches(n: int) -> Iterator[slice]:
    return (slice(begin, begin + _BATCH) for begin in range(0, n, _BATCH))


def _joined(compute: Callable[[list[np.ndarray]], Any], inputs: list[np.ndarray]) -> np.ndarray:
    joined = np.empty(0, np.float32)
    for rows in _batches(len(inputs[0])):
        part = np.asarray(compute([array[rows] for array in inputs]))
        if not rows.start:
            joined = np.empty((len(inputs[0]), *part.shape[1:]), np.float32)
        joined[rows] = part
    return joined


def _quantized(
    exact: np.ndarray, given: list[Tensor], compute: Callable[[list[np.ndarray]], Any], fitted: int
) -> tuple[Tensor, Measured]:
    low, high = min(float(exact.min()), 0.0), max(float(exact.max()), 0.0)
    scale = (high - low) / _LEVELS or 1.0
    zero = round(-low / scale)
    tensor = Tensor(exact, np.empty(exact.shape, np.uint8), scale, zero)
    error, power = np.zeros(exact.shape[-1]), np.zeros(exact.shape[-1])
    for rows in _batches(len(exact)):
        inputs = [each.real(each.levels[rows]) for each in given]
        values = np.asarray(compute(inputs)) if given else exact[rows]
        levels = np.rint(values * np.float32(1 / scale))
        levels += zero
        tensor.levels[rows] = np.clip(levels, 0, _LEVELS, out=levels)
        unseen = slice(max(rows.start, fitted), rows.stop)
        error += _squares(tensor.real(tensor.levels[unseen]) - exact[unseen])
        power += _squares(exact[unseen])
    flat = exact.reshape(-1, exact.shape[-1])
    return tensor, Measured(error, power, np.maximum(flat.max(0), -flat.min(0)))


def _squares(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(-1, values.shape[-1])
    return np.einsum("nc,nc->c", flat, flat).astype(np.float64)
