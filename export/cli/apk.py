"""`apk`: build the camera app around a run's model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import options
from pipeline.cli.terminal import speaking


def apk(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    assets_only: Annotated[
        bool, typer.Option("--assets-only", help="Only copy the bundle to the app's Gradle project.")
    ] = False,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Only fetch the build tools (make setup does this); needs no run.")
    ] = False,
    benchmark: Annotated[
        bool,
        typer.Option("--benchmark", help="Put all flavours inside, for benchmark: benchmark.apk."),
    ] = False,
    keystore: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A keystore with one key; its password: VIGNETTE_KEYSTORE_PASSWORD."
        ),
    ] = None,
    flavour: Annotated[
        str,
        typer.Option(metavar="NAME", help="Use this flavour even if it failed the gate; the app says so."),
    ] = "",
    runtime: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.aar", help="LiteRT's archives instead of the pinned runtime; repeatable."),
    ] = None,
    abi: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A processor to support, e.g. x86_64 for emulators; repeatable."),
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Build the Android app around a run's best model.

    That is int8 unless it fails the gate. Needs an exported run, a JDK (17 or later), and Maven or
    ANDROID_HOME (an Android SDK). Writes demo.apk and apk.json into the run, or with --assets-only the bundle
    into android_demo/app/src/main/assets. Signs with your keystore, else with your Android debug key, else
    with a debug key that it creates once. With --benchmark, the app holds every flavour that its runtime can
    load; it is benchmark.apk with benchmark_apk.json. Exit code 3: every flavour failed the gate, or the
    app's runtime cannot run the model.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export import artifacts
        from export.android.apk import apk as apps
        from export.android.apk import assets, benchmark_apk, build
        from pipeline.core import runs
        from pipeline.core.errors import UsageError
        from pipeline.training import experiment as experiments

        wishes = apps.Options(runtime or (), keystore, flavour, abi or ())
        if (assets_only or fetch) and (benchmark or wishes != apps.Options(flavour="" if fetch else flavour)):
            raise UsageError(
                "--assets-only and --fetch build nothing, so they take no benchmark, keystore, runtime or "
                "processor",
                "omit the other options",
            )
        if fetch:
            terminal.say("tools", build.fetch(progress=terminal.progress))
            terminal.finish({})
            return
        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
            experiment = experiments.open_trained(run, terminal)
            if assets_only:
                inside = apps.choose(experiment, flavour, terminal)
                files = assets.fill(inside.folder, verdict=inside.verdict)
                terminal.say("assets", f"{len(files)} files for Gradle")
                terminal.finish({"run": run.name}, [str(path) for path in files])
                return
            if benchmark:
                made = benchmark_apk.make(experiment, wishes, terminal)
                for name, why in made.skipped.items():
                    terminal.warn(f"{name} is skipped: {why}")
                info, path = made.info, run.path(artifacts.BENCHMARK_APK)
            else:
                info, path = apps.make(experiment, wishes, terminal), run.path(artifacts.APK)
            terminal.table(str(path), ["what", "found"], list(info.words.items()), words=True)
            if not info.ready_for_16_kb:
                terminal.warn(
                    "the Play Store refuses this app, because the runtime inside is not aligned for memory "
                    "pages of 16 KB; other ways of installing it are open"
                )
            terminal.finish({"run": run.name, **info.model_dump(mode="json")}, [str(path)])
