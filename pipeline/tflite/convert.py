"""Keras → .tflite by the one good route.

The wrong routes fail silently: they write files without weights, or with float operators in an
integer model. So every converted file is checked here. Which flavours there are is decided in
`export.conversion.convert`.
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

_VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")


def convert(model: keras.Model, configure: Callable[[Any], object] = bool) -> bytes:
    """A .tflite of batch size 1.

    Args:
        model: Takes RGB, float32, 0 ... 255, shape (batch, height, width, 3).
        configure: Sets the options of the `tf.lite.TFLiteConverter`; float32 without it.

    Raises:
        ConversionError: The converter failed, or the file has no weights in it.
    """
    with quiet() as log:
        import keras
        import tensorflow as tf

        _, height, width, channels = model.input_shape
        picture = keras.Input((height, width, channels), batch_size=1, name="picture")
        converter = tf.lite.TFLiteConverter.from_keras_model(
            # A fixed name, because names end up in the file.
            keras.Model(picture, model(picture, training=False), name="vignette")
        )
        configure(converter)
        try:
            data = converter.convert()
        except Exception as error:
            # The converter raises whatever comes up in its passes, and swallows what a full disk does to it.
            place = tempfile.gettempdir()
            raise ConversionError(
                f"the converter failed: {error}. Its last words: {log() or 'none'}",
                f"it needs room for temporary files in {place}; TMPDIR names another place",
            ) from error
    _guard_weights(data, model)
    return data


def _guard_weights(data: bytes, model: keras.Model) -> None:
    """Raises ConversionError for the file that a wrong route makes: variables, and no weights."""
    found = sorted({name for name, _ in schema.operators(data)} & set(_VARIABLES))
    if found:
        raise ConversionError(f"the file reads variables ({', '.join(found)}) instead of holding its weights")
    # Quantized weights take a byte each at the least; batch-norms are folded away.
    needed = sum(int(np.prod(v.shape)) for v in model.weights if len(v.shape) > 1)
    held = sum(schema.constant_bytes(data).values())
    if held < 0.9 * needed:
        raise ConversionError(f"the file holds {held:,} bytes of constants for {needed:,} weights")
