"""Whether phones answer as this computer does, on emulated processors.

Measured: how many held-out drawn pictures get the same bytes from the default backbone's int8 file by
XNNPACK on a Cortex-A53 and a Cortex-A76, with LiteRT and with the app's own library. Reference: this
computer, with the softmax of 64-bit ARM. Expected: all.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from benchmarks import exported
from benchmarks.measure import Figure
from export import app_versions, artifacts
from export.android.apk import runtime, toolchain
from export.inspection import arm, judges
from pipeline.core.progress import ProgressReporter
from pipeline.core.sections import INT8
from pipeline.images import decode

TRAIN, HELD_OUT = 20, 30  # per class
PICTURES = 60
_SETTINGS = ("train.epochs=10",)


def run(folder: Path) -> list[Figure]:
    """A figure for each processor and runtime; none without the emulator."""
    if judges.ARM.missing:
        return []
    versions = app_versions.read_versions(app_versions.PROJECT)
    library = runtime.pinned(versions, toolchain.CACHE).libraries[runtime.ARM64]
    place = folder / "arm"
    place.mkdir()
    with contextlib.chdir(place):
        made = exported.experiment(TRAIN, HELD_OUT, _SETTINGS)
        held_out = made.split.held_out[:PICTURES]
        pictures = [decode.read(made.table.file(picture)) for picture in held_out]
        bundle = made.run.path(artifacts.EXPORT, INT8)
        results = arm.verify_on_arm(bundle, pictures, ProgressReporter(), library)
    return [
        Figure(
            f"int8 by {result.runtime} on an emulated {result.processor}",
            f"{result.equal} of {result.pictures} pictures and {result.vectors.equal} of "
            f"{len(result.vectors.differences)} golden vectors equal",
            "this computer, with ARM's softmax",
            f"up to {result.largest_difference:.4f} in probability",
            f"<= {result.allowed:.4f}" if result.allowed else "all equal",
            result.passed,
        )
        for result in results
    ]
