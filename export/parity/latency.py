"""How long each flavour takes for one picture on this computer."""

from __future__ import annotations

import numpy as np

from export import artifacts
from export.conversion import convert
from pipeline.core import stages
from pipeline.core.documents import Document
from pipeline.core.progress import ProgressReporter
from pipeline.tflite import interpreter as litert
from pipeline.training.experiment import Experiment

_WARM_UP_RUNS, _RUNS = 10, 100


class Timing(Document):
    """How long one flavour takes for one picture."""

    median_ms: float
    p90_ms: float
    num_threads: int
    delegate: str


class Latency(Document):
    """latency.json: every flavour on the computer that made it; warm-up runs are not counted."""

    runs: int
    warm_up_runs: int
    flavours: dict[str, Timing]


def latency(experiment: Experiment, reporter: ProgressReporter) -> tuple[Latency, str]:
    """Times every flavour, in turns; returns latency.json and its recipe's key."""
    run, config = experiment.run, experiment.config
    keys = {name: convert.recipe(experiment, name).key for name in convert.exported(experiment)}
    threads = config.export.num_threads
    recipe = stages.recipe("latency", keys, {"num_threads": threads}, ("ai-edge-litert",))

    def build() -> None:
        interpreters = {
            name: litert.Interpreter(run.path(convert.file_name(name)).read_bytes(), threads) for name in keys
        }
        frame = np.random.default_rng(0).integers(
            0, 256, (experiment.frame.height, experiment.frame.width, 3), np.uint8
        )
        took: dict[str, list[float]] = {name: [] for name in keys}
        for turn in range(_WARM_UP_RUNS + _RUNS):
            for name, interpreter in interpreters.items():
                took[name].append(interpreter.milliseconds(frame))
            reporter.progress("timing the flavours", turn + 1, _WARM_UP_RUNS + _RUNS)
        flavours = {
            name: Timing(
                median_ms=float(np.median(values[_WARM_UP_RUNS:])),
                p90_ms=float(np.percentile(values[_WARM_UP_RUNS:], 90)),
                num_threads=threads,
                delegate=litert.XNNPACK,
            )
            for name, values in took.items()
        }
        run.write(Latency(runs=_RUNS, warm_up_runs=_WARM_UP_RUNS, flavours=flavours), artifacts.LATENCY)

    run.make(recipe, build)
    return run.read(Latency, artifacts.LATENCY), recipe.key
