"""The folds of the fast model, and what a search has trained already.

A search trains its candidates in folders of the cache, each named after the recipe of what it made. Whoever
needs the same later takes it from there.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.core import files, locks, runs, stages
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.core.runs import Run
from pipeline.training import outcome
from pipeline.training.experiment import Experiment, examples_of, load_heads, trainer_of


def make(experiment: Experiment, reporter: ProgressReporter, stage: str = "training the folds") -> None:
    """Trains a run's folds with the head alone, unless they are up to date or in the cache."""
    run, config = experiment.run, experiment.config
    recipe = outcome.folds_recipe(experiment)

    def build() -> None:
        if take(run, recipe):
            return
        examples = examples_of(experiment, reporter)
        trainer = trainer_of(experiment, examples)
        result = load_heads().run_folds(trainer, examples, config, reporter.progress, stage)
        run.write_arrays(stages.OUT_OF_FOLD, **outcome.out_of_fold_arrays(examples, result, experiment))
        run.write(outcome.folds_document(examples, result, experiment), stages.FOLDS)

    run.make(recipe, build)


def make_in_cache(
    experiment: Experiment, reporter: ProgressReporter, stage: str = "training the folds"
) -> Experiment:
    """The experiment in its folder of the cache, with its folds; waits for who is training them."""
    experiment = replace(experiment, run=cached(outcome.folds_recipe(experiment)))
    files.make_folder(experiment.run.folder)
    with locks.waiting_for(experiment.run.folder, reporter.warn):
        make(experiment, reporter, stage)
    return experiment


def cached(recipe: Recipe) -> Run:
    """The folder of the cache where a search keeps what it made by a recipe."""
    return Run(runs.CACHE / recipe.key)


def take(run: Run, recipe: Recipe) -> bool:
    """Copies the outputs of a stage from the cache, if a search made them; returns whether it did."""
    source = cached(recipe)
    if source.folder == run.folder or not source.done(recipe):
        return False
    for name in stages.row(recipe.stage).outputs:
        files.write_bytes(run.path(name), source.path(name).read_bytes())
    return True
