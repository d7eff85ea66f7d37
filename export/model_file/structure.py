"""The contents of a .tflite: its border, operators, constants and types, read with LiteRT's schema.

Reading follows whatever the file states, so strangers' files are read under limits on time and
memory, by `inspection.examination`. What the contents mean for the file's name is decided in
`flavours`, and which runtimes load it in `inspection.compatibility`.
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

# Operators whose second input is a kernel, and so must be in the file.
_LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "CONV_3D")
# What only holds axes, shapes and biases, and is no weight.
_NO_WEIGHTS = ("INT32", "UINT32", "INT64", "UINT64", "BOOL", "STRING")
# Custom operators that every runtime has: TensorFlow Lite registers them with its own.
BUILT_IN = ("TFLite_Detection_PostProcess", "NumericVerify", "Mfcc", "AudioSpectrogram")
# What compilers for a chip put in the place of the operators that they took.
_CHIPS = {
    "DISPATCH_OP": "an NPU",
    "edgetpu-custom-op": "Google's Edge TPU",
    "ethos-u": "Arm's Ethos-U",
    "vsi-npu": "an NPU of VeriSilicon",
}
_MOST_NAMES = 200


class Part(BaseModel):
    """A piece of a passport: frozen, and the same in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tensor(Part):
    """A tensor at the border; scale and zero point are null where it is not quantized."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None


class Operator(Part):
    """An operator at one version: how often it is used, and the bytes of constants that it takes."""

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
    """Everything that is read from a .tflite without running it.

    Attributes:
        batch_is_fixed: Whether every dimension of the border is a number.
        constants: Bytes of constants, by type.
        computed: How many tensors are computed, by type; those at the border aside.
        float_tensors: Names of float tensors that an operator computes, but for the border; the first 200.
        float_count: How many there are.
        per_tensor: Tensors with one scale.
        per_channel: Tensors with a scale for each channel.
        layers: Operators that need a kernel.
        bare_layers: Outputs of those whose kernel is not in the file; the first 200.
        bare_count: How many there are.
        says_oldest: The oldest runtime, as the converter wrote it into the file; empty if it did not.
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
        """Operators that read weights from outside of the graph."""
        return sorted({operator.name for operator in self.operators} & set(schema.VARIABLES))

    @property
    def custom(self) -> list[str]:
        """Custom operators that runtimes do not have of themselves."""
        names = {op.name.removeprefix("CUSTOM ") for op in self.operators if op.name.startswith("CUSTOM ")}
        return sorted(names - set(BUILT_IN))

    @property
    def chip(self) -> str:
        """For which the file was compiled, in words; empty if it was not."""
        return next((_CHIPS[name] for name in self.custom if name in _CHIPS), "")

    @property
    def size_is_open(self) -> bool:
        """Whether it takes pictures of any height or width."""
        return bool(self.inputs) and litert.leaves_size_open(self.inputs[0].shape)

    @property
    def weights(self) -> str:
        """The type that holds most weights; `nothing` where there are none."""
        held = {kind: size for kind, size in self.constants.items() if size and kind not in _NO_WEIGHTS}
        return max(held, key=lambda kind: held[kind], default="nothing")


def read(data: bytes) -> Structure:
    """Reads a .tflite that may be trusted to be one; anything may be raised if it is not."""
    model = schema.read_schema(data)
    kinds = schema.names("TensorType")
    main = model.subgraphs[0]
    border = {*main.inputs, *main.outputs}
    computed: Counter[str] = Counter()
    floats: list[str] = []
    scales: list[int] = []
    for graph in model.subgraphs:
        made = {place for operator in graph.operators or [] for place in _given(operator.outputs)}
        for place, tensor in enumerate(graph.tensors):
            scales.append(0 if tensor.quantization is None else len(_given(tensor.quantization.scale)))
            if graph is main and place in border:
                continue
            # Converters leave tensors behind, such as those between the gates of an LSTM.
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
            side >= 0 for place in border for side in _given(main.tensors[place].shapeSignature)
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
    """A tensor's name that can be read aloud: the end of the first of those that were fused."""
    return "/".join(name.split(";")[0].split("/")[-2:])


def damage(data: bytes) -> str:
    """The first thing that leads out of a damaged file, in words; empty if nothing is found."""
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
    """Every operator at every version, the most used first."""
    count: Counter[tuple[str, int]] = Counter()
    size: Counter[tuple[str, int]] = Counter()
    for graph in model.subgraphs:
        # What dequantizes a constant passes it on; the layer behind it is what takes the bytes.
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
    """How many operators need a kernel, and the outputs of those that have none in the file."""
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
    """An operator's name as in the schema; a custom one by its own."""
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
    """A vector of the schema, which may be absent."""
    return np.empty(0, np.uint8) if values is None else values


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
