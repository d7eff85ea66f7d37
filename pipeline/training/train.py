"""From a data set to a trained classifier, stage by stage.

Each stage runs only if its artifact is out of date, and TensorFlow is loaded only if a stage needs it.
How heads are trained is in `heads`, the drawings in `figures`. Of the held-out pictures, only the audit
sees more than size and bytes; nothing here learns from them.
"""

from __future__ import annotations

from collections import Counter

from pipeline.core import config as configuration
from pipeline.core import files, grid, stages
from pipeline.core.cluster import Cluster
from pipeline.core.config import RENAMED, Config
from pipeline.core.progress import ProgressReporter
from pipeline.core.quiet import quiet
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.data import decisions, fingerprints, splits
from pipeline.data.audit import audit, contact_sheets, shortcuts
from pipeline.data.audit.issues import IssueKind
from pipeline.data.dataset import Table
from pipeline.data.splits import Split
from pipeline.images.letterbox import median_aspect
from pipeline.training import backbones, figures, fine_tuning, folds, tasks
from pipeline.training.experiment import Experiment, examples_of, load_heads, require_training, trainer_of
from pipeline.training.outcome import folds_recipe, model_recipe, write_model
from pipeline.training.results import Folds, Frame, Training
from pipeline.training.search import search


def train(run: Run, config: Config, reporter: ProgressReporter, cluster: Cluster | None = None) -> Experiment:
    """Runs every training stage that is out of date.

    Args:
        run: Where to.
        config: What to train.
        reporter: Receives progress, results and warnings.
        cluster: Who reads the pictures, computes features and tries settings; None for this process.

    Raises:
        UsageError: The run is of a model that was given.
        VignetteError: An error from `dataset`, `splits`, `features`, `backbones` or the disk.
            Finished stages are kept; running it again continues.
    """
    require_training(run, "no folds", "use --name NAME for another run")
    for key in config.renamed:
        reporter.warn(f"{key} is now called {RENAMED[key]}; the next version will reject the old name")
    for key in config.ignored:
        reporter.warn(f"{key} has no effect: only {grid.USED_BY[key].name} uses it")
    if cluster:
        tasks.read_pictures(cluster, config, reporter)
    table, split = prepare(run, config, reporter)
    # Written after the split, so that refused data leave no run behind.
    files.write_text(run.path(stages.CONFIG), configuration.dump(config))
    if config.search:
        config = search(run, config, table, split, reporter, cluster)
    experiment = Experiment(run, config, table, split, _frame(run, config, split))
    reporter.say("frame", f"{experiment.frame} (width x height)")
    plan = fine_tuning.plan(experiment)
    if plan and plan.is_done():
        _say_folds(run.read(Folds, stages.FOLDS), plan.epochs, reporter)
        _say_model(experiment, reporter)
    else:
        if cluster:
            _compute_features(cluster, experiment, plan, reporter)
        _folds(experiment, reporter)
        _model(experiment, reporter)
        if plan and plan.make(reporter):
            _say_model(experiment, reporter)
    figures.draw(experiment, run.recorded("folds")["key"], reporter)
    return experiment


def prepare(run: Run, config: Config, reporter: ProgressReporter) -> tuple[Table, Split]:
    """The pictures of a run, audited, and their split; says what was found.

    Raises:
        DataError: They are no data set, or cannot be split.
    """
    run.warn_of_damage(reporter.warn)
    table = look(run, config, reporter)
    if splits.restore(run):
        reporter.warn(f"{run.path(stages.SPLIT)} was damaged and has been restored from its copy")
    split = splits.make(run, table, config)
    _say_split(split, config, reporter)
    _say_decisions(table, split, reporter)
    return table, split


def look(run: Run, config: Config, reporter: ProgressReporter) -> Table:
    """The pictures of a run, audited; says what was found.

    Raises:
        DataError: They are no data set.
    """
    with fingerprints.open_cache(reporter.warn) as cache:
        result = audit.make(run, config, reporter, cache)
        if result.refusal:
            contact_sheets.draw_image_issues(run, result, reporter)
            raise result.refusal
        shortcut = shortcuts.make(run, result.table, cache, config.seed)
    table = result.table
    if result.changed:
        reporter.warn(f"the pictures have changed since the last run: {result.changed}")
    reporter.say("pictures", f"{len(table.pictures):,} in {len(table.labels)} classes: {_shares(table)}")
    reporter.say("audit", f"{result.audit.sentence} (see {run.path(stages.AUDIT)})")
    if shortcut.limits:
        reporter.say("shortcuts", shortcut.limits)
    for issue in result.audit.image_issues:
        if issue.kind in (IssueKind.SERIES, IssueKind.NAMES, IssueKind.NO_NAMED_GROUPS):
            reporter.warn(f"{issue.summary}: {issue.advice}")
    for sentence in shortcut.alarms:
        reporter.warn(sentence)
    if table.excluded:
        first, count = table.excluded[0], len(table.excluded)
        reporter.warn(
            f"{count} {'file is' if count == 1 else 'files are'} excluded, "
            f"listed in {run.path(stages.EXCLUDED)}; "
            f"the first: {first.path}: {first.reason}"
        )
    remarked = [row for row, remarks in enumerate(table.pictures.each("remarks")) if remarks]
    if remarked:
        first = table.pictures[remarked[0]]
        reporter.warn(f"{len(remarked)} pictures: {first.remarks} (the first: {first.path})")
    return table


def _shares(table: Table) -> str:
    counts = Counter(table.pictures.labels())
    if len(table.labels) > 8:
        return f"{min(counts.values())} to {max(counts.values())} per class"
    return ", ".join(f"{label} {counts[label]}" for label in table.labels)


def _say_split(split: Split, config: Config, reporter: ProgressReporter) -> None:
    moved = split.moved_in_data_set
    given = all(split.held_out.each("given_split")) and not moved
    reporter.say(
        "split",
        f"{len(split.train):,} to train on in {config.train.folds} folds, {len(split.held_out):,} held out"
        + (", using the data set's own split" if given else ""),
    )
    if moved:
        some, they, them = (
            ("1 picture stays", "it was", "it")
            if len(moved) == 1
            else (f"{len(moved)} pictures stay", "they were", "them")
        )
        reporter.warn(
            f"{some} where {they} although the data set now puts {them} on the other side of the split "
            f"(the first: {moved[0].path}); use --resplit for a run that follows the data set"
        )
    if split.split_conflicts:
        first = split.split_conflicts[0].path
        reporter.warn(
            f"pictures excluded because their group is on both sides of the split: "
            f"{len(split.split_conflicts):,}; the first: {first}"
        )
    if shared := split.shared_groups:
        leaked = len(split.leaked)
        own = "data set's own" if given else "old"
        reporter.warn(
            f"the {own} split leaks: {shared} {'groups' if shared > 1 else 'group'} of pictures that belong "
            f"together {'are' if shared > 1 else 'is'} on both sides, with {leaked} of the held-out ones; "
            "evaluate reports the score with and without them"
        )


def _say_decisions(table: Table, split: Split, reporter: ProgressReporter) -> None:
    decided = Counter(table.pictures.each("decision"))
    relabelled, left_out = decided[decisions.RELABEL], decided[decisions.LEAVE_OUT]
    held_out = sum(map(len, decisions.changes(split.held_out)))
    if relabelled or left_out:
        reporter.say(
            "decisions",
            f"{relabelled} picture{'s' * (relabelled != 1)} relabelled, {left_out} left out"
            + (f"; held out, so scored as given: {held_out}" if held_out else ""),
        )


def _frame(run: Run, config: Config, split: Split) -> Size:
    recipe = stages.recipe("frame", {"train": split.train_key}, {"input": config.model.input})

    def build() -> None:
        sizes = [*split.train.sizes()]
        frame = backbones.frame(config.model, sizes)
        aspect = round(median_aspect(sizes), 6)
        run.write(Frame(width=frame.width, height=frame.height, content_aspect=aspect), stages.FRAME)

    run.make(recipe, build)
    return run.read(Frame, stages.FRAME).size


def _compute_features(
    cluster: Cluster, experiment: Experiment, plan: fine_tuning.Plan | None, reporter: ProgressReporter
) -> None:
    """Has the features computed that the stages to come will read."""
    run, kinds = experiment.run, []
    if not run.done(model_recipe(folds_recipe(experiment))):
        kinds.append((experiment.config, experiment.frame, backbones.POOLED))
    if plan and not run.done(plan.recipe):
        kinds.append((plan.views, experiment.frame, plan.cut))
    tasks.compute_features(cluster, run, experiment.split, kinds, reporter)


def _folds(experiment: Experiment, reporter: ProgressReporter) -> None:
    config = experiment.config
    folds.make(experiment, reporter)
    result = experiment.run.read(Folds, stages.FOLDS)
    if result.epoch_was_chosen and result.chosen_epoch == config.train.epochs:
        more = f"--set train.epochs={2 * config.train.epochs}"
        reporter.warn(f"the validation loss was still falling at the last epoch; try {more}")
    _say_folds(result, config.train.epochs, reporter)


def _say_folds(result: Folds, epochs: int, reporter: ProgressReporter) -> None:
    spread = result.fold_accuracy
    reporter.say(
        "folds",
        f"out-of-fold accuracy {result.accuracy:.3f} (folds {min(spread):.3f} to {max(spread):.3f}, "
        f"n = {result.n:,}) at epoch {result.chosen_epoch} of {epochs}",
    )


def _model(experiment: Experiment, reporter: ProgressReporter) -> None:
    run = experiment.run

    def build() -> None:
        result = run.read(Folds, stages.FOLDS)
        examples = examples_of(experiment, reporter)
        trainer = trainer_of(experiment, examples)
        reporter.progress("training the final model", 0, 1)
        with quiet():
            config = experiment.config
            blocks = backbones.pooled_blocks(config.model, config.head)
            backbone = backbones.build(config.model, experiment.frame, config.seed, blocks)
            model, logits = load_heads().fit_final(
                trainer, examples, backbone, config, result.steps, result.temperature
            )
        write_model(run, model, model.trainable_weights, logits, examples.truth, result.steps)
        reporter.progress("training the final model", 1, 1)

    run.make(model_recipe(folds_recipe(experiment)), build)
    _say_model(experiment, reporter)


def _say_model(experiment: Experiment, reporter: ProgressReporter) -> None:
    result = experiment.run.read(Training, stages.TRAINING)
    reporter.say(
        "model",
        f"{experiment.config.model.backbone}, {result.trainable_parameters:,} trained and "
        f"{result.frozen_parameters:,} frozen parameters, {result.steps:,} steps",
    )
