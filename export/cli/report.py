"""`report`: one offline page about a run."""

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
            help="Leave out all pictures, to share the report without them; file names stay.",
        ),
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Write one offline page about a run.

    Shows whether the file may be shipped, what the model learned, where it fails and where it looks. The run
    need not be finished; your own notes.md in it is included. Writes report.html, report.json and
    model_card.md.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.report import report as stage
        from pipeline.core import runs

        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
            _say_changes(run, terminal)
            summary = stage.report(run, terminal, pictures=not no_pictures)
        terminal.say("report", f"{summary.size_bytes / 1e6:.1f} MB, self-contained")
        terminal.text(f"\n{summary.title}.")
        for sentence in summary.sentences:
            terminal.text(f"  {sentence}")
        if summary.missing:
            terminal.table(
                "Not in the report yet",
                ["the command", "makes"],
                [
                    [row.command, f"{row.what} ({row.reason})" if row.reason else row.what]
                    for row in summary.missing
                ],
                words=True,
            )
        terminal.finish(summary.model_dump(mode="json"), [str(run.path(name)) for name in stage.OUTPUTS])


def _say_changes(run: Run, terminal: Terminal) -> None:
    """Reports what has changed since training; the page itself describes a run that cannot be read."""
    from pathlib import Path

    from pipeline.core.errors import VignetteError
    from pipeline.data import stored_table
    from pipeline.training.experiment import say_changes

    with contextlib.suppress(VignetteError):
        config = run.config()
        say_changes(run, stored_table.load(run, Path(config.data.pictures)), config, terminal)
