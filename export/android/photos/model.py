"""The models of a run as photos meet them: the int8 file that ships, and every other exported one."""

from __future__ import annotations

from export import artifacts
from export.bundle import bundle
from export.bundle.bundle import Bundle
from export.conversion import convert
from pipeline.training.experiment import Subject

SHIPPED = "int8"


def shipped(subject: Subject) -> Bundle:
    """The int8 bundle, which the app has inside.

    Raises:
        RunError: It has not been exported, or from another model.
        BundleError: Its files do not belong together.
    """
    run = subject.run
    path = run.path(convert.file_name(SHIPPED))
    convert.require(subject, SHIPPED)
    return bundle.read(path.parent)


def exported(subject: Subject) -> dict[str, Bundle]:
    """Every bundle of the run that is there, by the sha256 of its model."""
    folders = [subject.run.path(artifacts.EXPORT, name) for name in subject.config.export.flavours]
    bundles = [bundle.read(folder) for folder in folders if (folder / bundle.CONTRACT).is_file()]
    return {found.contract.model.sha256: found for found in bundles}
