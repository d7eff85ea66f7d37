"""How large the app is, and how long a build takes.

Measured: the seconds from a bundle to a signed app for arm64, with the tools in the cache, and its bytes
beside the model's. Reference: Java's compiler alone on one empty class. Expected: about 10 s on 2 cores, and
at most 3.6 MB beside the model.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from functools import partial
from pathlib import Path

from benchmarks import exported, measure
from benchmarks.measure import Figure
from export import artifacts
from export.android.apk import build, programs, toolchain
from pipeline.core.sections import INT8

TURNS, LIMIT_S, LIMIT_MB = 3, 10, 3.6
_SETTINGS = ("model.backbone=tiny", "train.epochs=2", "export.compensate=false")


def run(folder: Path) -> list[Figure]:
    """The two figures of this module; none without a JDK and Maven."""
    if programs.missing_programs():
        return []
    javac = programs.java("javac")
    place, cache = folder / "apk", toolchain.CACHE.resolve()
    place.mkdir()
    empty = place / "Empty.java"
    empty.write_text("class Empty {}\n")
    built, compiled = [], []
    with contextlib.chdir(place):
        bundle = exported.experiment(20, 5, _SETTINGS).run.path(artifacts.EXPORT, INT8)
        make = partial(build.build_apk, bundle, place / "app.apk", abis=("arm64-v8a",), cache=cache)
        info = make()  # fills the cache
        for _ in range(TURNS):
            begin = time.perf_counter()
            make()
            between = time.perf_counter()
            subprocess.run([javac, "-d", str(place), str(empty)], check=True)
            built.append(between - begin)
            compiled.append(time.perf_counter() - between)
    took, alone = measure.Spread(tuple(built)), measure.Spread(tuple(compiled))
    size = (info.sizes.whole - info.sizes.model) / 1e6
    return [
        Figure(
            "building the app for arm64, tools in the cache",
            took.text("{:.1f} s"),
            f"javac on an empty class {alone.text('{:.1f} s')}",
            took.per(alone).text("{:.0f}×"),
            f"about {LIMIT_S} s",
            took.median < 1.5 * LIMIT_S,
        ),
        Figure(
            "the app for arm64, without the model",
            f"{size:.2f} MB",
            f"the runtime alone {info.sizes.libraries / 1e6:.2f} MB",
            f"{size * 1e6 / info.sizes.libraries:.2f}×",
            f"≤ {LIMIT_MB} MB",
            size <= LIMIT_MB,
        ),
    ]
