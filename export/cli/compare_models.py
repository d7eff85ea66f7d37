"""`compare-models`: any two models on any labelled pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from export.cli import comparison_table
from pipeline.cli import options
from pipeline.cli.terminal import speaking


def compare_models(
    reference: Annotated[
        str,
        typer.Option(
            metavar="MODEL", help="A run (its Keras model), a bundle's folder, a .tflite or .keras."
        ),
    ],
    target: Annotated[
        str, typer.Option(metavar="MODEL", help="The same kinds; compared with the reference.")
    ],
    pictures: Annotated[
        Path, typer.Option(metavar="FOLDER", help="One folder per class, or a table (.csv, .parquet).")
    ],
    flavour: Annotated[
        str | None, typer.Option(help="If --target is a run: this .tflite instead of its Keras model.")
    ] = None,
    input_range: Annotated[
        str | None,
        typer.Option(
            "--range", metavar="LOW,HIGH", help="The input range of a foreign file for pixels 0 to 255."
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A foreign file's labels, one per line, in output order."),
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(metavar="stretch|letterbox", help="How a foreign file fits pictures into its frame."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="The input size, if a foreign file leaves it open."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write parity.json and flips.png there.")
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare any two models on any labelled pictures.

    Reads two models and the pictures. Writes to --out only. A .tflite without a contract is read by its
    metadata, or by --range, --labels, --fit and --size; a .keras file by these. The limits are those of the
    target's run, else of the reference's, else the defaults. Exit code 3: the target failed the gate.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.parity import gate
        from export.parity.models import compare
        from export.parity.models.by_hand import ByHand
        from pipeline.core.errors import GateError

        by_hand = ByHand.read(input_range, labels, fit, size)
        result, files = compare.compare_models(reference, target, pictures, flavour, by_hand, out, terminal)
        row = result.targets[0]
        title = f"{result.n:,} pictures in {pictures}"
        comparison_table.table(terminal, title, result.reference, result.targets)
        comparison_table.judged(terminal, row)
        comparison_table.by_class(terminal, row)
        comparison_table.paragraph(terminal, row)
        terminal.finish(result.model_dump(mode="json"), files)
        if gate.refuses(row.verdict, result.gate):
            raise GateError(
                f"failed the gate: {row.model}: {', '.join(row.reasons)} (n = {result.n})",
                "check the answers that differ (--out FOLDER writes flips.png)",
            )
