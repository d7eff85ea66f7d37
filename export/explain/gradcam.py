"""Where the Keras model looks: Grad-CAM, and the features that it looks with.

Selvaraju et al., Grad-CAM, 2017. The head reads nothing but the mean of the last feature map, so
for the linear head this is CAM (Zhou et al., 2016) but for a constant; for the reference head the
gradient tells. What was folded into the head's weights, standardization and temperature, scales
the map and does not move it. TensorFlow is loaded here and nowhere else in this folder.
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
    """What the Keras model makes of one picture.

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
        model: The classifier, as `pipeline.training.classifier.load` gives it.
        frames: RGB, uint8, shape (height, width, 3); drawn from as they are needed.
        classes: The class that each is explained for, shape (n,).
        advance: Called with the number of pictures done.
    """
    with quiet():
        import keras

        pooled = model.get_layer(backbones.POOLED)
        extractor = keras.Model(model.input, pooled.input)
    head = model.layers[model.layers.index(pooled) :]
    found: list[Look] = []
    batch: list[np.ndarray] = []

    def explain() -> None:
        maps = extractor.predict_on_batch(np.stack(batch).astype(np.float32))
        cells = _weighted(head, maps, classes[len(found) : len(found) + len(batch)])
        found.extend(Look(*row) for row in zip(maps.mean((1, 2)), cells, strict=True))
        batch.clear()
        advance(len(found))

    for frame in frames:
        batch.append(frame)
        if len(batch) == _BATCH:
            explain()
    if batch:
        explain()
    return found


def _weighted(head: Sequence[Any], maps: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Each channel weighted by the mean gradient of the class's logit, summed, negative ones cut off."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        x = watched = tf.constant(maps)
        tape.watch(watched)
        for layer in head[:-1]:
            x = layer(x, training=False)
        # Before the softmax, which would let the other classes' evidence in.
        logits = tf.matmul(x, head[-1].kernel) + head[-1].bias
        wanted = tf.gather(logits, classes, batch_dims=1)
    gradient: Any = tape.gradient(wanted, watched)
    weights = gradient.numpy().mean((1, 2))
    return np.maximum(np.einsum("nrck,nk->nrc", maps, weights), 0)
