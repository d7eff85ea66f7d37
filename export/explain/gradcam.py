"""Where the Keras model looks: Grad-CAM, and the pooled features of each picture.

Selvaraju et al., Grad-CAM, 2017. The head reads only the mean of the last feature map, so for the
linear head this equals CAM (Zhou et al., 2016) up to a constant; the reference head needs the
gradient. Standardization and temperature, folded into the head's weights, scale the map without moving
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pipeline.core.quiet import quiet
from pipeline.training import backbones

if TYPE_CHECKING:
    import keras

_BATCH = 32


class Look(NamedTuple):
    """What the Keras model sees in one picture.

    Attributes:
        features: The pooled ones, float32, shape (width,).
        cells: The map, float32, 0 and up, shape (rows, columns) of the last feature map.
    """

    features: np.ndarray
    cells: np.ndarray


def looks(
    model: keras.Model,
    frames: Iterable[np.ndarray],
    classes: np.ndarray,
    advance: Callable[[int], object] = bool,
) -> list[Look]:
    """The map of every picture for one class.

    Args:
        model: The classifier, from `pipeline.training.classifier.load`.
        frames: RGB, uint8, shape (height, width, 3); read as they are needed.
        classes: The class to explain for each picture, shape (n,).
        advance: Called with the number of pictures done.
    """
    with quiet():
        import keras

        pooled = model.get_layer(backbones.POOLED)
        extractor = keras.Model(model.input, pooled.input)
    head = model.layers[model.layers.index(pooled) :]
    results: list[Look] = []
    batch: list[np.ndarray] = []

    def explain() -> None:
        maps = extractor.predict_on_batch(np.stack(batch).astype(np.float32))
        cells = _weighted(head, maps, classes[len(results) : len(results) + len(batch)])
        results.extend(Look(*row) for row in zip(maps.mean((1, 2)), cells, strict=True))
        batch.clear()
        advance(len(results))

    for frame in frames:
        batch.append(frame)
        if len(batch) == _BATCH:
            explain()
    if batch:
        explain()
    return results


def _weighted(head: Sequence[Any], maps: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The channels summed, each weighted by the mean gradient of the class's logit; negative sums are 0."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        x = watched = tf.constant(maps)
        tape.watch(watched)
        for layer in head[:-1]:
            x = layer(x, training=False)
        # Before the softmax, which would mix in the other classes' evidence.
        logits = tf.matmul(x, head[-1].kernel) + head[-1].bias
        own = tf.gather(logits, classes, batch_dims=1)
    gradient: Any = tape.gradient(own, watched)
    weights = gradient.numpy().mean((1, 2))
    return np.maximum(np.einsum("nrck,nk->nrc", maps, weights), 0)
