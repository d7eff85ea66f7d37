"""The app of a run: demo.apk around one of its bundles, and the passport beside it, made when out of date.

Building belongs to `build`; what an up-to-date bundle is, to `convert`; which flavour is to be
shipped, to `parity.preference`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export import app_versions, artifacts
from export.android.apk import build, signature
from export.android.apk.verdict import Verdict
from export.conversion import convert
from export.parity import gate, parity, preference
from export.parity.result import FlavourTarget
from pipeline.core import files, runs
from pipeline.core.errors import ConversionError, GateError, RunError, UsageError
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.core.sections import FLAVOURS
from pipeline.training.experiment import Experiment


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    Attributes:
        archives: LiteRT's .aar files in place of the pinned runtime.
        keystore: A key of one's own.
        alias: Its name, where the keystore holds several.
        out: Another place for the APK; the passport goes beside it.
        flavour: The one to put inside, whatever the gate says of it; empty for the one to ship.
    """

    archives: Sequence[Path] = ()
    keystore: Path | None = None
    alias: str = ""
    out: Path | None = None
    flavour: str = ""

    def __post_init__(self) -> None:
        if self.flavour and self.flavour not in FLAVOURS:
            raise UsageError(
                f"--flavour {self.flavour}: there is no such flavour", f"take {', '.join(FLAVOURS)}"
            )
        if self.alias and self.keystore is None:
            raise UsageError(
                f"--alias {self.alias}: there is no --keystore that it is in", "give --keystore FILE, too"
            )


@dataclass(frozen=True)
class Inside:
    """What goes into the app.

    Attributes:
        flavour: Its name.
        folder: Its bundle.
        verdict: What the gate said of it; the app's About shows it.
    """

    flavour: str
    folder: Path
    verdict: Verdict


def choose(experiment: Experiment, flavour: str, reporter: ProgressReporter) -> Inside:
    """The bundle that goes into the app: the flavour named, else the one to ship.

    Raises:
        UsageError: The run does not export that flavour.
        RunError: It has not been exported, or is older than the model.
        GateError: The gate says no to every flavour, and none is named.
        ConversionError: It could not be made.
    """
    run, config = experiment.run, experiment.config
    if flavour and flavour not in config.export.flavours:
        raise UsageError(
            f"--flavour {flavour}: {run.folder} exports {', '.join(config.export.flavours)}",
            "name one of these, or train with export.flavours that hold it",
        )
    failed = convert.failed(experiment)
    if flavour in failed:
        raise ConversionError(f"could not make {flavour} ({failed[flavour].message})", failed[flavour].hint)
    result = parity.parity(experiment, reporter)
    rows = {row.model: row for row in result.targets}
    row = rows[flavour] if flavour else preference.best(result.targets, config.gate)
    if row is None:
        raise GateError(
            f"the gate says no to every flavour of {run.folder}: {'; '.join(map(_reasons, rows.values()))}",
            f"--flavour NAME puts {' or '.join(rows)} inside all the same; the app's About shows its verdict",
        )
    name, first = row.model, preference.ORDER[0]
    if gate.says_no(row.verdict, config.gate):
        reporter.warn(f"the gate says no to {_reasons(row)}; the app's About shows it")
    elif not flavour and name != first and first in (*rows, *failed):
        why = (
            f"{first} could not be made"
            if first in failed
            else f"the gate says no to {_reasons(rows[first])}"
        )
        reporter.warn(f"{name} goes into the app, because {why}")
    whole = run.done(convert.contract_recipe(experiment, name), [convert.contract_name(name)])
    if not whole or not run.done(convert.recipe(experiment, name), [convert.file_name(name)]):
        raise RunError(
            f"{run.path(convert.bundle_name(name))} is missing, or older than the model",
            f"export it first: python -m export tflite {run.name}",
        )
    verdict = Verdict(row.verdict, result.n, second_look=row.second_look)
    return Inside(name, run.path(convert.bundle_name(name)), verdict)


def flavour_inside(run: runs.Run) -> str:
    """The flavour in the app that was built last; int8 where it does not say."""
    return str(run.recorded("apk").get("settings", {}).get("flavour", preference.ORDER[0]))


def _reasons(row: FlavourTarget) -> str:
    return f"{row.model} ({', '.join(row.reasons)})"


def make(experiment: Experiment, options: Options, reporter: ProgressReporter) -> tuple[Path, dict[str, Any]]:
    """Builds the APK where it is out of date.

    Returns:
        The APK, and its passport as JSON values.

    Raises:
        VignetteError: Any of those of `choose` and `build.build_apk`.
    """
    run, inside = experiment.run, choose(experiment, options.flavour, reporter)
    apk = options.out or run.path(artifacts.APK)
    passport = apk.with_suffix(".json") if options.out else run.path(artifacts.APK_PASSPORT)

    def construct() -> None:
        made = build.build_apk(
            inside.folder,
            apk,
            verdict=inside.verdict,
            archives=options.archives,
            keystore=options.keystore,
            alias=options.alias,
            progress=reporter.progress,
        )
        found = made.as_dict()
        found["words"]["gate"] = f"{inside.flavour}: {inside.verdict}"
        files.write_json(passport, {**found, "flavour": inside.flavour})

    outputs = [artifacts.APK, artifacts.APK_PASSPORT]
    fresh = options.out is not None or not run.done(_recipe(experiment, options, inside), outputs)
    if fresh:
        construct()
    if fresh and options.out is None:
        # Anew, because the build may have made the key.
        run.record(_recipe(experiment, options, inside), outputs)
    reporter.say("apk", f"{apk.stat().st_size / 1e6:.2f} MB{'' if fresh else ' (up to date)'}")
    return apk, runs.Run(passport.parent).read_json(passport.name)


def _recipe(experiment: Experiment, options: Options, inside: Inside) -> Recipe:
    sources = app_versions.PROJECT / build.SOURCES
    assets = app_versions.PROJECT / build.ASSETS
    files = [path for path in sorted(sources.rglob("*")) if path.is_file() and assets not in path.parents]
    files.append(app_versions.PROJECT / app_versions.VERSIONS)
    key = signature.find_key(options.keystore)
    settings = {
        "sources": {path.relative_to(app_versions.PROJECT).as_posix(): _sha256(path) for path in files},
        "archives": [_sha256(path) for path in options.archives if path.is_file()],
        "key": _sha256(key) if key.is_file() else "",
        "alias": options.alias,
        "flavour": inside.flavour,
        "verdict": inside.verdict.as_dict(),
        "android_home": os.environ.get("ANDROID_HOME", ""),
    }
    return Recipe(
        "apk", 2, {inside.flavour: convert.contract_recipe(experiment, inside.flavour).key}, settings
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
