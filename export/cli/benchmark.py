"""`benchmark`: measure a run's models on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export import artifacts
from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking

if TYPE_CHECKING:
    from export.android.benchmark.phone_benchmarks import PhoneBenchmarks


def benchmark(
    run_name: options.RunName = None,
    run_option: options.RunOption = None,
    serial: Annotated[
        str | None, typer.Option(metavar="SERIAL", help="The phone to use if several are connected.")
    ] = None,
    threads: Annotated[str, typer.Option(metavar="N,N", help="Numbers of threads.")] = "1,4",
    kernels: Annotated[str, typer.Option(metavar="KIND,KIND", help="XNNPACK, built-in.")] = "XNNPACK",
    seconds: Annotated[
        int, typer.Option(metavar="N", help="The longest time per combination, 1 to 600.")
    ] = 60,
    sustained: Annotated[
        int, typer.Option(metavar="SECONDS", help="Also run each model without a pause; 0 to 1800.")
    ] = 0,
    cool_below: Annotated[
        float, typer.Option(metavar="CELSIUS", help="Wait until the battery is this cool.")
    ] = 35.0,
    cool_minutes: Annotated[float, typer.Option(metavar="MINUTES", help="How long to wait for that.")] = 10.0,
    again: Annotated[bool, typer.Option("--again", help="Measure even if nothing has changed.")] = False,
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Only show a phone.json, or a file the app shared.")
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Benchmark a run's models on a phone.

    Measures every flavour by number of threads and kind of kernels: latency and its spread, until the median
    is known to 3% or the time is over, heat and memory. Needs an exported run, adb, and a phone with USB
    debugging. Builds the app with all flavours if it is out of date (as apk --benchmark does), installs or
    updates it (and never uninstalls it), and writes phone.json. Stops the app, even after Ctrl-C. Exit code
    1: there is no phone, or the benchmark failed.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from export.android.benchmark import benchmark as benchmarking
        from export.android.benchmark import phone_benchmarks, session
        from pipeline.core import runs

        if replay:
            benchmarks = phone_benchmarks.read(replay)
            _show(terminal, str(replay), benchmarks)
            terminal.finish(benchmarks.model_dump(mode="json"), [str(replay)])
            return
        from pipeline.training import experiment as experiments

        order = session.read_order(threads, kernels, seconds, sustained)
        request = benchmarking.Request(order, serial, cool_below, cool_minutes, again)
        run = runs.find(options.one_of(run_name, run_option))
        meanwhile = "interrupted: stopping the app on the phone"
        with run.locked(), terminal.unwinding(meanwhile, "run the command again to start over"):
            experiment = experiments.open_trained(run, terminal)
            benchmarks = benchmarking.benchmark(experiment, request, terminal)
            _show(terminal, run.name, benchmarks)
            result = {"run": run.name, **benchmarks.model_dump(mode="json")}
            terminal.finish(result, [str(run.path(artifacts.PHONE))])


def _show(terminal: Terminal, name: str, benchmarks: PhoneBenchmarks) -> None:
    from export.android.benchmark import summary

    if summary.fastest(benchmarks):
        terminal.table(f"{name}: every combination, in ms", summary.COLUMNS, summary.rows(benchmarks))
        terminal.table(
            f"{name}: each model at its fastest, in ms", summary.FASTEST, summary.fastest(benchmarks)
        )
    for sentence in summary.sentences(benchmarks):
        terminal.text(sentence)
