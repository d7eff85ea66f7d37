"""Checks whether a .tflite is what its name promises.

`convert` asks before it writes a file, `passport` about files of any origin. How flavours are made is in
`export.conversion`.
"""

from __future__ import annotations

import re
from typing import cast

from export.model_file.structure import Structure, Tensor, short
from pipeline.core.sections import DYNAMIC_RANGE, FLAVOURS, FLOAT16, FLOAT32, INT8, Flavour

# The type of each flavour's weights.
_WEIGHTS: dict[str, str] = {
    FLOAT32: "FLOAT32",
    FLOAT16: "FLOAT16",
    DYNAMIC_RANGE: "INT8",
    INT8: "INT8",
}
_INTEGER_WEIGHTS = ("INT8", "UINT8", "INT4", "INT2")
_KINDS = {
    FLOAT32: "a float32 file: weights and arithmetic in float32",
    FLOAT16: "a float16 file: weights in float16, arithmetic in float32",
    DYNAMIC_RANGE: "a dynamic-range file: weights in integers, arithmetic in float32",
    INT8: "an int8 file: weights and arithmetic in 8-bit integers",
    "int16x8": "an int16x8 file: weights in int8, arithmetic in int16",
    "fallback": "an int8 file that falls back to float32 in places",
    "nothing": "a file without weights",
    "compiled": "a file compiled for a chip",
}


def promised(stem: str) -> Flavour | None:
    """The flavour that a file's name states, as in `anything_int8.tflite`; None if it states none.

    Args:
        stem: The name without `.tflite`. Where two flavours are named, the last counts.
    """
    names = re.findall(rf"_({'|'.join(FLAVOURS)})(?=[._-]|$)", stem.lower())
    return cast("Flavour", names[-1]) if names else None


def kind(structure: Structure) -> str:
    """What a file is: a flavour, or `int16x8`, `fallback`, `nothing`, `compiled`, or its weights' type."""
    weights = structure.weights
    if structure.chip:
        return "compiled"
    if structure.variables or (structure.layers and structure.bare_count == structure.layers):
        return "nothing"
    if weights not in _INTEGER_WEIGHTS:
        return {"FLOAT32": FLOAT32, "FLOAT16": FLOAT16}.get(weights, weights)
    if structure.computed.get("INT16"):
        return "int16x8"
    if not structure.float_count:
        return INT8
    return "fallback" if any(structure.computed.get(k) for k in ("INT8", "UINT8")) else DYNAMIC_RANGE


def in_words(structure: Structure) -> str:
    """What a file is, as a phrase."""
    actual = kind(structure)
    return _KINDS.get(actual, f"a file with weights in {actual}")


def broken(structure: Structure, flavour: str, file: str) -> list[str]:
    """How a file's weights and arithmetic contradict a flavour; empty if they do not."""
    weights, actual = structure.weights, kind(structure)
    if actual == "compiled":
        return []  # what it was compiled from is unknown
    if actual == "nothing":
        return [f"{file} does not contain its weights"]
    if weights != _WEIGHTS[flavour]:
        return [f"the weights of {file} are {weights}; expected {_WEIGHTS[flavour]}"]
    if actual == flavour:
        return []
    if flavour == INT8 and structure.float_count:
        kinds = "FLOAT32" if actual == DYNAMIC_RANGE else "float"
        tensors = f"{structure.float_count} tensor{'s' * (structure.float_count > 1)}"
        names = ", ".join(short(name) for name in structure.float_tensors[:3]) + ", …" * (
            structure.float_count > 3
        )
        if actual == DYNAMIC_RANGE:
            return [f"{file} is a dynamic-range file: it computes in {kinds} ({tensors}: {names})"]
        return [f"{file} falls back to {kinds} in places ({tensors}: {names})"]
    return [f"{file} is {in_words(structure)}; expected {_KINDS[flavour]}"]


def broken_border(structure: Structure, flavour: str, file: str) -> list[str]:
    """What contradicts the input and output of our own flavours: raw uint8 pixels for int8, else float32."""
    wrong = []
    for side, tensors, scale in (("input", structure.inputs, 1.0), ("output", structure.outputs, 1 / 256)):
        expected = Tensor(
            name="",
            shape=(),
            dtype="uint8" if flavour == INT8 else "float32",
            scale=scale if flavour == INT8 else None,
            zero_point=0 if flavour == INT8 else None,
        )
        if len(tensors) != 1:
            wrong.append(f"{file} has {len(tensors)} {side}s; expected 1")
        elif _border(tensors[0]) != _border(expected):
            wrong.append(f"the {side} of {file} is {_border(tensors[0])}; expected {_border(expected)}")
    return wrong


def _border(tensor: Tensor) -> str:
    if tensor.scale is None:
        return tensor.dtype
    return f"{tensor.dtype}, scale {tensor.scale}, zero point {tensor.zero_point}"
