from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from export.conversion.compensate import refit
from export.conversion.compensate.graph import Operation, Weights
from export.conversion.compensate.simulation import Tensor

KINDS = {
    "same": keras.layers.Conv2D(8, 3, 2, "same"),
    "valid": keras.layers.Conv2D(8, (3, 2), padding="valid"),
    "dilated": keras.layers.Conv2D(8, 3, padding="same", dilation_rate=2),
    "pointwise": keras.layers.Conv2D(8, 1),
    "depthwise": keras.layers.DepthwiseConv2D(3, 2, "same"),
    "dense": keras.layers.Dense(8),
}


def layer_of(kind: str, seed: int = 0) -> tuple[Operation, Weights, Tensor]:
    """A layer with random weights, and inputs whose levels are coarse and shifted."""
    random = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    layer: Any = type(KINDS[kind]).from_config(KINDS[kind].get_config())
    shape = (40, 6) if kind == "dense" else (10, 9, 8, 6)
    mixing = random.normal(size=(6, 6)) + 2 * np.eye(6)
    exact = (random.normal(size=shape) @ mixing).astype(np.float32)
    low, high = float(exact.min()), float(exact.max())
    scale = (high - low) / 24
    zero = round(-low / scale)
    levels = np.clip(np.rint(exact / scale + 0.2) + zero, 0, 255).astype(np.uint8)
    layer(exact)
    kernel, bias = (np.asarray(array, np.float64) for array in layer.get_weights())
    return Operation(kind, ("input",), layer), Weights(kernel, bias + 0.3), Tensor(exact, levels, scale, zero)


def answers(operation: Operation, weights: Weights, inputs: np.ndarray) -> np.ndarray:
    operation.layer.set_weights([weights.kernel, weights.bias])
    return np.asarray(operation.layer(inputs))


def rounded(operation: Operation, weights: Weights) -> np.ndarray:
    """Integers of a kernel on the converter's grid."""
    axes = (0, 1) if operation.depthwise else tuple(range(weights.kernel.ndim - 1))
    return weights.kernel / (np.abs(weights.kernel).max(axes, keepdims=True) / 127)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refitted_layer_is_nearer_on_its_grid_and_without_a_shift(kind):
    operation, weights, given = layer_of(kind)
    wanted, quantized = answers(operation, weights, given.exact), given.real(given.levels)
    plain = Weights(weights.kernel, weights.bias)
    before = answers(operation, plain, quantized) - wanted
    found = refit.refit(operation, weights, given)
    integers = rounded(operation, found)
    np.testing.assert_allclose(integers, np.rint(integers), atol=1e-6)
    after = answers(operation, found, quantized) - wanted
    assert (after**2).mean() < 0.9 * (before**2).mean()
    channels = after.reshape(-1, after.shape[-1])
    np.testing.assert_allclose(channels.mean(0), 0, atol=1e-4 * np.abs(wanted).max())


def test_compensated_rounding_changes_the_outputs_less_than_rounding_to_the_nearest(monkeypatch):
    """On average over random layers: a single small one may be lucky with the nearest values."""
    monkeypatch.setattr(refit, "_RIDGE", 1e9)  # the kernel stays, so that only rounding is left
    compensated, plain = [], []
    for seed in range(10):
        operation, weights, given = layer_of("pointwise", seed)
        exact = Tensor(given.real(given.levels), given.levels, given.scale, given.zero)
        inputs = exact.exact.reshape(-1, 6)
        inputs = inputs - inputs.mean(0)
        step = np.abs(weights.kernel).max((0, 1, 2)) / 127
        nearest = np.rint(weights.kernel / step) * step
        for kernel, moved in ((refit.refit(operation, weights, exact).kernel, compensated), (nearest, plain)):
            moved.append(float(((inputs @ (kernel - weights.kernel)[0, 0]) ** 2).mean()))
    assert sum(compensated) < 0.8 * sum(plain)


def test_a_channel_without_signal_stays_finite():
    operation, weights, given = layer_of("depthwise")
    given.exact[..., 2], given.levels[..., 2] = 0, given.zero
    weights.kernel[:, :, 3] = 0
    found = refit.refit(operation, weights, given)
    assert np.isfinite(found.kernel).all()
    assert not found.kernel[:, :, 3].any()
    assert found.bias[2] == pytest.approx(weights.bias[2])
