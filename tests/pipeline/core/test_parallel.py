from __future__ import annotations

import itertools
import os
import threading
import time

import pytest

from pipeline.core import parallel
from pipeline.core.progress import silent


def test_results_come_in_the_order_of_the_items():
    def slow_first(number: int) -> int:
        time.sleep(0.002 * (10 - number % 10))
        return number * number

    assert list(parallel.ordered(slow_first, range(100), 4)) == [n * n for n in range(100)]


def test_nothing_in_gives_nothing_out():
    assert list(parallel.ordered(str, [])) == []


def test_work_is_done_side_by_side():
    meeting = threading.Barrier(3, timeout=10)
    assert len(list(parallel.ordered(lambda _: meeting.wait(), range(3), 3))) == 3


def test_only_a_few_items_are_taken_ahead():
    taken = itertools.count()
    results = parallel.ordered(lambda n: n, (next(taken) for _ in range(10_000)), 2)
    for _ in range(5):
        next(results)
    ahead = next(taken)
    assert ahead <= 5 + 4 * 2 + 2
    results.close()


def test_the_first_failure_is_raised_where_its_result_would_have_come():
    started = []

    def fail_at_three(number: int) -> int:
        started.append(number)
        if number >= 3:
            raise ValueError(f"item {number}")
        return number

    results = parallel.ordered(fail_at_three, range(1000), 2)
    seen = [next(results) for _ in range(3)]
    with pytest.raises(ValueError, match="item 3"):
        next(results)
    assert seen == [0, 1, 2]
    assert len(started) < 50


def test_what_has_not_begun_is_dropped_when_the_reader_stops():
    done = []

    def work(number: int) -> int:
        time.sleep(0.01)
        done.append(number)
        return number

    results = parallel.ordered(work, range(1000), 1)
    next(results)
    results.close()
    assert len(done) < 10


def test_cores_are_those_that_this_process_may_use():
    assert parallel.cores() == len(os.sched_getaffinity(0))


def test_the_silent_progress_says_nothing(capsys):
    silent("stage", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_threads_that_keep_to_shares_have_all_cores_between_them():
    def kept(number: int, shares: int) -> set[int]:
        found: list[set[int]] = []

        def keep() -> None:
            for _ in range(2):  # once more changes nothing
                parallel.keep_to(number, shares)
            found.append(os.sched_getaffinity(0))
            assert parallel.cores() == len(found[0])

        thread = threading.Thread(target=keep)
        thread.start()
        thread.join()
        return found[0]

    cores = os.sched_getaffinity(0)
    for shares in range(1, len(cores) + 1):
        parts = [kept(number, shares) for number in range(shares)]
        assert set().union(*parts) == cores
        assert sum(map(len, parts)) == len(cores)
    assert all(len(kept(number, len(cores) + 1)) == 1 for number in range(len(cores) + 1))
    assert os.sched_getaffinity(0) == cores
