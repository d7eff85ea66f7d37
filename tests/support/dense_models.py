"""An int8 model of two dense layers with many outputs, as the converter writes it: with dense layers."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.quiet import quiet
from pipeline.tflite import convert as tflite
from pipeline.tflite import dense

SHAPE = (4, 8, 3)
LABELS = 200


def pictures(count: int) -> np.ndarray:
    """uint8, shape (count, *SHAPE)."""
    return np.random.default_rng(7).integers(0, 256, (count, *SHAPE), np.uint8)


def build(per_channel: bool = True, labels: int = LABELS) -> bytes:
    """The file, whose dense kernels have a scale per output or one for all."""
    with quiet():
        import keras

        rng = np.random.default_rng(6)
        picture = keras.Input(SHAPE)
        x = keras.layers.Rescaling(1 / 255)(picture)
        x = keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(x))
        model = keras.Model(picture, keras.layers.Dense(labels, activation="softmax")(x))
        model.set_weights([rng.normal(0, 0.3, w.shape).astype(np.float32) for w in model.get_weights()])

    def configure(converter) -> None:
        tflite.set_int8(converter, lambda: ([p[np.newaxis].astype(np.float32)] for p in pictures(40)))
        if not per_channel:
            converter._experimental_disable_per_channel_quantization_for_dense_layers = True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "as_convolutions", lambda data: data)
        return tflite.convert(model, configure)
