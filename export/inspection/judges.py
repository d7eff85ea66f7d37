"""Programs in other environments that judge a .tflite: whether they are installed, and what they answer.

They are in `judges/` beside this package, each with a requirements file, because none can share an
environment with TensorFlow; `make judges` creates the environments. `oldest_runtime` and the tests decide
what to ask and what an answer means.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from export.inspection import sandbox
from pipeline.core.packages import ROOT


@dataclass(frozen=True)
class Judge:
    """A program and its environment.

    Attributes:
        name: The name of its environment and its requirements file.
        program: Its file in `judges/`.
        distribution: The library that it runs; its version is the judge's version.
    """

    name: str
    program: str
    distribution: str

    @property
    def folder(self) -> Path:
        return ROOT / f".venv-{self.name}"

    @property
    def missing(self) -> str:
        """Why it cannot be asked; empty if it can."""
        if (self.folder / "requirements").is_file():
            return ""
        reason = self.folder / "missing"  # written by judges.sh
        if reason.is_file():
            return f"{self.folder.name} could not be created: {reason.read_text('utf-8').strip()}"
        return f"{self.folder.name} does not exist; run make judges"

    @property
    def version(self) -> str:
        """The version of its distribution, read from the environment; empty if it is not installed."""
        if self.missing:
            return ""
        stem = self.distribution.replace("-", "_")
        folders = self.folder.glob(f"lib/python3*/site-packages/{stem}-*.dist-info")
        versions = [re.fullmatch(rf"{stem}-(.+)\.dist-info", path.name) for path in folders]
        return next((match[1] for match in versions if match), "")

    @property
    def title(self) -> str:
        return f"{self.distribution} {self.version}".strip()


ARM = Judge("arm", "arm.py", "ai-edge-litert")
OLDEST = Judge("oldest", "oldest_runtime.py", "tflite-runtime")
MEDIAPIPE = Judge("mediapipe", "mediapipe_tasks.py", "mediapipe")


@dataclass(frozen=True)
class Predictions:
    """What a judge answered.

    Attributes:
        outputs: By call; None after an error.
        error: Why there are none, in one line.
        timed_out: Whether the judge was stopped.
    """

    outputs: Any
    error: str = ""
    timed_out: bool = False


def ask(
    judge: Judge,
    model: Path,
    calls: Sequence[Sequence[np.ndarray]],
    seconds: int,
    *words: str,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Predictions:
    """Has a judge run a file; whatever the file does, it only affects the judge's process.

    Args:
        judge: An installed one.
        model: The .tflite.
        calls: The input tensors of each call.
        seconds: The time limit.
        words: More arguments of its program.
        variables: More of its environment.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tensors = {f"{c}_{n}": tensor for c, call in enumerate(calls) for n, tensor in enumerate(call)}
        np.savez(folder / "inputs.npz", allow_pickle=False, **tensors)
        command = [judge.folder / "bin/python", ROOT / "judges" / judge.program, model.resolve(), folder]
        limits = [seconds, sandbox.memory_for(model)] if judge is OLDEST else []
        try:
            process = subprocess.run(
                [str(word) for word in [*command, *words, *limits]],
                env={**os.environ, **variables},
                capture_output=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return Predictions(None, f"gave no answer within {seconds} seconds", timed_out=True)
        if (folder / "error.txt").is_file():
            return Predictions(None, (folder / "error.txt").read_text("utf-8"))
        if (folder / "answers.npz").is_file():
            with np.load(folder / "answers.npz", allow_pickle=False) as arrays:
                return Predictions(dict(arrays))
        if (folder / "answers.json").is_file():
            return Predictions(json.loads((folder / "answers.json").read_text("utf-8")))
        last = process.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return Predictions(None, f"exited with code {process.returncode}: {' '.join(last) or 'no message'}")
