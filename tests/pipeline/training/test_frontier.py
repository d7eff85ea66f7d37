"""A search within a budget, on drawn pictures and the tiny backbone; its int8 files are not timed here."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.core import config as configuration
from pipeline.core import runs, stages
from pipeline.core.config import Config
from pipeline.core.errors import WeightsError
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.data.dataset import Table
from pipeline.data.splits import Split
from pipeline.training import candidates, features, folds, footprint, frontier, outcome, train
from pipeline.training.candidates import Cell
from pipeline.training.experiment import Experiment
from pipeline.training.footprint import Footprint
from pipeline.training.pace import Pace
from pipeline.training.results import Budget, Folds, Frontier, Reason, Tried

SETTINGS = (
    "model.backbone=tiny",
    'model.input=["32x32", "48x48"]',
    'head.depths=["auto", 2]',
    "augment.views=1",
    "train.folds=2",
    "train.epochs=4",
    "train.learning_rate=0.01",
    "train.batch_size=8",
)
CLASSES = {"cat": 16, "dog": 16}
AMPLE = Budget(max_minutes=60)


class KilledError(Exception):
    pass


class Heard(ProgressReporter):
    """Keeps what is said and how often each stage begins; ends the search at a line, as a signal would."""

    def __init__(self, end: str = "") -> None:
        self.said: list[tuple[str, str]] = []
        self.begun: list[str] = []
        self.warnings: list[str] = []
        self._end = end

    def progress(self, stage: str, done: int, total: int) -> None:
        if done == 1:
            self.begun.append(stage)

    def say(self, stage: str, text: str) -> None:
        self.said.append((stage, text))
        if self._end and stage == self._end:
            raise KilledError

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    @property
    def trained(self) -> int:
        return sum(stage in ("training the folds", "fine-tuning the folds") for stage in self.begun)


def config_of(*settings: str) -> Config:
    return configuration.load(Path("pictures"), [*SETTINGS, *settings])


def searched(
    budget: Budget = AMPLE,
    reporter: ProgressReporter | None = None,
    presets: Sequence[str] = ("fast",),
    settings: Sequence[str] = (),
    name: str = "run",
) -> tuple[Frontier, list[Cell]]:
    run, config = Run(runs.RUNS / name), config_of(*settings)
    table, split = train.prepare(run, config, ProgressReporter())
    cells = candidates.cells(config, (), presets, [(p.width, p.height) for p in split.train])
    cells = [cell for cell in cells if cell.config.model.backbone == "tiny"]
    # Fine-tuning takes its time.
    cells = [cell for cell in cells if cell.preset == "fast" or cell.depths == 1]
    return frontier.search(run, table, split, cells, budget, reporter or Heard()), cells


@pytest.fixture(autouse=True)
def _sizes(monkeypatch) -> None:
    """A thousandth of a millisecond a pixel, and a kilobyte a depth."""

    def measured(config: Config, frame: Size, classes: int, progress: object) -> Footprint:
        depths = 1 if config.head.depths == "auto" else config.head.depths
        return Footprint(latency_ms=frame.width * frame.height / 1000, size_bytes=1000 * depths)

    monkeypatch.setattr(footprint, "measure", measured)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, make_data_set) -> Path:
    return make_data_set(tmp_path_factory.mktemp("searched") / "pictures", CLASSES, (48, 48))


@pytest.fixture
def place(pictures, tmp_path, monkeypatch) -> Path:
    (tmp_path / "pictures").symlink_to(pictures)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def finished(pictures) -> tuple[Path, Frontier, Heard]:
    """A search of fast and balanced models, to its end; only to be read and continued."""
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(pictures.parent):
        patch.setattr(
            footprint, "measure", lambda c, f, n, p: Footprint(latency_ms=f.width / 10, size_bytes=1)
        )
        reporter = Heard()
        result, _ = searched(reporter=reporter, presets=("fast", "balanced"))
    return pictures.parent, result, reporter


@pytest.mark.slow
def test_candidates_are_ranked_best_first_with_the_frontier_marked(finished):
    _, result, reporter = finished
    rows = result.rows
    assert (len(rows), result.not_tried, result.n) == (6, (), 26)
    assert [row.accuracy for row in rows] == sorted((row.accuracy for row in rows), reverse=True)
    assert rows[0].on_frontier
    for row in rows:
        beaten = any(
            other.accuracy >= row.accuracy
            and other.latency_ms <= row.latency_ms
            and (other.accuracy, other.latency_ms) != (row.accuracy, row.latency_ms)
            for other in rows
        )
        assert not (beaten and row.on_frontier)
        assert row.interval.low <= row.accuracy <= row.interval.high
    assert [stage for stage, _ in reporter.said] == [f"{number}/6" for number in range(1, 7)]


@pytest.mark.slow
def test_fast_models_come_first_and_then_the_most_promising_are_fine_tuned(finished):
    _, result, reporter = finished
    lines = [text for _, text in reporter.said]
    assert [("fast" in line, "balanced" in line) for line in lines] == [(True, False)] * 4 + [
        (False, True)
    ] * 2
    assert [line.partition(", ")[0] for line in lines[:4]] == ["tiny 32x32"] * 2 + ["tiny 48x48"] * 2
    fast = {
        (row.frame, row.depths): row.accuracy for row in result.rows if row.values["train.preset"] == "fast"
    }
    tuned = [
        fast[frame.removeprefix("tiny "), int(depths[0])]
        for frame, depths, *_ in (line.split(", ") for line in lines[4:])
    ]
    assert tuned == sorted(tuned, reverse=True)


@pytest.mark.slow
def test_fewer_depths_use_the_features_of_more(finished):
    _, _, reporter = finished
    pooled = [stage for stage in reporter.begun if "2 views each" in stage]
    assert len(pooled) == 2


@pytest.mark.slow
def test_a_search_that_is_repeated_trains_nothing(finished, monkeypatch):
    place, result, _ = finished
    monkeypatch.chdir(place)
    monkeypatch.setattr(
        footprint, "measure", lambda c, f, n, p: Footprint(latency_ms=f.width / 10, size_bytes=1)
    )
    reporter = Heard()
    # Not even where no time is left.
    again, _ = searched(Budget(max_minutes=1e-9), reporter, ("fast", "balanced"))
    assert (again.rows, again.not_tried) == (result.rows, ())
    assert reporter.trained == 0


@pytest.mark.slow
def test_its_scores_are_those_of_train_which_takes_the_folds(finished, monkeypatch):
    place, result, _ = finished
    monkeypatch.chdir(place)
    for row in result.rows:
        if row.depths == 1 and row.frame == "48x48":
            config = config_of().with_values(row.values)
            run, reporter = Run(runs.RUNS / "trained"), Heard()
            train.train(run, config, reporter)
            assert run.read(Folds, stages.FOLDS).accuracy == row.accuracy
            assert reporter.trained == 0


@pytest.mark.slow
def test_a_killed_search_goes_on_without_repeating_a_candidate(place):
    with pytest.raises(KilledError):
        searched(reporter=Heard("2/4"))
    reporter = Heard()
    result, _ = searched(reporter=reporter)
    assert (len(result.rows), reporter.trained) == (4, 2)


@pytest.mark.slow
def test_a_candidate_over_the_latency_is_never_trained(place):
    reporter = Heard()
    result, cells = searched(Budget(max_latency_ms=2, max_minutes=60), reporter)
    assert {row.frame for row in result.rows} == {"32x32"}
    assert [(row.frame, row.reason, row.latency_ms) for row in result.not_tried] == [
        ("48x48", Reason.LATENCY, 2.304)
    ] * 2
    table, split = train.prepare(Run(runs.RUNS / "run"), config_of(), ProgressReporter())
    for cell in cells:
        made = outcome.folds_recipe(Experiment(Run(Path()), cell.config, table, split, cell.frame))
        assert folds.cached(made).folder.exists() == (str(cell.frame) == "32x32")
    assert reporter.trained == 2


@pytest.mark.slow
def test_a_candidate_over_the_size_is_never_trained(place):
    reporter = Heard()
    result, _ = searched(Budget(max_size_mb=0.0015, max_minutes=60), reporter)
    assert {row.depths for row in result.rows} == {1}
    assert [(row.depths, row.reason, row.size_bytes) for row in result.not_tried] == [
        (2, Reason.SIZE, 2000)
    ] * 2
    assert reporter.trained == 2


def test_nothing_is_started_that_takes_longer_than_what_is_left(place, monkeypatch):
    result, _ = searched(Budget(max_minutes=1e-9))
    assert result.rows == ()
    assert {row.reason for row in result.not_tried} == {Reason.TIME}
    monkeypatch.setattr(Pace, "expected_s", lambda *_: 3600.0)
    reporter = Heard()
    result, _ = searched(Budget(max_minutes=59), reporter)
    assert [(row.reason, row.minutes) for row in result.not_tried] == [(Reason.TIME, 60)] * 4
    assert reporter.trained == 0


def test_a_backbone_without_weights_is_listed_with_the_reason(place, monkeypatch):
    def measured(*_: object) -> Footprint:
        raise WeightsError("tiny is not installed", "install it")

    monkeypatch.setattr(footprint, "measure", measured)
    result, _ = searched()
    assert {(row.reason, row.problem) for row in result.not_tried} == {
        (Reason.UNAVAILABLE, "tiny is not installed; install it")
    }


@pytest.mark.slow
def test_on_real_pictures_the_real_backbone_is_measured_and_scored(real_pictures, workplace, monkeypatch):
    for label in ("daisy", "roses"):
        (workplace / "pictures" / label).mkdir(parents=True)
        for path in sorted((real_pictures / "flowers5").rglob(f"{label}/*"))[:24]:
            (workplace / "pictures" / label / path.name).symlink_to(path)
    monkeypatch.undo()
    monkeypatch.chdir(workplace)
    run = Run(runs.RUNS / "run")
    config = configuration.load(Path("pictures"), ["train.folds=2", "augment.views=1", "model.input=96x96"])
    table, split = train.prepare(run, config, ProgressReporter())
    cells = candidates.cells(config, ("model.backbone", "model.input"), ("fast",), [(4, 3)])
    result = frontier.search(run, table, split, cells, AMPLE, Heard())
    assert sorted(row.depths for row in result.rows) == [1, 6]
    for row in result.rows:
        # What export makes of a trained one has 3.98 MB.
        assert 3.95e6 < row.size_bytes < 4e6
        assert row.latency_ms > 0.2
        assert row.accuracy > 0.7
    # The features of the top alone, within those of all depths, are what they are alone.
    top = next(cell for cell in cells if cell.depths == 1)
    within, alone = (_features(top, table, split, away) for away in (False, True))
    np.testing.assert_array_equal(within, alone)


def _features(cell: Cell, table: Table, split: Split, away: bool) -> np.ndarray:
    if away:
        shutil.rmtree(runs.CACHE)
    found = features.compute(cell.config, cell.frame, table, split.train)
    return found.take(np.arange(len(split.train)))


def row_of(frame: str, **values: object) -> Tried:
    return Tried.model_validate(
        {
            "values": {"model.backbone": "tiny", "model.input": "auto", **values},
            "frame": frame,
            "depths": 1,
            "accuracy": 0.9,
            "interval": (0.8, 0.95),
            "log_loss": 0.3,
            "chosen_epoch": 3,
            "latency_ms": 1.0,
            "size_bytes": 1000,
            "fine_tuned": False,
            "on_frontier": True,
        },
        strict=False,
    )


@pytest.mark.parametrize(
    ("frame", "beyond"),
    [("160x96", '["160x96", "128x64"]'), ("224x128", None), ("224x224", '["224x224", "288x288"]')],
)
def test_the_edge_of_the_grid_is_named(frame, beyond):
    config = configuration.load(Path())
    cells = candidates.cells(config, (), ("fast",), [(640, 360)] * 3)
    row = row_of(frame, **{"model.backbone": "efficientnet_lite0"})
    reporter = Heard()
    frontier.warn_of_edge(Frontier(n=9, budget=AMPLE, rows=(row,), not_tried=()), cells, config, reporter)
    assert len(reporter.warnings) == (beyond is not None)
    if beyond:
        assert f"--set 'model.input={beyond}'" in reporter.warnings[0]


def test_the_edge_of_another_list_is_named():
    config = configuration.load(Path(), ["model.backbone=tiny", "head.l2=[0.01, 0.1]"])
    cells = candidates.cells(config, ("model.backbone",), ("fast",), [(640, 360)] * 3)
    reporter = Heard()
    row = row_of("224x128", **{"head.l2": 0.1})
    frontier.warn_of_edge(Frontier(n=9, budget=AMPLE, rows=(row,), not_tried=()), cells, config, reporter)
    assert ["head.l2=[0.1, 1.0]" in text for text in reporter.warnings] == [True]
