"""Dense layers of int8 files as 1×1 convolutions, which compute the same and run alike everywhere.

XNNPACK of TensorFlow Lite 2.16, which is in the app, leaves dense layers with a scale per output to the
built-in kernels, and those round some sums the other way: on a phone, answers differed from this computer's
by up to 3/256. A convolution with the same kernel is XNNPACK's in every version.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.tflite import schema


def as_convolutions(data: bytes) -> bytes:
    """The file with each int8 dense layer that has a scale per output as a convolution.

    Args:
        data: A .tflite of batch size 1.

    Returns:
        The same bytes if it has no such layer.
    """
    classes, model = schema.generated(), schema.read_schema(data)
    found = False
    for graph in model.subgraphs:
        operators = []
        for operator in graph.operators:
            if _is_dense(model, graph, operator):
                found = True
                operators += _convolution(classes, model, graph, operator)
            else:
                operators.append(operator)
        graph.operators = operators
    if not found:
        return data
    _forget_unused_codes(model)
    return schema.packed(model, len(data))


def _is_dense(model: Any, graph: Any, operator: Any) -> bool:
    """Whether an operator is a dense layer on one vector, in int8 with a scale per output."""
    if schema.operator_name(model.operatorCodes[operator.opcodeIndex]) != "FULLY_CONNECTED":
        return False
    int8 = schema.generated().TensorType.INT8
    vector, kernel = (graph.tensors[at] for at in operator.inputs[:2])
    options, scales = operator.builtinOptions, kernel.quantization and kernel.quantization.scale
    return (
        vector.type == kernel.type == int8
        and list(vector.shape[:-1]) == [1]
        and scales is not None
        and len(scales) > 1
        and not options.weightsFormat
        # A kernel of two layers keeps its shape for the other.
        and sum(operator.inputs[1] in other.inputs for other in graph.operators) == 1
    )


def _convolution(classes: Any, model: Any, graph: Any, dense: Any) -> list[Any]:
    at, kernel_at, *bias = dense.inputs
    (out_at,) = dense.outputs
    if list(bias) in ([], [-1]):
        bias = [_no_bias(classes, model, graph, at, kernel_at)]
    kernel, out = graph.tensors[kernel_at], graph.tensors[out_at]
    count, width = kernel.shape
    kernel.shape = np.array([count, 1, 1, width], np.int32)
    taken = _image(classes, graph, graph.tensors[at], b"picture")
    given = _image(classes, graph, out, b"answer")
    options = classes.Conv2DOptionsT(
        padding=classes.Padding.VALID,
        strideW=1,
        strideH=1,
        dilationWFactor=1,
        dilationHFactor=1,
        fusedActivationFunction=dense.builtinOptions.fusedActivationFunction,
    )
    convolution = classes.OperatorT(
        # Version 3 has a scale per output.
        opcodeIndex=_code(classes, model, classes.BuiltinOperator.CONV_2D, 3),
        inputs=np.array([taken, kernel_at, *bias], np.int32),
        outputs=np.array([given], np.int32),
        builtinOptionsType=classes.BuiltinOptions.Conv2DOptions,
        builtinOptions=options,
    )
    before = _reshape(classes, model, graph, at, taken)
    return [before, convolution, _reshape(classes, model, graph, given, out_at)]


def _image(classes: Any, graph: Any, vector: Any, name: bytes) -> int:
    """The number of a new tensor like a vector, as an image of one pixel."""
    shape = np.array([1, 1, 1, vector.shape[-1]], np.int32)
    graph.tensors.append(
        classes.TensorT(
            shape=shape,
            type=vector.type,
            name=vector.name + b"/" + name,
            quantization=vector.quantization,
            hasRank=vector.hasRank,
        )
    )
    return len(graph.tensors) - 1


def _no_bias(classes: Any, model: Any, graph: Any, at: int, kernel_at: int) -> int:
    """The number of a new tensor of zeros: a dense layer needs no bias, a convolution does."""
    vector, kernel = graph.tensors[at], graph.tensors[kernel_at]
    zeros = np.zeros(len(kernel.quantization.scale), "<i8")
    model.buffers.append(classes.BufferT(data=np.zeros(4 * len(zeros), np.uint8)))
    scales = np.float32(vector.quantization.scale[0]) * np.asarray(kernel.quantization.scale, np.float32)
    graph.tensors.append(
        classes.TensorT(
            shape=np.array([len(zeros)], np.int32),
            type=classes.TensorType.INT32,
            name=kernel.name + b"/bias",
            buffer=len(model.buffers) - 1,
            quantization=classes.QuantizationParametersT(scale=scales, zeroPoint=zeros),
        )
    )
    return len(graph.tensors) - 1


def _reshape(classes: Any, model: Any, graph: Any, at: int, to: int) -> Any:
    shape = graph.tensors[to].shape
    model.buffers.append(classes.BufferT(data=np.frombuffer(shape.astype("<i4").tobytes(), np.uint8)))
    graph.tensors.append(
        classes.TensorT(
            shape=np.array([len(shape)], np.int32),
            type=classes.TensorType.INT32,
            name=graph.tensors[to].name + b"/shape",
            buffer=len(model.buffers) - 1,
        )
    )
    return classes.OperatorT(
        opcodeIndex=_code(classes, model, classes.BuiltinOperator.RESHAPE, 1),
        inputs=np.array([at, len(graph.tensors) - 1], np.int32),
        outputs=np.array([to], np.int32),
        builtinOptionsType=classes.BuiltinOptions.ReshapeOptions,
        builtinOptions=classes.ReshapeOptionsT(newShape=shape),
    )


def _code(classes: Any, model: Any, operator: int, version: int) -> int:
    """The number of an operator code, which is added if it is not there."""
    for number, code in enumerate(model.operatorCodes):
        if code.builtinCode == operator and code.version == version:
            return number
    made = classes.OperatorCodeT(builtinCode=operator, deprecatedBuiltinCode=operator, version=version)
    model.operatorCodes.append(made)
    return len(model.operatorCodes) - 1


def _forget_unused_codes(model: Any) -> None:
    operators = [operator for graph in model.subgraphs for operator in graph.operators]
    used = sorted({operator.opcodeIndex for operator in operators})
    for operator in operators:
        operator.opcodeIndex = used.index(operator.opcodeIndex)
    model.operatorCodes = [model.operatorCodes[number] for number in used]
