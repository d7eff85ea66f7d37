"""Trains the upper part of a backbone and the head on cached outputs of a middle layer.

The recipe: start from the trained head; AdamW with one warm-up epoch and cosine decay, slower for deeper
layers; label smoothing; flips and mixup of the cached outputs; dropout before a linear head; a moving
average of the weights, which is what is validated and kept; batch-norm in inference mode. `fine_tuning`
decides what is trained and what is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.core.config import Config
from pipeline.training import classifier, devices
from pipeline.training.heads import Examples, class_weights
from pipeline.training.store import PLAIN, Store

_LEARNING_RATE = 1e-3
_WEIGHT_DECAY = 0.3
_LAYER_DECAY = 0.9
_SMOOTHING = 0.1
_MIXUP = 0.2
_DROPOUT = 0.3
_MOMENTUM = 0.998
_PORTION = 64


class Tuner:
    """Everything above a cut of a backbone, compiled once, that can be trained repeatedly.

    Args:
        backbone: As `backbones.build` makes it; its layers above the cut are changed.
        cut: The layer whose outputs are the input.
        ends: The layers that end the blocks above the cut, which learn the slower the deeper they are.
        classes: The number of labels.
        config: Names the head, the batch size, whether to flip, and the seed.

    Attributes:
        gpu: The name of the GPU that is used, or empty.
    """

    def __init__(
        self, backbone: keras.Model, cut: str, ends: Sequence[str], classes: int, config: Config
    ) -> None:
        devices.prepare(config.seed)
        self._config, self.gpu = config, devices.gpu()
        self.backbone = backbone
        self._upper = keras.Model(backbone.get_layer(cut).output, backbone.output)
        self.head = classifier.build_head(backbone.output_shape[-1], classes, config.head, config.seed)
        for layer in self._upper.layers:
            layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
        groups = _groups(self._upper, ends)
        self._rates = [_LEARNING_RATE * _LAYER_DECAY**depth for depth in groups] + [_LEARNING_RATE]
        self._groups = [*groups.values(), list(self.head.trainable_variables)]
        self._optimizers = [_adamw(group) for group in self._groups]
        self.trained = [variable for group in self._groups for variable in group]
        self._averages = [tf.Variable(variable, trainable=False) for variable in self.trained]
        states = [*self.head.variables, *(v for made in self._optimizers for v in made.variables)]
        known = {id(variable) for variable in self.trained}
        self._others = [variable for variable in states if id(variable) not in known]
        self._first = self.state()
        self._shape = tuple(self._upper.input_shape[1:])
        self._step = tf.function(self._take_step)
        self._infer = tf.function(self._logits, reduce_retracing=True)

    def start(self, head: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Resets everything, and sets the head's weights, as `classifier.folded_weights` has them."""
        self.restore(self._first)
        for name, arrays in head.items():
            self.head.get_layer(name).set_weights(arrays)
        for average, variable in zip(self._averages, self.trained, strict=True):
            average.assign(variable)

    def state(self) -> list[np.ndarray]:
        """What training would continue from."""
        return [variable.numpy() for variable in (*self.trained, *self._averages, *self._others)]

    def restore(self, state: Sequence[np.ndarray]) -> None:
        """Continues from a state; raises ValueError if it is another network's."""
        for variable, value in zip((*self.trained, *self._averages, *self._others), state, strict=True):
            variable.assign(value)

    def steps(self, rows: np.ndarray) -> int:
        """The number of training steps in an epoch."""
        return -(-len(rows) // self._config.train.batch_size)

    def epoch(
        self, middle: Store, examples: Examples, rows: np.ndarray, number: int, epochs: int
    ) -> Iterator[tuple[float, float, int]]:
        """Trains for one epoch of several; the same whatever was interrupted before it.

        Args:
            middle: The outputs of the cut for every training picture.
            examples: Their labels.
            rows: The pictures to train on.
            number: Of the epoch, from 0.
            epochs: How many there will be.

        Yields:
            After every step: its mean loss, the share of right answers, and the number of pictures.
        """
        random = np.random.default_rng([self._config.seed, number])
        weights = class_weights(examples, rows, self._config.train)
        order = random.permutation(rows)
        total = self.steps(rows)
        for step, batch in enumerate(np.array_split(order, total)):
            rate = _schedule(number * total + step, total, epochs * total)
            for optimizer, own in zip(self._optimizers, self._rates, strict=True):
                optimizer.learning_rate = own * rate
            views = random.integers(0, middle.views, len(batch))
            inputs = middle.take(batch, views).reshape(len(batch), *self._shape)
            if self._config.augment.flip:
                turned = random.random(len(batch)) < 0.5
                inputs[turned] = inputs[turned][:, :, ::-1]
            truth = examples.truth[batch]
            targets = np.full((len(batch), examples.classes), _SMOOTHING / examples.classes, np.float32)
            targets[np.arange(len(batch)), truth] += 1 - _SMOOTHING
            share, partner = random.beta(_MIXUP, _MIXUP), random.permutation(len(batch))
            mixed = [
                share * array + (1 - share) * array[partner] for array in (inputs, targets, weights[truth])
            ]
            seed = random.integers(0, 2**31, 2, np.int32)
            inputs, targets, weight = (np.asarray(array, np.float32) for array in mixed)
            momentum = np.float32(min(_MOMENTUM, (1 + number * total + step) / (10 + number * total + step)))
            loss, logits = self._step(inputs, targets, weight, seed, momentum)
            right = float((logits.numpy().argmax(1) == truth).mean())
            yield float(loss), right, len(batch)

    def logits(self, middle: Store, rows: np.ndarray) -> np.ndarray:
        """For the plain views, by the averaged weights: float32, shape (n, classes)."""
        trained = [variable.numpy() for variable in self.trained]
        self.use_averages()
        found = []
        for begin in range(0, len(rows), _PORTION):
            inputs = middle.take(rows[begin : begin + _PORTION], PLAIN)
            found.append(self._infer(inputs.reshape(len(inputs), *self._shape)).numpy())
        for variable, value in zip(self.trained, trained, strict=True):
            variable.assign(value)
        return np.concatenate(found)

    def use_averages(self) -> None:
        """Puts the averaged weights into the network and the head."""
        for average, variable in zip(self._averages, self.trained, strict=True):
            variable.assign(average)

    def _logits(self, inputs: Any) -> Any:
        return self.head(self._upper(inputs, training=False), training=False)

    def _take_step(self, inputs: Any, targets: Any, weight: Any, seed: Any, momentum: Any) -> Any:
        with tf.GradientTape() as tape:
            features = self._upper(inputs, training=True)
            if self._config.head.kind == "linear":
                features = tf.nn.experimental.stateless_dropout(features, _DROPOUT, seed)
            logits = self.head(features, training=True)
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses * weight)
        gradients = iter(tape.gradient(loss, self.trained))
        for optimizer, group in zip(self._optimizers, self._groups, strict=True):
            optimizer.apply_gradients([(next(gradients), variable) for variable in group])
        for average, variable in zip(self._averages, self.trained, strict=True):
            average.assign(momentum * average + (1 - momentum) * variable)
        return loss, logits


def _groups(upper: keras.Model, ends: Sequence[str]) -> dict[int, list[keras.Variable]]:
    """The variables to train, by the number of blocks that end at or after their layer."""
    groups: dict[int, list[keras.Variable]] = {}
    passed = 0
    for layer in reversed(upper.layers):
        passed += layer.name in ends
        if layer.trainable_variables:
            groups.setdefault(passed, []).extend(layer.trainable_variables)
    return groups


def _adamw(variables: Sequence[keras.Variable]) -> keras.optimizers.Optimizer:
    optimizer = keras.optimizers.AdamW(_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    optimizer.exclude_from_weight_decay([variable for variable in variables if len(variable.shape) < 2])
    optimizer.build(variables)
    return optimizer


def _schedule(step: int, warm_up: int, total: int) -> float:
    """The share of the learning rate: linear warm-up, then half a cosine down to 0."""
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, total - warm_up)))
