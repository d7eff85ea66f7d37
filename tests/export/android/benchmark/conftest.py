from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import pytest

from export import artifacts
from export.android.benchmark import session
from export.bundle import bundle
from export.conversion import convert
from pipeline.core import files, stages
from pipeline.core.runs import Run
from pipeline.training import experiment as experiments
from tests.support.fake_app import FakeApp
from tests.support.fake_phone import FakePhone
from tests.support.verbs import RUN, copy_finished

APP_BYTES = b"PK an app that only the fake phone installs" * 1000


@pytest.fixture
def fake_app(phone: FakePhone) -> FakeApp:
    """The app that answers on the fake phone."""
    return FakeApp(phone)


@pytest.fixture
def place(tmp_path_factory, tmp_path) -> Path:
    """A working directory with a finished run and an app; what the app is made of is of no interest here."""
    place = copy_finished(tmp_path_factory, tmp_path / "place")
    with contextlib.chdir(place):
        run = Run(RUN)
        files.write_bytes(run.path(artifacts.APK), APP_BYTES)
        passport = {
            "sha256": hashlib.sha256(APP_BYTES).hexdigest(),
            "runtime": {"name": "tensorflow-lite 2.16.1", "version": "2.16.1"},
        }
        files.write_json(run.path(artifacts.APK_PASSPORT), passport)
        key = convert.contract_recipe(experiments.open_trained(run), "int8").key
        run.record(stages.recipe("apk", {bundle.CONTRACT: key}))
    return place


@pytest.fixture
def impatient(monkeypatch) -> None:
    """Sessions in this process look often and wait little."""
    monkeypatch.setattr(session.Patience.__init__, "__defaults__", (1.0, 1.0, 1.0, 0.02, 0.5))
