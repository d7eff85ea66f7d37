"""The app for the benchmark: benchmark.apk holds every flavour of a run that its runtime can load.

It is the app of `apk` otherwise, whose camera screen switches between them, and takes its place on the phone.
`build` builds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from export import app_versions, artifacts
from export.android.apk import apk as apps
from export.android.apk import build, runtime
from export.android.apk.apk_info import ApkInfo
from export.android.apk.verdict import Verdict
from export.bundle import bundle as bundles
from export.bundle.bundle import Bundle
from export.conversion import convert
from export.model_file import operators
from export.parity import preference
from pipeline.core import stages
from pipeline.core.errors import GateError, RunError
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.core.runs import Run
from pipeline.training.experiment import Experiment

STAGE = "benchmark_apk"
# What a run remembers of the options with which its app was built.
_KEPT = ("key", "archives", "abis", "android_home")


@dataclass(frozen=True)
class BenchmarkApk:
    """The app.

    Attributes:
        info: What it is.
        bundles: The bundles inside, by flavour.
        skipped: The flavours that are not inside, each with the reason.
    """

    info: ApkInfo
    bundles: dict[str, Bundle]
    skipped: dict[str, str]


def make(experiment: Experiment, options: apps.Options | None, reporter: ProgressReporter) -> BenchmarkApk:
    """Builds the app if it is out of date.

    Args:
        experiment: The run.
        options: What the user asked for; None leaves key, runtime and processors as in the last one.
        reporter: Receives the progress.

    Raises:
        RunError: Nothing was exported; or an app that was built with its own key or runtime is out of date,
            and no options are given.
        GateError: The runtime can load none of the flavours.
        VignetteError: Any of those of `apk.choose` and `build.build_apk`.
    """
    run = experiment.run
    wishes = options or apps.Options(abis=_recorded(run).get("abis") or ())
    selected, skipped = _select(experiment, *_runtime(run, options))
    inside = _choose(experiment, wishes.flavour, selected, reporter)
    verdicts = apps.verdicts(experiment, reporter)
    others = {flavour: verdicts.get(flavour) for flavour in selected if flavour != inside.flavour}
    fresh = not run.done(_recipe(experiment, options, inside, others))
    if fresh:
        if options is None:
            _require_usual(run, _recipe(experiment, wishes, inside, others))
        info = build.build_apk(
            inside.folder,
            run.path(artifacts.BENCHMARK_APK),
            others={selected[flavour].folder: verdict for flavour, verdict in others.items()},
            flavour=inside.flavour,
            verdict=inside.verdict,
            archives=wishes.archives,
            keystore=wishes.keystore,
            abis=wishes.abis,
            progress=reporter.progress,
        )
        run.write(info, artifacts.BENCHMARK_APK_PASSPORT)
        # Computed again, because the build may have created the key.
        run.record(_recipe(experiment, wishes, inside, others))
    size = run.path(artifacts.BENCHMARK_APK).stat().st_size
    names = ", ".join(selected)
    reporter.say("apk", f"{size / 1e6:.2f} MB with {names}{'' if fresh else ' (up to date)'}")
    return BenchmarkApk(run.read(ApkInfo, artifacts.BENCHMARK_APK_PASSPORT), selected, skipped)


def _select(experiment: Experiment, name: str, version: str) -> tuple[dict[str, Bundle], dict[str, str]]:
    """The flavours that a runtime can load, and why not the others."""
    run = experiment.run
    selected: dict[str, Bundle] = {}
    skipped: dict[str, str] = {}
    for flavour in experiment.config.export.flavours:
        file = run.path(convert.file_name(flavour))
        if not run.done(convert.contract_recipe(experiment, flavour)) or not file.is_file():
            skipped[flavour] = f"not exported: python -m export tflite {run.name}"
            continue
        bundle = bundles.read(run.path(convert.bundle_name(flavour)))
        try:
            runtime.require(operators.compare(bundle.data, version), name, bundle.model.name)
        except GateError as error:
            skipped[flavour] = error.message
            continue
        selected[flavour] = bundle
    if not selected:
        raise GateError(
            f"the app's runtime can load no flavour of {run.folder}: {'; '.join(skipped.values())}",
            "build the app with a newer runtime: "
            "python -m export apk --benchmark --runtime litert.aar --runtime litert-api.aar",
        )
    return selected, skipped


def _runtime(run: Run, options: apps.Options | None) -> tuple[str, str]:
    """The name and the version of the runtime that will be inside."""
    versions = app_versions.read_versions(app_versions.PROJECT)
    if options and options.archives:
        opened = runtime.open_archives(options.archives, options.abis or versions["abis"].split(","))
        return opened.name, opened.version
    if (
        options is None
        and _recorded(run).get("archives")
        and run.path(artifacts.BENCHMARK_APK_PASSPORT).is_file()
    ):
        inside = run.read(ApkInfo, artifacts.BENCHMARK_APK_PASSPORT).runtime
        return inside.name, inside.version
    version = app_versions.pinned_version(versions)
    return f"tensorflow-lite {version}", version


def _choose(
    experiment: Experiment, flavour: str, selected: dict[str, Bundle], reporter: ProgressReporter
) -> apps.Inside:
    """The bundle for the camera: as in the app of the run, but a gate does not keep it from being timed."""
    try:
        inside = apps.choose(experiment, flavour, reporter)
    except GateError:
        inside = None
    if inside is None or inside.flavour not in selected:
        first = next(name for name in preference.ORDER if name in selected)
        inside = apps.choose(experiment, first, reporter)
    return inside


def _recipe(
    experiment: Experiment,
    options: apps.Options | None,
    inside: apps.Inside,
    others: dict[str, Verdict | None],
) -> Recipe:
    recipe = apps.recipe(experiment, options or apps.Options(), inside, others, STAGE)
    recorded = _recorded(experiment.run)
    if options is None and recorded:
        kept = {name: recorded[name] for name in _KEPT if name in recorded}
        recipe = stages.recipe(STAGE, recipe.inputs, {**recipe.settings, **kept})
    return recipe


def _require_usual(run: Run, usual: Recipe) -> None:
    recorded = _recorded(run)
    if any(recorded.get(name) not in (None, "", [], usual.settings[name]) for name in ("key", "archives")):
        raise RunError(
            f"{run.path(artifacts.BENCHMARK_APK)} is out of date, and was built with --keystore or --runtime",
            f"build it again with the same options: python -m export apk {run.name} --benchmark …",
        )


def _recorded(run: Run) -> dict[str, Any]:
    return run.recorded(STAGE).get("settings", {})
