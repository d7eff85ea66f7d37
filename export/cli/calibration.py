"""`calibration`: what the integer ranges were measured on, and how many pictures that takes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from export import artifacts
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking


def calibration(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    curve: Annotated[
        bool, typer.Option("--curve", help="Convert with 10, 30, 100 and 300 pictures: a minute or two.")
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Show what the integer ranges were measured on.

    Says which pictures, and whether they stand for others. Reads an exported run. Writes nothing; with
    --curve, export/calibration_curve.json and figures/calibration_curve.svg. Held-out pictures are never
    looked at.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.parity import calibration_curve
        from pipeline.core import runs
        from pipeline.core.errors import RunError
        from pipeline.training import experiment as experiments

        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
            experiment = experiments.open_trained(run, terminal)
            if not run.path(artifacts.CALIBRATION).is_file():
                raise RunError(
                    f"{run.path(artifacts.CALIBRATION)} is missing",
                    f"export int8 first: python -m export tflite {run.name}",
                )
            found = run.read_json(artifacts.CALIBRATION)
            files = [str(run.path(artifacts.CALIBRATION))]
            drawn = calibration_curve.curve(experiment, terminal) if curve else None
            if drawn:
                files += [str(run.path(calibration_curve.FIGURE))]
        _show(terminal, run.name, found, drawn)
        terminal.finish({"run": run.name, **found, "curve": drawn}, files)


def _show(terminal: Terminal, name: str, found: dict[str, Any], drawn: dict[str, Any] | None) -> None:
    rows = [
        [row["label"], str(row["n"]), f"{row['share']:.1%}", f"{row['training_share']:.1%}"]
        for row in found["classes"]
    ]
    title = f"{name}: {len(found['pictures'])} calibration pictures" + (
        ", chosen again after the gate said no" if found["second_look"] else ""
    )
    terminal.table(title, ["class", "pictures", "share", "share in training"], rows)
    for sentence in found["words"]:
        terminal.text(sentence)
    if drawn:
        rows = [
            [str(row["pictures"]), f"{row['agreement']:.3f}", "{:.3f} to {:.3f}".format(*row["interval"])]
            for row in drawn["points"]
        ]
        terminal.table(
            f"Agreement with Keras on {drawn['judges']} training pictures outside every choice",
            ["calibration pictures", "agreement", "95%"],
            rows,
        )
        terminal.text(drawn["words"])
    terminal.text("")
