from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core import config as configuration
from pipeline.core import runs
from pipeline.core.runs import Run
from pipeline.data import splits
from pipeline.data.dataset import Table
from pipeline.data.splits import Split


@pytest.fixture
def two(tmp_path, make_data_set) -> Path:
    """A folder of pictures of two classes."""
    return make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 5})


@pytest.fixture
def run(workplace) -> Run:
    return Run(runs.RUNS / "first")


@pytest.fixture
def config_of(tmp_path):
    return lambda *settings: configuration.load(tmp_path, settings)


@pytest.fixture
def draw_split(run, config_of):
    """Draws the split of a table in `run`, as training does."""

    def make(table: Table, *settings: str) -> Split:
        return splits.make(run, table, config_of(*settings))

    return make
