"""`report`: one offline page with everything that a run knows."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline import console
from pipeline.verbs import options


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
    with console.speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.report import stage
        from pipeline import runs

        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
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
