"""`search`: the best model within a budget of latency, size and minutes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import options
from pipeline.cli.terminal import Terminal, speaking
from pipeline.core import stages

if TYPE_CHECKING:
    from pipeline.core.config import Config
    from pipeline.core.errors import VignetteError
    from pipeline.core.runs import Run
    from pipeline.training.results import Budget, Frontier, NotTried, Tried


def search(
    source: options.Source = None,
    max_latency_ms: Annotated[
        float | None, typer.Option(help="Of the int8 file: one picture, one thread, this computer.")
    ] = None,
    max_size_mb: Annotated[float | None, typer.Option(help="Of the int8 file, in 10⁶ bytes.")] = None,
    max_minutes: Annotated[
        float, typer.Option(help="Of the search; it starts nothing that takes longer.")
    ] = 20,
    presets: Annotated[
        list[str] | None,
        typer.Option("--preset", metavar="fast|balanced|best", help="Try this preset only; repeatable."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key, or replace the values to try with a list."
        ),
    ] = None,
    name: options.Name = None,
    allow_unreadable: options.AllowUnreadable = None,
    run_option: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="Search for the pictures and split of this run."),
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Find the best model within a budget.

    Tries backbones, frames, depths and presets: measures each int8 file, refuses what breaks the budget, and
    trains the folds of the others, cheap ones first. Reads the pictures. Writes data/runs/NAME: the split,
    frontier.json and its figure. Run again, it continues. Exit code 3: nothing fits the budget.
    """
    with speaking(quiet=quiet, as_json=as_json) as terminal:
        from pipeline.training import candidates, frontier
        from pipeline.training import train as training

        budget = _budget(max_latency_ms, max_size_mb, max_minutes)
        chosen = _presets(presets or [])
        given = [*(settings or ()), *options.unreadable_setting(allow_unreadable)]
        source, run, config = options.of_split(source, run_option, name, given)
        with run.locked():
            table, split = training.prepare(run, config, terminal)
            fixed = {setting.partition("=")[0].strip() for setting in given}
            sizes = [*split.train.sizes()]
            cells = candidates.cells(config, fixed, chosen, sizes)
            terminal.say("candidates", f"{len(cells)}, for at most {budget.max_minutes:g} min")
            result = frontier.search(run, table, split, cells, budget, terminal)
        _show(terminal, result)
        if result.rows:
            frontier.warn_of_edge(result, cells, config, terminal)
        files = [run.path(stages.FRONTIER), *[run.path(stages.FIGURES, "frontier.png")] * bool(result.rows)]
        terminal.finish({"run": run.name, **result.model_dump(mode="json")}, list(map(str, files)))
        if not result.rows:
            raise _nothing(result)
        _say_next(terminal, run, source, config, given, result.rows[0])


def _budget(max_latency_ms: float | None, max_size_mb: float | None, max_minutes: float) -> Budget:
    from pipeline.core.errors import UsageError
    from pipeline.training.results import Budget

    given = {"latency-ms": max_latency_ms, "size-mb": max_size_mb, "minutes": max_minutes}
    for name, value in given.items():
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(
                f"--max-{name} {value:g}: expected a number above 0", f"for example --max-{name} 6"
            )
    return Budget(max_latency_ms=max_latency_ms, max_size_mb=max_size_mb, max_minutes=max_minutes)


def _presets(names: Sequence[str]) -> Sequence[str]:
    from pipeline.core.errors import UsageError
    from pipeline.core.sections import PRESETS

    for name in names:
        if name not in PRESETS:
            raise UsageError(f"--preset {name}: no such preset", f"use {', '.join(PRESETS)}")
    return names


def _show(terminal: Terminal, result: Frontier) -> None:
    """The candidates tried, best first, and those that were not, with the reason."""
    if result.rows:
        known = {"model.backbone", "model.input", "head.depths", "train.preset"}
        others = [key for key in result.rows[0].values if key not in known]
        terminal.table(
            f"Candidates, best first (out-of-fold, n = {result.n:,})",
            [" backbone", "frame", "depths", "preset", *others, "ms", "MB", "score", "95%"],
            [
                [
                    ("*" if row.on_frontier else " ") + str(row.values["model.backbone"]),
                    row.frame,
                    str(row.depths),
                    _preset(row),
                    *(str(row.values.get(key, "")) for key in others),
                    f"{row.latency_ms:.1f}",
                    f"{row.size_bytes / 1e6:.2f}",
                    f"{row.accuracy:.3f}",
                    "{:.3f}–{:.3f}".format(*row.interval),
                ]
                for row in result.rows
            ],
        )
        terminal.text("* on the frontier: none is at least as fast and scores better.")
        if any(_preset(row) != row.values["train.preset"] for row in result.rows):
            terminal.text("In brackets: fine-tuning gained nothing, the score is the fast model's.")
        terminal.text(f"They are {result.note}.")
    if result.not_tried:
        terminal.table("Not tried", ["candidate", "because"], _not_tried(result), words=True)


def _preset(row: Tried) -> str:
    preset = str(row.values["train.preset"])
    return preset if row.fine_tuned or preset == "fast" else f"({preset})"


def _not_tried(result: Frontier) -> list[list[str]]:
    """Each candidate with the reason; once, where that is the backbone's or holds for every preset."""
    from pipeline.training.results import Reason

    rows: dict[tuple[str, str], None] = {}
    for row in result.not_tried:
        words = [str(row.values["model.backbone"])]
        if row.reason is not Reason.UNAVAILABLE:
            words = [f"{words[0]} {row.frame}", f"{row.depths} depth{'s' * (row.depths != 1)}"]
        if row.reason is Reason.TIME:
            words.append(str(row.values["train.preset"]))
        rows[", ".join(words), _why(row, result.budget)] = None
    return [list(row) for row in rows]


def _why(row: NotTried, budget: Budget) -> str:
    from pipeline.training.results import Reason

    if row.reason is Reason.UNAVAILABLE:
        return row.problem
    if row.reason is Reason.LATENCY:
        return f"{row.latency_ms:.1f} ms, over {budget.max_latency_ms:g}"
    if row.reason is Reason.SIZE:
        return f"{(row.size_bytes or 0) / 1e6:.2f} MB, over {budget.max_size_mb:g}"
    return "no time left" if row.minutes is None else f"no time left for about {row.minutes:.1f} min"


def _nothing(result: Frontier) -> VignetteError:
    """The error of a search that tried nothing."""
    from pipeline.core.errors import GateError, WeightsError
    from pipeline.training.results import Reason

    reasons = {row.reason for row in result.not_tried}
    if reasons == {Reason.UNAVAILABLE}:
        return WeightsError(
            "no backbone can be tried",
            "install its weights, or name another one with --set model.backbone=...",
        )
    if Reason.TIME in reasons:
        return GateError(
            f"nothing could be tried in {result.budget.max_minutes:g} min", "give it more: --max-minutes"
        )
    return GateError(
        "no candidate fits the budget",
        'allow more, or try smaller frames: --set \'model.input=["128x128", "96x96"]\'',
    )


def _say_next(
    terminal: Terminal, run: Run, source: Path, config: Config, given: Sequence[str], best: Tried
) -> None:
    """The command that trains the winner, in this run, or in another one if this has another model."""
    from pipeline.core import config as configuration
    from pipeline.core import runs

    winner = config.with_values(best.values)
    name = run.name
    other = run.path(stages.FOLDS).is_file() and configuration.differing_keys(run.config(), winner)
    if other and other != ["train.preset"]:
        name = runs.free_name(run.name)
    others = [setting for setting in given if setting.partition("=")[0].strip() not in best.values]
    pinned = [f"{key}={value}" for key, value in best.values.items() if key != "train.preset"]
    words = [word for setting in [*others, *pinned] for word in ("--set", setting)]
    named = ("--name", name) if name != runs.run_name(source) else ()
    preset = ("--preset", str(best.values["train.preset"]))
    terminal.next("pipeline", "train", str(source), *words, *preset, *named)
