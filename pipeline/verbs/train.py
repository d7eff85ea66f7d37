"""`train`: pictures → a Keras classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline import console
from pipeline.verbs import options


def train(
    source: Annotated[Path, typer.Argument(metavar="CONFIG_OR_FOLDER", help="A .toml, a folder or a .csv.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key; a list of values is a search."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The run's name; default: the stem of the source.")] = None,
    allow_unreadable: options.AllowUnreadable = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a run of another configuration.")] = False,
    resplit: Annotated[
        bool,
        typer.Option(
            help="Another run, its split drawn without regard to this one's; another seed draws another."
        ),
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Train: folds, the search if there is one, then the final model.

    Reads the pictures. Writes data/runs/NAME: the table of pictures, the split, the folds, out-of-fold
    answers, model.keras and figures. Repeated, it does only what is out of date.
    """
    with console.speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline import config as configuration
        from pipeline import runs
        from pipeline import train as training

        config = configuration.load(
            source, [*(settings or ()), *options.unreadable_setting(allow_unreadable)]
        )
        run = runs.open_for(name or runs.run_name(source), config, overwrite=overwrite, resplit=resplit)
        if source.suffix.lower() != ".toml":
            terminal.say("defaults", f"no configuration given; all of it will be in {run.path(runs.CONFIG)}")
        with run.locked():
            training.train(run, config, terminal)
            folds = run.read_json(runs.FOLDS)
        terminal.finish(
            {
                "run": run.name,
                "out_of_fold": {
                    key: folds[key] for key in ("n", "accuracy", "fold_accuracy", "chosen_epoch")
                },
                "training": run.read_json(runs.TRAINING),
            },
            [str(run.path(runs.FIGURES, "curves.svg")), str(run.path(runs.FIGURES, "augmentation.png"))],
        )
        terminal.next("pipeline", "evaluate", run.name)
