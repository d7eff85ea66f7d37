"""Maps a function over many items on all cores: in order, with bounded memory, interruptible."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """The number of CPU cores available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered(function: Callable[[T], R], items: Iterable[T], workers: int | None = None) -> Iterator[R]:
    """The results of `function`, in the order of the items.

    Threads suffice: Pillow's decoders and the interpreter release the GIL. Only a few results are
    held at a time, however many items there are. The first exception is raised in its result's
    place, and calls that have not started are cancelled.
    """
    workers = workers or cores()
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 4 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def keep_to(number: int, shares: int) -> None:
    """Keeps this thread, and those that it starts, to one of equal shares of the process's cores.

    Args:
        number: Of the share, from 0.
        shares: How many there are; if more than cores, some get the same core.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(os.getpid()))
    first, end = (place * len(cores) // shares for place in (number, number + 1))
    os.sched_setaffinity(0, cores[first:end] or [cores[number % len(cores)]])
