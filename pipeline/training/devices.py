"""The device that TensorFlow trains on: a GPU if it finds one, else the CPU."""

from __future__ import annotations

import keras
import tensorflow as tf


def gpu() -> str:
    """The name of the GPU that TensorFlow trains on; empty if that is the CPU."""
    devices = tf.config.list_physical_devices("GPU")
    if not devices:
        return ""
    return tf.config.experimental.get_device_details(devices[0]).get("device_name", devices[0].name)


def prepare(seed: int) -> None:
    """Seeds Keras. On the CPU, equal inputs give equal bytes from then on.

    Not on a GPU: TensorFlow has no deterministic kernel there for the gradient of a depthwise
    convolution, and would refuse to train.
    """
    keras.utils.set_random_seed(seed)
    if not gpu():
        tf.config.experimental.enable_op_determinism()
