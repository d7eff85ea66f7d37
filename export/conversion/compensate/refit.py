"""The kernel with which a layer gives, on quantized inputs, what the float model gives.

A ridge regression corrects the kernel for the errors of its inputs; then it is rounded row by row, and each
row's rounding error is compensated by the rows that follow (GPTQ, arXiv 2210.17323).
"""

from __future__ import annotations

import numpy as np

from export.conversion.compensate.graph import Operation, Weights
from export.conversion.compensate.simulation import Tensor, grid

# At most so many, and so many for each input.
_POSITIONS, _POSITIONS_BY_INPUTS = 12_000, 400
_RIDGE = 1e-3
# The fewer positions for each input, the closer to the given kernel: without it late layers overfit.
_RIDGE_BY_INPUTS = 3.0
_DAMPING = 1e-2
_TINY = 1e-12
# Rows rounded between two updates of all others.
_ROWS = 64
# Depthwise channels fitted at a time: the patches of a 5 x 5 kernel take 16 MB.
_CHANNELS = 16


def refit(operation: Operation, weights: Weights, given: Tensor) -> Weights:
    """A layer's kernel, on the grid of its integers, and the bias that goes with it.

    Args:
        operation: The layer.
        weights: Of the float model.
        given: What the layer reads.
    """
    places, shape = _Places(operation, weights.kernel, given.exact.shape), weights.kernel.shape
    if not operation.depthwise:
        flat = weights.kernel.reshape(1, -1, shape[-1])
        exact, quantized = (part.reshape(1, len(part), -1) for part in places.patches(given, slice(None)))
        kernel, shift = _fit(flat, exact, quantized)
        return Weights(kernel.reshape(shape), weights.bias + shift[0])
    flat = weights.kernel.reshape(-1, shape[2]).T[:, :, np.newaxis]
    kernel, shift = np.empty(flat.shape), np.empty((len(flat), 1))
    for begin in range(0, len(flat), _CHANNELS):
        some = slice(begin, begin + _CHANNELS)
        exact, quantized = (
            # In one piece, or numpy multiplies them without BLAS.
            np.ascontiguousarray(part.transpose(2, 0, 1))
            for part in places.patches(given, some)
        )
        kernel[some], shift[some] = _fit(flat[some], exact, quantized)
    return Weights(kernel[..., 0].T.reshape(shape), weights.bias + shift[:, 0])


class _Places:
    """The positions of a layer's output to fit on, the same for every call."""

    def __init__(self, operation: Operation, kernel: np.ndarray, shape: tuple[int, ...]) -> None:
        layer = operation.layer
        sides, window = (shape[1:3], kernel.shape[:2]) if kernel.ndim == 4 else ((1, 1), (1, 1))
        strides, dilation = (getattr(layer, name, (1, 1)) for name in ("strides", "dilation_rate"))
        self._n, self._sides, starts, self._offsets = shape[0], sides, [], []
        for side, size, stride, step in zip(sides, window, strides, dilation, strict=True):
            reach = (size - 1) * step + 1
            same = getattr(layer, "padding", "valid") == "same"
            count = -(-side // stride) if same else (side - reach) // stride + 1
            padding = max((count - 1) * stride + reach - side, 0) // 2 if same else 0
            starts.append(np.arange(count) * stride - padding)
            self._offsets.append(np.arange(size) * step)
        total = self._n * len(starts[0]) * len(starts[1])
        inputs = kernel[..., 0].size // (shape[-1] if operation.depthwise else 1)
        count = min(total, _POSITIONS, _POSITIONS_BY_INPUTS * inputs)
        chosen = np.sort(np.random.default_rng(0).choice(total, count, replace=False))
        self._picture, row, column = np.unravel_index(chosen, (self._n, len(starts[0]), len(starts[1])))
        self._row, self._column = starts[0][row], starts[1][column]

    def patches(self, given: Tensor, channels: slice) -> tuple[np.ndarray, np.ndarray]:
        """What the layer sees there: exactly, and as int8 computes it.

        Returns:
            float32, shape (positions, height · width, channels).
        """
        height, width = self._sides
        exact, levels = (
            a.reshape(self._n, height, width, -1)[..., channels] for a in (given.exact, given.levels)
        )
        offsets = [(down, right) for down in self._offsets[0] for right in self._offsets[1]]
        shape = (len(self._picture), len(offsets), exact.shape[-1])
        seen, quantized = np.empty(shape, np.float32), np.empty(shape, np.float32)
        for number, (down, right) in enumerate(offsets):
            row, column = self._row + down, self._column + right
            outside = (row < 0) | (row >= height) | (column < 0) | (column >= width)
            place = (self._picture, row.clip(0, height - 1), column.clip(0, width - 1))
            seen[:, number] = exact[place]
            quantized[:, number] = given.real(levels[place])
            seen[outside, number], quantized[outside, number] = 0, 0
        return seen, quantized


def _fit(kernel: np.ndarray, exact: np.ndarray, quantized: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fits groups of outputs that share their inputs.

    Args:
        kernel: Shape (groups, inputs, outputs).
        exact: The inputs, float32, shape (groups, positions, inputs).
        quantized: The same as int8 computes them; overwritten.

    Returns:
        The rounded kernel, and what to add to the bias, shape (groups, outputs).
    """
    n = exact.shape[1]
    wanted = exact @ kernel.astype(np.float32)
    mean_in = quantized.mean(1, keepdims=True, dtype=np.float64)
    mean_out = wanted.mean(1, keepdims=True, dtype=np.float64)
    centred = np.subtract(quantized, mean_in.astype(np.float32), out=quantized)
    rest = wanted - mean_out.astype(np.float32) - centred @ kernel.astype(np.float32)
    turned = centred.transpose(0, 2, 1)
    moments = (turned @ centred).astype(np.float64) / n
    ridge = _RIDGE + _RIDGE_BY_INPUTS * kernel.shape[1] / n
    correction = (turned @ rest).astype(np.float64) / n
    kernel = kernel + np.linalg.solve(_with_diagonal(moments, ridge), correction)
    rounded = _rounded(kernel, _with_diagonal(moments, _DAMPING))
    return rounded, (mean_out - mean_in @ rounded)[:, 0]


def _with_diagonal(moments: np.ndarray, share: float) -> np.ndarray:
    """Moments with a share of their mean diagonal added to it; shape (groups, n, n)."""
    mean = np.trace(moments, axis1=1, axis2=2) / moments.shape[-1]
    return moments + (share * mean + _TINY)[:, np.newaxis, np.newaxis] * np.eye(moments.shape[-1])


def _rounded(kernel: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """The kernel on its grid, so that the outputs change as little as possible.

    The largest weight of each output stays the largest: the converter takes the grid from it.

    Args:
        kernel: Shape (groups, inputs, outputs).
        moments: Of the inputs, positive definite, shape (groups, inputs, inputs).
    """
    upper = np.linalg.cholesky(np.linalg.inv(moments)).transpose(0, 2, 1)
    step, sign = grid(kernel, (1,))[:, 0], np.sign(kernel)
    largest = np.abs(kernel).argmax(1)
    left, rounded = kernel.copy(), np.empty(kernel.shape)
    for begin in range(0, kernel.shape[1], _ROWS):
        end = min(begin + _ROWS, kernel.shape[1])
        errors = np.empty((len(kernel), end - begin, kernel.shape[2]))
        for row in range(begin, end):
            levels = np.clip(np.rint(left[:, row] / step), -127, 127)
            levels = np.where(largest == row, 127 * sign[:, row], levels)
            rounded[:, row] = levels * step
            error = (left[:, row] - rounded[:, row]) / upper[:, row, row, np.newaxis]
            errors[:, row - begin] = error
            left[:, row + 1 : end] -= upper[:, row, row + 1 : end, np.newaxis] * error[:, np.newaxis]
        left[:, end:] -= upper[:, begin:end, end:].transpose(0, 2, 1) @ errors
    return rounded
