"""What goes on inside a .tflite: the answers of every layer to a frame, and where two files part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.tflite import interpreter as litert
from pipeline.tflite.schema import read_schema


@dataclass(frozen=True)
class Layer:
    """The output of one operator.

    Attributes:
        name: The tensor's, shortened to what a person knows.
        tensor: The tensor's own name, the same in files of one model.
        operator: Such as `CONV_2D`.
        scale: Of the quantized numbers; 0 where they are none.
        zero_point: Likewise.
    """

    name: str
    tensor: str
    operator: str
    index: int
    scale: float
    zero_point: int


class Inside:
    """Runs a .tflite that takes one picture and keeps what every layer gave; built-in kernels."""

    def __init__(self, data: bytes) -> None:
        # XNNPACK would keep what happens inside to itself.
        self._interpreter = litert.Interpreter(data, kernels=litert.BUILT_IN, keep_inside=True)
        self.layers = tuple(_layers(data))

    def run(self, frame: np.ndarray) -> Iterator[tuple[Layer, np.ndarray]]:
        """Every layer with its numbers as they are; RGB, uint8, shape (height, width, 3)."""
        self._interpreter.run(frame)
        for layer in self.layers:
            yield layer, self._interpreter.inside(layer.index)


def real(layer: Layer, numbers: np.ndarray) -> np.ndarray:
    """Numbers of a layer dequantized, float32."""
    if not layer.scale:
        return numbers.astype(np.float32)
    return (numbers.astype(np.float32) - layer.zero_point) * np.float32(layer.scale)


def partings(reference: bytes, target: bytes, frames: Sequence[np.ndarray]) -> list[dict[str, float | str]]:
    """How far the target's layers are from the reference's, those that add most of it first.

    Only layers that both files have by the same name. `error` is the size of the difference over
    the size of the reference's numbers; `added` is how much of it was not there in any layer before.

    Args:
        reference: A float .tflite.
        target: Another file of the same model.
        frames: RGB, uint8.
    """
    one, other = Inside(reference), Inside(target)
    squares: dict[str, np.ndarray] = {}
    names: dict[str, str] = {}
    for frame in frames:
        wanted = {layer.tensor: real(layer, numbers) for layer, numbers in one.run(frame)}
        for layer, numbers in other.run(frame):
            expected = wanted.get(layer.tensor)
            if expected is None or expected.shape != numbers.shape:
                continue
            gap = real(layer, numbers) - expected
            sums = np.array(
                [np.square(gap, dtype=np.float64).sum(), np.square(expected, dtype=np.float64).sum()]
            )
            squares[layer.tensor] = squares.get(layer.tensor, 0) + sums
            names[layer.tensor] = layer.name
    found: list[dict[str, float | str]] = []
    highest = 0.0
    for tensor, (gap, size) in squares.items():
        error = float(np.sqrt(gap / size)) if size else 0.0
        found.append({"layer": names[tensor], "error": error, "added": max(0.0, error - highest)})
        highest = max(highest, error)
    return sorted(found, key=lambda row: -float(row["added"]))


def _layers(data: bytes) -> Iterable[Layer]:
    from ai_edge_litert import schema_py_generated as schema

    operators = {n: name for name, n in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    model = read_schema(data)
    graph = model.subgraphs[0]
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = operators[max(code.builtinCode, code.deprecatedBuiltinCode)]
        for index in operator.outputs:
            tensor = graph.tensors[index]
            name = (tensor.name or b"").decode(errors="replace")
            scales, zero_points = _quantization(tensor)
            yield Layer(
                name=_short(name),
                tensor=name,
                operator=kind,
                index=int(index),
                scale=float(scales[0]) if len(scales) == 1 else 0.0,
                zero_point=int(zero_points[0]) if len(scales) == 1 else 0,
            )


def _quantization(tensor: Any) -> tuple[Sequence[float], Sequence[int]]:
    """Scales and zero points: one of each where a layer is quantized, none where it is not."""
    found = tensor.quantization
    if found is None or found.scale is None or found.zeroPoint is None:
        return (), ()
    return found.scale, found.zeroPoint


def _short(name: str) -> str:
    """`vignette_1/classifier_1/block4_project_norm_1/batchnorm/add_1;…` → `block4_project_norm`."""
    parts = [part for part in name.split(";")[0].split("/") if part and part != "batchnorm"]
    known = parts[-2] if len(parts) > 1 else parts[-1] if parts else "unnamed"
    return known.removesuffix("_1")
