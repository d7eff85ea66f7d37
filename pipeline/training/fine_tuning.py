"""Fine-tunes the last blocks of the backbone, and keeps the result if the folds show that it is better.

The fast model is there already and stays until the better one is complete. A killed run continues after the
last finished epoch. How it is trained is in `tuner`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.core import stages
from pipeline.core.config import Config
from pipeline.core.progress import ProgressReporter
from pipeline.core.quiet import quiet
from pipeline.core.recipes import Recipe
from pipeline.data.labels import numbers_of
from pipeline.stats import intervals, metrics
from pipeline.training import backbones, features, folds, outcome
from pipeline.training.checkpoint import State
from pipeline.training.experiment import NUMERIC, Experiment, examples_of, load_heads, trainer_of
from pipeline.training.results import Curves, FineTuning, Folds

if TYPE_CHECKING:
    from pipeline.training import heads
    from pipeline.training.store import Store
    from pipeline.training.tuner import Tuner

_FEW = 30
_CHECKPOINT = "fine_tuning.state.npz"


class _Effort(NamedTuple):
    """A preset: how many blocks more than the head sees learn, for how many epochs, from how many views."""

    deeper: int
    epochs: int
    views: int


_EFFORTS = {"balanced": _Effort(0, 12, 6), "best": _Effort(1, 20, 12)}


def plan(experiment: Experiment) -> Plan | None:
    """The fine-tuning that the configuration asks for; None for the preset `fast`."""
    effort = _EFFORTS.get(experiment.config.train.preset)
    if effort is None:
        return None
    backbone = backbones.BACKBONES[experiment.config.model.backbone]
    blocks = backbone.blocks
    pooled = backbones.pooled_blocks(experiment.config.model, experiment.config.head)
    # Whatever the head sees has to be above the cut, or the cut itself.
    cut = min(max(backbone.depths - 1, len(pooled), 1) + effort.deeper, len(blocks))
    augment = experiment.config.augment
    views = augment.views and max(augment.views, effort.views)
    wider = experiment.config.model_copy(update={"augment": augment.model_copy(update={"views": views})})
    return Plan(experiment, blocks[cut - 1], blocks[: cut - 1], effort.epochs, wider)


@dataclass(frozen=True)
class Plan:
    """A fine-tuning.

    Attributes:
        experiment: The run.
        cut: The layer above which everything learns.
        ends: The layers that end the blocks above it.
        epochs: For how long.
        views: The configuration with the random views to learn from.
    """

    experiment: Experiment
    cut: str
    ends: tuple[str, ...]
    epochs: int
    views: Config

    @property
    def recipe(self) -> Recipe:
        of = self.experiment
        middle = features.recipe(self.views, of.frame, self.cut)
        inputs = {"train": of.split.train_key, "fast": outcome.folds_recipe(of).key, "middle": middle.key}
        settings = {"layer": self.cut, "epochs": self.epochs, "preset": of.config.train.preset}
        return stages.recipe("fine_tuning", inputs, settings, NUMERIC)

    def is_done(self) -> bool:
        """Whether its model was kept and is the run's."""
        run, made = self.experiment.run, outcome.folds_recipe(self.experiment, self.recipe.key)
        return run.done(self.recipe) and run.done(made) and run.done(outcome.model_recipe(made))

    def make(self, reporter: ProgressReporter) -> bool:
        """Trains what is missing; returns whether the run has the fine-tuned model now."""
        work = _Work(self, reporter)
        result = self._compared(work)
        low, high = (100 * bound for bound in result.interval)
        gained = (
            f"out-of-fold accuracy {result.folds.accuracy:.3f}, fast {result.fast_accuracy:.3f} "
            f"({100 * result.gain:+.1f} points, 95%: {low:+.1f} to {high:+.1f})"
        )
        verdict = "kept" if result.kept else "not shown to be better, the fast model is kept"
        reporter.say("fine-tuning", f"{gained}: {verdict}")
        if result.kept:
            work.final(result)
        work.forget()
        return result.kept

    def compare(self, reporter: ProgressReporter) -> FineTuning:
        """What it brings, out of fold; the run keeps its model."""
        work = _Work(self, reporter)
        result = self._compared(work)
        work.forget()
        return result

    def _compared(self, work: _Work) -> FineTuning:
        run = self.experiment.run
        run.make(self.recipe, lambda: None if folds.take(run, self.recipe) else work.folds())
        return run.read(FineTuning, stages.FINE_TUNING)


class _Work:
    """The training itself; loads TensorFlow when it is needed."""

    def __init__(self, made: Plan, reporter: ProgressReporter) -> None:
        self._plan, self._reporter = made, reporter
        self._experiment, self._run = made.experiment, made.experiment.run
        self._path = self._run.path(_CHECKPOINT)

    def folds(self) -> None:
        """Trains every fold, compares with the fast model, and writes fine_tuning.json."""
        experiment, config = self._experiment, self._experiment.config
        fast = self._run.read(Folds, stages.FOLDS)
        counts = np.bincount(numbers_of(experiment.split.train.labels(), experiment.labels))
        self._reporter.say(
            "first model",
            f"out-of-fold accuracy {fast.accuracy:.3f}; every command works with it from now on, "
            "also after Ctrl-C",
        )
        if counts.min() < _FEW:
            label = experiment.labels[int(counts.argmin())]
            self._reporter.say(
                "fine-tuning",
                f"{label} has only {counts.min()} pictures: it may gain little; the folds decide",
            )
        examples, middle, tuner = self._parts
        numbers, epochs, count = np.arange(len(examples.truth)), self._plan.epochs, config.train.folds
        empty = np.full((count, epochs, len(Curves.model_fields)), np.nan)
        logits = np.zeros((epochs, len(numbers), examples.classes), np.float32)
        state = State.read(self._path, self._plan.recipe.key) or State(0, 0, empty, logits)
        begun = state.fold * epochs + state.epoch
        for fold in range(state.fold, count):
            inside, outside = numbers[examples.folds != fold], numbers[examples.folds == fold]
            if not len(outside):
                continue
            for epoch, loss, right in self._epochs(state, fold, inside, begun):
                validation = load_heads().finite(tuner.logits(middle, outside), config.train)
                truth = examples.truth[outside]
                state.logits[epoch, outside] = validation
                hits = float((validation.argmax(1) == truth).mean())
                state.points[fold, epoch] = loss, right, metrics.log_loss(validation, truth), hits
        history = [Curves.of(points) if np.isfinite(points).all() else Curves() for points in state.points]
        steps = round(float(np.mean([tuner.steps(numbers[examples.folds != fold]) for fold in range(count)])))
        found = load_heads().cross_validation(
            config.train, state.logits, examples.truth, history, steps, smoothed=True
        )
        before = self._run.read_arrays(stages.OUT_OF_FOLD)["logits"].argmax(1) == examples.truth
        after = found.logits.argmax(1) == examples.truth
        low, high = intervals.drop(before, after, examples.groups)
        self._run.write_arrays(
            stages.FINE_TUNED_FOLDS, **outcome.out_of_fold_arrays(examples, found, experiment)
        )
        document = FineTuning(
            preset=config.train.preset,
            layer=self._plan.cut,
            epochs=epochs,
            fast_accuracy=float(before.mean()),
            gain=float(after.mean() - before.mean()),
            interval=metrics.Interval(-high, -low),
            kept=-high > 0,
            folds=outcome.folds_document(examples, found, experiment),
        )
        self._run.write(document, stages.FINE_TUNING)

    def final(self, result: FineTuning) -> None:
        """Trains on all training pictures; then the run's folds and model are the fine-tuned ones."""
        experiment, config = self._experiment, self._experiment.config
        examples, middle, tuner = self._parts
        rows = np.arange(len(examples.truth))
        state = State.read(self._path, self._plan.recipe.key) or State(0, 0, np.zeros(0), np.zeros(0))
        if state.fold != (last := config.train.folds):
            state = replace(state, fold=last, epoch=0)
        for epoch, _, _ in self._epochs(state, last, rows, -1):
            if epoch + 1 == result.folds.chosen_epoch:
                break
        logits = load_heads().finite(tuner.logits(middle, rows), config.train) / result.folds.temperature
        tuner.use_averages()
        with quiet():
            from pipeline.training import classifier

            model = classifier.assemble(
                tuner.backbone, tuner.head, config.head, 0.0, 1.0, result.folds.temperature
            )
        arrays = self._run.read_arrays(stages.FINE_TUNED_FOLDS)
        steps = result.folds.chosen_epoch * tuner.steps(rows)
        made = outcome.folds_recipe(experiment, self._plan.recipe.key)

        def write_folds() -> None:
            self._run.write_arrays(stages.OUT_OF_FOLD, **arrays)
            self._run.write(result.folds, stages.FOLDS)

        self._run.make(made, write_folds)
        self._run.make(
            outcome.model_recipe(made),
            lambda: outcome.write_model(self._run, model, tuner.trained, logits, examples.truth, steps),
        )

    def forget(self) -> None:
        """Removes what an interrupted training would continue from."""
        self._path.unlink(missing_ok=True)

    @cached_property
    def _parts(self) -> tuple[heads.Examples, Store, Tuner]:
        experiment, config = self._experiment, self._experiment.config
        examples = examples_of(experiment, self._reporter)
        middle = features.compute(
            self._plan.views,
            experiment.frame,
            experiment.table,
            experiment.split.train,
            self._reporter.progress,
            layer=self._plan.cut,
            warn=self._reporter.warn,
        )
        with quiet():
            from pipeline.training.tuner import Tuner

            blocks = backbones.pooled_blocks(config.model, config.head)
            backbone = backbones.build(config.model, experiment.frame, config.seed, blocks)
            tuner = Tuner(backbone, self._plan.cut, self._plan.ends, examples.classes, config)
        if tuner.gpu:
            self._reporter.say("fine-tuning", f"on the GPU {tuner.gpu}, which differs from the CPU by noise")
        return examples, middle, tuner

    def _epochs(
        self, state: State, fold: int, rows: np.ndarray, begun: int
    ) -> Iterator[tuple[int, float, float]]:
        """Trains one fold, or the final model, from where the state left it; the state is kept up.

        Yields:
            The number of the epoch, from 0, its mean loss and its share of right answers; the state is
            written when the caller is done with the epoch.
        """
        examples, middle, tuner = self._parts
        goes_on = state.fold == fold and state.epoch and state.network
        if goes_on:
            tuner.restore(state.network)
        else:
            tuner.start(self._linear_probe(rows))
        folds, epochs = self._experiment.config.train.folds, self._plan.epochs
        steps = tuner.steps(rows)
        total = (1 if fold == folds else folds) * epochs * steps
        stage = "training the final model" if fold == folds else "fine-tuning the folds"
        for epoch in range(state.epoch if goes_on else 0, epochs):
            sums, begin = np.zeros(3), 0.0
            done = (0 if fold == folds else fold) * epochs + epoch
            learning = tuner.epoch(middle, examples, rows, epoch, epochs)
            for step, (loss, right, count) in enumerate(learning, 1):
                sums += loss * count, right * count, count
                # The first step compiles the graph.
                begin = begin or time.monotonic()
                self._reporter.progress(stage, min(done * steps + step, total), total)
            if fold * epochs + epoch == begun:
                left = (folds + 1) * epochs - begun - 1
                minutes = max(1, round(left * (time.monotonic() - begin) / 60))
                self._reporter.say(
                    "fine-tuning",
                    f"{epochs} epochs for each of {folds} folds and the final model: about {minutes} min",
                )
            yield epoch, float(sums[0] / sums[2]), float(sums[1] / sums[2])
            state.fold, state.epoch, state.network = fold, epoch + 1, tuner.state()
            state.write(self._path, self._plan.recipe.key)

    def _linear_probe(self, rows: np.ndarray) -> dict[str, list[np.ndarray]]:
        """The head of the fast model, trained on these pictures, for raw features."""
        examples, _, tuner = self._parts
        fast = self._run.read(Folds, stages.FOLDS)
        trainer = trainer_of(self._experiment, examples)
        trainer.start(examples, rows)
        for _ in trainer.epochs(examples, rows, fast.chosen_epoch * tuner.steps(rows)):
            pass
        from pipeline.training import classifier

        return classifier.folded_weights(trainer.model, trainer.mean, trainer.scale, 1.0)
