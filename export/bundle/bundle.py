"""A bundle: model, labels and contract in one folder, everything an app needs.

Makes the contract for a model, with golden vectors computed by it, and reads a bundle only if its files
belong together. `contract` defines the format, `golden` the pictures.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from export.bundle import contract as contracts
from export.bundle import golden, softmax
from export.bundle.contract import Contract
from export.bundle.tolerance import difference, tolerance
from pipeline.core import files, filetypes
from pipeline.core.errors import BundleError, ConversionError
from pipeline.core.recipes import library_version
from pipeline.core.sections import Flavour
from pipeline.images.letterbox import letterbox
from pipeline.tflite import interpreter as litert
from pipeline.tflite.interpreter import Interpreter

CONTRACT = "contract.json"
LABELS = "labels.txt"
_GOLDEN_BYTES = 64_000
# Whose XNNPACK the golden vectors have the bytes of.
PROCESSORS = _X86, _ARM64 = "x86_64", "arm64"
MOST_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Bundle:
    """A folder whose files belong together; `data` is the content of the model file."""

    folder: Path
    contract: Contract
    data: bytes

    @property
    def model(self) -> Path:
        return self.folder / self.contract.model.file


def model_name(flavour: str) -> str:
    """The name of a flavour's file."""
    return f"model_{flavour}.tflite"


def make_contract(
    data: bytes, *, flavour: Flavour, labels: Sequence[str], threshold: float, content_aspect: float
) -> Contract:
    """The contract for a .tflite file, with golden vectors computed by it.

    Args:
        data: The file.
        flavour: The file's flavour, which determines its name.
        labels: In output order.
        threshold: A probability; below it the answer is "don't know".
        content_aspect: The median width / height of the training pictures.

    Raises:
        BundleError: There are more or fewer labels than outputs, or a label cannot go into a text file.
        ConversionError: LiteRT cannot load the file, or its input needs more than raw pixels.
    """
    name = model_name(flavour)
    interpreter = Interpreter(data, num_threads=1, kernels=litert.BUILT_IN)
    _check_labels(labels, interpreter, name)
    border = _border(interpreter.input)
    if border["dtype"] == "uint8" and (border["scale"], border["zero_point"]) != (1, 0):
        raise ConversionError(
            f"the input of {name} has scale {border['scale']} and zero point {border['zero_point']}; "
            "raw pixels need 1 and 0",
            "calibrate with an all-black and an all-white frame among the pictures",
        )
    drawn = list(golden.pictures(interpreter.frame))
    record = {
        "contract_version": contracts.VERSION,
        "flavour": flavour,
        "model": {"file": name, "sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)},
        "input": {
            "width": interpreter.frame.width,
            "height": interpreter.frame.height,
            **border,
            "colour_order": "RGB",
            "value_range": (0, 255),
            "letterbox": "bilinear-antialiased-centred-black",
            "content_aspect": content_aspect,
        },
        "camera": {"yuv": "bt601-full-range", "chroma_upsampling": "nearest"},
        "output": {**_border(interpreter.output), "meaning": "probabilities"},
        "labels": tuple(labels),
        "threshold": threshold,
        "tolerance": tolerance(data, flavour, difference(data, [picture for _, picture in drawn])),
        "golden": {
            "runtime": f"LiteRT {library_version('ai-edge-litert')}",
            "kernels": litert.BUILT_IN,
            "num_threads": 1,
            "vectors": tuple(_vectors(data, interpreter, drawn, name)),
        },
    }
    try:
        return Contract.model_validate(record)
    except ValidationError as error:
        raise BundleError(
            f"cannot make a contract for {name}: {contracts.explain(error)}",
            "rename the labels it names, then train again",
        ) from error


def write(contract: Contract, folder: Path) -> None:
    """Writes `labels.txt` and `contract.json` beside the model, the contract last.

    Raises:
        StorageError: A file cannot be written.
    """
    write_labels(contract.labels, folder)
    write_contract(contract, folder)


def write_labels(labels: Sequence[str], folder: Path) -> None:
    """Writes `labels.txt`, one label per line, in output order; raises StorageError."""
    files.write_text(folder / LABELS, "".join(f"{label}\n" for label in labels))


def write_contract(contract: Contract, folder: Path) -> None:
    """Writes `contract.json`; raises StorageError."""
    files.write_json(folder / CONTRACT, contracts.as_json(contract))


def read(folder: Path) -> Bundle:
    """The bundle in a folder, once its contract, labels and model are known to belong together.

    Raises:
        BundleError: A file is missing, damaged, newer than this program, or from another bundle.
        ConversionError: LiteRT cannot load the model.
    """
    contract = contracts.parse(_text(folder / CONTRACT), str(folder / CONTRACT))
    path = folder / contract.model.file
    data = _bytes(path)
    actual = (len(data), hashlib.sha256(data).hexdigest())
    expected = (contract.model.size_bytes, contract.model.sha256)
    if actual != expected:
        raise BundleError(
            f"{path} is not the model of this contract: it has {actual[0]:,} bytes and "
            f"sha256 {actual[1][:12]}…; {CONTRACT} names {expected[0]:,} bytes and {expected[1][:12]}…",
            contracts.EXPORT_AGAIN,
        )
    _check_lines(folder / LABELS, contract.labels)
    interpreter = Interpreter(data, num_threads=1, kernels=litert.BUILT_IN)
    _check_labels(contract.labels, interpreter, str(path))
    _check_borders(folder / CONTRACT, contract, interpreter)
    return Bundle(folder, contract, data)


def _vectors(
    data: bytes, built_in: Interpreter, drawn: Sequence[tuple[str, np.ndarray]], name: str
) -> Iterator[dict[str, Any]]:
    left = _GOLDEN_BYTES
    runs = {"output": built_in.run, "output_xnnpack": softmax.runner(data, litert.XNNPACK, _X86)}
    if softmax.split(data):
        runs["output_xnnpack_arm64"] = softmax.runner(data, litert.XNNPACK, _ARM64)
    for title, picture in drawn:
        frame = letterbox(picture, built_in.frame)
        vector = {
            "name": title,
            "width": picture.shape[1],
            "height": picture.shape[0],
            "rgb": base64.b64encode(picture.tobytes()).decode(),
            "prepared_sha256": hashlib.sha256(frame.tobytes()).hexdigest(),
            **{key: base64.b64encode(run(frame).tobytes()).decode() for key, run in runs.items()},
        }
        size = len(json.dumps(vector, indent=4))  # the contract itself is indented less
        # With large frames or many labels, fewer fit; the most revealing come first.
        if size <= left:
            left -= size
            yield vector
    if left == _GOLDEN_BYTES:
        raise ConversionError(f"a single golden vector of {name} takes more than {_GOLDEN_BYTES:,} bytes")


def _border(details: dict[str, Any]) -> dict[str, Any]:
    """A tensor's type and quantization in the contract's terms."""
    dtype = str(details["dtype"].__name__)
    if dtype == "float32":
        return {"dtype": dtype, "scale": None, "zero_point": None}
    scale, zero_point = details["quantization"]
    return {"dtype": dtype, "scale": float(scale), "zero_point": int(zero_point)}


def _check_borders(where: Path, contract: Contract, interpreter: Interpreter) -> None:
    file = contract.model.file
    if contract.input.frame != interpreter.frame:
        raise BundleError(
            f"{where}: the frame is {contract.input.frame}, but {file} takes {interpreter.frame}",
            contracts.EXPORT_AGAIN,
        )
    for name, part, details in (
        ("input", contract.input, interpreter.input),
        ("output", contract.output, interpreter.output),
    ):
        stated = {"dtype": part.dtype, "scale": part.scale, "zero_point": part.zero_point}
        actual = _border(details)
        if stated != actual:
            raise BundleError(
                f"{where}: {name} is {_words(stated)}, but {file} has {_words(actual)}",
                contracts.EXPORT_AGAIN,
            )


def _words(border: dict[str, Any]) -> str:
    if border["scale"] is None:
        return str(border["dtype"])
    return f"{border['dtype']} with scale {border['scale']} and zero point {border['zero_point']}"


def _check_labels(labels: Sequence[str], interpreter: Interpreter, where: str) -> None:
    outputs = int(interpreter.output["shape"][-1])
    if len(labels) != outputs:
        raise BundleError(
            f"{where} has {outputs} outputs, but there are {len(labels)} labels",
            "use the labels of the pictures that the model was trained on",
        )


def _check_lines(path: Path, labels: Sequence[str]) -> None:
    lines = _text(path).removesuffix("\n").split("\n")
    for number in range(max(len(lines), len(labels))):
        line, label = (repr(names[number]) if number < len(names) else "nothing" for names in (lines, labels))
        if line != label:
            raise BundleError(
                f"{path}, line {number + 1}: {line}, but {CONTRACT} says {label}", contracts.EXPORT_AGAIN
            )


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} is damaged: {error}", contracts.EXPORT_AGAIN) from error


def _bytes(path: Path) -> bytes:
    try:
        return filetypes.contents(path, MOST_BYTES)
    except FileNotFoundError as error:
        raise BundleError(
            f"{path} is missing",
            "a bundle is a folder with a model, labels.txt and contract.json: data/runs/NAME/export/int8",
        ) from error
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}", "check your read permission") from error
