"""The figures of a training: learning curves, classes, and pictures as the model sees them."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from pipeline.core import stages
from pipeline.core.progress import ProgressReporter
from pipeline.images.views import all_views, plain_view, view_settings
from pipeline.stats.metrics import MOST_CLASSES
from pipeline.training.experiment import DRAWN, Experiment
from pipeline.training.results import Folds

_ROWS = 12  # of the sheet of samples, if there are too many classes for a row each


def draw(experiment: Experiment, folds: str, reporter: ProgressReporter) -> None:
    """Draws the figures that are out of date; `folds` is the recipe key of the run's folds."""
    run, config, split = experiment.run, experiment.config, experiment.split
    result = run.read(Folds, stages.FOLDS)
    histories = [curves.model_dump() for curves in result.history]
    rows_of = {label: array("I") for label in experiment.labels}
    for row, label in enumerate(split.train.labels()):
        rows_of[label].append(row)
    held_out = Counter(split.held_out.labels())
    counts = {
        "train": [len(own) for own in rows_of.values()],
        "held-out": [held_out[label] for label in experiment.labels],
    }
    picked = [split.train[own[0]] for own in rows_of.values()][:6]
    sheet = {"train": split.train_key, "frame": str(experiment.frame)}
    augment = {"augment": view_settings(config.augment), "seed": config.seed}
    drawings = {
        "curves.svg": (
            {"folds": folds},
            {},
            lambda path: _plots().curves(path, histories, result.chosen_epoch, result.n),
        ),
        "classes.svg": (
            {"train": split.train_key, "held_out": split.held_out_key},
            {},
            lambda path: _class_histogram(path, experiment, counts),
        ),
        "samples.png": (sheet, {}, lambda path: _sample_sheet(path, experiment, rows_of)),
        "augmentation.png": (
            sheet,
            augment,
            lambda path: _plots().augmentation_sheet(
                path,
                [p.label for p in picked],
                [all_views(experiment.table.file(p), p.sha256, config, experiment.frame) for p in picked],
            ),
        ),
    }
    made = 0
    for done, (name, (inputs, settings, draw)) in enumerate(drawings.items(), 1):
        output = f"{stages.FIGURES}/{name}"
        recipe = stages.recipe(output, inputs, settings, DRAWN)
        made += run.make(recipe, lambda draw=draw, output=output: draw(run.path(output)))
        reporter.progress("drawing figures", done, len(drawings))
    reporter.say(
        "figures", f"{len(drawings)} in {run.path(stages.FIGURES)}" + ("" if made else " (up to date)")
    )


def _plots() -> ModuleType:
    """The `plots` module; loads matplotlib, which takes as long as reading 10,000 unchanged pictures."""
    from pipeline.stats import plots

    return plots


def _class_histogram(path: Path, experiment: Experiment, counts: dict[str, list[int]]) -> None:
    from pipeline.stats import class_plots

    class_plots.class_histogram(path, experiment.labels, counts)


def _sample_sheet(path: Path, experiment: Experiment, rows_of: Mapping[str, Sequence[int]]) -> None:
    train = experiment.split.train
    columns, labels = 8, experiment.labels
    count = len(labels) if len(labels) <= MOST_CLASSES else _ROWS
    shown = [labels[at * len(labels) // count] for at in range(count)]
    rows = []
    for own in (rows_of[label] for label in shown):
        picked = [train[own[at * len(own) // columns]] for at in range(min(columns, len(own)))]
        rows.append([plain_view(experiment.table.file(p), experiment.frame) for p in picked])
    _plots().sample_sheet(path, shown, rows, len(labels))
