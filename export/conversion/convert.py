"""Converts the classifier to its .tflite flavours, each in a bundle folder.

`bundle` derives the labels and contract beside each file. Converting, and the guard against files without
weights, is in `pipeline.tflite.convert`; the converter's options are in `flavour_options`; what a flavour's
name promises is in `export.model_file.flavours`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from export import artifacts
from export.bundle import bundle, contract
from export.conversion import calibration, calibration_report, failures
from export.conversion.failures import Failure
from export.conversion.flavour_options import FLAVOURS
from export.model_file import flavours, metadata, structure
from pipeline.core import files, stages
from pipeline.core.errors import ConversionError, DataError, GateError, RunError
from pipeline.core.progress import ProgressReporter
from pipeline.core.quiet import quiet
from pipeline.core.recipes import Recipe
from pipeline.core.sections import Flavour as FlavourName
from pipeline.data import dataset
from pipeline.data.dataset import Picture
from pipeline.images.views import plain_view
from pipeline.tflite import convert as tflite
from pipeline.tflite import interpreter as litert
from pipeline.training.experiment import Experiment
from pipeline.training.results import Folds, Frame

if TYPE_CHECKING:
    import keras

# The last two write the metadata into the file.
LIBRARIES = ("tensorflow", "keras", "numpy", "ai-edge-litert", "flatbuffers")
# Those that compute the golden vectors.
_CONTRACT_LIBRARIES = ("ai-edge-litert", "numpy", "pillow")
_LOOK_AT = 4


def file_name(flavour: str) -> str:
    """The .tflite of a flavour, inside the run."""
    return f"{bundle_name(flavour)}/{bundle.model_name(flavour)}"


def bundle_name(flavour: str) -> str:
    """The folder of a flavour, inside the run: everything an app needs."""
    return f"{artifacts.EXPORT}/{flavour}"


def recipe(experiment: Experiment, flavour: str) -> Recipe:
    """The recipe of a flavour's file."""
    inputs = {"model": experiment.run.key("model")}
    if FLAVOURS[flavour].calibrated:
        inputs["calibration"] = calibration.recipe(experiment).key
    settings = {"flavour": flavour, "labels": list(experiment.labels)}
    return stages.recipe(bundle_name(flavour), inputs, settings, LIBRARIES)


def require(experiment: Experiment, flavour: str) -> None:
    """Raises RunError if a flavour's file is missing or belongs to another model."""
    run, path = experiment.run, experiment.run.path(file_name(flavour))
    if not run.done(recipe(experiment, flavour)):
        run.require_whole(bundle_name(flavour))
        what = "was made from another model than the run's" if path.is_file() else "is missing"
        raise RunError(f"{path} {what}", f"export it: python -m export tflite {run.name}")


def contract_recipe(experiment: Experiment, flavour: str) -> Recipe:
    """The recipe of a flavour's contract."""
    settings = {
        "contract_version": contract.VERSION,
        "labels": list(experiment.labels),
        "threshold": experiment.run.read(Folds, stages.FOLDS).threshold,
        "content_aspect": experiment.run.read(Frame, stages.FRAME).content_aspect,
    }
    inputs = {"export": recipe(experiment, flavour).key}
    return stages.recipe(f"{bundle_name(flavour)}/contract", inputs, settings, _CONTRACT_LIBRARIES)


def contract_name(flavour: str) -> str:
    """The contract of a flavour, inside the run."""
    return f"{bundle_name(flavour)}/{bundle.CONTRACT}"


def failed(experiment: Experiment) -> dict[str, Failure]:
    """The configured flavours that `convert` could not make of the run's model, each with the reason."""
    noted = {
        name: failures.noted(experiment.run, recipe(experiment, name))
        for name in experiment.config.export.flavours
    }
    return {name: failure for name, failure in noted.items() if failure}


def exported(experiment: Experiment) -> list[str]:
    """The configured flavours without those that failed.

    Raises:
        GateError: None is left.
    """
    missing = failed(experiment)
    made = [name for name in experiment.config.export.flavours if name not in missing]
    if not made:
        hint = next(iter(missing.values())).hint
        raise GateError(f"could not make {failures.in_words(missing)}", hint)
    return made


def convert(experiment: Experiment, reporter: ProgressReporter) -> None:
    """Writes the bundle of every configured flavour that is out of date.

    A flavour that fails is reported and noted for `failed`; the others are still written.

    Raises:
        GateError: Every flavour failed.
        BundleError: The labels cannot go into a contract.
        DataError: A picture has changed since training.
        RunError: The model is missing.
    """
    run, config = experiment.run, experiment.config
    model = None
    if any(FLAVOURS[name].calibrated for name in config.export.flavours):
        chosen = calibration.choose(experiment)
        requested = config.export.calibration_pictures
        if len(chosen) < requested and calibration.recalibrated(experiment) is None:
            reporter.warn(f"calibration uses all {len(chosen)} training pictures; {requested} were requested")
    for number, name in enumerate(config.export.flavours, 1):
        made = recipe(experiment, name)
        stage = f"converting to {name} ({number} of {len(config.export.flavours)})"
        fresh = not run.done(made)
        try:
            if fresh:
                reporter.progress(stage, 0, 1)
                model = model or load(experiment)
                data = convert_one(experiment, model, name, calibration.choose(experiment), reporter)
                reporter.progress(stage, 1, 1)
                run.forget(made.stage)
                files.write_bytes(run.path(file_name(name)), data)
                run.record(made)
            contract_made = _write_contract(experiment, name)
        except ConversionError as error:
            failures.note(run, made, [contract_name(name), file_name(name)], error)
            reporter.warn(f"could not make {name} ({error.message})")
            continue
        failures.forget(run, made)
        if FLAVOURS[name].calibrated:
            calibration_report.report(experiment, made, reporter)
        size = run.path(file_name(name)).stat().st_size
        current = "" if fresh else " (contract updated)" if contract_made else " (up to date)"
        reporter.say(name, f"{size / 1e6:.2f} MB, {FLAVOURS[name].about}{current}")
    exported(experiment)


def _write_contract(experiment: Experiment, name: FlavourName) -> bool:
    """Writes the labels and contract of an existing file; returns whether the contract was out of date."""
    run, folder, made = experiment.run, bundle_name(name), contract_recipe(experiment, name)

    def build() -> None:
        rules = bundle.make_contract(
            run.path(file_name(name)).read_bytes(),
            flavour=name,
            labels=experiment.labels,
            threshold=made.settings["threshold"],
            content_aspect=made.settings["content_aspect"],
        )
        bundle.write_contract(rules, run.path(folder))

    labels = stages.recipe(f"{folder}/labels", {}, {"labels": list(experiment.labels)})
    run.make(labels, lambda: bundle.write_labels(experiment.labels, run.path(folder)))
    return run.make(made, build)


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
        dataset.check_unchanged(experiment.table, chosen)
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
    dataset.check_unchanged(experiment.table, first)
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
