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
    name: options.Name = None,
    allow_unreadable: options.AllowUnreadable = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="fast|balanced|best",
            help="How much work goes into the model: the head alone, also the last blocks of the backbone, "
            "or more of them for longer. The same as --set train.preset=...; raising it continues a run.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a run that has another configuration.")] = False,
    resplit: Annotated[
        bool,
        typer.Option(help="Start a new run with a fresh train/test split; it depends on the seed."),
    ] = False,
    run_option: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Repeat this run with its own configuration.")
    ] = None,
    cluster: options.ClusterOption = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Train a classifier: search (if any), folds, final model.

    Reads the pictures. Writes data/runs/NAME: the picture table, the split, the folds, out-of-fold
    predictions, model.keras and figures. The first model, a head on the frozen backbone, is soon ready;
    then the backbone's last blocks are fine-tuned, and the better model is kept. Run again, it redoes
    only what is out of date.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.core import config as configuration
        from pipeline.core import runs
        from pipeline.training import train as training
        from pipeline.training.results import Folds, Search, Training

        source, name = options.source_of(source, run_option, name)
        given = [*(settings or ()), *options.unreadable_setting(allow_unreadable)]
        if preset is not None:
            given.append(f"train.preset={preset}")
        before = {} if overwrite or resplit else runs.added_since(name)
        decided = {} if overwrite else runs.decided(name)
        config = configuration.load(source, given, decided | before)
        if before:
            keys = ", ".join(f"{key} = {value}" for key, value in before.items())
            terminal.warn(f"the run {name} was made before these keys existed, and keeps to {keys}")
        chosen = any(setting.partition("=")[0].strip() in decided for setting in given)
        if decided and not chosen and config.data.decisions:
            terminal.warn(
                f"{config.data.decisions} goes on deciding about pictures of this run; to end that, add "
                '--set data.decisions=""'
            )
        run = runs.open_for(name, config, overwrite=overwrite, resplit=resplit)
        if source.suffix.lower() != ".toml":
            terminal.say("defaults", "no configuration given; a run's config.toml has the full one")
        with options.workers(cluster, terminal) as workers, run.locked():
            training.train(run, config, terminal, workers)
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
