"""`phone`: a run's models measured on a phone, by adb and the app."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export import artifacts
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from export.android.benchmark.document import Document


def phone(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    serial: Annotated[
        str | None, typer.Option(metavar="SERIAL", help="Which phone, where several are connected.")
    ] = None,
    num_runs: Annotated[
        int, typer.Option("--runs", metavar="N", help="Runs for each combination, 1 to 1000.")
    ] = 50,
    warm_up_runs: Annotated[int, typer.Option(metavar="N", help="Runs before them, 0 to 1000.")] = 10,
    threads: Annotated[str, typer.Option(metavar="N,N", help="Numbers of threads.")] = "1,2,4",
    kernels: Annotated[
        str, typer.Option(metavar="KIND,KIND", help="XNNPACK, built-in.")
    ] = "XNNPACK,built-in",
    sustained: Annotated[
        int, typer.Option(metavar="SECONDS", help="Also without a pause, for each model; 0 to 1800.")
    ] = 0,
    cool_below: Annotated[
        float, typer.Option(metavar="CELSIUS", help="Begin when the battery is not warmer.")
    ] = 35.0,
    cool_minutes: Annotated[float, typer.Option(metavar="MINUTES", help="How long to wait for that.")] = 10.0,
    again: Annotated[bool, typer.Option("--again", help="Measure, though nothing has changed.")] = False,
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Only show a phone.json, or what the app has shared.")
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Benchmark a run's .tflite files on a phone.

    Time, spread, threads, kernels, heat, memory. Reads a run with its demo.apk. Installs or updates the app
    by adb (and never uninstalls it), lends the phone every flavour that the runtime inside can load, and
    writes phone.json. Removes from the phone what it put there, also after Ctrl-C. Needs adb, and a phone
    with USB debugging. Exit code 1: no phone, or it did not do what was asked.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.android.benchmark import benchmark, document, session
        from pipeline.core import runs

        if replay:
            found = document.read(replay)
            _show(terminal, str(replay), found)
            terminal.finish(found.as_json(), [str(replay)])
            return
        from pipeline.training import experiment as experiments

        order = session.read_order(num_runs, warm_up_runs, threads, kernels, sustained)
        request = benchmark.Request(order, serial, cool_below, cool_minutes, again)
        run = runs.find(options.one_of(run_name, run_option))
        meanwhile = "interrupted: removing from the phone what was put there"
        with run.locked(), terminal.unwinding(meanwhile, "the same command measures from the beginning"):
            found = benchmark.make(experiments.open_trained(run, terminal), request, terminal)
            _show(terminal, run.name, found)
            terminal.finish({"run": run.name, **found.as_json()}, [str(run.path(artifacts.PHONE))])


def _show(terminal: Terminal, name: str, found: Document) -> None:
    from export.android.benchmark import summary

    if summary.fastest(found):
        terminal.table(f"{name}: every combination, in ms", summary.COLUMNS, summary.rows(found))
        terminal.table(f"{name}: each model at its fastest, in ms", summary.FASTEST, summary.fastest(found))
    for sentence in summary.sentences(found):
        terminal.text(sentence)
