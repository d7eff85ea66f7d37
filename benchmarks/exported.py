"""A run of drawn pictures with an int8 file, for benchmarks of what comes after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.conversion import convert
from export.parity import parity
from pipeline.core import config as configuration
from pipeline.core import files, runs
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.data import synthetic
from pipeline.evaluation import evaluate
from pipeline.training import experiment as experiments
from pipeline.training import train
from pipeline.training.experiment import Experiment

_SETTINGS = ('export.flavours=["int8"]', "augment.views=1", "train.preset=fast")


def experiment(per_class: int, held_out: int, settings: Sequence[str]) -> Experiment:
    """A trained, evaluated, exported and compared run in the current folder.

    Args:
        per_class: How many pictures of each class are trained on.
        held_out: How many of each are held out.
        settings: More of the configuration.
    """
    synthetic.draw_channels(Path("pictures"), train=per_class, test=held_out)
    run, quiet = Run(runs.RUNS / "benchmark"), ProgressReporter()
    files.make_folder(run.folder)
    train.train(run, configuration.load(Path("pictures"), [*_SETTINGS, *settings]), quiet)
    made = experiments.open_trained(run)
    evaluate.evaluate(made, quiet)
    convert.convert(made, quiet)
    parity.parity(made, quiet)
    return made
