"""Keras → .tflite by the one reliable route.

Other routes fail silently: they write files without weights, or integer models with float operators. So
every converted file is checked here. The flavours are defined in `export.conversion.convert`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.errors import ConversionError
from pipeline.core.quiet import quiet
from pipeline.tflite import schema

if TYPE_CHECKING:
    import keras


def convert(model: keras.Model, configure: Callable[[Any], object] = bool) -> bytes:
    """A .tflite of batch size 1.

    Args:
        model: Takes RGB, float32, 0 ... 255, shape (batch, height, width, 3).
        configure: Sets options on the `tf.lite.TFLiteConverter`; the default gives float32.

    Raises:
        ConversionError: The converter failed, or the file has no weights.
    """
    with quiet() as log:
        import keras
        import tensorflow as tf

        _, height, width, channels = model.input_shape
        picture = keras.Input((height, width, channels), batch_size=1, name="picture")
        converter = tf.lite.TFLiteConverter.from_keras_model(
            # A fixed name, because names are written to the file.
            keras.Model(picture, model(picture, training=False), name="vignette")
        )
        configure(converter)
        try:
            data = converter.convert()
        except Exception as error:
            # The converter raises all kinds of errors, and hides the one of a full disk.
            place = tempfile.gettempdir()
            raise ConversionError(
                f"the converter failed: {error}. Its last output: {log() or 'none'}",
                f"it needs space for temporary files in {place}; set TMPDIR to use another folder",
            ) from error
    _guard_weights(data, model)
    return data


def set_int8(converter: Any, representative: Any) -> None:
    """Sets a `tf.lite.TFLiteConverter` to int8 inside, uint8 at both ends.

    Args:
        converter: To be set.
        representative: Its representative dataset, a function that yields lists of one batch.
    """
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8


def _guard_weights(data: bytes, model: keras.Model) -> None:
    """Raises ConversionError for a file with variables in place of weights."""
    found = sorted({name for name, _ in schema.operators(data)} & set(schema.VARIABLES))
    if found:
        raise ConversionError(
            f"the file reads variables ({', '.join(found)}) instead of containing its weights"
        )
    # Quantized weights take at least a byte each; batch-norms are folded away.
    needed = sum(int(np.prod(v.shape)) for v in model.weights if len(v.shape) > 1)
    held = sum(schema.constant_bytes(data).values())
    if held < 0.9 * needed:
        raise ConversionError(f"the file has only {held:,} bytes of constants for {needed:,} weights")
