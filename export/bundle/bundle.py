"""A bundle: model, labels and contract in one folder, all that an app needs.

Makes the contract for a model, with golden vectors answered by it, and reads bundles back only
where their files belong together. The form of the contract belongs to `contract`, the golden
pictures to `golden`.
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
from export.bundle import golden
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
MOST_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Bundle:
    """A folder whose files were found to belong together; `data` is the model's file."""

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
    """The contract for a .tflite file, with golden vectors answered by it.

    Args:
        data: The file.
        flavour: What it is, and so what it will be called.
        labels: In output order.
        threshold: A probability; below it the answer is "don't know".
        content_aspect: The median width / height of the training pictures.

    Raises:
        BundleError: The labels are not as many as the outputs, or not fit for a text file.
        ConversionError: LiteRT cannot load the file, or its border is none that a contract states.
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
            "vectors": tuple(_vectors(interpreter, drawn, name)),
        },
    }
    try:
        return Contract.model_validate(record)
    except ValidationError as error:
        raise BundleError(
            f"no contract can be made for {name}: {contracts.explain(error)}",
            "rename what it names, and train again",
        ) from error


def write(contract: Contract, folder: Path) -> None:
    """Writes `labels.txt` and `contract.json` beside the model, the contract last.

    Raises:
        StorageError: They could not be written.
    """
    write_labels(contract.labels, folder)
    write_contract(contract, folder)


def write_labels(labels: Sequence[str], folder: Path) -> None:
    """Writes `labels.txt`, one label a line, in output order; raises StorageError."""
    files.write_text(folder / LABELS, "".join(f"{label}\n" for label in labels))


def write_contract(contract: Contract, folder: Path) -> None:
    """Writes `contract.json`; raises StorageError."""
    files.write_json(folder / CONTRACT, contracts.as_json(contract))


def read(folder: Path) -> Bundle:
    """The bundle in a folder, found whole: contract, labels and model belong together.

    Raises:
        BundleError: A file is missing, damaged, newer than this program, or of another bundle.
        ConversionError: LiteRT cannot load the model.
    """
    contract = contracts.parse(_text(folder / CONTRACT), str(folder / CONTRACT))
    path = folder / contract.model.file
    data = _bytes(path)
    held = (len(data), hashlib.sha256(data).hexdigest())
    named = (contract.model.size_bytes, contract.model.sha256)
    if held != named:
        raise BundleError(
            f"{path} is not the model of this contract: it has {held[0]:,} bytes and sha256 {held[1][:12]}…; "
            f"{CONTRACT} names {named[0]:,} bytes and {named[1][:12]}…",
            contracts.EXPORT_AGAIN,
        )
    _check_lines(folder / LABELS, contract.labels)
    interpreter = Interpreter(data, num_threads=1, kernels=litert.BUILT_IN)
    _check_labels(contract.labels, interpreter, str(path))
    _check_borders(folder / CONTRACT, contract, interpreter)
    return Bundle(folder, contract, data)


def _vectors(
    interpreter: Interpreter, drawn: Sequence[tuple[str, np.ndarray]], name: str
) -> Iterator[dict[str, Any]]:
    left = _GOLDEN_BYTES
    for title, picture in drawn:
        frame = letterbox(picture, interpreter.frame)
        vector = {
            "name": title,
            "width": picture.shape[1],
            "height": picture.shape[0],
            "rgb": base64.b64encode(picture.tobytes()).decode(),
            "prepared_sha256": hashlib.sha256(frame.tobytes()).hexdigest(),
            "output": base64.b64encode(interpreter.run(frame).tobytes()).decode(),
        }
        size = len(json.dumps(vector, indent=4))  # more than the contract's own indent takes
        # Large frames and many labels leave room for fewer; the most telling come first.
        if size <= left:
            left -= size
            yield vector
    if left == _GOLDEN_BYTES:
        raise ConversionError(f"an answer of {name} alone is larger than {_GOLDEN_BYTES:,} bytes")


def _border(details: dict[str, Any]) -> dict[str, Any]:
    """A tensor's type and quantization in the contract's words."""
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
        found = _border(details)
        if stated != found:
            raise BundleError(
                f"{where}: {name} is {_words(stated)}, but {file} has {_words(found)}", contracts.EXPORT_AGAIN
            )


def _words(border: dict[str, Any]) -> str:
    if border["scale"] is None:
        return str(border["dtype"])
    return f"{border['dtype']} with scale {border['scale']} and zero point {border['zero_point']}"


def _check_labels(labels: Sequence[str], interpreter: Interpreter, where: str) -> None:
    outputs = int(interpreter.output["shape"][-1])
    if len(labels) != outputs:
        raise BundleError(
            f"{where} answers with {outputs} numbers, but there are {len(labels)} labels",
            "a model needs the labels of the pictures that it was trained on",
        )


def _check_lines(path: Path, labels: Sequence[str]) -> None:
    lines = _text(path).removesuffix("\n").split("\n")
    for number in range(max(len(lines), len(labels))):
        found, wanted = (
            repr(names[number]) if number < len(names) else "nothing" for names in (lines, labels)
        )
        if found != wanted:
            raise BundleError(
                f"{path}, line {number + 1}: {found}, but {CONTRACT} says {wanted}", contracts.EXPORT_AGAIN
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
        raise BundleError(
            f"{path} cannot be read: {error.strerror}", "give yourself the right to read it"
        ) from error
