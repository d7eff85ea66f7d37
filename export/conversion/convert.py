"""Converts the classifier to its .tflite flavours, each in a bundle folder.

`bundle` derives the labels and contract beside each file; one file is made in `one_flavour`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from export import artifacts
from export.bundle import bundle, contract
from export.conversion import calibration, calibration_report, compensation, failures, one_flavour
from export.conversion.failures import Failure
from export.conversion.flavour_options import FLAVOURS
from pipeline.core import files, memory, stages
from pipeline.core.errors import ConversionError, GateError, RunError, UsageError
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.core.runs import Run
from pipeline.core.sections import Flavour as FlavourName
from pipeline.training.experiment import Experiment
from pipeline.training.results import Frame

if TYPE_CHECKING:
    import keras

# The last two write the metadata into the file.
LIBRARIES = ("tensorflow", "keras", "numpy", "ai-edge-litert", "flatbuffers")
# Those that compute the golden vectors.
_CONTRACT_LIBRARIES = ("ai-edge-litert", "numpy", "pillow")


def file_name(flavour: str) -> str:
    """The .tflite of a flavour, inside the run."""
    return f"{bundle_name(flavour)}/{bundle.model_name(flavour)}"


def bundle_name(flavour: str) -> str:
    """The folder of a flavour, inside the run: everything an app needs."""
    return f"{artifacts.EXPORT}/{flavour}"


def check_flavour(run: Run, flavours: Sequence[str], flavour: str) -> None:
    """Raises UsageError if a run, which exports these, does not export a flavour."""
    if flavour not in flavours:
        raise UsageError(
            f"--flavour {flavour}: {run.folder} exports {', '.join(flavours)}",
            "name one of these, or add it to export.flavours and train with --overwrite",
        )


def recipe(experiment: Experiment, flavour: str) -> Recipe:
    """The recipe of a flavour's file."""
    inputs = experiment.model_key
    if FLAVOURS[flavour].calibrated:
        inputs["calibration"] = calibration.recipe(experiment).key
    settings: dict[str, Any] = {"flavour": flavour, "labels": list(experiment.labels)}
    if FLAVOURS[flavour].calibrated and compensation.in_force(experiment):
        settings["compensated"] = 1
    return stages.recipe(bundle_name(flavour), inputs, settings, LIBRARIES)


def require(experiment: Experiment, flavour: str) -> None:
    """Raises RunError if a flavour's file is missing or belongs to another model."""
    run, path = experiment.run, experiment.run.path(file_name(flavour))
    if not run.done(recipe(experiment, flavour)):
        run.require_whole(bundle_name(flavour))
        what = "was made from a different model" if path.is_file() else "is missing"
        raise RunError(f"{path} {what}", f"export it: python -m export tflite {run.name}")


def contract_recipe(experiment: Experiment, flavour: str) -> Recipe:
    """The recipe of a flavour's contract."""
    settings = {
        "contract_version": contract.VERSION,
        "processors": list(bundle.PROCESSORS),
        "labels": list(experiment.labels),
        "threshold": experiment.threshold,
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


@memory.given_back()
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
            if not fresh and FLAVOURS[name].calibrated and compensation.lost(experiment):
                model = model or one_flavour.load(experiment)
                compensation.decide(experiment, name, model, reporter)
                made = recipe(experiment, name)
                fresh = not run.done(made)
            if fresh:
                reporter.progress(stage, 0, 1)
                model = model or one_flavour.load(experiment)
                data = _data(experiment, model, name, reporter)
                made = recipe(experiment, name)
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


def _data(experiment: Experiment, model: keras.Model, name: FlavourName, reporter: ProgressReporter) -> bytes:
    """A flavour's file; of int8 the compensated one, where that is closer to Keras."""
    calibrated = FLAVOURS[name].calibrated
    if calibrated and (data := compensation.decide(experiment, name, model, reporter)):
        return data
    chosen = calibration.choose(experiment)
    if calibrated and compensation.in_force(experiment):
        model = compensation.source(experiment, model, chosen, reporter).model
    return one_flavour.convert_one(experiment, model, name, chosen, reporter)


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
