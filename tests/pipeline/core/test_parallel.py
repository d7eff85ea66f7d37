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
