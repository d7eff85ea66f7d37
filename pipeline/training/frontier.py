"""Searches for the best model within a budget of latency, size and minutes.

A candidate's int8 file is measured before it is trained, and one that breaks the budget never is. The fast
models come first, small frames before large ones; then the most promising are fine-tuned. Everything is kept
in the cache, so a search that was killed, or has more minutes, repeats nothing. Held-out pictures are not
used.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipeline.core import files, locks, stages
from pipeline.core.config import Config
from pipeline.core.errors import WeightsError
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.core.sections import PRESETS
from pipeline.data.dataset import Table
from pipeline.data.splits import Split
from pipeline.stats import intervals, metrics
from pipeline.training import candidates, fine_tuning, folds, footprint, outcome
from pipeline.training.backbones import BACKBONES
from pipeline.training.candidates import Cell
from pipeline.training.experiment import DRAWN, Experiment
from pipeline.training.footprint import Footprint
from pipeline.training.pace import Pace
from pipeline.training.results import Budget, FineTuning, Folds, Frontier, NotTried, Reason, Tried
from pipeline.training.search import NOTE, warn_of_edges


def search(
    run: Run,
    table: Table,
    split: Split,
    cells: Sequence[Cell],
    budget: Budget,
    reporter: ProgressReporter,
) -> Frontier:
    """Tries candidates until the minutes are used up; writes frontier.json and its figure.

    Args:
        run: Where the result goes, with `table` and `split`.
        table: The pictures.
        split: Their split.
        cells: What to try.
        budget: What candidates, and the search, may not exceed.
        reporter: Hears a line for each candidate.
    """
    work = _Search(run, table, split, budget, len(cells), reporter)
    for preset in PRESETS:
        own = [cell for cell in cells if cell.preset == preset]
        for cell in sorted(own, key=work.promise):
            work.consider(cell)
    result = work.result()
    recipe = stages.recipe(
        "frontier",
        {"train": split.train_key},
        {"cells": [cell.values for cell in cells], "budget": budget.model_dump(mode="json")},
    )
    run.forget(recipe.stage)
    run.write(result, stages.FRONTIER)
    run.record(recipe)
    if result.rows:
        _draw(run, result, recipe.key)
    return result


def warn_of_edge(result: Frontier, cells: Sequence[Cell], config: Config, reporter: ProgressReporter) -> None:
    """Names the next value to try where the best one is at the edge of the grid."""
    best = result.rows[0]
    frames = candidates.frames_of(cells, str(best.values[candidates.BACKBONE]))
    others = {key: values for key, values in config.search.items() if key in best.values}
    tried = config.model_copy(update={"search": {**others, candidates.FRAME: tuple(frames)}})
    winner = {key: value for key, value in best.values.items() if key in others}
    warn_of_edges(tried, {**winner, candidates.FRAME: best.frame}, reporter)


class _Background(ProgressReporter):
    """Passes on progress and warnings, but not what each stage of a candidate says."""

    def __init__(self, reporter: ProgressReporter) -> None:
        self._reporter = reporter

    def progress(self, stage: str, done: int, total: int) -> None:
        self._reporter.progress(stage, done, total)

    def warn(self, text: str) -> None:
        self._reporter.warn(text)


class _Search:
    """What has been tried so far."""

    def __init__(
        self, run: Run, table: Table, split: Split, budget: Budget, total: int, reporter: ProgressReporter
    ) -> None:
        self._run, self._table, self._split, self._budget = run, table, split, budget
        self._total, self._reporter, self._background = total, reporter, _Background(reporter)
        self._pace = Pace(budget.max_minutes)
        self._rows: list[Tried] = []
        self._not_tried: list[NotTried] = []
        self._scores: dict[str, float] = {}
        self._unavailable: dict[str, str] = {}

    def promise(self, cell: Cell) -> tuple[float, int, int, int]:
        """Sorts the candidates of a preset: by the score of a lower preset, then by cost.

        More depths come first, because the cached features of fewer are among theirs.
        """
        backbone = list(BACKBONES).index(cell.config.model.backbone)
        return (
            -self._scores.get(cell.model, 0.0),
            cell.frame.width * cell.frame.height,
            backbone,
            -cell.depths,
        )

    def consider(self, cell: Cell) -> None:
        """Tries a candidate, or notes why not."""
        backbone = cell.config.model.backbone
        try:
            if backbone in self._unavailable:
                self._skip(cell, Reason.UNAVAILABLE, problem=self._unavailable[backbone])
            else:
                self._measure(cell)
        except WeightsError as error:
            self._unavailable[backbone] = f"{error.message}; {error.hint}"
            self._skip(cell, Reason.UNAVAILABLE, problem=self._unavailable[backbone])

    def result(self) -> Frontier:
        """Best first."""
        order = sorted(self._rows, key=lambda row: (-row.accuracy, row.latency_ms, row.log_loss))
        on_frontier = _frontier(order)
        rows = tuple(row.model_copy(update={"on_frontier": row in on_frontier}) for row in order)
        return Frontier(
            n=len(self._split.train),
            budget=self._budget,
            note=NOTE,
            rows=rows,
            not_tried=tuple(self._not_tried),
        )

    def _measure(self, cell: Cell) -> None:
        labels, budget = len(self._table.labels), self._budget
        experiment = Experiment(self._run, cell.config, self._table, self._split, cell.frame)
        finished = _is_scored(experiment)
        if self._pace.left_s <= 0 and not finished:
            self._skip(cell, Reason.TIME)
            return
        measured = footprint.measure(cell.config, cell.frame, labels, self._reporter.progress)
        if budget.max_latency_ms is not None and measured.latency_ms > budget.max_latency_ms:
            self._skip(cell, Reason.LATENCY, measured)
        elif budget.max_size_mb is not None and measured.size_bytes > 1e6 * budget.max_size_mb:
            self._skip(cell, Reason.SIZE, measured)
        elif finished:
            self._try(cell, experiment, measured)
        elif (expected := self._pace.expected_s(experiment, measured)) > self._pace.left_s:
            self._skip(cell, Reason.TIME, measured, minutes=expected / 60)
        else:
            begin = time.monotonic()
            self._try(cell, experiment, measured)
            self._pace.learn(experiment, measured, time.monotonic() - begin)

    def _try(self, cell: Cell, experiment: Experiment, measured: Footprint) -> None:
        experiment = _scored(experiment, self._background)
        run, fine_tuned = experiment.run, False
        chosen, arrays = run.read(Folds, stages.FOLDS), run.read_arrays(stages.OUT_OF_FOLD)
        if fine_tuning.plan(experiment):
            compared = run.read(FineTuning, stages.FINE_TUNING)
            if fine_tuned := compared.kept:
                chosen, arrays = compared.folds, run.read_arrays(stages.FINE_TUNED_FOLDS)
        hits = arrays["logits"].argmax(1) == arrays["truth"]
        row = Tried(
            values=dict(cell.values),
            frame=str(cell.frame),
            depths=cell.depths,
            accuracy=float(hits.mean()),
            interval=intervals.share(hits, arrays["group"]),
            log_loss=metrics.log_loss(arrays["logits"] / chosen.temperature, arrays["truth"]),
            chosen_epoch=chosen.chosen_epoch,
            latency_ms=measured.latency_ms,
            size_bytes=measured.size_bytes,
            fine_tuned=fine_tuned,
            on_frontier=False,
        )
        self._rows.append(row)
        self._scores[cell.model] = max(row.accuracy, self._scores.get(cell.model, 0.0))
        self._say(cell, f"{row.accuracy:.3f}, {row.latency_ms:.1f} ms, {row.size_bytes / 1e6:.2f} MB")

    def _skip(
        self,
        cell: Cell,
        reason: Reason,
        measured: Footprint | None = None,
        minutes: float | None = None,
        problem: str = "",
    ) -> None:
        self._not_tried.append(
            NotTried(
                values=dict(cell.values),
                frame=str(cell.frame),
                depths=cell.depths,
                reason=reason,
                latency_ms=measured and measured.latency_ms,
                size_bytes=measured and measured.size_bytes,
                minutes=minutes,
                problem=problem,
            )
        )

    def _say(self, cell: Cell, text: str) -> None:
        number = len(self._rows) + len(self._not_tried)
        self._reporter.say(f"{number}/{self._total}", f"{cell}: {text}")


def _is_scored(experiment: Experiment) -> bool:
    plan = fine_tuning.plan(experiment)
    recipe = plan.recipe if plan else outcome.folds_recipe(experiment)
    return folds.cached(recipe).done(recipe)


def _scored(experiment: Experiment, reporter: ProgressReporter) -> Experiment:
    """The experiment in its folder of the cache, with the folds of its fast model and of its fine-tuning."""
    plan = fine_tuning.plan(experiment)
    experiment = folds.make_in_cache(experiment, reporter)
    if plan:
        experiment = replace(experiment, run=folds.cached(plan.recipe))
        files.make_folder(experiment.run.folder)
        with locks.waiting_for(experiment.run.folder, reporter.warn):
            folds.make(experiment, reporter)
            if tuned := fine_tuning.plan(experiment):
                tuned.compare(reporter)
    return experiment


def _frontier(rows: Iterable[Tried]) -> list[Tried]:
    """Those that no other one beats in both accuracy and latency; of equal ones, the first."""
    best: list[Tried] = []
    for row in sorted(rows, key=lambda row: (row.latency_ms, -row.accuracy)):
        if not best or row.accuracy > best[-1].accuracy:
            best.append(row)
    return best


def _name(row: Tried) -> str:
    values = row.values
    return f"{values[candidates.BACKBONE]} {row.frame}, {values[candidates.PRESET]}"


def _draw(run: Run, result: Frontier, key: str) -> None:
    from pipeline.stats import plots  # matplotlib, which no refused command should wait for

    name = f"{stages.FIGURES}/frontier.png"
    points = [
        plots.Point(plots.Bar(_name(row), row.accuracy, row.interval), row.latency_ms, row.on_frontier)
        for row in result.rows
    ]
    drawing = stages.recipe(name, {"frontier": key}, {}, DRAWN)
    run.forget(drawing.stage)
    plots.frontier(run.path(name), points, result.n, result.budget.max_latency_ms)
    run.record(drawing)
