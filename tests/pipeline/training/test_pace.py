"""How estimates follow the pace of earlier candidates."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core import config as configuration
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.data.dataset import Table
from pipeline.data.splits import Split
from pipeline.training.experiment import Experiment
from pipeline.training.footprint import Footprint
from pipeline.training.pace import Pace

SMALL, LARGE = Footprint(latency_ms=2.0, size_bytes=1), Footprint(latency_ms=8.0, size_bytes=1)


def experiment(preset: str) -> Experiment:
    config = configuration.load(Path(), [f"train.preset={preset}"])
    pictures = tuple(range(1000))
    table = Table.__new__(Table)
    return Experiment(Run(Path()), config, table, Split(pictures, pictures, (), {}), Size(224, 224))  # type: ignore[arg-type]


def test_more_work_is_expected_to_take_longer():
    pace = Pace(1)
    presets = [pace.expected_s(experiment(preset), SMALL) for preset in ("fast", "balanced", "best")]
    assert 0 < presets[0] < presets[1] < presets[2]
    assert pace.expected_s(experiment("fast"), SMALL) < pace.expected_s(experiment("fast"), LARGE)


def test_estimates_follow_the_pace_of_what_was_trained():
    pace = Pace(1)
    before = [pace.expected_s(experiment(preset), LARGE) for preset in ("fast", "balanced")]
    pace.learn(experiment("fast"), SMALL, 3 * pace.expected_s(experiment("fast"), SMALL))
    after = [pace.expected_s(experiment(preset), LARGE) for preset in ("fast", "balanced")]
    assert after == pytest.approx([3 * before[0], before[1]])
    pace.learn(experiment("fast"), SMALL, pace.expected_s(experiment("fast"), SMALL) / 3)
    assert pace.expected_s(experiment("fast"), LARGE) == pytest.approx(2 * before[0])


def test_the_clock_runs_from_the_start():
    assert 0 < Pace(1).left_s <= 60
