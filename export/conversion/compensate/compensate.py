"""Prepares a Keras model for int8: what rounding will do to it is compensated beforehand.

Batch-norm is folded in (`graph`), the ranges of channels are made equal (`equalization`), and every kernel is
fitted and rounded on what the int8 file's layers before it will give (`simulation`, `refit`). The kernels lie
on the grid of the file's integers, so the converter takes them as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import keras
import numpy as np

from export.conversion.compensate import equalization, graph, refit, simulation
from export.conversion.compensate.graph import Operation, Weights
from export.conversion.compensate.layer_error import LayerError
from export.conversion.compensate.simulation import Measured, Tensor

# The share of the pictures that kernels are fitted on; errors are measured on the others.
_FITTED = 0.75


@dataclass(frozen=True)
class Compensated:
    """A model to convert, and the errors of its layers in order."""

    model: keras.Model
    layers: tuple[LayerError, ...]


@dataclass(frozen=True)
class NotApplicable:
    """Why a model cannot be compensated, in words."""

    reason: str


def compensate(
    model: keras.Model, pictures: np.ndarray, advance: Callable[[int, int], object] = max
) -> Compensated | NotApplicable:
    """The model to convert in place of this one. The same model and pictures give the same weights.

    Args:
        model: Any functional model with one input and one output.
        pictures: As the model takes them, shape (n, height, width, channels); with a black and a white one.
            The last quarter only measures the errors.
        advance: Called with the number of layers done and the total.
    """
    try:
        given = graph.read(model)
    except graph.UnknownLayerError as error:
        return NotApplicable(str(error))
    fitted = math.ceil(len(pictures) * _FITTED)
    before = simulation.run(given, pictures, fitted, _plain)
    level, factors = equalization.equalize(given, {name: row.largest for name, row in before.items()})
    compensated = dict(level)

    def fit(each: Operation, weights: Weights, inputs: Tensor) -> Weights:
        rounded = refit.refit(each, weights, inputs)
        advance(list(level).index(each.name) + 1, len(level))
        compensated[each.name] = replace(each, weights=rounded)
        return rounded

    after = simulation.run(level, pictures, fitted, fit)
    layers = tuple(
        LayerError(
            name=name,
            before=_relative(before[name], np.ones(1)),
            after=_relative(after[name], factors.get(name, np.ones(1))),
        )
        for name in _shown(given)
    )
    return Compensated(graph.build(compensated), layers)


def _plain(each: Operation, weights: Weights, _inputs: Tensor) -> Weights:
    """The weights as the converter rounds them."""
    kernel = weights.kernel
    step = simulation.grid(kernel, (0, 1) if each.depthwise else tuple(range(kernel.ndim - 1)))
    return Weights(np.rint(kernel / step) * step, weights.bias)


def _relative(measured: Measured, factors: np.ndarray) -> float:
    """The error in the units that a tensor had before it was divided by factors."""
    power = float((measured.power * factors**2).sum())
    return float(np.sqrt((measured.error * factors**2).sum() / power)) if power else 0.0


def _shown(given: Mapping[str, Operation]) -> list[str]:
    """The layers whose errors are worth a line: those with weights, sums and averages."""
    kinds = (keras.layers.Add, keras.layers.GlobalAveragePooling2D, keras.layers.Softmax)
    return [name for name, each in given.items() if each.weights or type(each.layer) in kinds]
