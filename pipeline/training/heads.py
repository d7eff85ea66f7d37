"""Trains heads on cached features: the folds' and the final one.

All folds share one compiled step. An epoch shows every picture once, in a random one of its views. `train`
decides what is trained when and what is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy import special

from pipeline.core.config import Config
from pipeline.core.errors import ConfigError
from pipeline.core.progress import Progress
from pipeline.core.sections import Head, Train
from pipeline.stats import metrics
from pipeline.training import classifier, devices, store
from pipeline.training.results import Curves
from pipeline.training.store import PLAIN, Store

_PORTION = 512


@dataclass(frozen=True)
class Examples:
    """The training pictures as numbers.

    Attributes:
        store: Their features.
        truth: Labels, shape (n,).
        folds: The fold of each, shape (n,).
        groups: The number of each one's group, shape (n,).
        classes: The number of labels.
    """

    store: Store
    truth: np.ndarray
    folds: np.ndarray
    groups: np.ndarray
    classes: int


@dataclass(frozen=True)
class CrossValidation:
    """The outcome of training every fold.

    Attributes:
        history: Each fold's learning curves.
        chosen_epoch: The epoch with the lowest mean validation loss, counted from 1; or the last.
        steps: The number of training steps for the final model.
        logits: Out-of-fold, at the chosen epoch, shape (n, classes).
        temperature: What logits are divided by.
        threshold: Below it the answer is "don't know".
    """

    history: tuple[Curves, ...]
    chosen_epoch: int
    steps: int
    logits: np.ndarray
    temperature: float
    threshold: float

    @property
    def probabilities(self) -> np.ndarray:
        """Out-of-fold, calibrated, float32, shape (n, classes)."""
        return special.softmax(self.logits / self.temperature, axis=1).astype(np.float32)


class HeadTrainer:
    """One head, compiled once, that can be trained repeatedly from its initial weights."""

    def __init__(self, width: int, classes: int, head: Head, train: Train, seed: int) -> None:
        devices.prepare(seed)
        self._head, self._train, self._seed = head, train, seed
        self.model = classifier.build_head(width, classes, head, seed)
        self._optimizer = _optimizer(train)
        self._optimizer.build(self.model.trainable_variables)
        self._mean = tf.Variable(tf.zeros(width), trainable=False)
        self._scale = tf.Variable(tf.ones(width), trainable=False)
        variables = [*self.model.variables, *self._optimizer.variables]
        self._first = [(variable, variable.numpy()) for variable in variables]
        self._step = tf.function(self._take_step)
        self._infer = tf.function(self._logits, reduce_retracing=True)

    @property
    def mean(self) -> np.ndarray:
        return self._mean.numpy()

    @property
    def scale(self) -> np.ndarray:
        return self._scale.numpy()

    def start(self, examples: Examples, rows: np.ndarray) -> None:
        """Resets the weights and measures the features to train on."""
        for variable, value in self._first:
            variable.assign(value)
        if self._head.kind == "linear":
            mean, scale = _moments(examples.store, rows)
            self._mean.assign(mean)
            self._scale.assign(scale)

    def epochs(self, examples: Examples, rows: np.ndarray, steps: int) -> Iterator[tuple[float, float]]:
        """Trains for a number of steps; yields the mean loss and the accuracy of every complete epoch."""
        random = np.random.default_rng(self._seed)
        weights = class_weights(examples, rows, self._train)
        size, taken = self._train.batch_size, 0
        while taken < steps:
            order = examples.store.shuffled(rows, random)
            views = random.integers(0, examples.store.views, len(order))
            loss = right = 0.0
            for begin in range(0, len(order), size):
                batch = order[begin : begin + size]
                truth = examples.truth[batch]
                # The last batch is padded with pictures of weight 0: one shape, one graph.
                fill = np.arange(size) % len(batch)
                weight = np.where(np.arange(size) < len(batch), weights[truth[fill]], 0)
                features = examples.store.take(batch, views[begin : begin + size])
                sums = self._step(
                    features[fill], truth[fill], weight.astype(np.float32), np.float32(len(batch))
                )
                loss, right = loss + float(sums[0]), right + float(sums[1])
                taken += 1
                if taken == steps and begin + size < len(order):
                    return
            yield loss / len(order), right / len(order)

    def logits(self, examples: Examples, rows: np.ndarray) -> np.ndarray:
        """Logits of the plain views, float32, shape (rows, classes)."""
        portions = [rows[at : at + _PORTION] for at in range(0, len(rows), _PORTION)]
        return np.concatenate([self._infer(examples.store.take(part, PLAIN)).numpy() for part in portions])

    def _logits(self, features: Any) -> Any:
        return self.model((features - self._mean) / self._scale, training=False)

    def _take_step(self, features: Any, truth: Any, weight: Any, count: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            logits = self.model((features - self._mean) / self._scale, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(truth, logits) * weight
            total = tf.reduce_sum(losses)
            penalty = self._head.l2 * sum(
                tf.reduce_sum(kernel**2) for kernel in self.model.trainable_variables if len(kernel.shape) > 1
            )
            objective = total / count
            if self._head.kind == "linear":
                objective += penalty
        gradients = tape.gradient(objective, self.model.trainable_variables)
        self._optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        hits = tf.equal(tf.argmax(logits, 1, output_type=truth.dtype), truth) & (weight > 0)
        return total, tf.reduce_sum(tf.cast(hits, tf.float32))


def run_folds(
    trainer: HeadTrainer, examples: Examples, config: Config, progress: Progress, stage: str
) -> CrossValidation:
    """Trains and validates every fold, selects the epoch, and calibrates on the predictions.

    Raises:
        ConfigError: The training diverged.
    """
    train, numbers = config.train, np.arange(len(examples.truth))
    logits = store.zeros((train.epochs, len(numbers), examples.classes))
    history: list[Curves] = []
    per_epoch: list[int] = []
    for fold in range(train.folds):
        inside, outside = numbers[examples.folds != fold], numbers[examples.folds == fold]
        per_epoch.append(-(-len(inside) // train.batch_size))
        if not len(outside):
            history.append(Curves())
            continue
        trainer.start(examples, inside)
        points: list[tuple[float, float, float, float]] = []
        for epoch, (loss, accuracy) in enumerate(
            trainer.epochs(examples, inside, train.epochs * per_epoch[-1])
        ):
            validation, truth = finite(trainer.logits(examples, outside), train), examples.truth[outside]
            logits[epoch, outside] = validation
            hits = float((validation.argmax(1) == truth).mean())
            points.append((loss, accuracy, metrics.log_loss(validation, truth), hits))
            progress(stage, fold * train.epochs + epoch + 1, train.folds * train.epochs)
        history.append(Curves.of(points))
    return cross_validation(train, logits, examples.truth, history, round(float(np.mean(per_epoch))))


def cross_validation(
    train: Train,
    logits: np.ndarray,
    truth: np.ndarray,
    history: Sequence[Curves],
    steps: int,
    *,
    smoothed: bool = False,
) -> CrossValidation:
    """Selects the epoch, and calibrates on its predictions.

    Args:
        train: The configuration's section.
        logits: Out-of-fold, shape (epochs, n, classes).
        truth: Labels, shape (n,).
        history: Each fold's learning curves.
        steps: The number of training steps in an epoch.
        smoothed: Whether the labels were smoothed in training. The losses of epochs are then compared
            at the temperature that suits each: smoothing alone makes a better epoch's loss larger.
    """
    losses = np.mean([curves.validation_loss for curves in history if curves.validation_loss], axis=0)
    if smoothed:
        losses = np.array(
            [metrics.log_loss(epoch / metrics.fit_temperature(epoch, truth), truth) for epoch in logits]
        )
    chosen = int(losses.argmin()) + 1 if train.select_best_epoch else len(logits)
    out_of_fold = logits[chosen - 1]
    temperature = metrics.fit_temperature(out_of_fold, truth)
    probabilities = special.softmax(out_of_fold / temperature, axis=1)
    threshold = metrics.dont_know_threshold(probabilities, truth, train.min_correct_coverage)
    return CrossValidation(tuple(history), chosen, chosen * steps, out_of_fold, temperature, threshold)


def fit_final(
    trainer: HeadTrainer,
    examples: Examples,
    backbone: keras.Model,
    config: Config,
    steps: int,
    temperature: float,
) -> tuple[keras.Model, np.ndarray]:
    """Trains on all training pictures and attaches the head to the backbone.

    Returns:
        The final classifier, and its logits for the plain views of the training pictures,
        float32, shape (n, classes).

    Raises:
        ConfigError: The training diverged.
    """
    rows = np.arange(len(examples.truth))
    trainer.start(examples, rows)
    for _ in trainer.epochs(examples, rows, steps):
        pass
    model = classifier.assemble(
        backbone, trainer.model, config.head, trainer.mean, trainer.scale, temperature
    )
    return model, finite(trainer.logits(examples, rows), config.train) / temperature


def finite(logits: np.ndarray, train: Train) -> np.ndarray:
    """The same logits; raises ConfigError if the training diverged."""
    if not np.isfinite(logits).all():
        raise ConfigError(
            "the training diverged: the head predicts numbers that are not finite",
            f"use a smaller train.learning_rate than {train.learning_rate:g}",
        )
    return logits


def _optimizer(train: Train) -> keras.optimizers.Optimizer:
    kinds = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop, "sgd": keras.optimizers.SGD}
    return kinds[train.optimizer](train.learning_rate)


def _moments(store: Store, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the scale of every feature, float32, shape (width,).

    Over all views, in portions. The scale is the root mean square deviation of the features of one depth:
    dividing by each feature's own would blow up nearly constant features, whose folded weights then swamp
    the others when quantized.
    """
    count, total, squares = 0, np.zeros(store.width), np.zeros(store.width)
    for view in range(store.views):
        for begin in range(0, len(rows), _PORTION):
            part = store.take(rows[begin : begin + _PORTION], view).astype(np.float64)
            count, total, squares = count + len(part), total + part.sum(0), squares + (part**2).sum(0)
    mean = total / count
    variances = np.split(np.maximum(squares / count - mean**2, 0), np.cumsum(store.depths)[:-1])
    scales = [np.full(len(own), max(own.mean() ** 0.5, 1e-6), np.float32) for own in variances]
    return mean.astype(np.float32), np.concatenate(scales)


def class_weights(examples: Examples, rows: np.ndarray, train: Train) -> np.ndarray:
    """n / (k · n_c) for every class c, or 1 unless `train.class_weights` is set; shape (classes,)."""
    if not train.class_weights:
        return np.ones(examples.classes)
    counts = np.bincount(examples.truth[rows], minlength=examples.classes)
    return len(rows) / (examples.classes * np.maximum(counts, 1))
