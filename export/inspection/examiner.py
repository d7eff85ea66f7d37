"""The child process of `examination`: reads and runs a .tflite under limits.

Writes what it learns into a folder, piece by piece, so that whatever comes before a crash is kept.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from export.inspection import sandbox
from export.inspection.examination import CALLS, DAMAGE, FRAMES, PARSED, SIZE, TRIAL, Parsed, Trial
from export.model_file import metadata, structure
from export.model_file.metadata import Metadata
from pipeline.core.errors import UsageError
from pipeline.core.size import Size, parse_size
from pipeline.tflite import interpreter as litert


def main(path: Path, folder: Path, seconds: int, size: Size | None) -> None:
    """Examines one file.

    Args:
        path: The .tflite.
        folder: Where the results go.
        seconds: Processor time.
        size: Of the input, if the file leaves it open.
    """
    sandbox.limit(sandbox.memory_for(path), seconds)
    from ai_edge_litert import interpreter as runtime

    data = path.read_bytes()
    try:
        reader = runtime.Interpreter(model_content=data, num_threads=1)
    except (ValueError, RuntimeError) as error:
        # LiteRT verifies every offset before it uses one. Its error has no other sign than this text.
        if isinstance(error, ValueError) and "not a valid" in str(error):
            reason = structure.damage(data) or "its parts do not fit together"
            (folder / DAMAGE).write_text(reason, "utf-8")
            return
        reader = str(error)
    notes = metadata.read(data)
    parsed = Parsed(structure=structure.read(data), metadata=notes)
    (folder / PARSED).write_text(parsed.model_dump_json(), "utf-8")
    try:
        trial, arrays = (_failed(reader), {}) if isinstance(reader, str) else _try(reader, notes, size)
    except UsageError as error:
        (folder / SIZE).write_text(json.dumps([error.message, error.hint]), "utf-8")
        return
    np.savez(folder / CALLS, allow_pickle=False, **arrays)
    (folder / TRIAL).write_text(trial.model_dump_json(), "utf-8")


def _failed(reason: str) -> Trial:
    return Trial(runs=False, finite=None, constant=False, words=" ".join(reason.split())[:300])


def _try(reader: Any, notes: Metadata | None, size: Size | None) -> tuple[Trial, dict[str, np.ndarray]]:
    arrays: dict[str, np.ndarray] = {}
    answers = []
    try:
        litert.settle_size(reader, size)
        reader.allocate_tensors()
        inputs, outputs = reader.get_input_details(), reader.get_output_details()
        for call, pixels in enumerate(_frames()):
            for number, tensor in enumerate(inputs):
                arrays[f"{call}_{number}"] = _fill(tensor, pixels, notes)
                reader.set_tensor(tensor["index"], arrays[f"{call}_{number}"])
            reader.invoke()
            answers.append([reader.get_tensor(tensor["index"]) for tensor in outputs])
            arrays[f"answer_{call}"] = answers[-1][0]
    except (ValueError, RuntimeError, TypeError, MemoryError) as error:
        return _failed(str(error) or type(error).__name__), {}
    finite = all(
        bool(np.isfinite(array).all()) for answer in answers for array in answer if array.dtype.kind in "fc"
    )
    first = [array.tobytes() for array in answers[0]]
    constant = all([array.tobytes() for array in answer] == first for answer in answers[1:])
    return Trial(runs=True, finite=finite, constant=constant, words=""), arrays


def _frames() -> Iterator[Any]:
    """For each call a function from a shape to pixels, 0 ... 255."""
    rng = np.random.default_rng(0)
    yield np.zeros
    yield lambda shape: np.full(shape, 255)
    for _ in FRAMES[2:]:
        yield lambda shape: rng.integers(0, 256, shape)


def _fill(tensor: dict[str, Any], pixels: Any, notes: Metadata | None) -> np.ndarray:
    """An input tensor holding a picture: a float one normalized by the metadata, if it has any."""
    dtype = tensor["dtype"]
    values = pixels(tuple(int(side) for side in tensor["shape"])).astype(np.float32)
    if np.dtype(dtype).kind == "f":
        if notes and notes.mean and notes.std:
            mean, std = np.array(notes.mean, np.float32), np.array(notes.std, np.float32)
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
    except OSError as failed:  # writing the results: the file itself has been read by then
        os.write(2, str(failed.strerror or failed).encode())
        raise SystemExit(os.EX_IOERR) from None
    except Exception:  # anything else that a reader raises is the file's failure
        raise SystemExit(1) from None
