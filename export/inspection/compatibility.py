"""Who accepts a .tflite, by its inputs, outputs and operators, and why not.

The tests compare MediaPipe's rules with MediaPipe itself. LiteRT.js' rules are from its guide ("no dynamic
dimensions, the batch among them") and were tried with @litertjs/core 2.5.3, which takes uint8 and float32.
For the app's runtime there is a table of operator versions.
"""

from __future__ import annotations

from export import app_versions
from export.model_file import operators
from export.model_file.metadata import Metadata
from export.model_file.structure import BUILT_IN, Part, Structure, Tensor

_BORDER = ("uint8", "float32")
# How many means and deviations the metadata of any file may hold, used or not.
_NORMALIZED = (1, 3)


class Consumer(Part):
    """A program that may load the file; `accepts` is null if not checked."""

    name: str
    accepts: bool | None
    reason: str


def consumers(structure: Structure, notes: Metadata | None) -> tuple[Consumer, ...]:
    """The verdict of every known consumer."""
    version = app_versions.pinned_version(app_versions.read_versions(app_versions.PROJECT))
    return (
        _verdict("MediaPipe Tasks, image classifier", _mediapipe(structure, notes), _remark(notes)),
        _verdict("LiteRT.js in a browser", _litert_js(structure)),
        _app(structure, version),
        Consumer(name="GPU delegate", accepts=None, reason=""),
    )


def _verdict(name: str, reasons: list[str], remark: str = "") -> Consumer:
    return Consumer(name=name, accepts=not reasons, reason="; ".join(reasons) or remark)


def _mediapipe(structure: Structure, notes: Metadata | None) -> list[str]:
    reasons = _operators(structure)
    if len(structure.inputs) != 1:
        return [*reasons, f"it takes one input, not {len(structure.inputs)}"]
    (picture,), outputs = structure.inputs, structure.outputs
    if len(picture.shape) != 4 or picture.shape[-1] not in (3, 4, -1) or picture.shape[0] not in (1, -1):
        reasons.append(f"it takes one picture of shape 1 x height x width x 3, not {_shape(picture)}")
    if picture.dtype not in _BORDER:
        reasons.append(f"it feeds {' or '.join(_BORDER)}, not {picture.dtype}")
    else:
        reasons += _normalization(notes, picture.dtype)
    for tensor in outputs:
        if tensor.dtype not in _BORDER:
            reasons.append(f"it reads {' or '.join(_BORDER)}, not {tensor.dtype}")
        if len(tensor.shape) not in (2, 4) or any(side not in (1, -1) for side in tensor.shape[:-1]):
            reasons.append(f"it reads one row of scores, not {_shape(tensor)}")
    if notes:
        reasons += _unreadable(notes)
    labels = len(notes.labels) if notes else 0
    if labels and outputs and outputs[0].shape and outputs[0].shape[-1] != labels:
        reasons.append(f"{labels} labels in the file, but {outputs[0].shape[-1]} scores")
    return reasons


def _normalization(notes: Metadata | None, dtype: str) -> list[str]:
    means, deviations = (notes and notes.normalized) or (1, 1)
    if means != deviations or means not in _NORMALIZED:
        return [f"it takes one mean and one deviation, not {means} and {deviations}"]
    if dtype != "float32":
        return []
    if not (notes and notes.mean and notes.std):
        return ["a float32 input needs a normalization in the metadata"]
    if len(set(notes.mean)) > 1 or len(set(notes.std)) > 1:
        return ["it takes one mean and one deviation, not one for each channel"]
    return []


def _unreadable(notes: Metadata) -> list[str]:
    if notes.damaged:
        return ["it cannot read the metadata"]
    if notes.labels_file and not notes.labels:
        return [f"it cannot read the labels, {notes.labels_file}"]
    return ["it reads labels only if they are stored uncompressed"] if notes.compressed else []


def _remark(notes: Metadata | None) -> str:
    return "" if notes and notes.labels else "it shows no class names, because the file has no labels"


def _litert_js(structure: Structure) -> list[str]:
    reasons = _operators(structure)
    wrong = sorted({t.dtype for t in (*structure.inputs, *structure.outputs) if t.dtype not in _BORDER})
    if wrong:
        reasons.append(f"it takes {' or '.join(_BORDER)} as input and output, not {', '.join(wrong)}")
    if not structure.batch_is_fixed:
        size = (
            f"input is {_shape(structure.inputs[0])}" if structure.size_is_open else "batch size is dynamic"
        )
        reasons.append(f"it takes no dynamic dimensions, but the {size}")
    return reasons


def _app(structure: Structure, version: str) -> Consumer:
    name = f"the app's runtime, TensorFlow Lite {version}"
    table = operators.highest_versions(version)
    if table is None:
        return Consumer(name=name, accepts=None, reason="there is no table of its operator versions")
    reasons = [
        f"it runs {op.name} up to version {table[op.name]}, not {op.version}"
        if op.name in table
        else f"it does not know {op.name}"
        for op in structure.operators
        if op.version > table.get(op.name, 0) and op.name.removeprefix("CUSTOM ") not in BUILT_IN
    ]
    sides = (*structure.inputs, *structure.outputs)
    if (
        len(structure.inputs) != 1
        or len(structure.outputs) != 1
        or any(t.dtype not in _BORDER for t in sides)
    ):
        reasons.append(f"the app needs one {' or '.join(_BORDER)} input and one such output")
    if structure.size_is_open:
        reasons.append("the app needs a fixed input size")
    return _verdict(name, reasons)


def _operators(structure: Structure) -> list[str]:
    """Reasons for operators that no runtime has built in."""
    unknown = [op.name for op in structure.operators if op.name.startswith("operator ")]
    return [f"it lacks {name}" for name in (*structure.custom, *unknown)]


def _shape(tensor: Tensor) -> str:
    return " x ".join("?" if side < 0 else str(side) for side in tensor.shape)
