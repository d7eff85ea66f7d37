from __future__ import annotations

from dataclasses import replace

from benchmarks import models
from benchmarks.models import Result

GOOD = Result(0.93, 0.94, 0.94, 0.993, 0.015, 0.9, 12.0, 1.5)


def test_a_result_that_reaches_everything_misses_nothing():
    assert models.missed("trashnet", "balanced", GOOD) == []


def test_every_miss_is_named():
    bad = replace(GOOD, out_of_fold=0.9, int8=0.93, memory=2.1)
    assert models.missed("trashnet", "balanced", bad) == [
        "out_of_fold < 0.915",
        "int8_gap > 0.005",
        "memory > 2.0",
    ]
    assert models.missed("trashnet", "old", bad) == []
    slow = replace(GOOD, minutes=25.0)
    assert models.missed("trashnet", "balanced", slow) == ["minutes > 20.0"]
    assert models.missed("flowers5", "balanced", replace(slow, out_of_fold=0.96, keras=0.95, int8=0.95)) == []
    assert models.missed("flowers5", "old", bad) == ["out_of_fold < 0.92"]


def test_a_row_has_a_cell_for_every_column_of_the_heading():
    assert GOOD.row("trashnet", "old", "0").count("|") == models._HEADING.count("|")
