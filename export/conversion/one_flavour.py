"""One flavour's file from a Keras model, checked against what its name promises.

Converting, and the guard against files without weights, is in `pipeline.tflite.convert`; the converter's
options are in `flavour_options`; what a flavour's name promises is in `export.model_file.flavours`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from export.bundle import bundle
from export.conversion import calibration
from export.conversion.flavour_options import FLAVOURS
from export.model_file import flavours, metadata, structure
from pipeline.core import stages
from pipeline.core.errors import ConversionError, DataError
from pipeline.core.progress import ProgressReporter
from pipeline.core.quiet import quiet
from pipeline.data import stored_table
from pipeline.data.pictures import Picture
from pipeline.images.views import plain_view
from pipeline.tflite import convert as tflite
from pipeline.tflite import interpreter as litert
from pipeline.training.experiment import Experiment

if TYPE_CHECKING:
    import keras

_LOOK_AT = 4


def load(experiment: Experiment) -> keras.Model:
    """The run's Keras model; loads TensorFlow."""
    with quiet():
        from pipeline.training import classifier

        return classifier.load(experiment.run.path(stages.MODEL))


def convert_one(
    experiment: Experiment,
    model: keras.Model,
    name: str,
    chosen: Sequence[Picture],
    reporter: ProgressReporter,
) -> bytes:
    """The file of one flavour, calibrated on the chosen pictures if it needs calibration.

    Raises:
        ConversionError: It is not what its name says, or the pictures cannot calibrate it.
        DataError: A picture has changed since training.
    """
    flavour = FLAVOURS[name]
    representative = None
    if flavour.calibrated:
        stored_table.check_unchanged(experiment.table, chosen)
        try:
            calibration.require_content(experiment, chosen)
        except DataError as error:
            raise ConversionError(f"nothing to calibrate on: {error.message}", error.hint) from error
        stage = f"calibrating on {len(chosen)} pictures"
        representative = calibration.representative(
            experiment, chosen, lambda done: reporter.progress(stage, done, len(chosen))
        )
    data = tflite.convert(model, lambda converter: flavour.configure(converter, representative))
    described = metadata.classifier(experiment.labels, experiment.frame, flavour.about)
    data = metadata.write(data, described, experiment.frame)
    check(data, name)
    _check_answers(experiment, model, data, name)
    return data


def check(data: bytes, name: str) -> None:
    """Raises ConversionError if a file's tensors, inputs or outputs are not those of its flavour."""
    parts, file = structure.read(data), bundle.model_name(name)
    broken = flavours.broken(parts, name, file) or flavours.broken_border(parts, name, file)
    if broken:
        raise ConversionError(f"the converted file is not as expected: {'; '.join(broken)}")


def _check_answers(experiment: Experiment, model: keras.Model, data: bytes, name: str) -> None:
    """Checks outputs for a few training pictures, black and white: finite; near Keras if not rounded."""
    first = experiment.split.train[:_LOOK_AT]
    stored_table.check_unchanged(experiment.table, first)
    frames = [plain_view(experiment.table.file(picture), experiment.frame) for picture in first]
    frames += calibration.extremes(experiment.frame)
    interpreter = litert.Interpreter(data)
    target = np.stack([interpreter.answer(frame) for frame in frames])
    # A compiled graph, one picture at a time: a plain call keeps every feature map, 0.4 GB of them.
    reference = np.concatenate([model.predict_on_batch(f[np.newaxis].astype(np.float32)) for f in frames])
    if not np.isfinite(target).all():
        raise ConversionError(f"the outputs of model_{name}.tflite are not finite")
    tolerance = FLAVOURS[name].tolerance
    furthest = float(np.abs(target - reference).max())
    if tolerance is not None and furthest > tolerance:
        raise ConversionError(
            f"model_{name}.tflite differs from the Keras model by {furthest:.4f}; {tolerance} is allowed"
        )
