"""How TensorFlow's converter is set up for each flavour.

To add a flavour, add a row to `FLAVOURS` and its name to `pipeline.core.sections.Flavour`; what its name
promises goes into `export.model_file.flavours`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.core.errors import ConversionError
from pipeline.core.sections import DYNAMIC_RANGE, FLOAT16, FLOAT32, INT8
from pipeline.tflite import convert as tflite


@dataclass(frozen=True)
class Flavour:
    """One way to store the weights.

    Attributes:
        about: In words.
        configure: Sets the converter's options; the second argument is the representative dataset.
        calibrated: Whether it needs that dataset.
        tolerance: Largest difference in probability from Keras on the first pictures; None if weights
            are rounded, where the gate decides.
    """

    about: str
    configure: Callable[[Any, Any], None]
    calibrated: bool
    tolerance: float | None


def _float32(_converter: Any, _representative: Any) -> None:
    """The converter's own defaults."""


def _float16(converter: Any, _representative: Any) -> None:
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def _dynamic_range(converter: Any, _representative: Any) -> None:
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    # Per-channel dense layers need FULLY_CONNECTED version 12, which runtimes before 2.17 and
    # the Android runtime 2.16.1 refuse; per-tensor ones load from 2.4 on.
    name = "_experimental_disable_per_channel_quantization_for_dense_layers"
    if not hasattr(converter, name):
        raise ConversionError(
            "this TensorFlow cannot write dynamic-range files for older runtimes",
            "use requirements.txt's versions",
        )
    setattr(converter, name, True)


FLAVOURS = {
    FLOAT32: Flavour("weights and arithmetic in float32", _float32, False, 1e-3),
    FLOAT16: Flavour("weights in float16, arithmetic in float32", _float16, False, None),
    DYNAMIC_RANGE: Flavour("weights in int8, arithmetic mixed", _dynamic_range, False, None),
    INT8: Flavour("weights and arithmetic in int8, uint8 input and output", tflite.set_int8, True, None),
}
