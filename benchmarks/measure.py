"""What the benchmarks share: turns, figures, child processes and drawn pictures.

Machines are noisy, so the alternatives take turns, and a figure is the median over the turns, with the
lowest and the highest value. The other modules define what is compared.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core import parallel, runs
from pipeline.core.config import Config
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import library_version
from pipeline.data import dataset, splits
from pipeline.training import backbones
from pipeline.training.experiment import Experiment, examples_of

if TYPE_CHECKING:
    from pipeline.training import heads

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "pillow")


@dataclass(frozen=True)
class Spread:
    """The results of the turns, in any unit."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def text(self, form: str) -> str:
        """The median and the two ends; `form` is a format with one field, such as `{:.1f} s`."""
        low, high = (form.format(end(self.values)) for end in (min, max))
        middle = form.format(self.median)
        return middle if low == high else f"{middle} ({low} to {high})"

    def per(self, other: Spread) -> Spread:
        """This divided by another, turn by turn."""
        return Spread(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        what: What was measured.
        measured: The result, with its unit and spread.
        reference: The reference's result in the same run.
        ratio: One divided by the other.
        expected: What is expected, in words.
        met: Whether it was met; None if nothing is expected.
    """

    what: str
    measured: str
    reference: str
    ratio: str
    expected: str = ""
    met: bool | None = None

    def line(self) -> str:
        verdict = (
            "" if self.met is None else f"; expected {self.expected}: {'met' if self.met else 'NOT MET'}"
        )
        return f"{self.what}: {self.measured}; {self.reference}; ratio {self.ratio}{verdict}"

    def row(self) -> str:
        met = "" if self.met is None else "yes" if self.met else "no"
        cells = (self.what, self.measured, self.reference, self.ratio, self.expected, met)
        return "| " + " | ".join(cells) + " |"


HEADING = (
    "| what | measured | reference, same run | ratio | expected | met |\n"
    "| --- | --- | --- | --- | --- | --- |"
)


def in_turns(ways: Mapping[str, Callable[[], float]], turns: int) -> dict[str, Spread]:
    """Runs every alternative once per turn and collects the number that each returns."""
    numbers: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            numbers[name].append(way())
    return {name: Spread(tuple(values)) for name, values in numbers.items()}


def seconds(function: Callable[[], object]) -> float:
    """The wall-clock time of a call."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def child(module: str, *arguments: str, folder: Path) -> Any:
    """Runs a module in a new process that works in `folder`; returns the JSON of its last line."""
    return json.loads(output(module, *arguments, folder=folder).splitlines()[-1])


def output(module: str, *arguments: str, folder: Path) -> str:
    """Runs a module in a new process that works in `folder`; returns what it printed."""
    return _run(["-m", module, *arguments], folder, ())


_WATCH = """
import resource, runpy, sys
module, where = sys.argv[1:3]
sys.argv = [module, *sys.argv[3:]]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
finally:
    with open(where, "w") as file:
        file.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


def output_and_peak(
    module: str, *arguments: str, folder: Path, allowed: Sequence[int] = ()
) -> tuple[str, float]:
    """As `output`, with the peak memory of the process in GB; `allowed` are exit codes beside 0."""
    peak = folder / "peak"
    printed = _run(["-c", _WATCH, module, str(peak), *arguments], folder, allowed)
    return printed, int(peak.read_text()) / 1e6


def _run(words: Sequence[str], folder: Path, allowed: Sequence[int]) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, *allowed):
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def experiment(config: Config) -> Experiment:
    """The pictures of a configuration, audited and split, in a run below the working folder."""
    run = runs.Run(runs.RUNS / "benchmark")
    table = dataset.scan(Path(config.data.pictures))
    split = splits.make(run, table, config)
    frame = backbones.frame(config.model, [*split.train.sizes()])
    return Experiment(run, config, table, split, frame)


def examples(of: Experiment) -> heads.Examples:
    """Their features, computed if the cache lacks them, ready for training; loads TensorFlow."""
    return examples_of(of, ProgressReporter())


def processor_seconds() -> tuple[float, float]:
    """The processor time used so far by all programs, and by this one and its finished children.

    The first is NaN if the system does not report it.
    """
    own = sum(os.times()[:4])
    if not Path("/proc/stat").exists():
        return float("nan"), own
    # user, nice, system, idle, iowait, irq, softirq, steal
    counts = [int(n) for n in Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:9]]
    return (sum(counts) - counts[3] - counts[4]) / os.sysconf("SC_CLK_TCK"), own


def machine() -> str:
    """The versions and the machine that the figures belong to."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.machine()
    versions = ", ".join(f"{name} {library_version(name)}" for name in LIBRARIES)
    return f"{parallel.cores()} cores of {processor}; Python {platform.python_version()}, {versions}"
