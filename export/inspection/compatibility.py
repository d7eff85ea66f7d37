"""Who accepts a .tflite, by its border and its operators, and why not.

MediaPipe's rules are held against MediaPipe itself by the tests. LiteRT.js' stand in its guide
("no dynamic dimensions, the batch among them") and were tried with @litertjs/core 2.5.3, which takes
uint8 and float32. For the app's runtime there is a table of operator versions.
"""

from __future__ import annotations

from export import app_versions
from export.model_file import operators
from export.model_file.metadata import Metadata
from export.model_file.structure import BUILT_IN, Part, Structure, Tensor

_BORDER = ("uint8", "float32")
# How many means and deviations may stand in the metadata of any file, used or not.
_NORMALIZED = (1, 3)


class Consumer(Part):
    """A program that may load the file; `accepts` is null where that was not checked."""

    name: str
    accepts: bool | None
    reason: str


def consumers(structure: Structure, said: Metadata | None) -> tuple[Consumer, ...]:
    """Every consumer that is known here, with its verdict."""
    version = app_versions.pinned_version(app_versions.read_versions(app_versions.PROJECT))
    return (
        _verdict("MediaPipe Tasks, image classifier", _mediapipe(structure, said), _remark(said)),
        _verdict("LiteRT.js in a browser", _litert_js(structure)),
        _app(structure, version),
        Consumer(name="GPU delegate", accepts=None, reason="not checked"),
    )


def _verdict(name: str, reasons: list[str], remark: str = "") -> Consumer:
    return Consumer(name=name, accepts=not reasons, reason="; ".join(reasons) or remark)


def _mediapipe(structure: Structure, said: Metadata | None) -> list[str]:
    reasons = _operators(structure)
    if len(structure.inputs) != 1:
        return [*reasons, f"it wants one input, not {len(structure.inputs)}"]
    (taken,), given = structure.inputs, structure.outputs
    if len(taken.shape) != 4 or taken.shape[-1] not in (3, 4, -1) or taken.shape[0] not in (1, -1):
        reasons.append(f"it wants one picture of shape 1 x height x width x 3, not {_shape(taken)}")
    if taken.dtype not in _BORDER:
        reasons.append(f"it feeds {' or '.join(_BORDER)}, not {taken.dtype}")
    else:
        reasons += _normalization(said, taken.dtype)
    for tensor in given:
        if tensor.dtype not in _BORDER:
            reasons.append(f"it reads {' or '.join(_BORDER)}, not {tensor.dtype}")
        if len(tensor.shape) not in (2, 4) or any(side not in (1, -1) for side in tensor.shape[:-1]):
            reasons.append(f"it reads one row of scores, not {_shape(tensor)}")
    if said:
        reasons += _unreadable(said)
    labels = len(said.labels) if said else 0
    if labels and given and given[0].shape and given[0].shape[-1] != labels:
        reasons.append(f"{labels} labels in the file, but {given[0].shape[-1]} scores")
    return reasons


def _normalization(said: Metadata | None, dtype: str) -> list[str]:
    means, deviations = (said and said.normalized) or (1, 1)
    if means != deviations or means not in _NORMALIZED:
        return [f"it takes one mean and one deviation, not {means} and {deviations}"]
    if dtype != "float32":
        return []
    if not (said and said.mean and said.std):
        return ["a float32 input needs a normalization in the metadata"]
    if len(set(said.mean)) > 1 or len(set(said.std)) > 1:
        return ["it takes one mean and one deviation, not one for each channel"]
    return []


def _unreadable(said: Metadata) -> list[str]:
    if said.damaged:
        return ["it cannot read the metadata"]
    if said.labels_file and not said.labels:
        return [f"it cannot read the labels, {said.labels_file}"]
    return ["it reads labels only where they are stored without compression"] if said.compressed else []


def _remark(said: Metadata | None) -> str:
    return "" if said and said.labels else "without names: there are no labels in the file"


def _litert_js(structure: Structure) -> list[str]:
    reasons = _operators(structure)
    wrong = sorted({t.dtype for t in (*structure.inputs, *structure.outputs) if t.dtype not in _BORDER})
    if wrong:
        reasons.append(f"it takes {' or '.join(_BORDER)} at the border, not {', '.join(wrong)}")
    if not structure.batch_is_fixed:
        one = f"the input is {_shape(structure.inputs[0])}" if structure.size_is_open else "the batch is one"
        reasons.append(f"it takes no dynamic dimension, and {one}")
    return reasons


def _app(structure: Structure, version: str) -> Consumer:
    name = f"the app's runtime, TensorFlow Lite {version}"
    table = operators.highest_versions(version)
    if table is None:
        return Consumer(name=name, accepts=None, reason="not checked: no table of its operator versions")
    reasons = [
        f"{op.name} version {op.version}, it runs up to {table[op.name]}"
        if op.name in table
        else f"{op.name} is unknown to it"
        for op in structure.operators
        if op.version > table.get(op.name, 0) and op.name.removeprefix("CUSTOM ") not in BUILT_IN
    ]
    sides = (*structure.inputs, *structure.outputs)
    if (
        len(structure.inputs) != 1
        or len(structure.outputs) != 1
        or any(t.dtype not in _BORDER for t in sides)
    ):
        reasons.append(f"the app wants one {' or '.join(_BORDER)} input and one such output")
    if structure.size_is_open:
        reasons.append("the app wants an input of fixed size")
    return _verdict(name, reasons)


def _operators(structure: Structure) -> list[str]:
    """Operators that no runtime has built in."""
    unknown = [op.name for op in structure.operators if op.name.startswith("operator ")]
    return [f"it lacks {name}" for name in (*structure.custom, *unknown)]


def _shape(tensor: Tensor) -> str:
    return " x ".join("?" if side < 0 else str(side) for side in tensor.shape)
