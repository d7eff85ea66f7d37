"""`tflite`: the .tflite files of a run, compared with its Keras model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from export.cli import comparison_table
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from pipeline.training.experiment import Experiment


def tflite(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    details: Annotated[
        bool,
        typer.Option("--details", help="Show int8's error in every layer, before and after compensation."),
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Convert to .tflite and compare every file with Keras.

    Reads a trained run. Writes export/FLAVOUR (model_FLAVOUR.tflite, labels.txt, contract.json),
    export/calibration.json, export/compensation.json, export/latency.json, predictions/MODEL.npz,
    passport.json, parity.json and figures/flips.png. If int8 fails the gate, another way of making it is
    tried and evaluated once: a second look (export/recalibration.json). A flavour that fails does not stop
    the others. Exit code 3: a flavour could not be made or failed the gate, or a file is not what its name
    says.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.conversion import convert
        from export.inspection import inspector
        from export.parity import recalibration
        from pipeline.core import runs
        from pipeline.training import experiment as experiments

        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
            experiment = experiments.open_trained(run, terminal)
            convert.convert(experiment, terminal)
            result = recalibration.gated(experiment, terminal)
            passports = inspector.of_run(run, terminal)
            for name, entry in passports.items():
                if not entry.sound:
                    terminal.warn(f"{name} is not what its name says: {entry.verdict}")
            if details:
                _show_layers(terminal, experiment)
            comparison_table.show(terminal, experiment, result)
            inspector.require(passports)


def _show_layers(terminal: Terminal, experiment: Experiment) -> None:
    """The table of int8's error in every layer, or why there is none."""
    from export.conversion import compensation

    layers, outcome = compensation.layers(experiment), compensation.tried(experiment)
    if layers:
        rows = [[row.name, f"{row.before:.3f}", f"{row.after:.3f}"] for row in layers]
        title = (
            "int8's error, relative to the layer's output, in a simulation on pictures it was not fitted on"
        )
        terminal.table(title, ["layer", "as it is", "compensated"], rows)
    else:
        terminal.text(outcome.sentence if outcome else "The int8 file is not compensated.")
