"""Computes the features that a training will read, all or those of one shard, and trains nothing."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.cluster import Cluster
from pipeline.core.config import Config
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.core.shards import Shard
from pipeline.data.dataset import Table
from pipeline.data.splits import Split
from pipeline.training import backbones, features, fine_tuning, tasks
from pipeline.training.experiment import Experiment


@dataclass(frozen=True)
class _Extracted:
    """Features of one kind.

    Attributes:
        backbone: Its name.
        frame: The model's input size, in pixels.
        layer: The layer that they are taken from.
        views: Per picture, the plain one included.
        pictures: How many pictures have them, of the shard if there is one.
    """

    backbone: str
    frame: str
    layer: str
    views: int
    pictures: int


def extract(
    run: Run,
    config: Config,
    table: Table,
    split: Split,
    shard: Shard | None,
    reporter: ProgressReporter,
    cluster: Cluster | None = None,
) -> list[_Extracted]:
    """Computes what is missing of every kind of features that the configuration asks for.

    Args:
        run: Whose split it is.
        config: Searched settings count with all their values.
        table: The pictures.
        split: Of it; features are of training pictures.
        shard: Which pictures alone, into the shard's own files; None for all, into the cache.
        reporter: Receives progress and warnings.
        cluster: Who computes them; None for this process.

    Raises:
        VignetteError: As `features.compute` and `features.compute_shard`.
    """
    found, kinds = [], _kinds(run, config, table, split)
    if cluster:
        tasks.compute_features(cluster, run, split, kinds, reporter)
    for of, frame, layer in kinds:
        if shard:
            count = features.compute_shard(
                of, frame, table, split.train, shard, reporter.progress, layer, reporter.warn
            )
        else:
            stored = features.compute(of, frame, table, split.train, reporter.progress, layer, reporter.warn)
            count = len(stored.rows)
        found.append(_Extracted(of.model.backbone, str(frame), layer, 1 + of.augment.views, count))
    return found


def _kinds(run: Run, config: Config, table: Table, split: Split) -> list[tasks.Kind]:
    sizes = [*split.train.sizes()]
    kinds: dict[str, tasks.Kind] = {}
    for _, of in config.grid():
        frame = backbones.frame(of.model, sizes)
        kinds.setdefault(features.recipe(of, frame).key, (of, frame, backbones.POOLED))
        if plan := fine_tuning.plan(Experiment(run, of, table, split, frame)):
            kinds.setdefault(features.recipe(plan.views, frame, plan.cut).key, (plan.views, frame, plan.cut))
    return list(kinds.values())
