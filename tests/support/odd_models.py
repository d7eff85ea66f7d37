"""Files as others make them: other borders, other shapes, float fallback, damage."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.model_file import metadata
from pipeline.core.quiet import quiet
from pipeline.tflite import convert as tflite
from pipeline.tflite.schema import packed
from tests.support.small_models import FRAME, LABELS

SAID = metadata.classifier(LABELS, FRAME, "drawn")
ODD = (
    "fallback",
    "float border",
    "int8 border",
    "uint8 in, int8 out",
    "uint8 in, float32 out",
    "dynamic batch",
    "two outputs",
    "grey",
    "map",
    "one by one",
    "without metadata",
)


@cache
def build(odd: str) -> bytes:
    """A .tflite that is odd in one way, with metadata if it can have ours."""
    with quiet():
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(3)
        layers = keras.layers

        class Sine(layers.Layer):
            """Has no integer kernel, so that the converter falls back to float32."""

            def call(self, x: Any) -> Any:
                return tf.math.sin(x)

        pixels = keras.Input((FRAME.height, FRAME.width, 1 if odd == "grey" else 3))
        x = layers.Conv2D(16, 3, strides=2, activation="relu6")(pixels)
        if odd == "fallback":
            x = Sine()(x)
        x = layers.Conv2D(16, 3, strides=2, activation="relu6")(x)
        if odd == "map":
            outputs: Any = layers.Conv2D(4, 1, activation="softmax")(x)
        elif odd == "one by one":
            outputs = layers.Conv2D(4, 1, activation="softmax")(
                layers.GlobalAveragePooling2D(keepdims=True)(x)
            )
        else:
            flat = layers.Flatten()(layers.AveragePooling2D(4)(x))
            outputs = layers.Dense(4, activation="softmax")(flat)
            if odd == "two outputs":
                outputs = [outputs, layers.Dense(3)(flat)]
        model = keras.Model(pixels, outputs)
        if odd in ("dynamic batch", "two outputs"):
            data = tf.lite.TFLiteConverter.from_keras_model(model).convert()
        else:
            data = tflite.convert(model, _settings(odd))
    return data if odd in ("without metadata", "two outputs") else metadata.write(data, SAID, FRAME)


def _settings(odd: str) -> Callable[[Any], None]:
    import tensorflow as tf

    borders = {
        "fallback": (tf.uint8, tf.uint8),
        "float border": (tf.float32, tf.float32),
        "int8 border": (tf.int8, tf.int8),
        "uint8 in, int8 out": (tf.uint8, tf.int8),
        "uint8 in, float32 out": (tf.uint8, tf.float32),
    }

    def representative() -> Any:
        rng = np.random.default_rng(2)
        for _ in range(5):
            yield [rng.integers(0, 256, (1, FRAME.height, FRAME.width, 3)).astype(np.float32)]

    def configure(converter: Any) -> None:
        if odd not in borders:
            return
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if odd == "fallback":
            converter.target_spec.supported_ops.append(tf.lite.OpsSet.TFLITE_BUILTINS)
        converter.inference_input_type, converter.inference_output_type = borders[odd]

    return configure


def changed(data: bytes, change: Callable[[schema.ModelT], None]) -> bytes:
    """The same model after a change to its object tree."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    change(model)
    return packed(model, len(data))


def weightless(data: bytes) -> bytes:
    """The same graph with its large constants taken out."""

    def empty(model: schema.ModelT) -> None:
        for buffer in model.buffers:
            if buffer.data is not None and len(buffer.data) > 100:
                buffer.data = None

    return changed(data, empty)


def wild(data: bytes) -> bytes:
    """The head of a model, with a root that lies far outside of it."""
    return struct.pack("<I", 0x7FFFFFF0) + data[4:]


def with_zip(data: bytes, name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The same model with another zip behind it."""
    file = io.BytesIO(data[: data.rindex(b"PK\x03\x04")])
    with zipfile.ZipFile(file, "a", method) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def repacked(data: bytes, content: bytes) -> bytes:
    """The same model with other bytes for its metadata, which are its last buffer."""

    def exchange(model: schema.ModelT) -> None:
        model.buffers[-1].data = np.frombuffer(content, np.uint8)

    return changed(data, exchange)
