"""Examines a .tflite of any origin in a sandbox: what it is made of, and how it runs.

`examiner` is the child process; it runs the file on black, white and random pictures.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.inspection import sandbox
from export.model_file import file_kind
from export.model_file.metadata import Metadata
from export.model_file.structure import Part, Structure
from pipeline.core.errors import DataError, StorageError, UsageError
from pipeline.core.size import Size

SECONDS = 6
FRAMES = ("black", "white", "random", "another random")
# The files that the child writes.
PARSED, TRIAL, DAMAGE, CALLS, SIZE = "parsed.json", "trial.json", "damage.txt", "calls.npz", "size.json"


class Trial(Part):
    """How a file runs in LiteRT on this machine.

    Attributes:
        runs: Whether it loads and answers at all.
        finite: Whether all answers are finite; null if it does not run.
        constant: Whether every picture gets exactly the same answer.
        words: Why it does not run.
    """

    runs: bool
    finite: bool | None
    constant: bool
    words: str


class Parsed(Part):
    """What is read from a file without running it; metadata is null if it has none."""

    structure: Structure
    metadata: Metadata | None


@dataclass(frozen=True)
class Examination:
    """What was learned about a file.

    Attributes:
        structure: What it is made of.
        metadata: What it states about itself.
        trial: How it runs.
        calls: The input tensors of each call, if it runs.
        answers: The first output tensor of each, as it is.
    """

    structure: Structure
    metadata: Metadata | None
    trial: Trial
    calls: tuple[tuple[np.ndarray, ...], ...] = ()
    answers: tuple[np.ndarray, ...] = ()


def examine(path: Path, seconds: int = SECONDS, size: Size | None = None) -> Examination:
    """Reads and runs a file in a process of its own.

    Args:
        path: The file.
        seconds: After which the process is stopped.
        size: Of its input, if the file leaves that open.

    Raises:
        DataError: It is not a whole .tflite, too large, or cannot be read.
        UsageError: It leaves the size of its input open and none is given, or it has another size.
        StorageError: There is no room for temporary files.
    """
    file_kind.require_tflite(path)
    with tempfile.TemporaryDirectory() as place:
        ending = _run(path, place, seconds, size)
        return _collect(path, Path(place), size, ending)


def _run(path: Path, place: str, seconds: int, size: Size | None) -> str:
    """Runs the child; returns how it ended, in words that follow `reading it` or `running it`."""
    arguments = [path.resolve(), place, seconds, *([size] if size else [])]
    try:
        process = subprocess.run(
            sandbox.command("export.inspection.examiner", *arguments),
            env=sandbox.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {seconds} seconds"
    code = process.returncode
    if code == os.EX_IOERR:
        raise StorageError(
            f"cannot write temporary files in {place}: {process.stderr.decode(errors='replace').strip()}",
            "free some space, or set TMPDIR to another folder",
        )
    if code == -signal.SIGXCPU:
        return "used up its time"
    return f"crashed ({signal.Signals(-code).name})" if code < 0 else "failed"


def _collect(path: Path, folder: Path, size: Size | None, ending: str) -> Examination:
    """What the child has written."""
    if (folder / DAMAGE).is_file():
        raise DataError(
            f"{path} is damaged: {(folder / DAMAGE).read_text('utf-8')}",
            "it was truncated, corrupted, or is not really a .tflite: fetch or export it again",
        )
    if not (folder / PARSED).is_file():
        raise DataError(
            f"{path} cannot be read as a .tflite: reading it {ending}",
            "it is damaged or malicious: fetch or export it again",
        )
    parsed = Parsed.model_validate_json((folder / PARSED).read_text("utf-8"))
    contents = (parsed.structure, parsed.metadata)
    if (folder / SIZE).is_file():
        message, hint = json.loads((folder / SIZE).read_text("utf-8"))
        raise UsageError(f"{path} cannot be run as it is: {message}", hint)
    if size and not parsed.structure.size_is_open:
        raise UsageError(f"{path}: the file has a fixed input size", "omit --size")
    if not (folder / TRIAL).is_file():
        return Examination(
            *contents, Trial(runs=False, finite=None, constant=False, words=f"running it {ending}")
        )
    trial = Trial.model_validate_json((folder / TRIAL).read_text("utf-8"))
    if not trial.runs:
        return Examination(*contents, trial)
    with np.load(folder / CALLS, allow_pickle=False) as arrays:
        calls = tuple(
            tuple(arrays[f"{call}_{number}"] for number in range(len(parsed.structure.inputs)))
            for call in range(len(FRAMES))
        )
        answers = tuple(arrays[f"answer_{call}"] for call in range(len(FRAMES)))
    return Examination(*contents, trial, calls, answers)
