"""A collection that is killed, again and again, and continued."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from pipeline.core import config as configuration
from pipeline.data.collect import manifest
from tests.support.collected import FOLDER, agree, rows_of
from tests.support.verbs import fine, sets, start, verb
from tests.support.youtube import Channel, Reply, YouTube, picture, videos

pytestmark = pytest.mark.slow

KILLS = 20
# Processes that have everything loaded and are cheap to make.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pipeline.data.collect.collector", "pipeline.data.collect.youtube"])


def collect(place: str, settings: list[str]) -> None:
    """What the verb does, in a process of its own."""
    from pipeline.core.progress import ProgressReporter
    from pipeline.data.collect.collector import collect_channels
    from pipeline.data.collect.youtube import Session

    os.chdir(place)
    config = configuration.load(Path("channels.toml"), settings)
    reporter = ProgressReporter()
    with Session(config.collect, reporter) as session:
        collect_channels(Path(config.data.pictures), config.channels, config.collect, session, reporter)


def faulty(youtube: YouTube) -> None:
    """Two channels with something of everything that does not depend on how often it is asked."""
    for handle, letter in (("@alpha", "A"), ("@beta", "B")):
        youtube.channels[handle] = Channel(handle, videos(letter, 60))
        youtube.sizes[f"{letter}0000000057"] = []
        youtube.sizes[f"{letter}0000000055"] = ["sddefault.jpg"]
        youtube.sizes[f"{letter}0000000054"] = ["hqdefault.webp"]
        half = Reply(picture(f"{letter}0000000053", 1280, 720)[:2000])
        youtube.faults[f"i.ytimg.com/vi/{letter}0000000053/maxresdefault.jpg"] = half


def state(place: Path) -> tuple[dict[str, bytes], dict[str, dict[str, object]]]:
    """Everything that a collection leaves behind, but for the clock."""
    files = {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in place.rglob("*.*")
        if path.suffix in (".jpg", ".webp")
    }
    rows = rows_of(place)
    for row in rows.values():
        del row["when"]
    return files, rows


def test_killed_at_random_moments_it_ends_as_if_nothing_had_been(youtube, configure, tmp_path):
    faulty(youtube)
    path = configure("@alpha", "@beta")
    places = {name: tmp_path / name for name in ("undisturbed", "killed")}
    for place in places.values():
        place.mkdir()
        (place / path.name).write_bytes(path.read_bytes())
    settings = youtube.settings(train=25, test=10)
    whole = FORKS.Process(target=collect, args=(str(places["undisturbed"]), settings))
    whole.start()
    whole.join()
    assert whole.exitcode == 0
    asked = len(youtube.asked)

    dice = random.Random(0)
    killed = 0
    for kill in range(KILLS):
        process = FORKS.Process(target=collect, args=(str(places["killed"]), settings))
        reached = threading.Event()
        # Four requests are for lists; then some pictures further, and a moment that no request marks.
        further = dice.choice([dice.randint(1, 4), *[4 + dice.randint(1, 8 * asked // (5 * KILLS))] * 3])
        target = len(youtube.asked) + further
        youtube.before = lambda number, target=target, reached=reached: (
            reached.set() if number >= target else None
        )
        process.start()
        while not reached.wait(0.05) and process.is_alive():
            pass
        time.sleep(dice.uniform(0, 0.02))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        if kill % 5 == 0:
            half_way(places["killed"])
    youtube.before = lambda number: None
    assert killed >= KILLS - 2
    # On a busy machine a process gets less far before it is killed.
    assert len(list((places["killed"] / FOLDER).rglob("*.jpg"))) > 10
    last = FORKS.Process(target=collect, args=(str(places["killed"]), settings))
    last.start()
    last.join()
    assert last.exitcode == 0
    assert state(places["killed"]) == state(places["undisturbed"])
    agree(places["killed"])
    names = {path.name for path in places["killed"].iterdir()}
    assert names == {"channels.toml", "data"}


def half_way(place: Path) -> None:
    """What a kill leaves: no file is half, and the manifest, where there is one, is whole."""
    from pipeline.images import decode

    for path in (place / FOLDER).rglob("[!.]*.jpg"):
        decode.inspect(path)
    noted = place / FOLDER / manifest.NAME
    if noted.exists():
        for line in noted.read_text("utf-8").splitlines():
            json.loads(line)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_real_command_is_stopped_and_continued(youtube, configure, tmp_path, stop):
    youtube.channels["@alpha"] = Channel("@alpha", videos("A", 40))
    words = ("pipeline", "collect", configure("@alpha"), *sets(youtube.settings(train=20, test=10)))
    reached = threading.Event()
    youtube.before = lambda number: reached.set() if number >= 12 else None
    process = start(*words, cwd=tmp_path)
    assert reached.wait(20)
    process.send_signal(stop)
    _, said = process.communicate(timeout=20)
    assert process.returncode == (130 if stop == signal.SIGINT else -stop)
    assert said == ("interrupted; run the same command again to continue\n" if stop == signal.SIGINT else "")
    before = len(youtube.asked)
    fine(verb(*words, cwd=tmp_path))
    assert len(youtube.asked) - before < 30
    agree(tmp_path)
    assert len(rows_of(tmp_path)) == 30
