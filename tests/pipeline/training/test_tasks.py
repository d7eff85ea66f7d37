"""What workers make is what one process makes, byte for byte; also if they are killed."""

from __future__ import annotations

import contextlib
import random
import shutil
from pathlib import Path

import numpy as np
import psutil
import pytest
from distributed import LocalCluster

from pipeline.core import config as configuration
from pipeline.core import files, runs, stages
from pipeline.core.cluster import Cluster
from pipeline.core.runs import Run
from pipeline.core.shards import Shard
from pipeline.core.size import Size
from pipeline.data import fingerprints
from pipeline.data.synthetic import draw_channels
from pipeline.training import extraction, features, store, tasks, train
from tests.support import verbs
from tests.support.commands import QUICK
from tests.support.heard import Heard

pytestmark = pytest.mark.slow


class Killer(Heard):
    """Kills a worker with SIGKILL whenever so many pictures are done, of a stage."""

    def __init__(self, **moments: list[int]) -> None:
        super().__init__()
        self.moments, self.kills, self.totals = moments, 0, dict[str, int]()

    def progress(self, stage: str, done: int, total: int) -> None:
        word = stage.split()[0]
        self.totals.setdefault(word, total)
        left = self.moments.get(word, [])
        if left and left[0] <= done and (running := workers()):
            left.pop(0)
            random.choice(running).kill()
            self.kills += 1


def workers() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # or one that was killed just now
            if "spawn_main" in " ".join(process.cmdline()):
                found.append(process)
    return found


def draw(count: int) -> None:
    """Small pictures; those that are there stay."""
    draw_channels(Path("drawn"), train=count, test=0, size=Size(64, 64))
    for path in Path("drawn/train").rglob("*.jpg"):
        copy = Path("pictures", path.relative_to("drawn/train"))
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists():
            shutil.copy(path, copy)


def extract(reporter: Heard, cluster: Cluster | None = None) -> None:
    """What features does, with or without workers."""
    config = configuration.load(Path("pictures"), [*QUICK, "augment.views=4"])
    run = Run(runs.RUNS / "pictures")
    files.make_folder(run.folder)
    if cluster:
        tasks.read_pictures(cluster, config, reporter)
    table, split = train.prepare(run, config, reporter)
    extraction.extract(run, config, table, split, None, reporter, cluster)


def caches(place: Path) -> dict[str, list[bytes]]:
    """The records of all caches, sorted."""
    found = {}
    for path in (place / runs.CACHE).glob("*/records.bin"):
        records = store.open_records(path.parent)
        assert records is not None
        found[path.parent.name] = sorted(row.tobytes() for row in records)
    for path in (place / runs.CACHE).glob("*/facts.bin"):
        facts, views = fingerprints.Fingerprints(path.parent).records()
        rows = zip(facts, views, strict=True)
        found[path.parent.name] = sorted(np.void(row).tobytes() + view.tobytes() for row, view in rows)
    return found


def test_64_shards_by_two_workers_that_are_killed_five_times_are_one_process_s(tmp_path, monkeypatch):
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
    monkeypatch.chdir(tmp_path / "one")
    for count in (40, 374):
        draw(count)
        extract(Heard())
    monkeypatch.chdir(tmp_path / "two")
    monkeypatch.setattr(tasks, "_FEWEST", 1)
    draw(40)
    moments = {
        "reading": sorted(random.sample(range(2, 90), 2)),
        "features": sorted(random.sample(range(2, 80), 3)),
    }
    killer = Killer(**{word: list(numbers) for word, numbers in moments.items()})
    with tasks.workers("local:2", killer) as cluster:
        extract(killer, cluster)
        assert killer.kills == 5, moments
        assert killer.totals == {"reading": 120, "looking": 1, "converting": 1, "features": 96}
        (records,) = runs.CACHE.glob("*/records.bin")
        before = records.read_bytes()
        draw(374)
        killer.totals.clear()
        extract(killer, cluster)
    made = caches(Path())
    assert killer.totals["reading"] == 1002
    assert killer.totals["features"] == len(made[records.parent.name]) - 96
    assert records.read_bytes().startswith(before)
    assert made == caches(tmp_path / "one"), moments


def test_a_command_that_was_killed_continues_and_leaves_no_worker(tmp_path):
    place = tmp_path / "killed"
    place.mkdir()
    verbs.draw_pictures(place / "pictures", 50)
    words = ("features", "pictures", *verbs.sets((*QUICK, "augment.views=30")), "--cluster", "local:2")
    process = verbs.start("pipeline", *words, cwd=place)
    while not (begun := list((place / runs.CACHE).glob("shards/features-*/*/records.bin"))):
        assert process.poll() is None, process.communicate()
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    assert psutil.wait_procs(family, timeout=10)[1] == []
    kept = {path: path.read_bytes() for path in begun}
    ended = verbs.here("pipeline", *words, cwd=place)
    assert "2 workers at local:2" in verbs.fine(ended)
    (records,) = (place / runs.CACHE).glob("*/records.bin")
    known = store.open_records(records.parent)
    assert known is not None
    assert len(known) == len({row["sha256"].tobytes() for row in known}) == 120
    size = known.itemsize
    made = {records.read_bytes()[at : at + size] for at in range(0, 120 * size, size)}
    for data in kept.values():
        whole = len(data) // size
        assert {data[at : at + size] for at in range(0, whole * size, size)} <= made


def test_a_settings_list_by_workers_is_one_process_s(tmp_path, monkeypatch):
    """The worker is a thread of this process, which has TensorFlow already."""
    monkeypatch.setattr(tasks, "_FEWEST", 10)
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        draw(12)
        config = configuration.load(Path("pictures"), [*QUICK, "head.l2=[0.001, 0.1]"])
        run, heard = Run(runs.RUNS / "pictures"), Killer()
        files.make_folder(run.folder)
        if place == "here":
            train.train(run, config, heard)
            continue
        with (
            LocalCluster(
                n_workers=1,
                threads_per_worker=1,
                processes=False,
                protocol="tcp://",
                dashboard_address="127.0.0.1:0",
            ) as elsewhere,
            tasks.workers(elsewhere.scheduler_address, heard) as cluster,
        ):
            train.train(run, config, heard, cluster)
    assert heard.totals["training"] == 2 * 2 * 3  # settings, folds, epochs
    assert "search" not in heard.totals
    for name in (stages.SEARCH, stages.FOLDS, stages.OUT_OF_FOLD):
        one, other = ((tmp_path / place / run.folder / name).read_bytes() for place in ("here", "there"))
        assert one == other, name


def test_other_weights_are_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw(4)
    config = configuration.load(Path("pictures"), QUICK)
    frame = Size(64, 64)
    with pytest.raises(Exception, match="the backbone's weights, or the files of the run, are not those"):
        tasks._compute(Run(tmp_path), "key", config, frame, "pooled", "other", Shard(1, 1), Heard())
    assert features.recipe(config, frame).key != "other"
