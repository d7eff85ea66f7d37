"""`parity`: a run's .tflite files against its Keras model, or any two models on any pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from export.cli import comparison_table
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

_MODEL = "A run (its Keras model), a bundle's folder, or a .tflite."


def parity(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    reference: Annotated[str | None, typer.Option(metavar="MODEL", help=_MODEL)] = None,
    target: Annotated[str | None, typer.Option(metavar="MODEL", help="Likewise; compared with it.")] = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="With --reference: one folder a class, or a .csv.")
    ] = None,
    flavour: Annotated[
        str | None, typer.Option(help="Of a --target that is a run: this .tflite, not its Keras model.")
    ] = None,
    input_range: Annotated[
        str | None,
        typer.Option("--range", metavar="LOW,HIGH", help="A foreign .tflite gets pixels 0 … 255 as these."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A foreign .tflite's labels, one a line, in output order."),
    ] = None,
    fit: Annotated[
        str | None, typer.Option(metavar="stretch|letterbox", help="How a foreign .tflite's frame is filled.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="Of the input, for a foreign .tflite that leaves it open."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="With --reference: parity.json, parity.xml, flips.png."),
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare .tflite files with Keras, or any two models.

    Reads an exported run and its held-out pictures. Writes predictions/MODEL.npz, export/latency.json,
    parity.json, parity.xml and figures/flips.png. With --reference, --target and --pictures it compares
    any two models on any labelled pictures, and writes to --out only. A model without a contract is read by
    its metadata, or by --range, --labels, --fit and --size. Exit code 3: the gate said no.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.core.errors import UsageError

        run_name = options.one_of(run_name, run_option)
        elsewhere: dict[str, Any] = {
            "--reference": reference,
            "--target": target,
            "--pictures": pictures,
        }
        by_hand = {
            "--flavour": flavour,
            "--range": input_range,
            "--labels": labels,
            "--fit": fit,
            "--size": size,
            "--out": out,
        }
        given = [name for name, value in {**elsewhere, **by_hand}.items() if value is not None]
        if not given:
            _of_run(terminal, run_name)
            return
        missing = [name for name, value in elsewhere.items() if value is None]
        if missing:
            raise UsageError(
                f"beside {', '.join(given)} there must be {', '.join(missing)}, too",
                "any two models: python -m export parity --reference MODEL --target MODEL --pictures FOLDER",
            )
        if run_name is not None:
            raise UsageError(
                f"{run_name}: a run or --reference and --target, not both", "leave one of them out"
            )
        _any_two(terminal, str(reference), str(target), Path(str(pictures)), by_hand)


def _of_run(terminal: Terminal, run_name: str | None) -> None:
    from export.parity import parity as comparison
    from pipeline.core import runs
    from pipeline.training import experiment as experiments

    run = runs.find(run_name)
    with run.locked():
        experiment = experiments.open_trained(run, terminal)
        comparison_table.show(terminal, experiment, comparison.parity(experiment, terminal))


def _any_two(
    terminal: Terminal, reference: str, target: str, pictures: Path, by_hand: dict[str, Any]
) -> None:
    from export.parity import gate
    from export.parity.models import versus
    from export.parity.models.sides import ByHand
    from pipeline.core.config import Gate
    from pipeline.core.errors import GateError

    hand = ByHand.read(by_hand["--range"], by_hand["--labels"], by_hand["--fit"], by_hand["--size"])
    found = versus.versus(reference, target, pictures, by_hand["--flavour"], hand, by_hand["--out"], terminal)
    row = found["targets"][0]
    comparison_table.table(terminal, f"{found['n']:,} pictures in {pictures}", found)
    comparison_table.judged(terminal, row)
    comparison_table.by_class(terminal, row)
    comparison_table.paragraph(terminal, row)
    terminal.finish(found, found["files"])
    if gate.says_no(row["verdict"], Gate.model_validate(found["gate"])):
        reasons = ", ".join(row["broken"] or row["unproved"])
        raise GateError(
            f"the gate says no: {row['model']}: {reasons} (n = {found['n']})",
            "the two do not answer alike; look at the changed answers (--out FOLDER writes flips.png)",
        )
