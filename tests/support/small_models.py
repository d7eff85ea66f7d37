"""Classifiers of a few layers with seeded weights, as .tflite files of every flavour."""

from __future__ import annotations

import numpy as np

from pipeline.core.quiet import quiet
from pipeline.core.size import Size
from pipeline.tflite import convert as tflite
from pipeline.tflite.schema import packed

FRAME = Size(64, 32)
LABELS = ("bicycle", "kettle", "fenêtre", "窓 with a name of several words")


def build(flavour: str, labels: int = len(LABELS), frame: Size = FRAME, spread: float = 2.0) -> bytes:
    """A .tflite whose answers depend on colours, edges and places.

    Args:
        flavour: As in `pipeline.core.sections.FLAVOURS`.
        labels: How many numbers it answers with.
        frame: Of its input.
        spread: How far apart its logits are.
    """
    with quiet():
        import keras
        import tensorflow as tf

        rng = np.random.default_rng(4)
        pixels = keras.Input((*frame[::-1], 3))
        x = keras.layers.Rescaling(1 / 127.5, offset=-1)(pixels)
        x = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6")(x)
        x = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
        x = keras.layers.Conv2D(16, 1, activation="relu6")(x)
        # Parts of the frame stay apart, so that a picture that is turned gets another answer.
        x = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(x))
        model = keras.Model(pixels, keras.layers.Dense(labels, activation="softmax")(x))
        weights = [rng.normal(0, 0.8, w.shape) for w in model.get_weights()]
        weights[-2] *= spread * (16 / len(weights[-2])) ** 0.5  # whatever the number of parts
        model.set_weights([w.astype(np.float32) for w in weights])

    def representative():
        samples = np.random.default_rng(5).integers(0, 256, (20, *frame[::-1], 3))
        for sample in (np.zeros_like(samples[0]), np.full_like(samples[0], 255), *samples):
            yield [sample[np.newaxis].astype(np.float32)]

    def configure(converter):
        if flavour != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if flavour == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if flavour == "dynamic_range":
            converter._experimental_disable_per_channel_quantization_for_dense_layers = True
        if flavour == "int8":
            converter.representative_dataset = representative
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.uint8

    return tflite.convert(model, configure)


def to_version_1(record: dict) -> None:
    """Makes the JSON of a contract what version 1 wrote."""
    record["contract_version"] = 1
    for vector in record["golden"]["vectors"]:
        del vector["output_xnnpack"]
        vector.pop("output_xnnpack_arm64", None)


def with_operator_version(data: bytes, name: str, version: int) -> bytes:
    """The same file with another version of one operator."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    for code in model.operatorCodes:
        if code.builtinCode == getattr(schema.BuiltinOperator, name):
            code.version = version
    return packed(model, len(data))
