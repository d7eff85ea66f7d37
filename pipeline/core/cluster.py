"""Workers that take tasks, by Dask, on this machine or on others that share its folder.

Tasks go to whoever is free. They take and return small values, and what they make are files in the shared
folder: nothing is lost with a worker, with the scheduler or with this process. A worker that has other
versions, or does not see the folder, is refused. How to reach them is in `scheduler`.
"""

from __future__ import annotations

import os
import queue
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core import parallel
from pipeline.core.errors import NetworkError, ToolError, VignetteError
from pipeline.core.progress import ProgressReporter

if TYPE_CHECKING:
    from distributed import Client, Future, Worker

# Seconds: to wait for a worker, at first without a word; between two looks; between two reports of a task.
_UNSAID, _PATIENCE, _TICK, _LOOK, _REPORTED = 3, 60, 0.1, 5, 0.2
_AGAIN = "run the same command again: it continues"
_START = "start it in Vignette's environment, of the same version: .venv/bin/dask worker --nthreads 1"


@dataclass(frozen=True)
class Place:
    """Where the tasks are done, and what every worker must have.

    Attributes:
        address: Of the scheduler, as the user knows it.
        folder: The working directory, which all share.
        token: A file in it, which holds its own name.
        measure: Finds the versions of a process; can be imported.
        versions: Those of this one.
        local: How many workers share this machine; 0 if they run elsewhere.
    """

    address: str
    folder: Path
    token: Path
    measure: Callable[[], Mapping[str, str]]
    versions: Mapping[str, str]
    local: int

    def problem(self, worker: Worker) -> ToolError | None:
        """What is wrong with the worker that this runs on."""
        who, here = f"the worker {worker.address}", self.measure()
        if other := [name for name in self.versions if here.get(name) != self.versions[name]]:
            theirs, ours = (", ".join(f"{n} {of.get(n)}" for n in other) for of in (here, self.versions))
            return ToolError(
                f"{who} has {theirs}; this command has {ours}",
                "install the same versions on every machine, then start the worker again",
            )
        if worker.state.nthreads != 1:
            return ToolError(
                f"{who} takes {worker.state.nthreads} tasks at a time; expected 1",
                "start it with --nthreads 1: a task uses all cores",
            )
        with suppress(OSError):
            if (self.folder / self.token).read_text("utf-8") == self.token.name:
                return None
        return ToolError(
            f"{who} does not see the folder {self.folder}",
            "share it, and mount it at the same path on every machine",
        )


class Cluster:
    """The workers of a scheduler, once one is there and all are as they must be.

    Args:
        client: The connection.
        place: What they must have.
        reporter: Told of progress, and of every warning once.

    Raises:
        NetworkError: No worker is there.
        ToolError: One is refused.
    """

    def __init__(self, client: Client, place: Place, reporter: ProgressReporter) -> None:
        self._client, self._place, self._reporter = client, place, reporter
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._warned: set[str] = set()
        client.subscribe_topic(place.token.name, lambda event: self._events.put(event[1]))
        self._await_worker()
        self._check()

    def hand_out(
        self, stage: str, total: int, task: Callable[..., object], arguments: Sequence[tuple[Any, ...]]
    ) -> None:
        """Has a task done once for each of these arguments.

        Args:
            stage: What it is called, for the progress.
            total: Of all together, as the tasks report it.
            task: A function that can be imported; takes the arguments and a reporter.
            arguments: Small values.

        Raises:
            VignetteError: Of the first task that failed.
            NetworkError: The scheduler is lost, or all workers are.
        """
        own = f"{task.__name__.strip('_')}-{uuid.uuid4().hex}"
        futures = {
            key: self._client.submit(_call, self._place, key, task, given, key=key, pure=False)
            for key, given in ((f"{own}-{number}", given) for number, given in enumerate(arguments, 1))
        }
        counts, done, looked = dict.fromkeys(futures, 0), 0, time.monotonic()
        while futures:
            # Before the events: whatever a task says comes before its end. What has ended is let go, or
            # it would be done again if its worker is lost.
            states = {future.status for future in futures.values()}
            futures = {key: future for key, future in futures.items() if future.status != "finished"}
            while not self._events.empty():
                event = self._events.get()
                if "warning" in event:
                    self._warn(event["warning"])
                elif event["task"] in counts:
                    # A task that begins again because its worker was lost counts from 0.
                    before, count = counts[event["task"]], event["done"]
                    done += count - before if count >= before else count
                    counts[event["task"]] = count
                    self._reporter.progress(stage, min(done, total), total)
            if states & {"error", "cancelled"} or self._client.status != "running":
                raise self._failure(list(futures.values()))
            if time.monotonic() - looked > _LOOK:
                self._await_worker()
                looked = time.monotonic()
            time.sleep(_TICK)
        if arguments:
            self._reporter.progress(stage, total, total)

    def _failure(self, futures: list[Future]) -> Exception:
        from distributed import KilledWorker

        failed = next((future for future in futures if future.status == "error"), None)
        if failed is None:
            return self._lost()
        error: Any = failed.exception()
        self._client.cancel(futures, force=True)
        if isinstance(error, KilledWorker):
            last = error.last_worker.address
            return ToolError(
                f"all workers that took the task {failed.key} were lost; the last was {last}",
                f"check that machine for the cause, such as a lack of memory; then {_AGAIN}",
            )
        return _other(error, "a worker") if isinstance(error, ModuleNotFoundError) else error

    def _lost(self) -> NetworkError:
        return NetworkError(
            f"the scheduler at {self._place.address} is lost", f"start it if need be; {_AGAIN}"
        )

    def _warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._reporter.warn(text)

    def _await_worker(self) -> None:
        """Waits until one is connected; raises NetworkError."""
        address, begin = self._place.address, time.monotonic()
        while (waited := time.monotonic() - begin) < _PATIENCE:
            if self._client.status != "running":
                raise self._lost()
            # Dask raises what it likes if the connection ends meanwhile.
            with suppress(Exception):
                scheduler: Any = self._client.scheduler
                if self._client.sync(scheduler.ncores, callback_timeout=_UNSAID):
                    return
            if waited > _UNSAID:
                self._warn(f"no worker is connected to {address}; waiting up to {_PATIENCE} s for one")
            time.sleep(_TICK)
        raise NetworkError(
            f"no worker has connected to {address} within {_PATIENCE} s",
            f"start some: .venv/bin/dask worker {address} --nthreads 1; docs/scale.md shows how",
        )

    def _check(self) -> None:
        """Refuses workers that are not as they must be; raises ToolError."""
        for address, problem in self._client.run(_problem, self._place, on_error="return").items():
            if problem:
                known = isinstance(problem, ToolError)
                raise problem if known else _other(problem, f"the worker {address}")


def _other(error: Exception, who: str) -> ToolError:
    return ToolError(f"{who} does not run this version of Vignette: {error}", _START)


def _problem(place: Place, dask_worker: Worker) -> ToolError | None:
    return place.problem(dask_worker)


def _call(place: Place, key: str, task: Callable[..., object], given: tuple[Any, ...]) -> None:
    """Does a task, on a worker, which may have come after the others were checked."""
    from distributed import get_worker

    worker = get_worker()
    if problem := place.problem(worker):
        raise problem
    os.chdir(place.folder)
    if place.local:
        parallel.keep_to(int(worker.name), place.local)
        _mute()
    try:
        task(*given, _Distant(worker, place.token.name, key))
    except VignetteError as error:
        if not place.local:
            error.message += f" (on the worker {worker.address})"
        raise


def _mute() -> None:
    """Keeps what libraries print in this process off the terminal of the command."""
    silence = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(silence, descriptor)
    os.close(silence)


class _Distant(ProgressReporter):
    """Sends a task's progress and warnings to the command."""

    def __init__(self, worker: Worker, topic: str, key: str) -> None:
        self._worker, self._topic, self._key, self._sent = worker, topic, key, 0.0

    def progress(self, stage: str, done: int, total: int) -> None:
        del stage  # the command has one name for all tasks together
        if total > 1 and (done == total or time.monotonic() - self._sent > _REPORTED):
            self._sent = time.monotonic()
            self._worker.log_event(self._topic, {"task": self._key, "done": done})

    def warn(self, text: str) -> None:
        self._worker.log_event(self._topic, {"warning": text})
