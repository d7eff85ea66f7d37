"""What the workers of a cluster do: read pictures, compute features, train the folds of a search.

Pictures and features are handed out by shard, and whoever needs them next takes the shards in; folds are
made in the cache, where a search looks for them. Each task finds its pictures in the run's own files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from platform import python_version_tuple

from pipeline.core import scheduler, stages
from pipeline.core.cluster import Cluster
from pipeline.core.config import Config
from pipeline.core.errors import DataError, RunError
from pipeline.core.progress import ProgressReporter
from pipeline.core.remote_cache import RemoteCache
from pipeline.core.runs import Run
from pipeline.core.sections import Data
from pipeline.core.shards import Shard
from pipeline.core.size import Size
from pipeline.data import fingerprints, reading, splits, stored_table
from pipeline.data.dataset import Table
from pipeline.data.splits import Split
from pipeline.training import features, folds, outcome
from pipeline.training.experiment import NUMERIC, Experiment

# Fewer pictures a shard are not worth the trouble; more shards, nor the many files.
_FEWEST, _MOST = 50, 64
_EVERYTHING = Shard(1, 1)
# The configuration of some features, the frame, and the layer that they are taken from.
Kind = tuple[Config, Size, str]


def workers(text: str, reporter: ProgressReporter) -> AbstractContextManager[Cluster]:
    """The workers that `--cluster` names, as `scheduler.connected`."""
    return scheduler.connected(text, versions, reporter)


def versions() -> dict[str, str]:
    """The versions that every process must have in common: of all that results depend on."""
    found = {"Python": ".".join(python_version_tuple()[:2])}
    for name in sorted(
        {"distributed", *fingerprints.LIBRARIES, *features.LIBRARIES, *NUMERIC}, key=str.lower
    ):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    rows = {row.name: row.version for row in stages.table() if row.command.module == "pipeline"}
    return found | {
        f"Vignette's stage {name}": str(version)
        for name, version in {"fingerprints": fingerprints.VERSION, **rows}.items()
    }


def read_pictures(cluster: Cluster, config: Config, reporter: ProgressReporter) -> None:
    """Has the pictures read whose fingerprints are not in the cache.

    Args:
        cluster: Who does it.
        config: Names the pictures; what is wrong with them is for `dataset.scan` to say.
        reporter: Receives progress and warnings.
    """
    pictures, remote = _source(config.data, reporter)
    with fingerprints.open_cache(reporter.warn) as cache:
        try:
            count = len(reading.unread(pictures, _EVERYTHING, cache, remote=remote).candidates)
        except DataError:
            return
    tasks = [(config.data, shard) for shard in _shards(count)]
    cluster.hand_out("reading the pictures", count, _read, tasks)


def compute_features(
    cluster: Cluster, run: Run, split: Split, kinds: Iterable[Kind], reporter: ProgressReporter
) -> None:
    """Has the features of training pictures computed that are not in the cache.

    Args:
        cluster: Who does it.
        run: Whose pictures they are.
        split: Of it.
        kinds: Which features.
        reporter: Receives progress and warnings.

    Raises:
        VignetteError: As `features.compute`.
    """
    for key, (config, frame, layer) in {features.recipe(*kind).key: kind for kind in kinds}.items():
        count = features.lacking(config, frame, split.train, reporter.progress, layer, reporter.warn)
        tasks = [(run, split.train_key, config, frame, layer, key, shard) for shard in _shards(count)]
        cluster.hand_out(features.stage(config, count), count, _compute, tasks)


def train_folds(cluster: Cluster, experiments: Sequence[Experiment]) -> None:
    """Has the folds of several settings trained that are not in the cache; their features are there."""
    waiting = {}
    for one in experiments:
        recipe = outcome.folds_recipe(one)
        if not folds.cached(recipe).done(recipe):
            waiting[recipe.key] = one
    total = sum(one.config.train.folds * one.config.train.epochs for one in waiting.values())
    tasks = [(one.run, one.split.train_key, one.config, one.frame, key) for key, one in waiting.items()]
    cluster.hand_out(f"training the folds of {len(tasks)} settings", total, _train, tasks)


def _shards(count: int) -> list[Shard]:
    number = min(_MOST, count // _FEWEST)
    return [Shard(place, number) for place in range(1, number + 1)]


def _source(data: Data, reporter: ProgressReporter) -> tuple[Path, RemoteCache]:
    return Path(data.pictures), RemoteCache(data.remote_cache_gb, reporter.warn)


def _read(data: Data, shard: Shard, reporter: ProgressReporter) -> None:
    pictures, remote = _source(data, reporter)
    with fingerprints.open_shard(shard, reporter.warn) as cache:
        reading.read_shard(pictures, shard, fingerprints.known(), cache, reporter.progress, remote)


def _compute(
    run: Run,
    train_key: str,
    config: Config,
    frame: Size,
    layer: str,
    key: str,
    shard: Shard,
    reporter: ProgressReporter,
) -> None:
    _require_same(features.recipe(config, frame, layer).key, key)
    table, split = _opened(run.folder, train_key, config.data.pictures, config.data.remote_cache_gb)
    features.compute_shard(config, frame, table, split.train, shard, reporter.progress, layer, reporter.warn)


def _train(
    run: Run, train_key: str, config: Config, frame: Size, key: str, reporter: ProgressReporter
) -> None:
    table, split = _opened(run.folder, train_key, config.data.pictures, config.data.remote_cache_gb)
    experiment = Experiment(run, config, table, split, frame)
    _require_same(outcome.folds_recipe(experiment).key, key)
    folds.make_in_cache(experiment, reporter)


@lru_cache(maxsize=1)
def _opened(folder: Path, train_key: str, pictures: str, remote_gb: float) -> tuple[Table, Split]:
    run = Run(folder)
    table = stored_table.load(run, Path(pictures), RemoteCache(remote_gb))
    split = splits.load(run, table)
    _require_same(split.train_key, train_key)
    return table, split


def _require_same(own: str, wanted: str) -> None:
    """Libraries and code are the same already; this is what else a worker may lack."""
    if own != wanted:
        raise RunError(
            "the backbone's weights, or the files of the run, are not those of the command",
            "use the same weights on every machine, and one folder that all share",
        )
