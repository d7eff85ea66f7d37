"""Commands as processes of their own that start with TensorFlow loaded already.

They are forked from a process that has only imported TensorFlow and other libraries; each loads the
project's own modules. Where loading TensorFlow is part of the matter, use `verbs.start` and `verbs.verb`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

_PRELOADED = [
    "tensorflow",
    "keras",
    "sklearn.linear_model",
    "pydantic",
    "PIL.Image",
    "ai_edge_litert.interpreter",
]


class Forked:
    """`python -m MODULE ARGUMENTS`, just begun; has what the tests use of `subprocess.Popen`."""

    def __init__(
        self,
        module: str,
        *arguments: object,
        cwd: Path,
        environment: dict[str, str],
        largest_file: int = resource.RLIM_INFINITY,
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        self._said = Path(tempfile.mkdtemp())
        words = [str(word) for word in arguments]
        self._process = context.Process(
            target=_run, args=(module, words, cwd, environment, largest_file, self._said)
        )
        self._process.start()
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        """Its exit code, or None if it runs."""
        return self._process.exitcode

    def send_signal(self, sign: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, sign)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Waits for its end; what it said to stdout and stderr."""
        self._process.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        out, err = ((self._said / name).read_text("utf-8") for name in ("out", "err"))
        shutil.rmtree(self._said)
        return out, err


def _run(
    module: str, words: list[str], cwd: Path, environment: dict[str, str], largest_file: int, said: Path
) -> None:
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(said / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    gc.freeze()  # what was loaded before stays
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    os.environ.clear()
    os.environ.update(environment)
    # A process that was forked does not remove its temporary files as it ends; the one that began it does.
    os.environ["TMPDIR"], tempfile.tempdir = str(said), None
    os.chdir(cwd)
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
