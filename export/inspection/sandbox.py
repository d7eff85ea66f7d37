"""A .tflite of any origin, read and run where it can do no harm: in a process with limits.

What the file is made of comes from `structure`; here it is opened, found damaged or whole, and run on
black, white and random pictures. A file that crashes, hangs or eats memory ends its own process.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.inspection import judges
from export.model_file import keras_archive, metadata, structure
from export.model_file.metadata import Metadata
from export.model_file.structure import Part, Structure
from pipeline.core.errors import DataError, StorageError, UsageError
from pipeline.core.size import Size, parse_size
from pipeline.tflite import interpreter as litert

SECONDS = 6
MOST_BYTES = 1_000_000_000
FRAMES = ("black", "white", "random", "another random")
_PARSED, _TRIAL, _DAMAGE, _CALLS = "parsed.json", "trial.json", "damage.txt", "calls.npz"
_SIZE = "size.json"
# How files begin that are found under the wrong name.
_OTHERS = (
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG", "a PNG picture"),
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a WebP picture or a sound"),
    (b"\x89HDF", "an HDF5 file, such as an older Keras model (keras_model.h5 of Teachable Machine)"),
    (b"PK", "a zip archive, such as an APK or a .keras model"),
    (b"%PDF", "a PDF"),
    (b"version https://git-lfs", "a pointer to a file that Git LFS has not fetched"),
    (b"<", "a web page or XML"),
    (b"{", "JSON"),
)

TO_TFLITE = (
    "Teachable Machine: Export Model, TensorFlow Lite, Floating point, and unzip it; Keras: "
    'keras.models.load_model(FILE).export("FILE.tflite", format="litert")'
)
_KERAS = (b"\x89HDF", b"PK")


class Trial(Part):
    """How a file runs in LiteRT on this machine.

    Attributes:
        runs: Whether it loads and answers at all.
        finite: Whether all answers are finite; null where it does not run.
        constant: Whether every picture gets the very same answer.
        words: Why it does not run.
    """

    runs: bool
    finite: bool | None
    constant: bool
    words: str


class _Parsed(Part):
    structure: Structure
    metadata: Metadata | None


@dataclass(frozen=True)
class Examination:
    """What an examination found.

    Attributes:
        structure: What stands in the file.
        metadata: What it says about itself.
        trial: How it runs.
        calls: The input tensors of each call, where it runs.
        answers: The first output of each, as it is.
    """

    structure: Structure
    metadata: Metadata | None
    trial: Trial
    calls: tuple[tuple[np.ndarray, ...], ...] = ()
    predictions: tuple[np.ndarray, ...] = ()


def examine(path: Path, seconds: int = SECONDS, size: Size | None = None) -> Examination:
    """Reads and runs a file in a process of its own.

    Args:
        path: The file.
        seconds: After which the process is stopped.
        size: Of its input, where it leaves that open.

    Raises:
        DataError: It is no whole .tflite, too large, or cannot be read.
        UsageError: It leaves the size of its input open and there is none, or it has another one.
        StorageError: There is no room for temporary files.
    """
    _check_outside(path)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        # Without the working directory on its path, which may hold anything.
        command = [
            sys.executable,
            "-P",
            "-m",
            "export.inspection.sandbox",
            str(path.resolve()),
            place,
            str(seconds),
        ]
        command += [str(size)] if size else []
        ending = ""
        try:
            ended = subprocess.run(
                command,
                env={**os.environ, "PYTHONPATH": str(judges.ROOT)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=seconds,
            )
            if ended.returncode == os.EX_IOERR:
                why = ended.stderr.decode(errors="replace").strip()
                raise StorageError(
                    f"cannot write temporary files in {place}: {why}",
                    "make room there; TMPDIR names another place",
                )
            if ended.returncode:
                ending = _ending(ended.returncode)
        except subprocess.TimeoutExpired:
            ending = f"took longer than {seconds} seconds"
        if (folder / _DAMAGE).is_file():
            raise DataError(
                f"{path} is no whole .tflite: {(folder / _DAMAGE).read_text('utf-8')}",
                "it was cut off or damaged on its way, or made to look like one: fetch or export it again",
            )
        if not (folder / _PARSED).is_file():
            raise DataError(
                f"{path} cannot be read as a .tflite: reading it {ending or 'failed'}",
                "it is damaged or made to do harm: fetch or export it again",
            )
        parsed = _Parsed.model_validate_json((folder / _PARSED).read_text("utf-8"))
        found = (parsed.structure, parsed.metadata)
        if (folder / _SIZE).is_file():
            message, hint = json.loads((folder / _SIZE).read_text("utf-8"))
            raise UsageError(f"{path} cannot be run as it is: {message}", hint)
        if size and not parsed.structure.size_is_open:
            raise UsageError(f"{path}: the file does not leave its size open", "leave --size out")
        if not (folder / _TRIAL).is_file():
            words = f"running it {ending or 'failed'}"
            return Examination(*found, Trial(runs=False, finite=None, constant=False, words=words))
        trial = Trial.model_validate_json((folder / _TRIAL).read_text("utf-8"))
        if not trial.runs:
            return Examination(*found, trial)
        with np.load(folder / _CALLS, allow_pickle=False) as arrays:
            calls = tuple(
                tuple(arrays[f"{call}_{number}"] for number in range(len(parsed.structure.inputs)))
                for call in range(len(FRAMES))
            )
            predictions = tuple(arrays[f"answer_{call}"] for call in range(len(FRAMES)))
        return Examination(*found, trial, calls, predictions)


def likeness(path: Path) -> str:
    """What a file is by its first bytes, in words; empty where they say nothing known.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}", "give the path of a file that you may read"
        ) from error
    if head[4:8] == b"TFL3":
        return "a .tflite under another ending"
    if keras := keras_archive.describe(path):
        return keras
    return next((words for begin, words in _OTHERS if head.startswith(begin)), "no model that is known here")


def _check_outside(path: Path) -> None:
    """What can be said of a file by its size and its first bytes."""
    if path.exists() and not path.is_file():
        raise DataError(
            f"{path} is a folder or a device, no file", "give the path of a .tflite, or a run's name"
        )
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}", "give the path of a .tflite, and the right to read it"
        ) from error
    if size > MOST_BYTES:
        raise DataError(
            f"{path} has {size / 1e9:,.1f} GB; files of up to {MOST_BYTES / 1e9:.0f} GB are examined",
            "a classifier for a phone has some MB: is this the file that you mean?",
        )
    if head[4:8] != b"TFL3":
        other = next((words for begin, words in _OTHERS if head.startswith(begin)), "something else")
        begins = f"it begins like {other}" if size else "it is empty"
        if keras := keras_archive.describe(path):
            begins = f"it is {keras}"
        raise DataError(
            f"{path} is no .tflite: {begins}",
            TO_TFLITE
            if head.startswith(_KERAS)
            else "a .tflite has the letters TFL3 in its bytes 5 to 8; export again, or fetch the right file",
        )


def _ending(code: int) -> str:
    """How a process ended, in words that follow `reading it` and `running it`."""
    if code == -signal.SIGXCPU:
        return "used up its time"
    if code < 0:
        return f"crashed ({signal.Signals(-code).name})"
    return "failed"


def main(path: Path, folder: Path, seconds: int, size: Size | None) -> None:
    """The process with the limits: writes what it finds into a folder, piece by piece."""
    limit(seconds, judges.MEMORY + 4 * path.stat().st_size)
    from ai_edge_litert import interpreter as runtime

    data = path.read_bytes()
    try:
        reader = runtime.Interpreter(model_content=data, num_threads=1)
    except ValueError as error:
        # LiteRT checks every offset of a file before it believes one.
        if "not a valid" in str(error):
            reason = structure.damage(data) or "its parts do not fit together"
            (folder / _DAMAGE).write_text(reason, "utf-8")
            return
        reader = str(error)
    except RuntimeError as error:
        reader = str(error)
    said = metadata.read(data)
    parsed = _Parsed(structure=structure.read(data), metadata=said)
    (folder / _PARSED).write_text(parsed.model_dump_json(), "utf-8")
    try:
        trial, arrays = (_no(reader), {}) if isinstance(reader, str) else _try(reader, said, size)
    except UsageError as error:
        (folder / _SIZE).write_text(json.dumps([error.message, error.hint]), "utf-8")
        return
    np.savez(folder / _CALLS, allow_pickle=False, **arrays)
    (folder / _TRIAL).write_text(trial.model_dump_json(), "utf-8")


def limit(seconds: int, most_bytes: int) -> None:
    """Limits this process for good."""
    limits = ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, most_bytes), (resource.RLIMIT_CORE, 0))
    for kind, most in limits:
        with suppress(ValueError, OSError):  # macOS knows some of them by name only
            resource.setrlimit(kind, (most, most))


def _no(why: str) -> Trial:
    return Trial(runs=False, finite=None, constant=False, words=" ".join(why.split())[:300])


def _try(reader: Any, said: Metadata | None, size: Size | None) -> tuple[Trial, dict[str, np.ndarray]]:
    arrays: dict[str, np.ndarray] = {}
    predictions = []
    try:
        litert.settle_size(reader, size)
        reader.allocate_tensors()
        inputs, outputs = reader.get_input_details(), reader.get_output_details()
        for call, pixels in enumerate(_frames()):
            for number, tensor in enumerate(inputs):
                arrays[f"{call}_{number}"] = _fill(tensor, pixels, said)
                reader.set_tensor(tensor["index"], arrays[f"{call}_{number}"])
            reader.invoke()
            given = [reader.get_tensor(tensor["index"]) for tensor in outputs]
            arrays[f"answer_{call}"] = given[0]
            predictions.append(given)
    except (ValueError, RuntimeError, TypeError, MemoryError) as error:
        return _no(str(error) or type(error).__name__), {}
    finite = all(bool(np.isfinite(a).all()) for given in predictions for a in given if a.dtype.kind in "fc")
    first = [a.tobytes() for a in predictions[0]]
    constant = all([a.tobytes() for a in given] == first for given in predictions[1:])
    return Trial(runs=True, finite=finite, constant=constant, words=""), arrays


def _frames() -> Iterator[Any]:
    """What makes the pixels of every call, from a shape: real values 0 … 255."""
    rng = np.random.default_rng(0)
    yield np.zeros
    yield lambda shape: np.full(shape, 255)
    for _ in FRAMES[2:]:
        yield lambda shape: rng.integers(0, 256, shape)


def _fill(tensor: dict[str, Any], pixels: Any, said: Metadata | None) -> np.ndarray:
    """An input tensor that shows a picture; a float one as its metadata ask, else the raw values."""
    dtype = tensor["dtype"]
    values = pixels(tuple(int(side) for side in tensor["shape"])).astype(np.float32)
    if np.dtype(dtype).kind == "f":
        if said and said.mean and said.std:
            mean, std = np.array(said.mean, np.float32), np.array(said.std, np.float32)
            if values.shape[-1:] != mean.shape:
                mean, std = mean[0], std[0]
            values = (values - mean) / std
        return values.astype(dtype)
    if np.dtype(dtype).kind not in "iu":
        return (values > 127).astype(dtype)
    scale, zero_point = tensor["quantization"]
    limits = np.iinfo(dtype)
    quantized = np.round(values / np.float32(scale)) + zero_point if scale else values
    return np.clip(quantized, limits.min, limits.max).astype(dtype)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), parse_size("".join(sys.argv[4:])))
    except OSError as failed:  # the folder for what is found, not the file, which is read by then
        os.write(2, str(failed.strerror or failed).encode())
        raise SystemExit(os.EX_IOERR) from None
    except Exception:  # whatever a stranger's file makes a reader raise: it is the file's failure
        raise SystemExit(1) from None
