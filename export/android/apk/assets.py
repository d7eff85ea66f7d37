"""The app's assets: the bundle of the camera and its other flavours, each with the gate's verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export import app_versions
from export.android.apk import verdict as verdicts
from export.android.apk.verdict import Verdict
from export.bundle import bundle as bundles
from export.bundle.bundle import Bundle
from pipeline.core import files
from pipeline.core.errors import storage_error

ASSETS = Path("app/src/main/assets")


def fill(bundle: Path, project: Path = app_versions.PROJECT, *, verdict: Verdict | None = None) -> list[Path]:
    """Copies a bundle to where Gradle looks for it; git ignores that folder.

    Args:
        bundle: A bundle's folder.
        project: The Android project.
        verdict: What the gate says about the model; None if it was not asked.

    Returns:
        The files that were written.

    Raises:
        BundleError: The bundle's files do not belong together.
        ConfigError: There is no such project.
        StorageError: They could not be written.
    """
    whole = bundles.read(bundle)
    app_versions.read_versions(project)
    folder = project / ASSETS
    files.make_folder(folder)
    held = contents(whole, verdict)
    # The contract is removed first and written last, so that a half-written folder is never a bundle.
    stale = [path for path in (*folder.glob("*.tflite"), folder / verdicts.NAME) if path.name not in held]
    for path in (folder / bundles.CONTRACT, *stale):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(path, error) from error
    for name, data in held.items():
        files.write_bytes(folder / name, data)
    return [folder / name for name in held]


def contents(
    whole: Bundle, verdict: Verdict | None, others: Sequence[tuple[Bundle, Verdict | None]] = ()
) -> dict[str, bytes]:
    """The verdict and the bundle's files, by name, the contract last.

    Of the others, which have the same labels, only the model and, under names of their own, contract and
    verdict.
    """
    said = {f"verdict_{one.contract.flavour}.json": own for one, own in others}
    verdict_files = {name: own.as_file() for name, own in {verdicts.NAME: verdict, **said}.items() if own}
    texts = {name: (whole.folder / name).read_bytes() for name in (bundles.LABELS, bundles.CONTRACT)}
    models = {one.model.name: one.data for one in (*(other for other, _ in others), whole)}
    contracts = {
        f"contract_{one.contract.flavour}.json": (one.folder / bundles.CONTRACT).read_bytes()
        for one, _ in others
    }
    return {**verdict_files, **models, **contracts, **texts}
