"""Keras → .tflite by the one reliable route.

Other routes fail silently: they write files without weights, or integer models with float operators. So
every converted file is checked here. The flavours are defined in `export.conversion.convert`.

The route leads over a SavedModel, which takes longer to write than to convert. It is kept while the model
lives, so that all flavours of a model share one.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.errors import ConversionError
from pipeline.core.quiet import quiet
from pipeline.tflite import dense, schema

if TYPE_CHECKING:
    import keras


# The method of TensorFlow's converter that writes a Keras model as a SavedModel and reads it again.
_WRITE = "_convert_keras_to_saved_model"


class _Saved:
    """A model's SavedModel, with all that TensorFlow's converter noted about it."""

    def __init__(self, weights: str) -> None:
        self.weights = weights
        self._notes: dict[str, Any] = {}
        self._graph: tuple[Any, ...] = ()

    def share_with(self, converter: Any) -> None:
        """Lets a converter use the SavedModel, or write it if there is none yet."""
        write = getattr(converter, _WRITE)

        def once(_folder: str) -> tuple[Any, ...]:
            if not self._graph:
                folder = tempfile.mkdtemp()
                weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
                before = dict(vars(converter))
                graph = write(folder)
                if graph[0] is None:
                    return graph  # The converter tries another way.
                self._graph = graph
                self._notes = {k: v for k, v in vars(converter).items() if before.get(k) is not v}
            vars(converter).update(self._notes)
            return self._graph

        setattr(converter, _WRITE, once)


_SAVED: weakref.WeakKeyDictionary[keras.Model, _Saved] = weakref.WeakKeyDictionary()


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
        _saved(model).share_with(converter)
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


def _saved(model: keras.Model) -> _Saved:
    """The SavedModel of a model with the weights that it has now."""
    digest = hashlib.sha256()
    for variable in model.weights:
        digest.update(variable.numpy().tobytes())
    if model not in _SAVED or _SAVED[model].weights != digest.hexdigest():
        _SAVED[model] = _Saved(digest.hexdigest())
    return _SAVED[model]


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
