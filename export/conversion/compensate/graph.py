"""A Keras model as a list of operations with batch-norm folded in, and back.

Reads functional models of the layers in `_PLAIN` and of convolutions, depthwise convolutions and dense
layers with ReLU or ReLU6; models inside a model are read too. Running the operations is up to `simulation`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

_PLAIN = (
    keras.layers.Add,
    keras.layers.Concatenate,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.InputLayer,
    keras.layers.Rescaling,
    keras.layers.Softmax,
    keras.layers.ZeroPadding2D,
)
_KERNELS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
_LINEAR, _RELU, _RELU6, _SOFTMAX = "linear", "relu", "relu6", "softmax"


class UnknownLayerError(ValueError):
    """A model that cannot be read; the message names the layer and what is unusual about it."""


@dataclass(frozen=True)
class Weights:
    """Of one layer, float64.

    Attributes:
        kernel: Shape (height, width, in, out) of a convolution, (height, width, in, 1) of a depthwise one,
            (in, out) of a dense layer.
        bias: Shape (out,).
    """

    kernel: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class Operation:
    """One tensor of the model and how it is computed.

    Attributes:
        name: What other operations call the tensor; the layer's name.
        inputs: The names of what it reads; empty for the picture.
        layer: The Keras layer, without the batch-norm that is folded in.
        weights: With the batch-norm; None for a layer without weights.
        activation: What comes last: `linear`, `relu` or `relu6`.
    """

    name: str
    inputs: tuple[str, ...]
    layer: Any
    weights: Weights | None = None
    activation: str = _LINEAR

    @property
    def depthwise(self) -> bool:
        """Whether each channel has a kernel of its own."""
        return isinstance(self.layer, keras.layers.DepthwiseConv2D)

    @property
    def scales(self) -> bool:
        """Whether weights times a positive number give the output times that number."""
        return self.weights is not None and self.activation in (_LINEAR, _RELU)


def read(model: keras.Model) -> dict[str, Operation]:
    """The operations of a model by name, each after those that it reads; the last is the output.

    Args:
        model: Takes pictures, shape (batch, height, width, channels); one input and one output.

    Raises:
        UnknownLayerError: A layer is not one of those above, or is used in an unusual way.
    """
    reader = _Reader()
    outputs = reader.read(model, {})
    if len(model.inputs) != 1 or len(outputs) != 1:
        raise UnknownLayerError("the model does not have one input and one output")
    return _merged(reader.operations)


def build(graph: Mapping[str, Operation]) -> keras.Model:
    """A Keras model of the operations: plain layers, each with its bias and activation."""
    tensors: dict[str, Any] = {}
    for each in graph.values():
        config = each.layer.get_config() | {"name": each.name}
        if each.weights:
            config |= {"use_bias": True, "activation": each.activation}
        layer = type(each.layer).from_config(config)
        given = [tensors[name] for name in each.inputs]
        tensors[each.name] = layer(given if len(given) > 1 else given[0]) if given else layer.output
        if each.weights:
            arrays = (each.weights.kernel, each.weights.bias)
            layer.set_weights([array.astype(np.float32) for array in arrays])
    picture, *_, answer = tensors.values()
    return keras.Model(picture, answer, name="compensated")  # names are written to the file


class _Reader:
    """Collects the operations of a model and of the models inside it, one for each layer."""

    def __init__(self) -> None:
        self.operations: dict[str, Operation] = {}
        self._layers: set[int] = set()

    def read(self, model: Any, given: Mapping[int, str]) -> list[str]:
        """The names of a model's outputs; `given` names those of its inputs that another model computes."""
        model = getattr(model, "_functional", model)
        if not hasattr(model, "_nodes_by_depth"):
            raise UnknownLayerError(f"{model.name} is not a functional model")
        names = dict(given)
        for _, nodes in sorted(vars(model)["_nodes_by_depth"].items(), reverse=True):
            for node in nodes:
                if id(node.outputs[0]) in names:
                    continue
                inputs = tuple(names[id(tensor)] for tensor in node.input_tensors)
                outputs = self._layer(node.operation, inputs, node)
                names |= {id(tensor): name for tensor, name in zip(node.outputs, outputs, strict=True)}
        return [names[id(tensor)] for tensor in model.outputs]

    def _layer(self, layer: Any, inputs: tuple[str, ...], node: Any) -> list[str]:
        if id(layer) in self._layers:
            raise UnknownLayerError(f"the layer {layer.name} is used more than once")
        self._layers.add(id(layer))
        if inputs and node.arguments.kwargs.get("training"):
            raise UnknownLayerError(f"the layer {layer.name} is called as in training")
        if isinstance(layer, keras.Model):
            inner = getattr(layer, "_functional", layer)
            known = dict(zip(map(id, inner.inputs or ()), inputs, strict=False))
            return self.read(layer, known)
        if type(layer) is keras.layers.Dropout:
            return list(inputs)
        name = layer.name
        while name in self.operations:
            name += "_"
        self.operations[name] = _operation(name, inputs, layer)
        if type(layer) not in _KERNELS or _activation(layer) != _SOFTMAX:
            return [name]
        softmax = keras.layers.Softmax(name=f"{name}_softmax")
        self.operations[softmax.name] = Operation(softmax.name, (name,), softmax)
        return [softmax.name]


def _operation(name: str, inputs: tuple[str, ...], layer: Any) -> Operation:
    if type(layer) in (keras.layers.BatchNormalization, *_PLAIN):
        if getattr(layer, "axis", -1) not in (-1, len(layer.output.shape) - 1):
            raise UnknownLayerError(f"the layer {layer.name} does not work on channels")
        return Operation(name, inputs, layer)
    kind = _activation(layer)
    if type(layer) in (keras.layers.ReLU, keras.layers.Activation):
        if kind == _SOFTMAX:
            return Operation(name, inputs, keras.layers.Softmax(name=name))
        if kind in (_LINEAR, _RELU, _RELU6):
            return Operation(name, inputs, layer, activation=kind)
    if type(layer) not in _KERNELS:
        raise UnknownLayerError(f"the layer {layer.name} is of an unknown kind, {type(layer).__name__}")
    if kind not in (_LINEAR, _RELU, _RELU6, _SOFTMAX):
        raise UnknownLayerError(f"the layer {layer.name} has an unknown activation, {kind}")
    unusual = {
        "groups": getattr(layer, "groups", 1) != 1 and not isinstance(layer, keras.layers.DepthwiseConv2D),
        "a depth multiplier": getattr(layer, "depth_multiplier", 1) != 1,
        "channels first": getattr(layer, "data_format", None) == "channels_first",
        "more than one position": isinstance(layer, keras.layers.Dense) and len(layer.output.shape) != 2,
    }
    if found := [what for what, holds in unusual.items() if holds]:
        raise UnknownLayerError(f"the layer {layer.name} has {found[0]}")
    kernel, *bias = (np.asarray(array, np.float64) for array in layer.get_weights())
    weights = Weights(kernel, bias[0] if bias else np.zeros(layer.output.shape[-1]))
    return Operation(name, inputs, layer, weights, _LINEAR if kind == _SOFTMAX else kind)


def _activation(layer: Any) -> str:
    """The name of a layer's activation; empty for one without, or without a name."""
    if type(layer) is keras.layers.ReLU:
        plain = not layer.negative_slope and not layer.threshold
        return {None: _RELU, 6: _RELU6}.get(layer.max_value, "") if plain else ""
    function = getattr(layer, "activation", None)
    name = keras.activations.serialize(function) if function is not None else ""
    return name if isinstance(name, str) else ""


def _merged(operations: Mapping[str, Operation]) -> dict[str, Operation]:
    """Folds batch-norms and activations into the layers that they follow."""
    count = Counter(name for each in operations.values() for name in each.inputs)
    graph: dict[str, Operation] = {}
    merged_into: dict[str, str] = {}
    for each in operations.values():
        inputs = tuple(merged_into.get(name, name) for name in each.inputs)
        before = graph[inputs[0]] if len(inputs) == 1 and count[each.inputs[0]] == 1 else None
        merged = _merge(before, before.weights, each) if before and before.weights else None
        if before and merged:
            graph[before.name] = merged
            merged_into[each.name] = before.name
        elif type(each.layer) is keras.layers.BatchNormalization:
            raise UnknownLayerError(f"the batch-norm {each.name} does not follow a convolution of its own")
        else:
            graph[each.name] = replace(each, inputs=inputs)
    return graph


def _merge(before: Operation, weights: Weights, each: Operation) -> Operation | None:
    """A layer with weights and the one that follows it, as one; None if they do not fit."""
    layer = each.layer
    if before.activation != _LINEAR:
        return None
    if type(layer) is keras.layers.BatchNormalization:
        mean, variance = (np.asarray(v, np.float64) for v in (layer.moving_mean, layer.moving_variance))
        gain = 1 / np.sqrt(variance + layer.epsilon)
        if layer.scale:
            gain *= np.asarray(layer.gamma, np.float64)
        bias = (weights.bias - mean) * gain
        if layer.center:
            bias += np.asarray(layer.beta, np.float64)
        kernel = weights.kernel * (gain[:, None] if before.depthwise else gain)
        return replace(before, weights=Weights(kernel, bias))
    if type(layer) in (keras.layers.ReLU, keras.layers.Activation):
        return replace(before, activation=each.activation)
    return None
