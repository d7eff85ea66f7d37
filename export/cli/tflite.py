"""`tflite`: the .tflite files of a run or of your own Keras model, compared with Keras."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export.cli import comparison_table
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from export.conversion.given import Given
    from pipeline.training.experiment import Experiment

_WITH_KERAS = "With --keras: "


def tflite(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    keras: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your own classifier (.keras) instead of a run.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help=_WITH_KERAS + "one folder per class, a table, or a .toml that names one."
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=_WITH_KERAS + "its labels, one per line, in output order."),
    ] = None,
    input_range: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="LOW,HIGH",
            help=_WITH_KERAS + "its input for the pixels 0 and 255; default 0,255.",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTHxHEIGHT", help=_WITH_KERAS + "its input size, if the file leaves it open."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help=_WITH_KERAS + "the run's name; default: the file's, without its suffix."),
    ] = None,
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

    With --keras, --pictures and --labels, it first makes a run of your own model (given.json): half of the
    pictures calibrate, half judge.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.core import runs
        from pipeline.core.errors import UsageError
        from pipeline.training import experiment as experiments

        named = options.one_of(run_name, run_option)
        own = {"--pictures": pictures, "--labels": labels}
        others = {**own, "--range": input_range, "--size": size, "--name": name}
        if keras is None:
            if unused := [option for option, value in others.items() if value is not None]:
                raise UsageError(f"{', '.join(unused)}: only with --keras FILE", "omit them, or add --keras")
            run = runs.find(named)
            with run.locked():
                _export(experiments.open_trained(run, terminal), terminal, details=details)
            return
        if named is not None:
            raise UsageError(f"{named} and --keras {keras} are both given", "--name NAME names the new run")
        if pictures is None or labels is None:
            missing = " and ".join(option for option, value in own.items() if value is None)
            raise UsageError(
                f"--keras {keras} needs {missing}",
                "--pictures FOLDER (one folder per class) and --labels FILE (one label per line)",
            )
        _give(_given(keras, pictures, labels, input_range, size, name), terminal, details=details)


def _given(
    keras: Path, pictures: Path, labels: Path, input_range: str | None, size: str | None, name: str | None
) -> Given:
    from export.conversion.given import Given
    from export.parity.models.by_hand import ByHand

    hand = ByHand.read(input_range, labels, None, size)
    return Given(keras, pictures, hand.labels or (), labels, hand.limits, hand.size, name)


def _give(given: Given, terminal: Terminal, *, details: bool) -> None:
    from export.conversion import given as giving

    config = giving.configured(given)
    run = giving.run_of(given, config)
    with run.locked():
        _export(giving.give(run, config, given, terminal), terminal, details=details)


def _export(experiment: Experiment, terminal: Terminal, *, details: bool) -> None:
    from export.conversion import convert
    from export.inspection import inspector
    from export.parity import recalibration

    convert.convert(experiment, terminal)
    result = recalibration.gated(experiment, terminal)
    passports = inspector.of_run(experiment.run, terminal)
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
