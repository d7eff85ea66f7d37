"""How long a model's float32 and int8 files take.

Measured: the seconds for both files of an EfficientNet-Lite0 at 160×160, new in every turn. Reference:
TensorFlow's own route, a converter for each file that is given the Keras model. Expected: less than half.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import measure
from benchmarks.measure import Figure
from pipeline.core.quiet import quiet
from pipeline.core.sections import Model
from pipeline.core.size import Size
from pipeline.tflite import convert as tflite
from pipeline.training import backbones

if TYPE_CHECKING:
    import keras

TURNS, FRAME, LIMIT = 3, Size(160, 160), 0.5


def run(_: Path) -> list[Figure]:
    """The figure of this module."""
    frame = np.random.default_rng(0).integers(0, 256, (1, FRAME.height, FRAME.width, 3)).astype(np.float32)

    def int8(converter: Any) -> None:
        tflite.set_int8(converter, lambda: iter([[0 * frame], [0 * frame + 255], [frame]]))

    def seconds(convert: Callable[[keras.Model, Callable[[Any], object]], bytes]) -> float:
        model = backbones.build(Model(), FRAME, 0)
        begin = time.perf_counter()
        for configure in (bool, int8):
            convert(model, configure)
        return time.perf_counter() - begin

    with quiet():
        seconds(tflite.convert)  # warms up
        turns = [(seconds(tflite.convert), seconds(_by_keras)) for _ in range(TURNS)]
    ours, theirs = (measure.Spread(values) for values in zip(*turns, strict=True))
    share = ours.per(theirs)
    return [
        Figure(
            "a backbone's float32 and int8 files",
            ours.text("{:.1f} s"),
            f"TFLiteConverter.from_keras_model for each {theirs.text('{:.1f} s')}",
            share.text("{:.2f}×"),
            f"≤ {LIMIT}×",
            share.median <= LIMIT,
        )
    ]


def _by_keras(model: keras.Model, configure: Callable[[Any], object]) -> bytes:
    import keras
    import tensorflow as tf

    picture = keras.Input(model.input_shape[1:], batch_size=1)
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(picture, model(picture, training=False)))
    configure(converter)
    return converter.convert()
