"""Tasks that are handed out, and workers that are refused; the workers are threads of this process."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from pipeline.core import cluster, scheduler
from pipeline.core.cluster import Cluster, Place
from pipeline.core.errors import DataError, NetworkError, ToolError
from pipeline.core.progress import ProgressReporter
from tests.support import verbs
from tests.support.heard import Heard

# What the processes find, one after the other; the last one stays.
FOUND: list[str] = []


def versions() -> dict[str, str]:
    return {"Python": "3", "paint": FOUND.pop(0) if len(FOUND) > 1 else FOUND[0]}


def write(name: str, count: int, reporter: ProgressReporter) -> None:
    for number in range(count):
        reporter.progress("writing", number + 1, count)
    reporter.warn("the paint is wet")
    Path(name).write_text(str(count))


def fail(reporter: ProgressReporter) -> None:
    raise DataError("no canvas", "buy one")


def end(reporter: ProgressReporter) -> None:
    os._exit(1)


def wait(count: int, reporter: ProgressReporter) -> None:
    for number in range(count):
        reporter.progress("waiting", number + 1, count)
        time.sleep(0.3)


class Progress(Heard):
    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[str, int, int]] = []
        self.begun: Callable[[], object] = bool

    def progress(self, stage: str, done: int, total: int) -> None:
        self.steps.append((stage, done, total))
        self.begun()


@pytest.fixture
def client(request) -> Iterator[Client]:
    workers, threads = getattr(request, "param", (1, 1))
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=False,
            protocol="tcp://",
            dashboard_address="127.0.0.1:0",
        ) as elsewhere,
        Client(elsewhere.scheduler_address, timeout=1) as client,
    ):
        yield client


@pytest.fixture
def place(tmp_path, monkeypatch) -> Place:
    monkeypatch.chdir(tmp_path)
    FOUND[:] = ["1"]
    (tmp_path / "token").write_text("token")
    return Place("tcp://head:8786", tmp_path, Path("token"), versions, versions(), 0)


def test_tasks_are_done_and_heard_as_one(client, place):
    heard = Progress()
    names = [f"{number}.txt" for number in range(5)]
    Cluster(client, place, heard).hand_out("painting", 15, write, [(name, 3) for name in names])
    assert [Path(name).read_text() for name in names] == ["3"] * 5
    assert heard.warnings == ["the paint is wet"]
    assert {(stage, total) for stage, _, total in heard.steps} == {("painting", 15)}
    done = [done for _, done, _ in heard.steps]
    assert done == sorted(done)
    assert done[-2:] == [15, 15]


def test_nothing_to_do_is_no_progress(client, place):
    heard = Progress()
    Cluster(client, place, heard).hand_out("painting", 0, write, [])
    assert heard.steps == []


def test_what_a_task_refuses_names_the_worker(client, place):
    with pytest.raises(DataError) as refused:
        Cluster(client, place, Heard()).hand_out("painting", 1, fail, [()])
    (address,) = client.nthreads()
    assert refused.value.message == f"no canvas (on the worker {address})"
    assert refused.value.hint == "buy one"


def test_a_worker_of_other_versions_is_refused(client, place):
    FOUND[:] = ["2"]
    with pytest.raises(
        ToolError, match=r"the worker tcp:\S+ has paint 2; this command has paint 1$"
    ) as refused:
        Cluster(client, place, Heard())
    assert "the same versions on every machine" in refused.value.hint


def test_a_worker_that_comes_later_is_checked_too(client, place):
    FOUND[:] = ["1", "2"]
    workers = Cluster(client, place, Heard())
    with pytest.raises(ToolError, match="has paint 2; this command has paint 1"):
        workers.hand_out("painting", 1, write, [("a.txt", 1)])
    assert not Path("a.txt").exists()


@pytest.mark.parametrize("client", [(1, 2)], indirect=True)
def test_a_worker_with_several_threads_is_refused(client, place):
    with pytest.raises(ToolError, match="takes 2 tasks at a time; expected 1") as refused:
        Cluster(client, place, Heard())
    assert "--nthreads 1" in refused.value.hint


def test_a_worker_that_does_not_see_the_folder_is_refused(client, place):
    Path("token").write_text("another")
    with pytest.raises(ToolError, match=f"does not see the folder {place.folder}") as refused:
        Cluster(client, place, Heard())
    assert "the same path on every machine" in refused.value.hint


@pytest.mark.parametrize("client", [(0, 1)], indirect=True)
def test_without_workers_it_waits_and_says_so(client, place, monkeypatch):
    monkeypatch.setattr(cluster, "_UNSAID", 0.1)
    monkeypatch.setattr(cluster, "_PATIENCE", 0.2)
    heard = Heard()
    with pytest.raises(NetworkError, match=r"no worker has connected to tcp://head:8786 within 0\.2 s"):
        Cluster(client, place, heard)
    assert heard.warnings == ["no worker is connected to tcp://head:8786; waiting up to 0.2 s for one"]


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_a_lost_scheduler_is_named(tmp_path, monkeypatch, sign):
    monkeypatch.chdir(tmp_path)
    head = dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", "address.json")
    while not Path("address.json").exists():
        time.sleep(0.05)
    address = json.loads(Path("address.json").read_text())["address"]
    worker = dask("worker", address, "--nthreads", "1", "--no-nanny")
    heard = Progress()
    heard.begun = lambda: head.send_signal(sign)
    try:
        with (
            scheduler.connected(address, python, heard) as workers,
            pytest.raises(NetworkError, match=f"the scheduler at {address} is lost") as refused,
        ):
            workers.hand_out("waiting", 100, wait, [(100,)])
    finally:
        for process in (head, worker):
            process.kill()
            process.communicate()
    assert refused.value.hint.endswith("run the same command again: it continues")
    assert "no worker is connected" not in " ".join(heard.warnings)


def dask(*words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dask", *words, "--no-dashboard"]
    return subprocess.Popen(command, env=verbs.environment(), stderr=subprocess.PIPE)


@pytest.mark.slow
def test_a_task_that_ends_its_workers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(scheduler, "_LIVES", 1)
    FOUND[:] = ["1"]
    with (
        scheduler.connected("local:1", python, Heard()) as workers,
        pytest.raises(ToolError, match=r"all workers that took the task end-\w+-1 were lost") as refused,
    ):
        workers.hand_out("painting", 1, end, [()])
    assert "lack of memory" in refused.value.hint


def python() -> dict[str, str]:
    return {"Python": platform.python_version()}
