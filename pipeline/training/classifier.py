"""Backbone + head: the graph that is trained, and the final one.

The head is trained alone, on features. `assemble` attaches it to the backbone and folds standardization and
temperature into its weights, so that the final graph stays plain.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.core.errors import RunError
from pipeline.core.sections import Head

_BATCH = 32


def build_head(width: int, classes: int, head: Head, seed: int) -> keras.Model:
    """The head alone.

    Args:
        width: The number of features.
        classes: The number of outputs.
        head: `linear` or `dense`, with its settings.
        seed: For its initial weights and its dropout.

    Returns:
        Input: features, float32, shape (batch, width), standardized for the linear head.
        Output: logits, float32, shape (batch, classes).
    """
    features = keras.Input((width,), name="features")
    logits = _layers(features, classes, head, seed, activation=None)
    return keras.Model(features, logits, name="head")


def build_classifier(backbone: keras.Model, classes: int, head: Head, seed: int = 0) -> keras.Model:
    """The whole classifier, with the backbone frozen.

    Args:
        backbone: As `backbones.build` makes it.
        classes: The number of outputs.
        head: `linear` or `dense`, with its settings.
        seed: For the head's initial weights.

    Returns:
        Input: RGB, float32, 0 ... 255, shape (batch, height, width, 3). Output:
        probabilities, float32, shape (batch, classes).
    """
    backbone.trainable = False
    answer = _layers(backbone.output, classes, head, seed, activation="softmax")
    return keras.Model(backbone.input, answer, name="classifier")


def assemble(
    backbone: keras.Model,
    trained: keras.Model,
    head: Head,
    mean: np.ndarray | float,
    scale: np.ndarray | float,
    temperature: float,
) -> keras.Model:
    """The final classifier.

    Args:
        backbone: As `backbones.build` makes it.
        trained: The trained head, as `build_head` makes it.
        head: Its settings.
        mean: Subtracted from the features in training, shape (width,) or ().
        scale: The divisor of the features in training, shape (width,) or ().
        temperature: The divisor of the logits.
    """
    classifier = build_classifier(backbone, trained.output_shape[-1], head)
    for name, arrays in folded_weights(trained, mean, scale, temperature).items():
        classifier.get_layer(name).set_weights(arrays)
    return classifier


def folded_weights(
    trained: keras.Model, mean: np.ndarray | float, scale: np.ndarray | float, temperature: float
) -> dict[str, list[np.ndarray]]:
    """The weights of a trained head for raw features, by layer; the arguments are as in `assemble`."""
    dense = [layer for layer in trained.layers if isinstance(layer, keras.layers.Dense)]
    weights = [layer.get_weights() for layer in dense]
    kernel, bias = weights[0]
    weights[0] = [
        kernel / np.reshape(scale, (-1, 1)),
        bias - np.broadcast_to(mean / scale, len(kernel)) @ kernel,
    ]
    weights[-1] = [array / temperature for array in weights[-1]]
    return {layer.name: arrays for layer, arrays in zip(dense, weights, strict=True)}


def load(path: Path) -> Any:
    """The classifier in a Keras file.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:
        reason = str(error).split("\n", 1)[0] or type(error).__name__
        raise RunError(
            f"{path} is damaged and cannot be loaded: {reason}", "delete it and train again"
        ) from error


def predict(model: Any, frames: Iterable[np.ndarray], advance: Callable[[int], object] = bool) -> np.ndarray:
    """A Keras model's predictions, in batches.

    Args:
        model: As `load` returns it.
        frames: RGB, uint8, shape (height, width, 3); at least one, drawn batch by batch.
        advance: Called with the number of frames done.

    Returns:
        Probabilities, float32, shape (frames, classes).
    """
    rows: list[np.ndarray] = []
    remaining = iter(frames)
    while batch := list(itertools.islice(remaining, _BATCH)):
        # A compiled graph: calling the model keeps every feature map until it is done.
        rows.append(model.predict_on_batch(np.stack(batch).astype(np.float32)))
        advance(sum(map(len, rows)))
    return np.concatenate(rows)


def _layers(x: Any, classes: int, head: Head, seed: int, activation: str | None) -> Any:
    def glorot(number: int) -> Any:
        return keras.initializers.GlorotUniform(seed + number)

    if head.kind == "dense":
        x = keras.layers.Dropout(head.dropout, seed=seed, name="dropout_features")(x)
        x = keras.layers.Dense(head.units, "relu", kernel_initializer=glorot(1), name="hidden")(x)
        x = keras.layers.Dropout(head.dropout, seed=seed + 1, name="dropout_hidden")(x)
        return keras.layers.Dense(classes, activation, kernel_initializer=glorot(2), name="answer")(x)
    return keras.layers.Dense(classes, activation, kernel_initializer="zeros", name="answer")(x)
