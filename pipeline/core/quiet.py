"""Keeps the chatter of TensorFlow's C++ and Python code off the terminal."""

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
    """Keeps the C++ and Python chatter of TensorFlow off the terminal; yields a reader of it."""
    if threading.current_thread() is not threading.main_thread():
        yield str  # descriptors belong to the whole process
        return
    sys.stdout.flush()
    sys.stderr.flush()
    saved, words = [os.dup(1), os.dup(2)], io.StringIO()
    with tempfile.TemporaryFile() as file, redirect_stdout(words), redirect_stderr(words):

        def text() -> str:
            file.seek(0)
            spoken = file.read().decode(errors="replace") + words.getvalue()
            return "; ".join(line for line in spoken.splitlines() if line.strip())[-600:]

        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            yield text
        finally:
            for descriptor, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
