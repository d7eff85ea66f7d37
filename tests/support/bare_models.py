"""Files of strangers, the smallest of each kind, written operator by operator without a converter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from pipeline.tflite.schema import packed

KIND = schema.TensorType
OP = schema.BuiltinOperator
SIDE = 32

Operation = tuple[int | str, list[int], list[int], Any]


def tensor(
    shape: Sequence[int], kind: int = KIND.FLOAT32, buffer: int = 0, scale: float = 0, zero_point: int = 0
) -> schema.TensorT:
    """A tensor; sides of -1 are left open."""
    quantization = schema.QuantizationParametersT(scale=[scale], zeroPoint=[zero_point]) if scale else None
    return schema.TensorT(
        name=b"t",
        shape=[abs(side) for side in shape],
        shapeSignature=list(shape) if min(shape, default=1) < 0 else None,
        type=kind,
        buffer=buffer,
        quantization=quantization,
    )


def pack(
    tensors: list[schema.TensorT],
    operations: Sequence[Operation],
    outputs: Sequence[int],
    constants: Sequence[np.ndarray] = (),
) -> bytes:
    """A model whose input is its first tensor; a text for an operator is a custom one's name."""
    codes, operators = [], []
    for place, (operator, inputs, given, options) in enumerate(operations):
        own = isinstance(operator, str)
        number = OP.CUSTOM if own else operator
        codes.append(
            schema.OperatorCodeT(
                builtinCode=number,
                deprecatedBuiltinCode=min(number, 127),
                customCode=operator.encode() if own else None,
                version=1,
            )
        )
        extra: dict[str, Any] = {}
        if own:
            extra["customOptions"] = np.frombuffer(options or b"\0", np.uint8)
        elif options is not None:
            name = type(options).__name__.removesuffix("T")
            extra = {
                "builtinOptionsType": getattr(schema.BuiltinOptions, name),
                "builtinOptions": options,
            }
        operators.append(schema.OperatorT(opcodeIndex=place, inputs=inputs, outputs=given, **extra))
    graph = schema.SubGraphT(
        tensors=tensors, inputs=[0], outputs=list(outputs), operators=operators, name=b"m"
    )
    held = [schema.BufferT(data=np.frombuffer(constant.tobytes(), np.uint8)) for constant in constants]
    model = schema.ModelT(
        version=3, operatorCodes=codes, subgraphs=[graph], buffers=[schema.BufferT(data=None), *held]
    )
    return packed(model, 1024)


def compiled(operator: str) -> bytes:
    """One custom operator, as a compiler for a chip or TensorFlow's Flex leaves it."""
    border = [tensor((1, SIDE, SIDE, 3), KIND.UINT8, scale=1), tensor((1, 3), KIND.UINT8, scale=1 / 256)]
    return pack(border, [(operator, [0], [1], b"")], [1])


def no_weights() -> bytes:
    """A softmax alone."""
    shape = (1, SIDE, SIDE, 3)
    softmax = schema.SoftmaxOptionsT(beta=1.0)
    return pack([tensor(shape), tensor(shape)], [(OP.SOFTMAX, [0], [1], softmax)], [1])


def linear(
    shape: Sequence[int] = (1, SIDE, SIDE, 3),
    kind: int = KIND.FLOAT32,
    weights: Sequence[Sequence[float]] = ((0.04, 0, 0), (0, 0.04, 0), (0, 0, 0.04)),
    bias: Sequence[float] | None = None,
) -> bytes:
    """A softmax over a linear map of the mean colour; integers go in without a scale.

    Args:
        shape: Of the input, -1 where it is left open.
        kind: Of the input.
        weights: One row a label.
        bias: One number a label.
    """
    table = np.array(weights, np.float32)
    labels = len(table)
    offsets = np.zeros(labels, np.float32) if bias is None else np.array(bias, np.float32)
    constants = [np.array([1, 2], np.int32), table, offsets]
    tensors = [
        tensor(shape, kind),
        tensor(shape),
        tensor((2,), KIND.INT32, 1),
        tensor((1, 3)),
        tensor(table.shape, buffer=2),
        tensor((labels,), buffer=3),
        tensor((1, labels)),
        tensor((1, labels)),
    ]
    pixels = 0 if kind == KIND.FLOAT32 else 1
    cast = schema.CastOptionsT(inDataType=kind, outDataType=KIND.FLOAT32)
    operations: list[Operation] = [(OP.CAST, [0], [1], cast)] if pixels else []
    operations += [
        (OP.MEAN, [pixels, 2], [3], schema.ReducerOptionsT(keepDims=False)),
        (OP.FULLY_CONNECTED, [3, 4, 5], [6], schema.FullyConnectedOptionsT()),
        (OP.SOFTMAX, [6], [7], schema.SoftmaxOptionsT(beta=1.0)),
    ]
    return pack(tensors, operations, [7], constants)


def coarse(labels: int) -> bytes:
    """`linear` with a uint8 softmax of many labels at the end: most of them are rounded to nothing."""
    table = np.zeros((labels, 3), np.float32)
    for place in range(3):
        table[place, place] = 0.032
    model = schema.ModelT.InitFromPackedBuf(linear(weights=table.tolist()), 0)
    graph = model.subgraphs[0]
    quantized = [
        tensor((1, labels), KIND.UINT8, scale=0.05),
        tensor((1, labels), KIND.UINT8, scale=1 / 256),
    ]
    graph.tensors += quantized
    first, last = len(graph.tensors) - 2, len(graph.tensors) - 1
    model.operatorCodes.append(
        schema.OperatorCodeT(builtinCode=OP.QUANTIZE, deprecatedBuiltinCode=OP.QUANTIZE, version=1)
    )
    softmax = graph.operators.pop()
    quantize = schema.OperatorT(
        opcodeIndex=len(model.operatorCodes) - 1, inputs=softmax.inputs, outputs=[first]
    )
    softmax.inputs, softmax.outputs, graph.outputs = [first], [last], [last]
    graph.operators += [quantize, softmax]
    return packed(model, 1024)


def detector() -> bytes:
    """An SSD: boxes and scores out of the mean colour, then TFLite_Detection_PostProcess."""
    boxes, classes = 4, 2
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, number in (("max_detections", 3), ("max_classes_per_detection", 1), ("num_classes", 1)):
            builder.Int(key, number)
        for key in ("y_scale", "x_scale", "h_scale", "w_scale"):
            builder.Float(key, 5.0)
        builder.Float("nms_score_threshold", 0.1)
        builder.Float("nms_iou_threshold", 0.5)
    options = bytes(builder.Finish())
    rng = np.random.default_rng(1)
    sizes = (4 * boxes, classes * boxes)
    maps = [rng.normal(0, 0.01, (size, 3)).astype(np.float32) for size in sizes]
    constants = [
        np.array([1, 2], np.int32),
        *maps,
        *(np.zeros(size, np.float32) for size in sizes),
        np.array([1, boxes, 4], np.int32),
        np.array([1, boxes, classes], np.int32),
        np.tile(np.array([0.5, 0.5, 1, 1], np.float32), (boxes, 1)),
    ]
    tensors = [
        tensor((1, SIDE, SIDE, 3)),
        tensor((2,), KIND.INT32, 1),
        tensor((1, 3)),
        *(tensor(table.shape, buffer=2 + place) for place, table in enumerate(maps)),
        *(tensor((size,), buffer=4 + place) for place, size in enumerate(sizes)),
        *(tensor((1, size)) for size in sizes),
        *(tensor((3,), KIND.INT32, 6 + place) for place in range(2)),
        tensor((1, boxes, 4)),
        tensor((1, boxes, classes)),
        tensor((boxes, 4), buffer=8),
        *(tensor(shape) for shape in ((1, 3, 4), (1, 3), (1, 3), (1,))),
    ]
    operations: list[Operation] = [(OP.MEAN, [0, 1], [2], schema.ReducerOptionsT(keepDims=False))]
    for place in range(2):
        operations += [
            (OP.FULLY_CONNECTED, [2, 3 + place, 5 + place], [7 + place], schema.FullyConnectedOptionsT()),
            (OP.RESHAPE, [7 + place, 9 + place], [11 + place], None),
        ]
    operations.append(("TFLite_Detection_PostProcess", [11, 12, 13], [14, 15, 16, 17], options))
    return pack(tensors, operations, [14, 15, 16, 17], constants)
