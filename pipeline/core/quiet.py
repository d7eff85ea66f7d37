"""Keeps TensorFlow's C++ and Python log output off the terminal."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout


@contextmanager
def quiet() -> Iterator[Callable[[], str]]:
    """Captures stdout and stderr, descriptors included; yields a reader of the last 600 characters."""
    if threading.current_thread() is not threading.main_thread():
        yield str  # descriptors belong to the whole process
        return
    sys.stdout.flush()
    sys.stderr.flush()
    saved, buffer = [os.dup(1), os.dup(2)], io.StringIO()
    with tempfile.TemporaryFile() as file, redirect_stdout(buffer), redirect_stderr(buffer):

        def text() -> str:
            file.seek(0)
            output = file.read().decode(errors="replace") + buffer.getvalue()
            return "; ".join(line for line in output.splitlines() if line.strip())[-600:]

        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            yield text
        finally:
            for descriptor, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
