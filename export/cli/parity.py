"""`parity`: a run's .tflite files against its Keras model."""

from __future__ import annotations

from export.cli import comparison_table
from pipeline.cli import options
from pipeline.cli.terminal import speaking


def parity(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare a run's .tflite files with its Keras model.

    Reads an exported run and its held-out pictures. Writes predictions/MODEL.npz, export/latency.json,
    parity.json and figures/flips.png. Exit code 3: a file failed the gate.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.parity import parity as stage
        from pipeline.core import runs
        from pipeline.training import experiment as experiments

        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
            experiment = experiments.open_trained(run, terminal)
            comparison_table.show(terminal, experiment, stage.parity(experiment, terminal))
