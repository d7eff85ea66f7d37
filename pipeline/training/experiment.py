"""What a run's stages work on, and how to open a trained run from its artifacts.

The stages themselves are in `train`, `search` and `evaluate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core import runs, stages
from pipeline.core.config import Config
from pipeline.core.errors import DataError, NetworkError, RunError, UsageError
from pipeline.core.progress import ProgressReporter, unheard
from pipeline.core.quiet import quiet
from pipeline.core.remote_cache import RemoteCache
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.data import changes, decisions, splits, stored_table
from pipeline.data.dataset import Table
from pipeline.data.labels import numbers_of
from pipeline.data.splits import Split
from pipeline.training import features
from pipeline.training.results import Folds, Frame, GivenModel, Search

if TYPE_CHECKING:
    from pipeline.training import heads

# The packages that numbers and drawings depend on, for recipes.
NUMERIC = ("tensorflow", "keras", "numpy", "scipy")
DRAWN = ("matplotlib", "numpy")


@dataclass(frozen=True)
class Experiment:
    """A run with its configuration, pictures, split and frame.

    `given` is None unless the model was given by the user: then the training side of the split only
    calibrates.
    """

    run: Run
    config: Config
    table: Table
    split: Split
    frame: Size
    given: GivenModel | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """In output order."""
        return self.given.labels if self.given else self.table.labels

    @property
    def threshold(self) -> float:
        """The probability below which the answer is "don't know"."""
        return self.given.threshold if self.given else self.run.read(Folds, stages.FOLDS).threshold

    @property
    def model_key(self) -> dict[str, str]:
        """The key of model.keras by the stage that made it, for recipes.

        Raises:
            RunError: There is no model.
        """
        stage = "given" if self.given else "model"
        return {stage: self.run.key(stage)}


def settled_config(run: Run) -> Config:
    """A run's configuration, with the winning values of its search, if any.

    Raises:
        RunError: The search is unfinished.
    """
    config = run.config()
    return config.with_values(run.read(Search, stages.SEARCH).winner) if config.search else config


def open_trained(run: Run, reporter: ProgressReporter | None = None) -> Experiment:
    """The Experiment of a run with a model, from its artifacts alone.

    Args:
        run: What `train` made, or `export.conversion.given`.
        reporter: Told if pictures or files of the run have changed since.

    Raises:
        RunError: Something is missing, or the model was trained on other pictures, labels, folds or
            settings than the run has now.
        DataError: A class has no held-out picture.
    """
    given = run.read(GivenModel, stages.GIVEN) if run.model_was_given else None
    config = settled_config(run)
    remote = RemoteCache(config.data.remote_cache_gb, reporter.warn if reporter else unheard)
    table = stored_table.load(run, Path(config.data.pictures), remote)
    split = splits.load(run, table)
    frame = run.read(Frame, stages.FRAME).size
    if not run.path(stages.MODEL).is_file():
        raise RunError(f"{run.path(stages.MODEL)} is missing", runs.training_hint(run))
    experiment = Experiment(run, config, table, split, frame, given)
    if other := _trained_otherwise(experiment):
        raise RunError(f"the model {run.path(stages.MODEL)} {other}", runs.training_hint(run))
    run.require_whole("frame", *(("given",) if given else ("folds", "model")))
    splits.check_sides(table, split, config)
    if reporter:
        run.warn_of_damage(reporter.warn)
        say_changes(run, table, config, reporter)
        if not given and config.train.preset != "fast" and not run.recorded("fine_tuning"):
            reporter.warn(
                "this is the fast model: its fine-tuning is unfinished; "
                f"to continue: {runs.training_command(run)}"
            )
    return experiment


def require_training(run: Run, lacking: str, hint: str) -> None:
    """Refuses the run of a model that was given, for what only training makes.

    Args:
        run: Any run.
        lacking: What it has not, as the end of a sentence.
        hint: What to do instead.

    Raises:
        UsageError: Its model was given.
    """
    if run.model_was_given:
        raise UsageError(f"{run.folder} holds a model that was given, not trained: it has {lacking}", hint)


def say_changes(run: Run, table: Table, config: Config, reporter: ProgressReporter) -> None:
    """Warns if the pictures have changed since the run was made, reading few of them."""
    given = run.model_was_given
    command = runs.training_command(run)
    again = f"to {'give the model' if given else 'train'} again: {command}, then run this command again"
    try:
        moment = run.path(stages.PICTURES).stat().st_mtime
        change = changes.changed_since(table, Path(config.data.pictures), moment, config.data.group_pattern)
    except OSError:
        return
    except NetworkError as error:
        reporter.warn(f"it is not known whether the pictures have changed: {error.message}")
        return
    except DataError as error:
        reporter.warn(
            f"the pictures are not those of the {'' if given else 'training '}run: {error.message}; {again}"
        )
        return
    if config.data.decisions and not change:
        try:
            path = Path(config.data.decisions)
            if decisions.apply(table, path, decisions.read(path)) != table:
                reporter.warn(f"{path} has changed since training; {again}")
        except DataError as error:
            reporter.warn(f"{error.message}; the decisions of the training still count")
    if change:
        since = "the run was made" if given else "training"
        reporter.warn(f"pictures have changed since {since} ({change}); the old ones still count; {again}")


def _trained_otherwise(experiment: Experiment) -> str:
    """Why the model does not match the run, for a message; empty if it does.

    Libraries and weights files do not matter: the model exists, whatever is installed now.
    """
    run, folds = experiment.run, experiment.run.recorded("folds")
    if experiment.given:
        same = run.recorded("given").get("inputs", {}).get("train") == experiment.split.train_key
        return "" if same else "was given with pictures or labels that differ from the run's"
    if run.config().search and not run.recorded("search"):
        return "is older than the search, which is unfinished"
    if not folds or run.recorded("model").get("inputs", {}).get("folds") != folds.get("key"):
        return "was not trained from the folds beside it"
    if folds["inputs"].get("train") != experiment.split.train_key:
        return "was trained on pictures, labels or folds that differ from the run's"
    if run.read(Folds, stages.FOLDS).labels != experiment.labels:
        return "was trained for labels that differ from the run's"
    if folds["settings"] != training_settings(experiment):
        return "was trained with settings that differ from the run's"
    return ""


def is_fine_tuned(run: Run) -> bool:
    """Whether the run's model is the fine-tuned one rather than the fast one."""
    return "fine_tuning" in run.recorded("folds").get("inputs", {})


def load_out_of_fold(run: Run) -> dict[str, np.ndarray]:
    """The out-of-fold predictions of a run: arrays with a row for each training picture.

    `sha256` (as `digest_array` has it), `group`, `truth` and `fold` have shape (n,), `logits` and
    `probabilities` (n, classes).

    Raises:
        RunError: They are missing or damaged.
        UsageError: The run's model was given.
    """
    require_training(
        run,
        "no out-of-fold predictions",
        "python -m export compare-models compares it on pictures",
    )
    arrays = run.read_arrays(stages.OUT_OF_FOLD)
    # The version before had text.
    return {**arrays, "sha256": arrays["sha256"].astype("S64", copy=False)}


def load_heads() -> ModuleType:
    """The `heads` module; loads TensorFlow quietly."""
    with quiet():
        from pipeline.training import heads
    return heads


def examples_of(experiment: Experiment, reporter: ProgressReporter) -> heads.Examples:
    """The training pictures as features and labels; computes missing features."""
    store = features.compute(
        experiment.config,
        experiment.frame,
        experiment.table,
        experiment.split.train,
        reporter.progress,
        warn=reporter.warn,
    )
    return load_heads().Examples(
        store,
        numbers_of(experiment.split.train.labels(), experiment.labels),
        np.array(experiment.split.folds),
        experiment.split.groups.numbers(experiment.split.train),
        len(experiment.labels),
    )


def trainer_of(experiment: Experiment, examples: heads.Examples) -> heads.HeadTrainer:
    """A trainer for the configured head."""
    config = experiment.config
    with quiet():
        return load_heads().HeadTrainer(
            examples.store.width, examples.classes, config.head, config.train, config.seed
        )


def training_settings(experiment: Experiment) -> dict[str, Any]:
    """The part of the configuration that a model depends on, for recipes."""
    made = features.settings(experiment.config, experiment.frame)
    return {**head_settings(experiment.config), "features": made}


def head_settings(config: Config) -> dict[str, Any]:
    """The part of the configuration that a head depends on, for recipes."""
    return {
        # How many depths it sees is among the settings of the features.
        "head": config.head.model_dump(mode="json", exclude={"depths"}),
        "train": config.train.model_dump(mode="json", exclude={"preset"}),
        "seed": config.seed,
    }
