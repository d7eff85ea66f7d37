"""The app of a run: demo.apk around one of its bundles and apk.json, rebuilt when out of date.

`build` builds it; `parity.preference` decides which flavour to ship.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from export import app_versions, artifacts
from export.android.apk import assets, build, signature
from export.android.apk.apk_info import ApkInfo
from export.android.apk.verdict import Verdict
from export.conversion import convert
from export.parity import gate, parity, preference
from export.parity.result import FlavourTarget, ParityResult
from pipeline.core import stages
from pipeline.core.errors import ConversionError, GateError, RunError, UsageError
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.core.sections import FLAVOURS
from pipeline.training.experiment import Experiment

# What Android calls the processors that it runs on; x86_64 is that of emulators and Chromebooks.
ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64", "x86")


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    Attributes:
        archives: LiteRT's .aar files, to replace the pinned runtime.
        keystore: The user's own.
        flavour: The flavour to put inside even if it failed the gate; empty for the best one.
        abis: The processors to support; empty for those of `versions.properties`.
    """

    archives: Sequence[Path] = ()
    keystore: Path | None = None
    flavour: str = ""
    abis: Sequence[str] = ()

    def __post_init__(self) -> None:
        if unknown := [abi for abi in self.abis if abi not in ABIS]:
            raise UsageError(f"--abi {unknown[0]}: no such processor", f"expected {', '.join(ABIS)}")
        if self.flavour and self.flavour not in FLAVOURS:
            raise UsageError(f"--flavour {self.flavour}: no such flavour", f"expected {', '.join(FLAVOURS)}")


@dataclass(frozen=True)
class Inside:
    """What goes into the app.

    Attributes:
        flavour: The name of the flavour.
        folder: Its bundle.
        verdict: What the gate says about it; shown on the app's About screen.
    """

    flavour: str
    folder: Path
    verdict: Verdict


def choose(experiment: Experiment, flavour: str, reporter: ProgressReporter) -> Inside:
    """Chooses the bundle that goes into the app: the named flavour, else the best one.

    Raises:
        UsageError: The run does not export that flavour.
        RunError: It has not been exported, or is older than the model.
        GateError: Every flavour failed the gate, and none is named.
        ConversionError: It could not be converted.
    """
    run, config = experiment.run, experiment.config
    if flavour:
        convert.check_flavour(run, config.export.flavours, flavour)
    failed = convert.failed(experiment)
    if flavour in failed:
        raise ConversionError(
            f"could not convert to {flavour} ({failed[flavour].message})", failed[flavour].hint
        )
    result = parity.parity(experiment, reporter)
    rows = {row.model: row for row in result.targets}
    row = rows[flavour] if flavour else preference.best(result.targets, config.gate)
    if row is None:
        raise GateError(
            f"every flavour of {run.folder} failed the gate: {'; '.join(map(_reasons, rows.values()))}",
            f"--flavour NAME builds the app with {' or '.join(rows)} anyway; its About screen says so",
        )
    name, first = row.model, preference.ORDER[0]
    if gate.refuses(row.verdict, config.gate):
        reporter.warn(f"{_reasons(row)} failed the gate; the app's About screen says so")
    elif not flavour and name != first and first in (*rows, *failed):
        why = (
            f"{first} could not be converted"
            if first in failed
            else f"{_reasons(rows[first])} failed the gate"
        )
        reporter.warn(f"the app contains {name}, because {why}")
    whole = run.done(convert.contract_recipe(experiment, name))
    if not whole or not run.done(convert.recipe(experiment, name)):
        raise RunError(
            f"{run.path(convert.bundle_name(name))} is missing, or older than the model",
            f"export it first: python -m export tflite {run.name}",
        )
    return Inside(name, run.path(convert.bundle_name(name)), _verdict(result, row))


def verdicts(experiment: Experiment, reporter: ProgressReporter) -> dict[str, Verdict]:
    """What the gate says about each flavour."""
    result = parity.parity(experiment, reporter)
    return {row.model: _verdict(result, row) for row in result.targets}


def _verdict(result: ParityResult, row: FlavourTarget) -> Verdict:
    return Verdict(verdict=str(row.verdict), n=result.n, second_look=row.second_look)


def _reasons(row: FlavourTarget) -> str:
    return f"{row.model} ({', '.join(row.reasons)})"


def make(experiment: Experiment, options: Options, reporter: ProgressReporter) -> ApkInfo:
    """Builds the APK if it is out of date.

    Raises:
        VignetteError: Any of those of `choose` and `build.build_apk`.
    """
    run, inside = experiment.run, choose(experiment, options.flavour, reporter)
    fresh = not run.done(recipe(experiment, options, inside))
    if fresh:
        info = build.build_apk(
            inside.folder,
            run.path(artifacts.APK),
            flavour=inside.flavour,
            verdict=inside.verdict,
            archives=options.archives,
            keystore=options.keystore,
            abis=options.abis,
            progress=reporter.progress,
        )
        run.write(info, artifacts.APK_PASSPORT)
        # The recipe is computed again, because the build may have created the key.
        run.record(recipe(experiment, options, inside))
    size = run.path(artifacts.APK).stat().st_size
    reporter.say("apk", f"{size / 1e6:.2f} MB{'' if fresh else ' (up to date)'}")
    return run.read(ApkInfo, artifacts.APK_PASSPORT)


def recipe(
    experiment: Experiment,
    options: Options,
    inside: Inside,
    others: Mapping[str, Verdict | None] = {},
    name: str = "apk",
) -> Recipe:
    """The recipe of an app.

    Args:
        experiment: The run.
        options: What the user asked for.
        inside: The bundle that the app is built around.
        others: The flavours that it also holds, each with its verdict.
        name: Its stage.
    """
    sources = app_versions.PROJECT / build.SOURCES
    filled = app_versions.PROJECT / assets.ASSETS
    files = [path for path in sorted(sources.rglob("*")) if path.is_file() and filled not in path.parents]
    files.append(app_versions.PROJECT / app_versions.VERSIONS)
    key = signature.find_key(options.keystore)
    settings = {
        "sources": {path.relative_to(app_versions.PROJECT).as_posix(): _sha256(path) for path in files},
        "archives": [_sha256(path) for path in options.archives if path.is_file()],
        "key": _sha256(key) if key.is_file() else "",
        "flavour": inside.flavour,
        "abis": list(options.abis),
        "verdict": inside.verdict.model_dump(),
        "verdicts": {flavour: verdict and verdict.model_dump() for flavour, verdict in others.items()},
        "android_home": os.environ.get("ANDROID_HOME", ""),
    }
    inputs = {
        flavour: convert.contract_recipe(experiment, flavour).key for flavour in (inside.flavour, *others)
    }
    return stages.recipe(name, inputs, settings)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
