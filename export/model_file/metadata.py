"""Metadata inside a .tflite: names, labels, ranges and normalization, for readers of other houses.

The form is TensorFlow Lite's: a FlatBuffer of its own (identifier M001) among the model's buffers,
and the labels as a zip at the end of the file. MediaPipe Tasks asks for it. Interpreters do not
see it: their answers stay as they are. Apps that Vignette builds read the contract instead.

Source: `metadata_schema.fbs` 1.5.0 of TensorFlow Lite Support, the same in MediaPipe Tasks.
"""

from __future__ import annotations

import io
import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.model_file import flatbuffer
from export.model_file.flatbuffer import DamagedError, Document, Table
from pipeline.core.errors import ConversionError
from pipeline.core.size import Size
from pipeline.tflite import schema

LABELS = "labels.txt"
_BUFFER = "TFLITE_METADATA"
_IDENTIFIER, _MODEL = b"M001", b"TFL3"
_PARSER = "1.0.0"  # the oldest reader that knows everything written here
_FEATURE, _IMAGE = np.uint8(1), np.uint8(2)  # union ContentProperties
_NORMALIZATION = np.uint8(1)  # union ProcessUnitOptions
_AXIS_LABELS = np.uint8(2)  # enum AssociatedFileType
_RGB = np.uint8(1)  # enum ColorSpaceType
_DATE = (1980, 1, 1, 0, 0, 0)
# A file of labels is read up to here; ImageNet's 1,000 take 10 kB.
_MOST_LABEL_BYTES, _MOST_ZIP_BYTES = 1_000_000, 4_000_000
# What a zip made to hurt makes zipfile stumble over.
_ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, ValueError, EOFError),
    *(RuntimeError, ArithmeticError, LookupError, MemoryError),
)
# Where the model does not say how many channels its input has.
_CHANNELS = (1, 3)


@dataclass(frozen=True)
class Metadata:
    """What a file says about its first input and its first output; empty or None where it says nothing.

    Attributes:
        labels: In output order.
        labels_file: Where the labels are said to stand, in the zip at the end.
        compressed: Whether that file is.
        mean: Subtracted from pixels 0 … 255 by the caller of a float model, per channel or once for all.
        std: What the difference is divided by; as many.
        normalized: How many means and deviations stand there, usable or not; None where there are none.
        damaged: Whether nothing at all could be read.
        input_range: Lowest and highest value of the input, before normalization.
        output_range: The same of the output.
        problems: What is there but could not be read.
    """

    name: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    labels_file: str = ""
    compressed: bool = False
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    normalized: tuple[int, int] | None = None
    damaged: bool = False
    input_name: str = ""
    input_description: str = ""
    input_range: tuple[int, int] | None = None
    output_name: str = ""
    output_description: str = ""
    output_range: tuple[int, int] | None = None
    problems: tuple[str, ...] = ()


def classifier(labels: Sequence[str], frame: Size, about: str) -> Metadata:
    """What is said about one of our classifiers.

    Args:
        labels: In output order.
        frame: Of its input.
        about: Its weights and arithmetic, in words.
    """
    return Metadata(
        name="Vignette image classifier",
        description=f"Tells {len(labels)} classes of pictures apart; {about}.",
        labels=tuple(labels),
        labels_file=LABELS,
        # Raw pixels go in: the backbone's own scaling is a layer of the graph.
        mean=(0.0,),
        std=(1.0,),
        normalized=(1, 1),
        input_name="picture",
        input_description=(
            f"RGB, {frame.width} pixels wide and {frame.height} high, raw values 0 to 255; the whole "
            "picture, its aspect ratio kept, in the middle of a black frame."
        ),
        input_range=(0, 255),
        output_name="probability",
        output_description=f"One probability a class, in the order of {LABELS}; they add up to one.",
        output_range=(0, 1),
    )


def write(data: bytes, said: Metadata, frame: Size) -> bytes:
    """The same model with metadata in it, in place of any that it had; the same bytes for the same model.

    Args:
        data: The .tflite.
        said: What it shall say.
        frame: Of its input.

    Raises:
        ConversionError: The file keeps its constants where they would be lost.
    """
    import flatbuffers

    class Builder(flatbuffers.Builder):
        """Constants start at multiples of 16, as the schema demands and generated Python forgets."""

        def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802, N803
            return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)

    classes, model = schema.generated(), schema.read_schema(data)
    if any(buffer.offset for buffer in model.buffers):
        raise ConversionError("files over 2 GB keep constants behind the model; metadata cannot be put in")
    kept = [entry for entry in model.metadata or [] if entry.name != _BUFFER.encode()]
    content = np.frombuffer(_packed(said, frame), np.uint8)
    model.buffers.append(classes.BufferT(data=content))
    model.metadata = [*kept, classes.MetadataT(name=_BUFFER, buffer=len(model.buffers) - 1)]
    builder = Builder(len(data) + len(content))
    builder.Finish(model.Pack(builder), _MODEL)
    file = io.BytesIO(bytes(builder.Output()))
    with zipfile.ZipFile(file, "a") as archive:
        entry = zipfile.ZipInfo(LABELS, _DATE)
        entry.create_system = 3  # the same on every system
        archive.writestr(entry, "".join(f"{label}\n" for label in said.labels), zipfile.ZIP_STORED)
    return file.getvalue()


def read(data: bytes) -> Metadata | None:
    """What a .tflite of any origin says about itself; None if it has no metadata.

    Whatever stands in the file, this neither raises nor takes long; what could not be read is
    named in `problems`.
    """
    try:
        packed, channels = _find(data)
    except DamagedError as error:
        return Metadata(damaged=True, problems=(f"the file is damaged: {error}",))
    if packed is None:
        return None
    problems: list[str] = []
    try:
        found = _unpack(packed)
    except DamagedError as error:
        return Metadata(damaged=True, problems=(f"the metadata are damaged: {error}",))
    if found.get("normalized"):
        found |= _usable(found["mean"], found["std"], channels, problems)
    if found["labels_file"]:
        found |= _read_labels(data, found["labels_file"], problems)
    return Metadata(**found, problems=tuple(problems))


def _packed(said: Metadata, frame: Size) -> bytes:
    image = {0: _RGB, 1: {0: np.int32(frame.width), 1: np.int32(frame.height)}}
    normalization = {0: _NORMALIZATION, 1: {0: said.mean, 1: said.std}}
    labels = {0: LABELS, 1: "One label a line, in the order of the output.", 2: _AXIS_LABELS}
    taken = _tensor(said.input_name, said.input_description, (_IMAGE, image), said.input_range)
    given = _tensor(said.output_name, said.output_description, (_FEATURE, {}), said.output_range)
    graph = {2: [{**taken, 4: [normalization]}], 3: [{**given, 6: [labels]}]}
    return flatbuffer.pack({0: said.name, 1: said.description, 3: [graph], 7: _PARSER}, _IDENTIFIER)


def _tensor(
    name: str, description: str, content: tuple[np.uint8, dict[int, Any]], limits: tuple[int, int] | None
) -> dict[int, Any]:
    kind, properties = content
    fields: dict[int, Any] = {0: name, 1: description, 3: {0: kind, 1: properties}}
    if limits:
        lowest, highest = limits
        fields[3] |= {2: {0: np.int32(lowest), 1: np.int32(highest)}}
        fields[5] = {0: [float(highest)], 1: [float(lowest)]}
    return fields


def _find(data: bytes) -> tuple[bytes | None, Sequence[int]]:
    """The FlatBuffer with the metadata, out of a model, and how many channels its input may have."""
    model = Document(data).root(_MODEL)
    for entry in model.tables(6):
        if entry.text(0) == _BUFFER:
            wanted = int(entry.number(1, "I"))
            for number, buffer in enumerate(model.tables(4)):
                if number == wanted:
                    return buffer.bytes(0), _channels(model)
            raise DamagedError(f"{_BUFFER} is to stand in buffer {wanted}, which is not there")
    return None, ()


def _channels(model: Table) -> Sequence[int]:
    """Of the first input: the last side of its shape, or the second where channels come first."""
    graph = next(model.tables(2), None)
    first = next(iter(graph.numbers(1, "i")), -1) if graph else -1
    tensors = graph.tables(0) if graph else iter(())
    shape = next((t.numbers(0, "i") for number, t in enumerate(tensors) if number == first), ())
    return (1, int(shape[1]), int(shape[-1])) if len(shape) == 4 else _CHANNELS


def _unpack(packed: bytes) -> dict[str, Any]:
    root = Document(packed).root(_IDENTIFIER)
    found: dict[str, Any] = {"name": root.text(0), "description": root.text(1), "labels_file": ""}
    graph = next(root.tables(3), None)
    for side, number in (("input", 2), ("output", 3)):
        tensor = next(graph.tables(number), None) if graph else None
        if tensor is None:
            continue
        found[f"{side}_name"], found[f"{side}_description"] = tensor.text(0), tensor.text(1)
        content = tensor.table(3)
        limits = content.table(2) if content else None
        if limits:
            found[f"{side}_range"] = (int(limits.number(0, "i")), int(limits.number(1, "i")))
        if side == "input":
            found |= _normalization(tensor)
        else:
            files = (file.text(0) for file in tensor.tables(6) if file.number(2, "b") == _AXIS_LABELS)
            found["labels_file"] = next(files, "")
    return found


def _normalization(tensor: Table) -> dict[str, Any]:
    for unit in tensor.tables(4):
        options = unit.table(1)
        if unit.number(0, "B") == _NORMALIZATION and options:
            mean, std = options.numbers(0, "f"), options.numbers(1, "f")
            return {"mean": mean, "std": std, "normalized": (len(mean), len(std))}
    return {}


def _usable(
    mean: tuple[float, ...], std: tuple[float, ...], channels: Sequence[int], problems: list[str]
) -> dict[str, Any]:
    """Mean and std where a picture can go through them; else none, and why."""
    if len(mean) != len(std) or len(mean) not in channels:
        problems.append(
            f"the normalization has {len(mean)} means and {len(std)} deviations; "
            f"expected one of each, or {channels[-1]}"
        )
    elif not all(map(math.isfinite, (*mean, *std))) or not all(std):
        problems.append("the metadata are damaged: the normalization is none that a picture can go through")
    else:
        return {}
    return {"mean": (), "std": ()}


def _read_labels(data: bytes, name: str, problems: list[str]) -> dict[str, Any]:
    """The lines of a file in the zip at the end, none of which is trusted."""
    try:
        # The end is enough: a zip of millions of entries would take minutes to list.
        with zipfile.ZipFile(io.BytesIO(data[-_MOST_ZIP_BYTES:])) as archive:
            entry = archive.getinfo(name)
            if entry.file_size > _MOST_LABEL_BYTES:
                problems.append(f"{name} says to be {entry.file_size:,} bytes long; it was not read")
                return {}
            with archive.open(entry) as file:
                lines = file.read(_MOST_LABEL_BYTES).decode("utf-8").split("\n")
    except KeyError:
        problems.append(f"the file of labels, {name}, is not in the file")
        return {}
    except _ZIP_ERRORS as error:
        problems.append(f"the file of labels, {name}, cannot be read: {str(error) or type(error).__name__}")
        return {}
    if lines and not lines[-1]:
        lines.pop()
    labels = tuple(line.removesuffix("\r") for line in lines)
    return {"labels": labels, "compressed": entry.compress_type != zipfile.ZIP_STORED}
