"""Runs that reports are made of: a whole one, one whose classes have hostile names, and a browser."""

from __future__ import annotations

import contextlib
import csv
import shutil
from pathlib import Path

import pytest

from export import artifacts
from export.android.photos import photos, simulate
from export.explain import explain as explaining
from export.report import report
from export.review import review
from pipeline.core import config as configuration
from pipeline.core import files, runs
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.training import experiment as experiments
from tests.support import verbs

SCRIPT = '<script>alert(1)</script> & "x"'
ARABIC = "قطة"
MARKUP = "*plain* | _name_ [x](y)"
NOTES = """# What I see

The *red* ones are <b>easy</b>.
They go on here.

- dark pictures
- <script>alert(2)</script>

1. first
2. second
"""


def explain(run: Run) -> experiments.Experiment:
    experiment = experiments.open_trained(run)
    explaining.explain(experiment, ProgressReporter(), 40)
    return experiment


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """A working directory with a run that lacks nothing but an app and a phone; not to be changed."""

    def build(place: Path) -> None:
        verbs.copy_finished(tmp_path_factory, place)
        with contextlib.chdir(place):
            run = Run(verbs.RUN)
            experiment = explain(run)
            verbs.draw_pictures(place / "field", 4)
            photos.photos(experiment, place / "field", ProgressReporter())
            simulate.simulate(experiment, ProgressReporter())
            files.write_text(run.path(artifacts.NOTES), NOTES)
            report.report(run, ProgressReporter())

    return verbs.made_once(tmp_path_factory, "whole", build)


@pytest.fixture
def place(whole, tmp_path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(whole, tmp_path / "place"))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> Path:
    """A working directory with a run whose classes are named to do harm, with its report and its review."""

    def build(place: Path) -> None:
        verbs.draw_pictures(place / "drawn-before", 30)
        drawn = sorted((place / "drawn-before").rglob("*.jpg"))
        old = sorted({path.parent.name for path in drawn})
        names = dict(zip(old, (SCRIPT, ARABIC, MARKUP), strict=True))
        with (place / "table.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "label"])
            for path in drawn:
                writer.writerow([path.relative_to(place).as_posix(), names[path.parent.name]])
        with contextlib.chdir(place):
            run = Run(runs.RUNS / "hostile")
            verbs.make_run(run, configuration.load(Path("table.csv"), verbs.TINY))
            explain(run)
            report.report(run, ProgressReporter())
            review.make(experiments.open_trained(run), ProgressReporter())

    return verbs.made_once(tmp_path_factory, "hostile", build)
