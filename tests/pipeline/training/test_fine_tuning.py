from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.core import config as configuration
from pipeline.core import runs, stages
from pipeline.core.packages import ROOT
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.training import classifier, experiment, fine_tuning, train
from pipeline.training.checkpoint import State
from pipeline.training.results import FineTuning, Folds, Training
from tests.support import verbs

# The head alone learns nothing at this rate, so that fine-tuning has something to gain.
WEAK = (
    "train.preset=balanced",
    "model.backbone=tiny",
    "model.input=32x32",
    "augment.views=1",
    "train.folds=2",
    "train.epochs=2",
    "train.learning_rate=0.0000001",
    "train.batch_size=4",
    "head.kind=dense",
    "head.units=32",
    "head.dropout=0",
)
STRONG = (
    "head.kind=linear",
    "head.dropout=0.3",
    "head.l2=0.0001",
    "train.learning_rate=0.05",
    "train.epochs=60",
)
CLASSES = {"cat": 40, "dog": 40, "owl": 40}
MADE = (stages.FOLDS, stages.OUT_OF_FOLD, stages.MODEL, stages.TRAINING, stages.FINE_TUNING)


class KilledError(Exception):
    pass


class Heard(ProgressReporter):
    """Keeps what is said; ends the command at a step of a stage, as a signal would."""

    def __init__(self, stage: str = "", step: int = 0) -> None:
        self.said: list[tuple[str, str]] = []
        self.warnings: list[str] = []
        self._end = (stage, step)

    def progress(self, stage: str, done: int, total: int) -> None:
        if (stage, done) == self._end:
            raise KilledError

    def say(self, stage: str, text: str) -> None:
        self.said.append((stage, text))

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def told(self, stage: str) -> list[str]:
        return [text for at, text in self.said if at == stage]


def config_of(*settings: str):
    return configuration.load(Path("pictures"), [*WEAK, *settings])


def made(*settings: str, reporter: ProgressReporter | None = None, name: str = "run") -> Run:
    run = Run(runs.RUNS / name)
    train.train(run, config_of(*settings), reporter or Heard())
    return run


def accuracy_of(run: Run) -> float:
    """Of model.keras, on the training pictures."""
    opened = experiment.open_trained(run)
    from pipeline.images.views import plain_view

    frames = [plain_view(opened.table.file(p), opened.frame) for p in opened.split.train]
    truth = [opened.labels.index(p.label) for p in opened.split.train]
    predicted = classifier.predict(classifier.load(run.path(stages.MODEL)), frames).argmax(1)
    return float((predicted == truth).mean())


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, make_data_set) -> Path:
    return make_data_set(tmp_path_factory.mktemp("tuned") / "pictures", CLASSES, (32, 32))


@pytest.fixture(scope="module")
def whole(pictures) -> Run:
    """A run that was never interrupted; only to be read."""
    with contextlib.chdir(pictures.parent):
        run = made(name="whole")
    return Run(pictures.parent / run.folder)


@pytest.fixture
def place(pictures, tmp_path, monkeypatch) -> Path:
    (tmp_path / "pictures").symlink_to(pictures)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_model_that_gained_takes_the_fast_ones_place(whole, pictures, monkeypatch):
    monkeypatch.chdir(pictures.parent)
    run = whole
    result, folds = run.read(FineTuning, stages.FINE_TUNING), run.read(Folds, stages.FOLDS)
    assert result.kept
    assert result.interval[0] > 0
    assert folds == result.folds
    assert folds.accuracy == pytest.approx(result.fast_accuracy + result.gain)
    assert run.read(Training, stages.TRAINING).accuracy == pytest.approx(accuracy_of(run))
    assert experiment.open_trained(run).run is run
    assert not list(run.folder.glob("*.state.npz"))


@pytest.mark.slow
def test_a_model_that_gained_nothing_leaves_the_fast_one(place):
    fast = made("train.preset=fast", *STRONG, name="fast")

    run = made(*STRONG)
    result = run.read(FineTuning, stages.FINE_TUNING)
    assert not result.kept
    assert result.interval[0] <= 0
    for name in (stages.FOLDS, stages.TRAINING):
        assert run.path(name).read_bytes() == fast.path(name).read_bytes()
    assert experiment.open_trained(run).run is run


@pytest.mark.parametrize(
    ("stage", "step"),
    [("fine-tuning the folds", 1), ("fine-tuning the folds", 200), ("training the final model", 80)],
)
@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_the_same(place, whole, stage, step):
    reporter = Heard(stage, step)
    with pytest.raises(KilledError):
        made(reporter=reporter)
    assert len(reporter.told("first model")) == 1
    run, reporter = Run(runs.RUNS / "run"), Heard()
    # Meanwhile the fast model stands, and says that it is that one.
    experiment.open_trained(run, reporter)
    assert run.read(Folds, stages.FOLDS).accuracy == whole.read(FineTuning, stages.FINE_TUNING).fast_accuracy
    assert any("fast model" in text for text in reporter.warnings) == (stage == "fine-tuning the folds")
    made()
    for name in MADE:
        assert verbs.content(run.path(name)) == verbs.content(whole.path(name))


@pytest.mark.slow
def test_kill_9_at_twenty_moments_loses_nothing(place, whole):
    command = [sys.executable, "-m", "tests.support.kill_9", place, "20", *WEAK]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == 0, killed.stderr
    epochs = [int(count) for count in killed.stdout.split()]
    assert len(epochs) == 20
    assert set(epochs) == {0, 1}
    made()
    for name in MADE:
        assert verbs.content(place / runs.RUNS / "run" / name) == verbs.content(whole.path(name))


@pytest.mark.slow
def test_only_the_epochs_that_are_missing_are_trained_again(place):
    """Epochs of 12 steps; the command is killed in the seventh of the second fold."""
    killed = 12 * (fine_tuning._EFFORTS["balanced"].epochs + 6) + 3
    with pytest.raises(KilledError):
        made(reporter=Heard("fine-tuning the folds", killed))
    steps: list[int] = []

    class Steps(Heard):
        def progress(self, stage: str, done: int, total: int) -> None:
            if stage == "fine-tuning the folds":
                steps.append(done)

    made(reporter=Steps())
    assert steps[0] == killed - 2


@pytest.mark.slow
def test_repeating_the_command_does_nothing(whole, pictures, monkeypatch):
    monkeypatch.chdir(pictures.parent)
    before = verbs.stamps(whole.folder)
    reporter = Heard()
    made(reporter=reporter, name="whole")
    assert verbs.stamps(whole.folder) == before
    assert not reporter.told("first model")


@pytest.mark.slow
def test_raising_the_preset_continues_a_run_and_lowering_it_returns_to_the_fast_model(place):
    run = made("train.preset=fast")
    fast = run.path(stages.FOLDS).read_bytes()
    assert runs.open_for("run", config_of()).folder == run.folder
    made()
    assert run.path(stages.FOLDS).read_bytes() != fast
    made("train.preset=fast")
    assert run.path(stages.FOLDS).read_bytes() == fast
    assert experiment.open_trained(run).run is run


@pytest.mark.slow
def test_few_pictures_are_said(place):
    reporter = Heard()
    made("data.held_out=0.5", reporter=reporter)
    assert any("20 pictures" in text for text in reporter.told("fine-tuning"))


@pytest.mark.slow
def test_best_cuts_deeper_and_takes_longer(place):
    run = made("train.preset=fast")
    opened = experiment.open_trained(run)
    plans = {}
    for preset in ("balanced", "best"):
        config = config_of(f"train.preset={preset}", "model.backbone=efficientnet_lite0")
        plans[preset] = fine_tuning.plan(
            experiment.Experiment(run, config, opened.table, opened.split, opened.frame)
        )
    assert (plans["balanced"].cut, plans["best"].cut) == ("block11_project_norm", "block10_add")
    assert plans["balanced"].epochs < plans["best"].epochs
    assert "block11_project_norm" in plans["best"].ends


def test_a_damaged_checkpoint_counts_as_none(tmp_path):
    path = tmp_path / "state.npz"
    state = State(
        1, 2, np.ones((2, 3, 4)), np.zeros((3, 5, 2), np.float32), [np.arange(4.0), np.ones((2, 2))]
    )
    state.write(path, "key")
    read = State.read(path, "key")
    assert read
    assert (read.fold, read.epoch) == (1, 2)
    np.testing.assert_array_equal(read.network[0], state.network[0])
    np.testing.assert_array_equal(read.points, state.points)
    assert State.read(path, "another key") is None
    path.write_bytes(path.read_bytes()[:-40])
    assert State.read(path, "key") is None
    assert State.read(tmp_path / "none.npz", "key") is None


@pytest.mark.slow
def test_a_run_without_the_key_is_fast(place):
    run = made("train.preset=fast", "head.depths=1")
    text = run.path(stages.CONFIG).read_text("utf-8")
    old = [line for line in text.splitlines() if not line.startswith(("preset", "depths"))]
    run.path(stages.CONFIG).write_text("\n".join(old), "utf-8")
    assert run.config() == config_of("train.preset=fast", "head.depths=1")
    assert runs.added_since("run") == {"head.depths": 1, "train.preset": "fast"}
    reporter = Heard()
    experiment.open_trained(run, reporter)
    assert not reporter.warnings
    assert json.loads(run.path(stages.FOLDS).read_text("utf-8"))["n"] > 0
