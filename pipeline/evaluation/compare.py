"""Runs side by side: ranked by out-of-fold accuracy, each paired with the best one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.core import config as configuration
from pipeline.core.documents import Document
from pipeline.core.errors import DataError
from pipeline.core.runs import Run
from pipeline.stats import intervals
from pipeline.stats.metrics import Interval
from pipeline.training.experiment import load_out_of_fold, settled_config

_MIN_SHARED = 30


class _RankedRun(Document):
    """One run's out-of-fold accuracy on its n pictures, and its difference to the best on shared ones."""

    run: str
    n: int
    accuracy: float
    shared_with_best: int
    difference_to_best: float
    difference_interval: Interval


class _Ranking(Document):
    """Runs, best first, and each configuration key in which they differ, with its value by run."""

    ranked_by: str = "out-of-fold accuracy"
    rows: tuple[_RankedRun, ...]
    configuration: dict[str, dict[str, Any]]


def compare(many: Sequence[Run]) -> _Ranking:
    """Runs ranked by out-of-fold accuracy, each paired with the best on the pictures they share.

    Raises:
        DataError: Two runs share fewer than 30 training pictures.
        RunError: A run has no out-of-fold predictions yet.
    """
    counted = Counter(run.name for run in many)
    names = {run: run.name if counted[run.name] == 1 else str(run.folder) for run in many}
    loaded = {run: load_out_of_fold(run) for run in many}
    right = {run: arrays["probabilities"].argmax(1) == arrays["truth"] for run, arrays in loaded.items()}
    ranked = sorted(many, key=lambda run: -right[run].mean())
    best = ranked[0]
    # Equal files have equal predictions, so one represents them all.
    by_content = {run: dict(zip(loaded[run]["sha256"].tolist(), right[run], strict=True)) for run in many}
    groups = dict(zip(loaded[best]["sha256"].tolist(), loaded[best]["group"].tolist(), strict=True))
    rows = []
    for run in ranked:
        shared = [content for content in by_content[best] if content in by_content[run]]
        if len(shared) < _MIN_SHARED:
            raise DataError(
                f"{names[run]} and {names[best]} share {len(shared)} training pictures; "
                f"a comparison needs {_MIN_SHARED}",
                "compare runs of the same pictures",
            )
        own, others = (np.array([by_content[one][content] for content in shared]) for one in (run, best))
        # The rise from the best run to this one is the drop from this one to the best.
        bounds = intervals.drop(own, others, [groups[content] for content in shared])
        rows.append(
            _RankedRun(
                run=names[run],
                n=len(right[run]),
                accuracy=float(right[run].mean()),
                shared_with_best=len(shared),
                difference_to_best=float(own.mean() - others.mean()),
                difference_interval=bounds,
            )
        )
    return _Ranking(rows=tuple(rows), configuration=_differences({names[run]: run for run in ranked}))


def _differences(named: dict[str, Run]) -> dict[str, dict[str, Any]]:
    configs = {name: settled_config(run) for name, run in named.items()}
    first = next(iter(configs.values()))
    keys = sorted({key for other in configs.values() for key in configuration.differing_keys(first, other)})
    flat = {name: configuration.flat(config) for name, config in configs.items()}
    return {key: {name: values.get(key) for name, values in flat.items()} for key in keys}
