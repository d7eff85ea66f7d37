"""The contents of a .tflite: inputs, outputs, operators, constants and types, read with LiteRT's schema.

The reader trusts whatever the file states, so `inspection.examination` runs it under time and memory
limits on files from strangers. `flavours` decides what the contents mean for the file's name, and
`inspection.compatibility` which runtimes load it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from export.model_file.flatbuffer import DamagedError, Document
from pipeline.tflite import interpreter as litert
from pipeline.tflite import schema

# Operators whose second input is a kernel, which must be in the file.
_LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "CONV_3D")
# Types that hold only axes, shapes and biases, never weights.
_NO_WEIGHTS = ("INT32", "UINT32", "INT64", "UINT64", "BOOL", "STRING")
# Custom operators that every runtime has, because TensorFlow Lite registers them with its own.
BUILT_IN = ("TFLite_Detection_PostProcess", "NumericVerify", "Mfcc", "AudioSpectrogram")
# What a chip's compiler puts in place of the operators it compiled.
_CHIPS = {
    "DISPATCH_OP": "an NPU",
    "edgetpu-custom-op": "Google's Edge TPU",
    "ethos-u": "Arm's Ethos-U",
    "vsi-npu": "a VeriSilicon NPU",
}
_MOST_NAMES = 200


class Part(BaseModel):
    """A piece of a passport: frozen, and the same in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tensor(Part):
    """An input or output; scale and zero point are null if it is not quantized."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None


class Operator(Part):
    """One version of an operator: how often it is used, and how many bytes of constants it reads."""

    name: str
    version: int
    count: int
    constant_bytes: int


class Signature(Part):
    """A named way to call the model."""

    key: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Structure(Part):
    """Everything read from a .tflite without running it.

    Attributes:
        batch_is_fixed: Whether no input or output has a dynamic dimension.
        constants: Bytes of constants, by type.
        computed: How many tensors the operators compute, by type, not counting inputs and outputs.
        float_tensors: Names of the float tensors among them; the first 200.
        float_count: How many there are.
        per_tensor: Tensors with one scale.
        per_channel: Tensors with one scale per channel.
        layers: Operators that need a kernel.
        bare_layers: Outputs of the layers whose kernel is not in the file; the first 200.
        bare_count: How many there are.
        says_oldest: The oldest runtime according to the converter, as stored in the file; empty if absent.
    """

    size_bytes: int
    sha256: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    batch_is_fixed: bool
    subgraphs: int
    operators: tuple[Operator, ...]
    constants: dict[str, int]
    computed: dict[str, int]
    float_tensors: tuple[str, ...]
    float_count: int
    per_tensor: int
    per_channel: int
    layers: int
    bare_layers: tuple[str, ...]
    bare_count: int
    signatures: tuple[Signature, ...]
    says_oldest: str

    @property
    def variables(self) -> list[str]:
        """Operators that read weights from outside the graph."""
        return sorted({operator.name for operator in self.operators} & set(schema.VARIABLES))

    @property
    def custom(self) -> list[str]:
        """Custom operators that runtimes do not include."""
        names = {op.name.removeprefix("CUSTOM ") for op in self.operators if op.name.startswith("CUSTOM ")}
        return sorted(names - set(BUILT_IN))

    @property
    def chip(self) -> str:
        """The chip that the file was compiled for, in words; empty if none."""
        return next((_CHIPS[name] for name in self.custom if name in _CHIPS), "")

    @property
    def size_is_open(self) -> bool:
        """Whether it takes pictures of any height or width."""
        return bool(self.inputs) and litert.leaves_size_open(self.inputs[0].shape)

    @property
    def weights(self) -> str:
        """The type of most weights, by bytes; `nothing` if there are none."""
        held = {kind: size for kind, size in self.constants.items() if size and kind not in _NO_WEIGHTS}
        return max(held, key=lambda kind: held[kind], default="nothing")


def read(data: bytes) -> Structure:
    """Reads a .tflite that LiteRT accepts; for any other file, anything may be raised."""
    model = schema.read_schema(data)
    kinds = schema.names("TensorType")
    main = model.subgraphs[0]
    ends = {*main.inputs, *main.outputs}
    computed: Counter[str] = Counter()
    floats: list[str] = []
    scales: list[int] = []
    for graph in model.subgraphs:
        made = {place for operator in graph.operators or [] for place in _given(operator.outputs)}
        for place, tensor in enumerate(graph.tensors):
            scales.append(0 if tensor.quantization is None else len(_given(tensor.quantization.scale)))
            if graph is main and place in ends:
                continue
            # Converters leave unused tensors behind, such as those between the gates of an LSTM.
            if place not in made:
                continue
            computed[kinds[tensor.type]] += 1
            if kinds[tensor.type].startswith("FLOAT"):
                floats.append(_text(tensor.name))
    layers, bare = _kernels(model)
    return Structure(
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        inputs=tuple(_border(main.tensors[place], kinds) for place in main.inputs),
        outputs=tuple(_border(main.tensors[place], kinds) for place in main.outputs),
        batch_is_fixed=all(
            side >= 0 for place in ends for side in _given(main.tensors[place].shapeSignature)
        ),
        subgraphs=len(model.subgraphs),
        operators=tuple(_operators(model)),
        constants=dict(schema.constant_bytes(data)),
        computed=dict(computed),
        float_tensors=tuple(floats[:_MOST_NAMES]),
        float_count=len(floats),
        per_tensor=sum(count == 1 for count in scales),
        per_channel=sum(count > 1 for count in scales),
        layers=layers,
        bare_layers=tuple(bare[:_MOST_NAMES]),
        bare_count=len(bare),
        signatures=tuple(
            Signature(
                key=_text(signature.signatureKey),
                inputs=tuple(_text(tensor.name) for tensor in signature.inputs or []),
                outputs=tuple(_text(tensor.name) for tensor in signature.outputs or []),
            )
            for signature in model.signatureDefs or []
        ),
        says_oldest=_says_oldest(model),
    )


def short(name: str) -> str:
    """A readable tensor name: the last two parts of the first of its fused names."""
    return "/".join(name.split(";")[0].split("/")[-2:])


def damage(data: bytes) -> str:
    """The first thing in a damaged file that points outside it, in words; empty if nothing does."""
    try:
        model = Document(data).root()
        for buffer in model.tables(4):
            buffer.bytes(0)
        for graph in model.tables(2):
            for tensor in graph.tables(0):
                tensor.text(3)
            for operator in graph.tables(3):
                operator.numbers(1, "i")
    except DamagedError as error:
        return str(error)
    return ""


def _border(tensor: Any, kinds: Mapping[int, str]) -> Tensor:
    quantization = tensor.quantization
    scales = [] if quantization is None else _given(quantization.scale)
    offsets = [] if quantization is None else _given(quantization.zeroPoint)
    dynamic = _given(tensor.shapeSignature)
    return Tensor(
        name=_text(tensor.name),
        shape=tuple(int(side) for side in (dynamic if len(dynamic) else _given(tensor.shape))),
        dtype=kinds[tensor.type].lower(),
        scale=float(scales[0]) if len(scales) == 1 else None,
        zero_point=int(offsets[0]) if len(scales) == 1 and len(offsets) else None,
    )


def _operators(model: Any) -> Iterator[Operator]:
    """Every version of every operator, most used first."""
    count: Counter[tuple[str, int]] = Counter()
    size: Counter[tuple[str, int]] = Counter()
    for graph in model.subgraphs:
        # A constant that is dequantized first counts for the layer that uses it.
        through: dict[int, int] = {}
        for operator in graph.operators or []:
            name = _operator_name(model.operatorCodes[operator.opcodeIndex])
            held = sum(
                through.get(place, 0) or _size(model, graph.tensors[place])
                for place in _given(operator.inputs)
                if place >= 0
            )
            key = (name, model.operatorCodes[operator.opcodeIndex].version)
            count[key] += 1
            if name == "DEQUANTIZE" and held:
                through[operator.outputs[0]] = held
            else:
                size[key] += held
    for (name, version), number in sorted(count.items(), key=lambda item: (-item[1], item[0])):
        yield Operator(name=name, version=version, count=number, constant_bytes=size[name, version])


def _kernels(model: Any) -> tuple[int, list[str]]:
    """How many operators need a kernel, and the outputs of those whose kernel is not in the file."""
    layers, bare = 0, []
    for graph in model.subgraphs:
        known = {place for place, tensor in enumerate(graph.tensors) if _size(model, tensor)}
        for operator in graph.operators or []:
            inputs = [int(place) for place in _given(operator.inputs)]
            name = _operator_name(model.operatorCodes[operator.opcodeIndex])
            if (
                inputs
                and name not in schema.VARIABLES
                and all(place in known or place < 0 for place in inputs)
            ):
                known.update(int(place) for place in _given(operator.outputs))
            if name in _LAYERS and len(inputs) > 1:
                layers += 1
                if inputs[1] not in known:
                    bare.append(_text(graph.tensors[operator.outputs[0]].name))
    return layers, bare


def _operator_name(code: Any) -> str:
    """An operator's name in the schema; for a custom one, its own name."""
    name = schema.operator_name(code)
    return f"CUSTOM {_text(code.customCode)}" if name == "CUSTOM" else name


def _says_oldest(model: Any) -> str:
    for entry in model.metadata or []:
        if entry.name == b"min_runtime_version":
            return bytes(_given(model.buffers[entry.buffer].data)).rstrip(b"\0").decode("ascii", "replace")
    return ""


def _size(model: Any, tensor: Any) -> int:
    return len(_given(model.buffers[tensor.buffer].data))


def _given(values: Any) -> Any:
    """A vector of the schema; empty if absent."""
    return np.empty(0, np.uint8) if values is None else values


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
