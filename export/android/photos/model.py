"""The models of a run as photos meet them: the int8 file that ships, and every other exported one."""

from __future__ import annotations

from export import artifacts
from export.bundle import bundle
from export.bundle.bundle import Bundle
from export.conversion import convert
from pipeline.core.sections import INT8
from pipeline.training.experiment import Experiment

SHIPPED = INT8


def shipped(experiment: Experiment) -> Bundle:
    """The int8 bundle, which the app has inside.

    Raises:
        RunError: It has not been exported, or from another model.
        BundleError: Its files do not belong together.
    """
    run = experiment.run
    path = run.path(convert.file_name(SHIPPED))
    convert.require(experiment, SHIPPED)
    return bundle.read(path.parent)


def exported(experiment: Experiment) -> dict[str, Bundle]:
    """Every bundle of the run that is there, by the sha256 of its model."""
    folders = [experiment.run.path(artifacts.EXPORT, name) for name in experiment.config.export.flavours]
    bundles = [bundle.read(folder) for folder in folders if (folder / bundle.CONTRACT).is_file()]
    return {found.contract.model.sha256: found for found in bundles}
