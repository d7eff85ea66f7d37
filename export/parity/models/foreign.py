"""Runs a .tflite of unknown origin in a separate process with time and memory limits.

A damaged or hostile file can end that process, but not this one. Run as a module, this file is that
process: it reads frames from stdin and writes outputs to stdout.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from export.inspection import sandbox
from pipeline.core.errors import ConversionError, UsageError
from pipeline.core.size import Size, parse_size

_MEMORY_BYTES = 4 * 2**30
START_SECONDS, ANSWER_SECONDS = 30, 20
# Every output is small; anything larger is not one.
_MOST_LABELS = 100_000


class _Foreign:
    """A model in a separate process, which `running` starts and ends.

    Attributes:
        frame: The input size.
        labels: The number of outputs.
        dtype: The input's type.
        scaled: Whether the input is quantized.
        step: The output's quantization step, as a probability; 0 if it is not quantized.
    """

    def __init__(self, process: subprocess.Popen[bytes], path: Path) -> None:
        self._process, self._path = process, path
        reply = json.loads(self._read_line())
        if reply.get("usage"):
            raise UsageError(f"{path} cannot be run as it is: {reply['error']}", reply["usage"])
        if "error" in reply:
            raise ConversionError(
                f"{path} cannot be compared: {reply['error']}",
                "it must take one RGB picture and return one vector",
            )
        self.frame = Size(reply["width"], reply["height"])
        self.labels = int(reply["labels"])
        self.dtype = np.dtype(reply["dtype"])
        self.scaled, self.step = bool(reply["scaled"]), float(reply["step"])

    def answer(self, frame: np.ndarray) -> np.ndarray:
        """The output as real numbers, float32, shape (labels,).

        Args:
            frame: As the model wants it, float32 or uint8, shape (height, width, 3). Real numbers are
                quantized for a quantized model; bytes go into a uint8 input as they are.

        Raises:
            ConversionError: The process ended, or took too long.
        """
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - opened as a pipe
        try:
            stdin.write(b"b" if frame.dtype == np.uint8 else b"f")
            stdin.write(np.ascontiguousarray(frame).tobytes())
            stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        return np.frombuffer(self._read(4 * self.labels, ANSWER_SECONDS), "<f4")

    def _read_line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            line += self._read(1, START_SECONDS)
        return line

    def _read(self, count: int, seconds: float) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - opened as a pipe
        data = b""
        while len(data) < count:
            if not select.select([stdout], [], [], seconds)[0]:
                raise ConversionError(
                    f"{self._path} took more than {seconds:g} seconds for one answer",
                    "it is too slow for a phone",
                )
            part = os.read(stdout.fileno(), count - len(data))
            if not part:
                raise self._ended()
            data += part
        return data

    def _ended(self) -> ConversionError:
        code = self._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return ConversionError(
            f"{self._path}: LiteRT crashed on it ({how}); the file is damaged, or needs more than "
            f"{_MEMORY_BYTES // 2**30} GB",
            "python -m export passport shows what is in it",
        )


@contextlib.contextmanager
def running(path: Path, size: Size | None = None) -> Iterator[_Foreign]:
    """Loads a .tflite in a separate process.

    Args:
        path: The file.
        size: Of its input, if the file leaves it open.

    Raises:
        ConversionError: It cannot be loaded, or is not of the form one picture in, one vector out.
        UsageError: It leaves the size of its input open, and there is none for it.
    """
    process = subprocess.Popen(
        sandbox.command("export.parity.models.foreign", path.resolve(), *([size] if size else [])),
        env=sandbox.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    )
    try:
        yield _Foreign(process, path)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _serve(path: Path, size: Size | None, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
    """The process: writes one line about the model, then an output for every frame."""

    def say(value: dict[str, Any]) -> None:
        outgoing.write(json.dumps(value).encode() + b"\n")
        outgoing.flush()

    from pipeline.tflite import interpreter as litert

    try:
        model = litert.Interpreter(path.read_bytes(), size=size)
    except UsageError as error:
        say({"error": error.message, "usage": error.hint})
        return
    except (ConversionError, OSError) as error:
        say({"error": str(error)})
        return
    details = model.input
    labels = int(np.prod(model.output["shape"][1:]))
    if details["shape"][-1] != 3 or details["shape"][0] != 1 or not 2 <= labels <= _MOST_LABELS:
        shapes = f"{details['shape'].tolist()} in and {model.output['shape'].tolist()} out"
        say({"error": f"expected one RGB picture in and one number per label out, not {shapes}"})
        return
    dtype, step = np.dtype(details["dtype"]), float(model.output["quantization"][0])
    width, height = model.frame
    border = {"dtype": str(dtype), "scaled": bool(details["quantization"][0]), "step": step}
    say({"width": width, "height": height, "labels": labels, **border})
    count = width * height * 3
    while kind := incoming.read(1):
        raw = kind == b"b"
        content = incoming.read(count if raw else 4 * count)
        frame = np.frombuffer(content, np.uint8 if raw else np.float32).reshape(height, width, 3)
        answer = model.answer_to_bytes(frame) if raw and dtype == np.uint8 else model.answer(frame)
        outgoing.write(answer.ravel().astype("<f4").tobytes())
        outgoing.flush()


if __name__ == "__main__":
    sandbox.limit(_MEMORY_BYTES)
    # What libraries print must not mix with the outputs.
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _serve(Path(sys.argv[1]), parse_size("".join(sys.argv[2:])), sys.stdin.buffer, channel)
