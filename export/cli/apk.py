"""`apk`: the camera app around a run's model."""

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
        bool, typer.Option("--assets-only", help="Only put the bundle where Gradle finds it.")
    ] = False,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Only fetch what a build needs; takes no run. make setup does.")
    ] = False,
    keystore: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A key; its password stands in VIGNETTE_KEYSTORE_PASSWORD."),
    ] = None,
    alias: Annotated[str, typer.Option(help="The key's name, where the keystore holds several.")] = "",
    flavour: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Put this one inside, whatever the gate says of it; the app shows its verdict.",
        ),
    ] = "",
    runtime: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.aar", help="LiteRT's archives in place of the pinned runtime; repeatable."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Another place for the APK.")] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Build the Android app around a run's best file.

    That is int8 unless the gate says no to it. Without Google's SDK. Reads an exported run and
    android_demo. Writes demo.apk and its passport, apk.json, into the run; with --assets-only the bundle
    into android_demo/app/src/main/assets. Needs a JDK (17 or later), and Maven or ANDROID_HOME.
    Signed with the keystore given, else the user's Android debug key, else one that is made once. Exit code
    3: the gate says no to every flavour, or the runtime inside cannot run the model.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.android.apk import apk as stage
        from export.android.apk import build
        from pipeline.core import runs
        from pipeline.core.errors import UsageError
        from pipeline.training import experiment as experiments

        asked = stage.Options(runtime or (), keystore, alias, out, flavour)
        if (assets_only or fetch) and asked != stage.Options(flavour="" if fetch else flavour):
            raise UsageError(
                "--assets-only and --fetch build nothing, so they take no key, runtime or place",
                "leave the other options away",
            )
        if fetch:
            terminal.say("tools", build.fetch(progress=terminal.progress))
            terminal.finish({})
            return
        run = runs.find(options.one_of(run_name, run_option))
        with run.locked():
            experiment = experiments.open_trained(run, terminal)
            if assets_only:
                inside = stage.choose(experiment, flavour, terminal)
                files = build.fill_assets(inside.folder, verdict=inside.verdict)
                terminal.say("assets", f"{len(files)} files for Gradle")
                terminal.finish({"run": run.name}, [str(path) for path in files])
                return
            made, passport = stage.make(experiment, asked, terminal)
            terminal.table(f"{made}", ["what", "found"], list(passport["words"].items()), words=True)
            terminal.finish({"run": run.name, **passport}, [str(made)])
