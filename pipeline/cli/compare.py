"""`compare`: runs side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli import options
from pipeline.cli.terminal import speaking


def compare(
    names: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two or more runs.")],
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Rank runs by out-of-fold accuracy.

    Compares each run with the best one on the training pictures they share.

    Reads each run's out-of-fold predictions and configuration. Writes nothing.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.core import runs
        from pipeline.core.errors import UsageError
        from pipeline.evaluation import compare as comparison

        named_runs = [runs.find(name) for name in names]
        if len({run.folder.resolve() for run in named_runs}) < 2:
            raise UsageError("compare needs two different runs", "python -m pipeline compare RUN RUN")
        ranking = comparison.compare(named_runs)
        terminal.table(
            "Runs by out-of-fold accuracy",
            ["run", "n", "accuracy", "shared with the best", "difference", "95%"],
            [
                [
                    row.run,
                    f"{row.n:,}",
                    f"{row.accuracy:.3f}",
                    f"{row.shared_with_best:,}",
                    f"{row.difference_to_best:+.3f}" if place else "",
                    "{:+.3f} to {:+.3f}".format(*row.difference_interval) if place else "",
                ]
                for place, row in enumerate(ranking.rows)
            ],
        )
        order = [row.run for row in ranking.rows]
        if ranking.configuration:
            terminal.table(
                "Configuration keys that differ",
                ["key", *order],
                [
                    [key, *(str(values.get(name)) for name in order)]
                    for key, values in ranking.configuration.items()
                ],
            )
        else:
            terminal.text("The configurations are the same.")
        terminal.finish(ranking.model_dump(mode="json"))
