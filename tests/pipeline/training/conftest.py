from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import verbs


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A working directory with a finished run; not to be changed."""
    return verbs.finished(tmp_path_factory)


@pytest.fixture
def spoiled(tmp_path_factory, tmp_path, monkeypatch) -> Path:
    """A copy of the finished run, to be spoiled; the working directory."""
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    monkeypatch.chdir(place)
    return place
