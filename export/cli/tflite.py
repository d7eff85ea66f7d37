"""`tflite`: the .tflite files of a run, compared with its Keras model."""

from __future__ import annotations

from export.cli import comparison_table
from pipeline.cli import options
from pipeline.cli.terminal import speaking


def tflite(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Convert to .tflite and compare every file with Keras.

    Reads a trained run. Writes export/FLAVOUR (model_FLAVOUR.tflite, labels.txt, contract.json),
    export/calibration.json, export/latency.json, predictions/MODEL.npz, passport.json, parity.json and
    figures/flips.png. If int8 fails the gate, it is recalibrated once and evaluated again: a second look
    (export/recalibration.json). A flavour that fails does not stop the others. Exit code 3: a flavour could
    not be made or failed the gate, or a file is not what its name says.
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
            comparison_table.show(terminal, experiment, result)
            inspector.require(passports)
