"""Damages that a .tflite can take on its way, each done to a healthy file by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.tflite import schema


def layer_doubled(data: bytes, name: str) -> bytes:
    """The weights of the named layer ×2; its bias, input and output ranges stay."""
    model = schema.read_schema(data)
    weights = next(operator for operator in _convolutions(model) if name in _name(model, operator.outputs[0]))
    tensor = _tensor(model, weights.inputs[1])
    tensor.quantization.scale = [2 * scale for scale in tensor.quantization.scale]
    if len(weights.inputs) > 2:
        bias = _tensor(model, weights.inputs[2])
        bias.quantization.scale = [2 * scale for scale in bias.quantization.scale]
        numbers = _numbers(model, bias, np.int32)
        _store(model, bias, numbers // 2)
    return _packed(model)


def logits_doubled(data: bytes) -> bytes:
    """Every logit ×2: the answers stay, the confidence does not."""
    model = schema.read_schema(data)
    dense = _dense(model)
    logits = [dense.outputs[0]]
    for operator in model.subgraphs[0].operators:
        if _kind(model, operator) == "RESHAPE" and operator.inputs[0] in logits:
            logits.append(operator.outputs[0])
    for index in (*dense.inputs[1:], *logits):
        tensor = _tensor(model, index)
        tensor.quantization.scale = [2 * scale for scale in tensor.quantization.scale]
    return _packed(model)


def outputs_swapped(data: bytes, one: int, other: int) -> bytes:
    """Two outputs change places."""
    model = schema.read_schema(data)
    dense = _dense(model)
    for index, dtype in zip(dense.inputs[1:], (np.int8, np.int32), strict=False):
        tensor = _tensor(model, index)
        numbers = _numbers(model, tensor, dtype).reshape(tensor.shape[0], -1).copy()
        numbers[[one, other]] = numbers[[other, one]]
        _store(model, tensor, numbers)
        scales = list(tensor.quantization.scale)
        if len(scales) > 1:
            scales[one], scales[other] = scales[other], scales[one]
            tensor.quantization.scale = scales
    return _packed(model)


def _convolutions(model: Any) -> list[Any]:
    return [
        operator
        for operator in model.subgraphs[0].operators
        if _kind(model, operator) in ("CONV_2D", "DEPTHWISE_CONV_2D")
    ]


def _dense(model: Any) -> Any:
    """The layer that answers; in int8 it is stored as a convolution."""
    kinds = ("FULLY_CONNECTED", "CONV_2D")
    return [o for o in model.subgraphs[0].operators if _kind(model, o) in kinds][-1]


def _kind(model: Any, operator: Any) -> str:
    from ai_edge_litert import schema_py_generated as schema

    names = {n: name for name, n in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    return names[model.operatorCodes[operator.opcodeIndex].builtinCode]


def _tensor(model: Any, index: int) -> Any:
    return model.subgraphs[0].tensors[index]


def _name(model: Any, index: int) -> str:
    return _tensor(model, index).name.decode()


def _numbers(model: Any, tensor: Any, dtype: type) -> np.ndarray:
    return np.frombuffer(bytes(model.buffers[tensor.buffer].data), dtype)


def _store(model: Any, tensor: Any, numbers: np.ndarray) -> None:
    model.buffers[tensor.buffer].data = np.frombuffer(numbers.tobytes(), np.uint8)


def _packed(model: Any) -> bytes:
    return schema.packed(model, 1 << 20)
