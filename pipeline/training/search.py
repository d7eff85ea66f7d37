"""Searches settings: trains every combination on cached features and ranks them out of fold.

Held-out pictures are not used. `train` continues with the winner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core import stages
from pipeline.core.cluster import Cluster
from pipeline.core.config import Config
from pipeline.core.errors import ConfigError
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import key_of
from pipeline.core.runs import Run
from pipeline.core.size import parse_size
from pipeline.data.dataset import Table
from pipeline.data.splits import Split
from pipeline.stats import intervals, metrics
from pipeline.training import backbones, features, folds, tasks
from pipeline.training.experiment import (
    DRAWN,
    NUMERIC,
    Experiment,
    head_settings,
)
from pipeline.training.results import Candidate, Folds, Search

NOTE = (
    "ranked by out-of-fold accuracy; the best of several is slightly optimistic, "
    "the held-out pictures were not used"
)


def search(
    run: Run,
    config: Config,
    table: Table,
    split: Split,
    reporter: ProgressReporter,
    cluster: Cluster | None = None,
) -> Config:
    """Tries every combination of the searched values; returns the best configuration.

    Writes search.json and its figure; the folds of each combination stay in the cache. Ranks by out-of-fold
    accuracy, then by log loss.
    """
    sizes = [*split.train.sizes()]
    cells = [
        (values, Experiment(run, cell, table, split, backbones.frame(cell.model, sizes)))
        for values, cell in config.grid()
    ]
    recipe = stages.recipe(
        "search",
        {
            "train": split.train_key,
            "features": key_of([features.recipe(s.config, s.frame).key for _, s in cells]),
        },
        {"cells": [[values, head_settings(s.config)] for values, s in cells]},
        NUMERIC,
    )

    def build() -> None:
        candidates = []
        if cluster:
            kinds = [(one.config, one.frame, backbones.POOLED) for _, one in cells]
            tasks.compute_features(cluster, run, split, kinds, reporter)
            tasks.train_folds(cluster, [one for _, one in cells])
        for number, (values, experiment) in enumerate(cells, 1):
            stage = f"search {number}/{len(cells)}: {_listed(values)}"
            tried = folds.make_in_cache(experiment, reporter, stage).run
            chosen, arrays = tried.read(Folds, stages.FOLDS), tried.read_arrays(stages.OUT_OF_FOLD)
            hits = arrays["logits"].argmax(1) == arrays["truth"]
            candidates.append(
                Candidate(
                    values=values,
                    frame=str(experiment.frame),
                    accuracy=float(hits.mean()),
                    interval=intervals.share(hits, arrays["group"]),
                    log_loss=metrics.log_loss(arrays["logits"] / chosen.temperature, arrays["truth"]),
                    chosen_epoch=chosen.chosen_epoch,
                )
            )
        candidates.sort(key=lambda candidate: (-candidate.accuracy, candidate.log_loss))
        document = Search(n=len(split.train), winner=candidates[0].values, note=NOTE, rows=tuple(candidates))
        run.write(document, stages.SEARCH)

    run.make(recipe, build)
    from pipeline.stats import plots

    result = run.read(Search, stages.SEARCH)
    name = f"{stages.FIGURES}/search.svg"
    drawing = stages.recipe(name, {"search": recipe.key}, {}, DRAWN)
    bars = [
        plots.Bar(
            ", ".join(f"{key.split('.')[-1]} {value}" for key, value in row.values.items()),
            row.accuracy,
            row.interval,
        )
        for row in result.rows
    ]
    run.make(drawing, lambda: plots.search(run.path(name), bars, result.n))
    winner = result.winner
    reporter.say("search", f"{len(result.rows)} settings tried, best out-of-fold: {_listed(winner)}")
    warn_of_edges(config, winner, reporter)
    return config.with_values(winner)


def warn_of_edges(config: Config, winner: Mapping[str, Any], reporter: ProgressReporter) -> None:
    """Names the next value to try for each searched key whose best value is at an edge."""
    for key, value in beyond(config, winner).items():
        here = winner[key]
        reporter.warn(
            f"the best {key}, {here}, is at the edge of the values tried; try the next one too: "
            f"--set '{key}={_toml([here, value])}'"
        )


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())


def beyond(config: Config, winner: Mapping[str, Any]) -> dict[str, Any]:
    """The next value to try for each searched number or frame whose best value is at an edge.

    Keys that allow no value beyond are omitted.
    """
    following = {}
    for key, here in winner.items():
        value = _next(config.search[key], here, even=key in _EVEN)
        try:
            if value is not None and config.with_values({**winner, key: value}) != config.with_values(winner):
                following[key] = value
        except ConfigError:
            continue
    return following


# Searched in even steps; other numbers by factors.
_EVEN = ("head.dropout", "model.alpha")
_LARGEST_FACTOR = 10.0
_FRAME_STEP = 32


def _next(tried: Sequence[Any], here: Any, *, even: bool) -> Any:
    """The value after the outermost tried one, on the best value's side; or None."""
    if all(isinstance(value, str) for value in tried):
        sizes = {value: parse_size(value) for value in tried}
        known = {value: size for value, size in sizes.items() if size}
        areas = {value: (size.width * size.height) ** 0.5 for value, size in known.items()}
        if here not in known or (side := _step(list(areas.values()), areas[here], even=False)) is None:
            return None
        scaled = [round(length * side / areas[here] / _FRAME_STEP) * _FRAME_STEP for length in known[here]]
        return "{}x{}".format(*scaled)
    if not all(type(value) in (int, float) for value in tried):
        return None
    value = _step([float(number) for number in tried], float(here), even=even)
    if value is None:
        return None
    return round(value) if isinstance(here, int) else float(f"{value:.2g}")


def _step(tried: Sequence[float], here: float, *, even: bool) -> float | None:
    ordered = sorted(tried)
    if len(ordered) < 2 or here not in (ordered[0], ordered[-1]):
        return None
    before = ordered[1] if here == ordered[0] else ordered[-2]
    if even or min(here, before) <= 0:
        return here + here - before
    return here * min(max(here / before, 1 / _LARGEST_FACTOR), _LARGEST_FACTOR)


def _toml(values: Sequence[Any]) -> str:
    return "[" + ", ".join(f'"{value}"' if isinstance(value, str) else f"{value}" for value in values) + "]"
