"""What the name of a .tflite promises, held against what stands in it.

The one judge of names: `convert` asks it about every file before it is written, `passport` about
files of any origin. Flavours are made in `convert`.
"""

from __future__ import annotations

import re
from typing import cast

from export.model_file.structure import Structure, Tensor, short
from pipeline.core.sections import DYNAMIC_RANGE, FLAVOURS, FLOAT16, FLOAT32, INT8, Flavour

# What the weights of a flavour are, and in words.
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
    INT8: "an int8 file: weights and arithmetic in integers of 8 bits",
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
    found = re.findall(rf"_({'|'.join(FLAVOURS)})(?=[._-]|$)", stem.lower())
    return cast("Flavour", found[-1]) if found else None


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
    found = kind(structure)
    return _KINDS.get(found, f"a file with weights in {found}")


def broken(structure: Structure, flavour: str, file: str) -> list[str]:
    """What contradicts a flavour in a file's weights and arithmetic; empty if nothing does."""
    weights, found = structure.weights, kind(structure)
    if found == "compiled":
        return []  # what it was before, nobody can tell
    if found == "nothing":
        return [f"{file} does not hold its weights"]
    if weights != _WEIGHTS[flavour]:
        return [f"the weights of {file} are {weights}; expected {_WEIGHTS[flavour]}"]
    if found == flavour:
        return []
    if flavour == INT8 and structure.float_count:
        kinds = "FLOAT32" if found == DYNAMIC_RANGE else "float"
        tensors = f"{structure.float_count} tensor{'s' * (structure.float_count > 1)}"
        names = ", ".join(short(name) for name in structure.float_tensors[:3]) + ", …" * (
            structure.float_count > 3
        )
        if found == DYNAMIC_RANGE:
            return [f"{file} is a dynamic-range file: it calculates in {kinds} ({tensors}: {names})"]
        return [f"{file} falls back to {kinds} in places ({tensors}: {names})"]
    return [f"{file} is {in_words(structure)}; expected {_KINDS[flavour]}"]


def broken_border(structure: Structure, flavour: str, file: str) -> list[str]:
    """What contradicts the border of our own flavours: uint8 raw pixels for int8, else float32."""
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
