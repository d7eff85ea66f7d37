"""`report`: one offline page with everything that a run knows."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from pipeline.core.runs import Run


def report(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    no_pictures: Annotated[
        bool,
        typer.Option(
            "--no-pictures",
            help="Leave out all pictures, for sharing where they are not yours; names of files stay.",
        ),
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Write one page with everything that a run knows.

    May the file be shipped, what it learned, where it fails and looks. Reads whatever a run holds, finished
    or not, and your own notes.md in it. Writes report.html, which refers to nothing outside itself,
    report.json and model_card.md.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.report import report as stage
        from pipeline.core import runs

        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
            _say_changes(run, terminal)
            found = stage.report(run, terminal, pictures=not no_pictures)
        terminal.say("report", f"{found['size_bytes'] / 1e6:.1f} MB, nothing outside it is needed")
        terminal.text(f"\n{found['title']}.")
        for sentence in found["sentences"]:
            terminal.text(f"  {sentence}")
        if found["missing"]:
            terminal.table(
                "Not in the report yet",
                ["the command", "makes"],
                [
                    [row["command"], f"{row['what']} ({row['reason']})" if row["reason"] else row["what"]]
                    for row in found["missing"]
                ],
                words=True,
            )
        terminal.finish(found, [str(run.path(name)) for name in stage.OUTPUTS])


def _say_changes(run: Run, terminal: Terminal) -> None:
    """As the verbs do that open a trained run; a report is of any run, and says itself what it lacks."""
    from pathlib import Path

    from pipeline.core.errors import VignetteError
    from pipeline.data import dataset
    from pipeline.training.experiment import say_changes

    with contextlib.suppress(VignetteError):
        config = run.config()
        say_changes(run, dataset.load(run, Path(config.data.pictures)), config, terminal)
