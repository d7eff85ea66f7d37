"""`tflite`: the .tflite files of a run, compared with its Keras model."""

from __future__ import annotations

from export.verbs import compared
from pipeline import console
from pipeline.verbs import options


def tflite(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Convert to .tflite and compare every file with Keras.

    Reads a trained run. Writes export/FLAVOUR (model_FLAVOUR.tflite, labels.txt, contract.json),
    export/calibration.json, export/latency.json, answers/MODEL.npz, passport.json, parity.json, parity.xml
    and figures/flips.png. Where the gate says no to int8, it is calibrated on other pictures once and
    judged once more, called a second look (export/recalibration.json). Exit code 3: the gate said no, or a
    file is not what its name says.
    """
    with console.speaking(quiet=quiet, as_json=as_json) as terminal:
        from export import convert, passport, recalibration
        from pipeline import runs
        from pipeline import subject as subjects

        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
            subject = subjects.open_trained(run)
            convert.convert(subject, terminal)
            passport.require(passport.of_run(run, terminal))
            found = recalibration.gated(subject, terminal)
            # A second look is at another file.
            passport.require(passport.of_run(run, terminal))
            compared.show(terminal, subject, found)
