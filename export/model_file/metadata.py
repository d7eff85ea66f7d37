"""Metadata inside a .tflite: names, labels, ranges and normalization, for other programs.

The format is TensorFlow Lite's: a FlatBuffer of its own (identifier M001) in one of the model's buffers,
and the labels in a zip at the end of the file. MediaPipe Tasks requires it. Interpreters ignore it, so it
changes no output. The apps that Vignette builds read the contract instead.

Source: `metadata_schema.fbs` 1.5.0 of TensorFlow Lite Support, the same in MediaPipe Tasks.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.model_file import flatbuffer
from export.model_file.flatbuffer import DamagedError, Document, Table
from pipeline.core import filetypes
from pipeline.core.errors import ConversionError
from pipeline.core.size import Size
from pipeline.tflite import schema

LABELS = "labels.txt"
_BUFFER = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
_PARSER = "1.0.0"  # the oldest parser that knows every field written here
_FEATURE, _IMAGE = np.uint8(1), np.uint8(2)  # union ContentProperties
_NORMALIZATION = np.uint8(1)  # union ProcessUnitOptions
_AXIS_LABELS = np.uint8(2)  # enum AssociatedFileType
_RGB = np.uint8(1)  # enum ColorSpaceType
_DATE = (1980, 1, 1, 0, 0, 0)
# Longer label files are not read; ImageNet's 1,000 labels take 10 kB.
_MOST_LABEL_BYTES, _MOST_ZIP_BYTES = 1_000_000, 4_000_000
# If the model does not say how many channels its input has.
_CHANNELS = (1, 3)


@dataclass(frozen=True)
class Metadata:
    """What a file states about its first input and output; empty or None if it states nothing.

    Attributes:
        labels: In output order.
        labels_file: The name of the label file in the zip at the end.
        compressed: Whether that file is compressed.
        mean: Subtracted from pixels 0 … 255 before they enter a float model; one per channel, or one for all.
        std: Divides the difference; as many values as in `mean`.
        normalized: How many means and deviations the file has, usable or not; None if it has neither.
        damaged: Whether nothing could be read.
        input_range: Lowest and highest value of the input, before normalization.
        output_range: The same of the output.
        problems: What is present but could not be read.
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
    """The metadata of one of our classifiers.

    Args:
        labels: In output order.
        frame: Of its input.
        about: Its weights and arithmetic, in words.
    """
    return Metadata(
        name="Vignette image classifier",
        description=f"Classifies pictures into {len(labels)} classes; {about}.",
        labels=tuple(labels),
        labels_file=LABELS,
        # Raw pixels go in: the backbone's own scaling is a layer of the graph.
        mean=(0.0,),
        std=(1.0,),
        normalized=(1, 1),
        input_name="picture",
        input_description=(
            f"RGB, {frame.width} pixels wide and {frame.height} high, raw values 0 to 255; the whole "
            "picture, scaled to fit with its aspect ratio kept and centred on black."
        ),
        input_range=(0, 255),
        output_name="probability",
        output_description=f"One probability per class, in the order of {LABELS}; they sum to one.",
        output_range=(0, 1),
    )


def write(data: bytes, notes: Metadata, frame: Size) -> bytes:
    """The model with this metadata instead of any it had; the same input gives the same bytes.

    Args:
        data: The .tflite.
        notes: The metadata.
        frame: The input size.

    Raises:
        ConversionError: The file keeps its constants outside the FlatBuffer, where they would be lost.
    """
    classes, model = schema.generated(), schema.read_schema(data)
    if any(buffer.offset for buffer in model.buffers):
        raise ConversionError("files over 2 GB keep constants after the model; metadata cannot be added")
    kept = [entry for entry in model.metadata or [] if entry.name != _BUFFER.encode()]
    content = np.frombuffer(_packed(notes, frame), np.uint8)
    model.buffers.append(classes.BufferT(data=content))
    model.metadata = [*kept, classes.MetadataT(name=_BUFFER, buffer=len(model.buffers) - 1)]
    file = io.BytesIO(schema.packed(model, len(data) + len(content)))
    with zipfile.ZipFile(file, "a") as archive:
        entry = zipfile.ZipInfo(LABELS, _DATE)
        entry.create_system = 3  # the same on every system
        archive.writestr(entry, "".join(f"{label}\n" for label in notes.labels), zipfile.ZIP_STORED)
    return file.getvalue()


def read(data: bytes) -> Metadata | None:
    """What a .tflite of any origin states about itself; None if it has no metadata.

    Never raises and never takes long, whatever the file holds; `problems` lists what could not be read.
    """
    try:
        packed, channels = _find(data)
    except DamagedError as error:
        return Metadata(damaged=True, problems=(f"the file is damaged: {error}",))
    if packed is None:
        return None
    problems: list[str] = []
    try:
        fields = _unpack(packed)
    except DamagedError as error:
        return Metadata(damaged=True, problems=(f"the metadata is damaged: {error}",))
    if fields.get("normalized"):
        fields |= _usable(fields["mean"], fields["std"], channels, problems)
    if fields["labels_file"]:
        fields |= _read_labels(data, fields["labels_file"], problems)
    return Metadata(**fields, problems=tuple(problems))


def _packed(notes: Metadata, frame: Size) -> bytes:
    image = {0: _RGB, 1: {0: np.int32(frame.width), 1: np.int32(frame.height)}}
    normalization = {0: _NORMALIZATION, 1: {0: notes.mean, 1: notes.std}}
    labels = {0: LABELS, 1: "One label per line, in output order.", 2: _AXIS_LABELS}
    picture = _tensor(notes.input_name, notes.input_description, (_IMAGE, image), notes.input_range)
    scores = _tensor(notes.output_name, notes.output_description, (_FEATURE, {}), notes.output_range)
    graph = {2: [{**picture, 4: [normalization]}], 3: [{**scores, 6: [labels]}]}
    return flatbuffer.pack({0: notes.name, 1: notes.description, 3: [graph], 7: _PARSER}, _IDENTIFIER)


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
    """The metadata's FlatBuffer in a model, and the channel counts its input may have."""
    model = Document(data).root(schema.IDENTIFIER)
    for entry in model.tables(6):
        if entry.text(0) == _BUFFER:
            wanted = int(entry.number(1, "I"))
            for number, buffer in enumerate(model.tables(4)):
                if number == wanted:
                    return buffer.bytes(0), _channels(model)
            raise DamagedError(f"{_BUFFER} refers to buffer {wanted}, which does not exist")
    return None, ()


def _channels(model: Table) -> Sequence[int]:
    """Of the first input: the last dimension of its shape, or the second if channels come first."""
    graph = next(model.tables(2), None)
    first = next(iter(graph.numbers(1, "i")), -1) if graph else -1
    tensors = graph.tables(0) if graph else iter(())
    shape = next((t.numbers(0, "i") for number, t in enumerate(tensors) if number == first), ())
    return (1, int(shape[1]), int(shape[-1])) if len(shape) == 4 else _CHANNELS


def _unpack(packed: bytes) -> dict[str, Any]:
    root = Document(packed).root(_IDENTIFIER)
    fields: dict[str, Any] = {"name": root.text(0), "description": root.text(1), "labels_file": ""}
    graph = next(root.tables(3), None)
    for side, number in (("input", 2), ("output", 3)):
        tensor = next(graph.tables(number), None) if graph else None
        if tensor is None:
            continue
        fields[f"{side}_name"], fields[f"{side}_description"] = tensor.text(0), tensor.text(1)
        content = tensor.table(3)
        limits = content.table(2) if content else None
        if limits:
            fields[f"{side}_range"] = (int(limits.number(0, "i")), int(limits.number(1, "i")))
        if side == "input":
            fields |= _normalization(tensor)
        else:
            files = (file.text(0) for file in tensor.tables(6) if file.number(2, "b") == _AXIS_LABELS)
            fields["labels_file"] = next(files, "")
    return fields


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
    """Drops a mean and std that cannot be applied to a picture, and says why."""
    if len(mean) != len(std) or len(mean) not in channels:
        problems.append(
            f"the normalization has {len(mean)} means and {len(std)} deviations; "
            f"expected one of each, or {channels[-1]}"
        )
    elif not all(map(math.isfinite, (*mean, *std))) or not all(std):
        problems.append(
            "the metadata is damaged: its normalization has a zero deviation or a value that is not finite"
        )
    else:
        return {}
    return {"mean": (), "std": ()}


def _read_labels(data: bytes, name: str, problems: list[str]) -> dict[str, Any]:
    """The labels in the zip at the end of the file; nothing in it is trusted."""
    try:
        # The end is enough: listing a zip with millions of entries would take minutes.
        with zipfile.ZipFile(io.BytesIO(data[-_MOST_ZIP_BYTES:])) as archive:
            entry = archive.getinfo(name)
            if entry.file_size > _MOST_LABEL_BYTES:
                problems.append(f"{name} claims to be {entry.file_size:,} bytes long; it was not read")
                return {}
            with archive.open(entry) as file:
                lines = file.read(_MOST_LABEL_BYTES).decode("utf-8").split("\n")
    except KeyError:
        problems.append(f"the label file {name} is missing")
        return {}
    except filetypes.ZIP_ERRORS as error:
        problems.append(f"the label file {name} cannot be read: {str(error) or type(error).__name__}")
        return {}
    if lines and not lines[-1]:
        lines.pop()
    labels = tuple(line.removesuffix("\r") for line in lines)
    return {"labels": labels, "compressed": entry.compress_type != zipfile.ZIP_STORED}
