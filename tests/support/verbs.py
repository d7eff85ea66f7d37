"""The real commands as a user runs them, and one finished run that many tests start from.

The finished run is made once a session, by the library in a test's process; tests get copies.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any
from unittest import mock

import numpy as np
import pytest
import typer.main

from pipeline.core import config as configuration
from pipeline.core import files, runs, stages
from pipeline.core.config import Config
from pipeline.core.packages import ROOT
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from tests.support.forked import Forked

RUN = runs.RUNS / "pictures"

# Quick, and still good enough for the gate.
TINY = (
    "model.backbone=tiny",
    "train.preset=fast",
    "model.input=64x64",
    "head.l2=0.001",
    "augment.views=1",
    "train.folds=3",
    "train.epochs=12",
    "train.learning_rate=0.02",
    "data.held_out=0.3",
    "export.calibration_pictures=25",
    "gate.min_agreement=0.8",
    "gate.max_drop=0.2",
    "gate.max_coverage_drop=0.2",
    "gate.max_f1_drop=0.2",
)

_WATCH = """
import json, runpy, sys
module, where = sys.argv[1:3]
sys.argv = [module, *sys.argv[3:]]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
finally:
    with open(where, "w") as file:
        json.dump(sorted(sys.modules), file)
"""


def environment(**more: str) -> dict[str, str]:
    """The environment of a command: the checkout on the path, and a terminal of no kind."""
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE")}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def sets(settings: Iterable[str] = TINY) -> list[str]:
    """`--set` before every setting."""
    return [word for setting in settings for word in ("--set", setting)]


def verb(
    module: str, *arguments: object, cwd: Path, env: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """`python -m MODULE ARGUMENTS`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=cwd,
        env=env or environment(),
        text=True,
        capture_output=True,
        check=False,
        **options,
    )


def start(module: str, *arguments: object, cwd: Path) -> subprocess.Popen[str]:
    """`python -m MODULE ARGUMENTS`, just begun."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def begin_forked(module: str, *arguments: object, cwd: Path, **options: Any) -> Forked:
    """The same as `start`, with TensorFlow loaded already."""
    return Forked(module, *arguments, cwd=cwd, environment=environment(), **options)


def forked(module: str, *arguments: object, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """The same as `verb`, with TensorFlow loaded already."""
    process = begin_forked(module, *arguments, cwd=cwd, **options)
    out, err = process.communicate()
    return subprocess.CompletedProcess([module, *map(str, arguments)], process.returncode or 0, out, err)


def watched(module: str, *arguments: object, cwd: Path) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """The same as `verb`, and the modules that were loaded when it ended."""
    where = cwd / ".modules.json"
    ended = subprocess.run(
        [sys.executable, "-c", _WATCH, module, where, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        text=True,
        capture_output=True,
        check=False,
    )
    modules = set(json.loads(where.read_text()))
    where.unlink()
    return ended, modules


def call(
    capfd: pytest.CaptureFixture[str], module: str, *arguments: object, cwd: Path
) -> subprocess.CompletedProcess[str]:
    """The same as `verb`, but in this process: for many commands that only have to say something."""
    capfd.readouterr()
    code = _code(module, arguments, cwd)
    return subprocess.CompletedProcess([module, *map(str, arguments)], code, *capfd.readouterr())


def here(
    module: str, *arguments: object, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The same as `verb`, but in this process, which has loaded TensorFlow already."""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8") as err,
    ):
        with (
            mock.patch.dict(os.environ, env or environment(), clear=True),
            _descriptor(1, out),
            _descriptor(2, err),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = _code(module, arguments, cwd)
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read())
    return subprocess.CompletedProcess([module, *map(str, arguments)], code, *said)


@contextlib.contextmanager
def _descriptor(number: int, file: IO[str]) -> Iterator[None]:
    """What is written to a descriptor, by a library in C for example, goes into a file."""
    kept = os.dup(number)
    os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        file.flush()
        os.dup2(kept, number)
        os.close(kept)


# What a process makes of the options of all verbs once, it makes for every command here.
_command = functools.cache(typer.main.get_command)


def _code(module: str, arguments: Iterable[object], cwd: Path) -> int:
    """Runs a command in this process; returns its exit code. Whatever it does not catch is raised."""
    app = importlib.import_module(f"{module}.__main__").app
    with contextlib.chdir(cwd), mock.patch("typer.main.get_command", _command):
        try:
            app(list(map(str, arguments)))
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def refused(ended: subprocess.CompletedProcess[str], code: int, message: str, hint: str) -> None:
    """Asserts that a command ended with this code and said exactly this to stderr."""
    assert ended.stderr == f"error: {message}\n" + (f"hint: {hint}\n" if hint else "")
    assert ended.returncode == code


def fine(ended: subprocess.CompletedProcess[str]) -> str:
    """Asserts that a command succeeded without a word on stderr; gives its stdout."""
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def draw_pictures(folder: Path, count: int = 40) -> None:
    """`folder/CHANNEL/*.jpg`, drawn, small."""
    from pipeline.core.size import Size
    from pipeline.data.synthetic import draw_channels

    beside = folder.with_name("drawn")
    draw_channels(beside, train=count, test=0, size=Size(160, 90))
    (beside / "train").rename(folder)
    shutil.rmtree(beside)


def tiny_config(*settings: str, source: str = "pictures") -> Config:
    return configuration.load(Path(source), [*TINY, *settings])


def make_run(run: Run, config: Config, reporter: ProgressReporter | None = None) -> None:
    """What train, evaluate and tflite do, in this process."""
    from export.conversion import convert
    from export.inspection import inspector
    from export.parity import parity
    from pipeline.evaluation import evaluate
    from pipeline.training import experiment as experiments
    from pipeline.training import train

    reporter = reporter or ProgressReporter()
    files.make_folder(run.folder)
    train.train(run, config, reporter)
    experiment = experiments.open_trained(run)
    evaluate.evaluate(experiment, reporter)
    convert.convert(experiment, reporter)
    inspector.require(inspector.of_run(run, reporter))
    parity.parity(experiment, reporter)


def made_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """A folder that `build` fills once a session, however many workers ask for it; not to be changed."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # that of the session; each worker has its own below
    place = root / name
    with (root / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not place.exists():
            unfinished = root / f"{name}-unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            build(unfinished)
            unfinished.rename(place)
    return place


def finished(factory: pytest.TempPathFactory) -> Path:
    """A working directory with `pictures/` and the run of that name, ready; not to be changed."""

    def build(place: Path) -> None:
        draw_pictures(place / "pictures")
        with contextlib.chdir(place):
            make_run(Run(RUN), tiny_config())

    return made_once(factory, "finished", build)


def copy_finished(factory: pytest.TempPathFactory, place: Path) -> Path:
    """A copy of `finished`, to be changed at will; times of files are kept."""
    return Path(shutil.copytree(finished(factory), place, dirs_exist_ok=True))


def rewrite(run: Path, name: str, content: str | bytes) -> None:
    """Writes an artifact as if its stage had made it so: the digest in the stage's note follows."""
    data = content.encode() if isinstance(content, str) else content
    (run / name).write_bytes(data)
    for path in (run / "recipes").rglob("*.json"):
        note = json.loads(path.read_text("utf-8"))
        if name in note["files"]:
            note["files"][name] = hashlib.sha256(data).hexdigest()
            files.write_json(path, note)


def artifacts(run: Path) -> list[str]:
    """The names of all files of a run, in order; hidden ones and the configuration aside."""
    names = (path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())
    return sorted(name for name in names if name != stages.CONFIG and not Path(name).name.startswith("."))


def stamps(run: Path) -> dict[str, int]:
    """When each artifact was written, in nanoseconds."""
    return {name: (run / name).stat().st_mtime_ns for name in artifacts(run)}


def content(path: Path) -> Any:
    """What an artifact says, in a form that compares: times on the clock aside."""
    if path.suffix == ".json":
        return _without_latency(json.loads(path.read_text("utf-8")))
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return {name: (array.dtype.str, array.shape, array.tolist()) for name, array in arrays.items()}
    if path.suffix == ".keras":
        import keras

        return [array.tolist() for array in keras.models.load_model(path, compile=False).get_weights()]
    return path.read_bytes()


def contents(run: Path) -> dict[str, Any]:
    """`content` of every artifact."""
    return {name: content(run / name) for name in artifacts(run)}


def _without_latency(value: Any) -> Any:
    if isinstance(value, dict):
        # Times on the clock, and the digests of files that hold some.
        timing = ("latency", "median_ms", "p90_ms", "files")
        return {
            k: _without_latency(v)
            for k, v in value.items()
            if k not in timing or (k == "latency" and isinstance(v, str))
        }
    if isinstance(value, list):
        return [_without_latency(v) for v in value]
    return value
