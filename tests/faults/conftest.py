"""A finished run, to be looked at or to be spoiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import verbs


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished run; only to be looked at."""
    return verbs.finished(tmp_path_factory)


@pytest.fixture
def copy(tmp_path_factory, tmp_path) -> Path:
    """A working directory with a finished run, to be spoiled."""
    return verbs.copy_finished(tmp_path_factory, tmp_path)
