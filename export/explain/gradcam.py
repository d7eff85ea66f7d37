"""Where the Keras model looks: Grad-CAM, and the pooled features of each picture.

Selvaraju et al., Grad-CAM, 2017. The head reads only the means of feature maps, of one or of several
depths, so for the linear head this equals CAM (Zhou et al., 2016) up to a constant: each depth has a
linear map, and the logit is the sum of their means and the bias. The reference head needs the gradient.
The standardization and temperature folded into the head's weights scale the map and do not move it.
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
        cells: The map, float32, 0 and up, shape (rows, columns) of the finest depth: the sum of the maps
            of all depths, each spread over it.
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

        pools, begin = backbones.pooling_layers(model)
        extractor = keras.Model(model.input, [pool.input for pool in pools])
    head = model.layers[begin:]
    results: list[Look] = []
    batch: list[np.ndarray] = []

    def explain() -> None:
        maps = extractor.predict_on_batch(np.stack(batch).astype(np.float32))
        maps = maps if isinstance(maps, list) else [maps]
        features = np.concatenate([depth.mean((1, 2)) for depth in maps], axis=1)
        cells = _weighted(head, maps, features, classes[len(results) : len(results) + len(batch)])
        results.extend(Look(*row) for row in zip(features, cells, strict=True))
        batch.clear()
        advance(len(results))

    for frame in frames:
        batch.append(frame)
        if len(batch) == _BATCH:
            explain()
    if batch:
        explain()
    return results


def _weighted(
    head: Sequence[Any], maps: Sequence[np.ndarray], features: np.ndarray, classes: np.ndarray
) -> np.ndarray:
    """The channels of all depths summed, each weighted by the gradient of the class's logit.

    Returns:
        Shape (pictures, rows, columns) of the finest depth; negative sums are 0.
    """
    import tensorflow as tf

    with tf.GradientTape() as tape:
        x = watched = tf.constant(features)
        tape.watch(watched)
        for layer in head[:-1]:
            x = layer(x, training=False)
        # Before the softmax, which would mix in the other classes' evidence.
        logits = tf.matmul(x, head[-1].kernel) + head[-1].bias
        own = tf.gather(logits, classes, batch_dims=1)
    gradient: Any = tape.gradient(own, watched)
    widths = [depth.shape[-1] for depth in maps]
    weights = np.split(gradient.numpy(), np.cumsum(widths)[:-1], axis=1)
    rows, columns = max(depth.shape[1:3] for depth in maps)
    total = np.zeros((len(features), rows, columns), np.float32)
    for depth, own_weights in zip(maps, weights, strict=True):
        cells = np.einsum("nrck,nk->nrc", depth, own_weights)
        down, across = (
            np.arange(n) * has // n for n, has in zip((rows, columns), cells.shape[1:], strict=True)
        )
        total += cells[:, down][:, :, across]
    return np.maximum(total, 0) / (rows * columns)
