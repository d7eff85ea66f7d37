"""`train`: pictures → a Keras classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking
from pipeline.core import stages

if TYPE_CHECKING:
    from pipeline.training.results import Search


def train(
    source: options.Source = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key; a list of values starts a search."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The run's name; default: the source's, without its suffix.")
    ] = None,
    allow_unreadable: options.AllowUnreadable = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a run that has another configuration.")] = False,
    resplit: Annotated[
        bool,
        typer.Option(help="Start a new run with a fresh train/test split; it depends on the seed."),
    ] = False,
    run_option: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Repeat this run with its own configuration.")
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Train a classifier: search (if any), folds, final model.

    Reads the pictures. Writes data/runs/NAME: the picture table, the split, the folds, out-of-fold
    predictions, model.keras and figures. Run again, it redoes only what is out of date.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.core import config as configuration
        from pipeline.core import runs
        from pipeline.training import train as training
        from pipeline.training.results import Folds, Search, Training

        source, name = options.source_of(source, run_option, name)
        config = configuration.load(
            source, [*(settings or ()), *options.unreadable_setting(allow_unreadable)]
        )
        run = runs.open_for(name, config, overwrite=overwrite, resplit=resplit)
        if source.suffix.lower() != ".toml":
            terminal.say(
                "defaults", f"no configuration given; the full one will be in {run.path(stages.CONFIG)}"
            )
        with run.locked():
            training.train(run, config, terminal)
            folds = run.read(Folds, stages.FOLDS)
            search = run.read(Search, stages.SEARCH) if config.search else None
            fit = run.read(Training, stages.TRAINING)
        if search:
            _show_search(terminal, list(config.search), search)
        kept = {"n", "accuracy", "fold_accuracy", "chosen_epoch"}
        terminal.finish(
            {
                "run": run.name,
                "out_of_fold": folds.model_dump(mode="json", include=kept),
                "training": fit.model_dump(mode="json"),
                **({"search": search.model_dump(mode="json")} if search else {}),
            },
            [str(run.path(stages.FIGURES, "curves.svg")), str(run.path(stages.FIGURES, "augmentation.png"))],
        )
        terminal.next("pipeline", "evaluate", run.name)


def _show_search(terminal: Terminal, keys: list[str], search: Search) -> None:
    """The settings tried, best first; a key that a combination does not use is blank."""
    terminal.table(
        f"Settings tried, best first (out-of-fold, n = {search.n:,})",
        [*keys, "accuracy", "95%", "log loss", "epoch"],
        [
            [
                *(str(row.values.get(key, "")) for key in keys),
                f"{row.accuracy:.3f}",
                "{:.3f} to {:.3f}".format(*row.interval),
                f"{row.log_loss:.3f}",
                str(row.chosen_epoch),
            ]
            for row in search.rows
        ],
    )
