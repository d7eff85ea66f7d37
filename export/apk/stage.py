"""The app of a run: demo.apk around its int8 bundle, and the passport beside it, made when out of date.

Building belongs to `build`; what an up-to-date bundle is, to `convert`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export import bundle, convert
from export.apk import build, signature, toolchain
from pipeline import runs
from pipeline.errors import RunError, UsageError
from pipeline.runs import Recipe
from pipeline.subject import Subject
from pipeline.workers import Listener

FLAVOUR = "int8"


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    Attributes:
        archives: LiteRT's .aar files in place of the pinned runtime.
        keystore: A key of one's own.
        alias: Its name, where the keystore holds several.
        out: Another place for the APK; the passport goes beside it.
    """

    archives: Sequence[Path] = ()
    keystore: Path | None = None
    alias: str = ""
    out: Path | None = None

    def __post_init__(self) -> None:
        if self.alias and self.keystore is None:
            raise UsageError(
                f"--alias {self.alias}: there is no --keystore that it is in", "give --keystore FILE, too"
            )


def find_bundle(subject: Subject) -> Path:
    """The folder of a run's int8 bundle.

    Raises:
        RunError: It has not been exported, or is older than the model.
    """
    run, flavours = subject.run, subject.config.export.flavours
    if FLAVOUR not in flavours:
        raise RunError(
            f"{run.folder} exports {', '.join(flavours)}, and the app takes {FLAVOUR}",
            "train with export.flavours that hold it",
        )
    whole = run.done(convert.contract_recipe(subject, FLAVOUR), [convert.contract_name(FLAVOUR)])
    if not whole or not run.done(convert.recipe(subject, FLAVOUR), [convert.file_name(FLAVOUR)]):
        raise RunError(
            f"{run.path(convert.bundle_name(FLAVOUR))} is missing, or older than the model",
            f"export it first: python -m export tflite {run.name}",
        )
    return run.path(convert.bundle_name(FLAVOUR))


def make(subject: Subject, options: Options, listener: Listener) -> tuple[Path, dict[str, Any]]:
    """Builds the APK where it is out of date.

    Returns:
        The APK, and its passport as JSON values.

    Raises:
        RunError: There is no bundle.
        VignetteError: Any of those of `build.build_apk`.
    """
    run, folder = subject.run, find_bundle(subject)
    apk = options.out or run.path(runs.APK)
    passport = apk.with_suffix(".json") if options.out else run.path(runs.APK_PASSPORT)

    def construct() -> None:
        made = build.build_apk(
            folder,
            apk,
            archives=options.archives,
            keystore=options.keystore,
            alias=options.alias,
            progress=listener.progress,
        )
        runs.write_json(passport, made.as_dict())

    outputs = [runs.APK, runs.APK_PASSPORT]
    fresh = options.out is not None or not run.done(_recipe(subject, options), outputs)
    if fresh:
        construct()
    if fresh and options.out is None:
        # Anew, because the build may have made the key.
        run.record(_recipe(subject, options), outputs)
    listener.say("apk", f"{apk.stat().st_size / 1e6:.2f} MB{'' if fresh else ' (up to date)'}")
    return apk, runs.Run(passport.parent).read_json(passport.name)


def _recipe(subject: Subject, options: Options) -> Recipe:
    sources = toolchain.PROJECT / build.SOURCES
    assets = toolchain.PROJECT / build.ASSETS
    files = [path for path in sorted(sources.rglob("*")) if path.is_file() and assets not in path.parents]
    files.append(toolchain.PROJECT / toolchain.VERSIONS)
    key = signature.find_key(options.keystore)
    settings = {
        "sources": {path.relative_to(toolchain.PROJECT).as_posix(): _sha256(path) for path in files},
        "archives": [_sha256(path) for path in options.archives if path.is_file()],
        "key": _sha256(key) if key.is_file() else "",
        "alias": options.alias,
        "android_home": os.environ.get("ANDROID_HOME", ""),
    }
    return Recipe("apk", 1, {bundle.CONTRACT: convert.contract_recipe(subject, FLAVOUR).key}, settings)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
