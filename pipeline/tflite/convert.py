"""Keras → .tflite by the one reliable route.

Other routes fail silently: they write files without weights, or integer models with float operators. So
every converted file is checked here. The flavours are defined in `export.conversion.convert`.

A model is frozen first, into a function whose variables are constants. That takes as long as converting it,
so the function is kept while the model lives, and all its flavours share it.
"""

from __future__ import annotations

import hashlib
import tempfile
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pipeline.core import memory
from pipeline.core.errors import ConversionError, VignetteError
from pipeline.core.quiet import quiet
from pipeline.tflite import dense, schema

if TYPE_CHECKING:
    import keras


# After a file of more bytes, memory is collected, which takes a third of a second.
_LARGE = 1_000_000


class _Frozen(NamedTuple):
    """A model as a function without variables, and the digest of the weights it was made from."""

    weights: str
    function: Any


_FROZEN: weakref.WeakKeyDictionary[keras.Model, _Frozen] = weakref.WeakKeyDictionary()


def convert(model: keras.Model, configure: Callable[[Any], object] = bool) -> bytes:
    """A .tflite of batch size 1.

    Args:
        model: Takes RGB, float32, 0 ... 255, shape (batch, height, width, 3).
        configure: Sets options on the `tf.lite.TFLiteConverter`; the default gives float32.

    Raises:
        ConversionError: The converter failed, or the file has no weights.
        VignetteError: Raised by `configure` or by the pictures that calibrate.
    """
    with quiet() as log:
        import tensorflow as tf

        try:
            # Given an object to keep, here an empty one, the converter writes a signature to the file.
            converter = tf.lite.TFLiteConverter.from_concrete_functions([_frozen(model)], tf.Module())
            configure(converter)
            data = converter.convert()
        except VignetteError:
            raise
        except Exception as error:
            # The converter raises all kinds of errors, and hides the one of a full disk.
            place = tempfile.gettempdir()
            raise ConversionError(
                f"the converter failed: {error}. Its last output: {log() or 'none'}",
                f"it needs space for temporary files in {place}; set TMPDIR to use another folder",
            ) from error
    if len(data) > _LARGE:
        # The converter's graphs refer to themselves, so they would stay until Python looks for such cycles.
        del converter
        memory.collect()
    _guard_weights(data, model)
    return dense.as_convolutions(data)


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


def _frozen(model: keras.Model) -> Any:
    """The function of a model with the weights that it has now; shape (1, height, width, 3) → (1, ...)."""
    import tensorflow as tf
    from tensorflow.python.framework import convert_to_constants  # has no public name

    digest = hashlib.sha256()
    for variable in model.weights:
        digest.update(variable.numpy().tobytes())
    if model not in _FROZEN or _FROZEN[model].weights != digest.hexdigest():
        # The name of the argument is written to the file.
        traced = tf.function(lambda picture: model(picture, training=False), autograph=False)
        of_one = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="picture")
        function = convert_to_constants.convert_variables_to_constants_v2(
            traced.get_concrete_function(of_one)
        )
        _FROZEN[model] = _Frozen(digest.hexdigest(), function)
    return _FROZEN[model].function


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
