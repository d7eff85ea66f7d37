from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from export import artifacts
from export.conversion import calibration, calibration_report, compensation, convert, judging, one_flavour
from export.conversion.calibration import Candidate
from export.conversion.compensate import compensate
from export.conversion.compensate.layer_error import LayerError
from export.conversion.compensation import Compensation, Outcome
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.training import experiment as experiments
from pipeline.training.experiment import Experiment
from tests.support import verbs
from tests.support.verbs import RUN

LAYERS = (LayerError(name="conv0", before=0.2, after=0.1),)
COMPENSATED, PLAIN = SimpleNamespace(name="the compensated model"), SimpleNamespace(name="the model")


class Said(ProgressReporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, stage: str, text: str) -> None:
        self.lines.append(f"{stage}: {text}")


@pytest.fixture
def run(tmp_path_factory, tmp_path, monkeypatch) -> Experiment:
    """A run in which compensation has not been tried, and may be judged by few pictures."""
    monkeypatch.chdir(verbs.copy_finished(tmp_path_factory, tmp_path))
    monkeypatch.setattr(judging, "MIN_JUDGES", 10)
    Run(RUN).forget("compensation")
    Run(RUN).path(artifacts.COMPENSATION).unlink()
    return experiments.open_trained(Run(RUN))


@pytest.fixture
def moved(monkeypatch) -> dict[str, float]:
    """How far each file is from Keras; converting and compensating are left out."""
    distances = {"plain": 0.04, "compensated": 0.02}

    def convert_one(_experiment: Any, model: Any, *_: Any) -> bytes:
        return b"compensated" if model is COMPENSATED else b"plain"

    def judge(_panel: Any, name: str, data: bytes) -> Candidate:
        assert name == data.decode()
        return Candidate(name=name, agreement=0.9, mean_abs_dp=distances[name])

    monkeypatch.setattr(one_flavour, "convert_one", convert_one)
    monkeypatch.setattr(judging.Panel, "__init__", lambda *_: None)
    monkeypatch.setattr(judging.Panel, "judge", judge)
    result: Any = compensate.Compensated(COMPENSATED, LAYERS)
    monkeypatch.setattr(compensate, "compensate", lambda *_: result)
    return distances


def decided(run: Experiment, said: ProgressReporter | None = None) -> bytes | None:
    return compensation.decide(run, "int8", PLAIN, said or ProgressReporter())


def test_the_file_that_moves_less_is_kept_and_its_recipe_says_so(run, moved):
    plain, said = convert.recipe(run, "int8"), Said()
    assert compensation.tried(run) is None
    assert decided(run, said) == b"compensated"
    assert compensation.in_force(run)
    assert compensation.layers(run) == LAYERS
    assert convert.recipe(run, "int8").key != plain.key
    assert convert.recipe(run, "float32").settings.keys() == {"flavour", "labels"}
    (line,) = said.lines
    assert line == (
        "compensation: The int8 file is compensated. Probability moved on 29 training pictures that "
        "calibrated none of these files, plain and augmented: plain 0.0400 (agreement 0.900); compensated "
        "0.0200 (agreement 0.900)."
    )
    # It is tried once.
    assert decided(run) is None


@pytest.mark.parametrize("distance", [0.04, 0.05])
def test_what_brings_nothing_is_dropped_and_the_recipe_is_that_of_an_older_version(run, moved, distance):
    plain = convert.recipe(run, "int8")
    moved["compensated"] = distance
    assert decided(run) == b"plain"
    assert not compensation.in_force(run)
    assert compensation.layers(run) == ()
    assert convert.recipe(run, "int8").key == plain.key
    found = run.run.read(Compensation, artifacts.COMPENSATION)
    assert (found.outcome, found.chosen, found.layers) == (Outcome.NO_BETTER, "plain", LAYERS)
    assert found.sentence.startswith(
        "The int8 file is plain: compensation brought it no closer to Keras. Probability moved"
    )


def test_an_unknown_layer_leads_to_the_plain_file_and_its_name_is_kept(run, moved, monkeypatch):
    result = compensate.NotApplicable("the layer wave is of an unknown kind, Sine")
    monkeypatch.setattr(compensate, "compensate", lambda *_: result)
    assert compensation.applicable(run)
    assert decided(run) == b"plain"
    assert not compensation.applicable(run)
    found = run.run.read(Compensation, artifacts.COMPENSATION)
    assert found.outcome is Outcome.NOT_APPLICABLE
    assert found.sentence == (
        "The int8 file is plain: the model cannot be compensated, because the layer wave is of an unknown "
        "kind, Sine."
    )


def test_with_too_few_judges_nothing_is_tried(run, moved, monkeypatch):
    monkeypatch.setattr(judging, "MIN_JUDGES", 30)
    said = Said()
    assert decided(run, said) is None
    assert not compensation.in_force(run)
    (line,) = said.lines
    assert line == (
        "compensation: The int8 file is not compensated: 29 training pictures are left to judge with, and 30 "
        "are needed."
    )


def test_it_can_be_turned_off_before_and_after(run, moved):
    decided(run)
    export = run.config.export.model_copy(update={"compensate": False})
    config = run.config.model_copy(update={"export": export})
    off = Experiment(run.run, config, run.table, run.split, run.frame)
    assert not compensation.in_force(off)
    assert not compensation.applicable(off)
    assert compensation.tried(off) is None
    assert decided(off) is None
    assert "compensated" not in convert.recipe(off, "int8").settings


def test_a_file_that_exists_is_left_as_it_is(run, monkeypatch):
    monkeypatch.setattr(compensation, "decide", lambda *_: pytest.fail("it was asked"))
    before = run.run.path(convert.file_name("int8")).stat().st_mtime_ns
    convert.convert(run, ProgressReporter())
    assert run.run.path(convert.file_name("int8")).stat().st_mtime_ns == before
    assert compensation.tried(run) is None


def test_the_calibration_record_tells_what_both_gave(run, moved):
    decided(run)
    run.run.forget("calibration")
    calibration_report.report(run, convert.recipe(run, "int8"), ProgressReporter())
    document = run.run.read(calibration_report.CalibrationReport, artifacts.CALIBRATION)
    found = run.run.read(Compensation, artifacts.COMPENSATION)
    assert document.compensation == found
    assert found.sentence in document.words


@pytest.mark.parametrize(
    ("frame", "count"),
    [(Size(224, 224), 64), (Size(260, 260), 64), (Size(512, 512), 16), (Size(1024, 1024), 4)],
)
def test_larger_frames_get_fewer_pictures(frame, count):
    assert compensation._count(frame) == count


@pytest.mark.slow
def test_a_real_run_is_compensated_and_a_wrong_conversion_still_fails_the_gate(
    tmp_path_factory, tmp_path, monkeypatch
):
    """The reference is the Keras model: a file of another model is not saved by any compensation."""
    from export.parity import parity
    from export.parity.result import Verdict

    monkeypatch.chdir(verbs.copy_finished(tmp_path_factory, tmp_path))
    monkeypatch.setattr(judging, "MIN_JUDGES", 10)
    whole = experiments.open_trained(Run(RUN))
    export = whole.config.export.model_copy(update={"flavours": ("int8",)})
    config = whole.config.model_copy(update={"export": export})
    run = Experiment(whole.run, config, whole.table, whole.split, whole.frame)
    run.run.forget(convert.recipe(run, "int8").stage)
    run.run.forget("compensation")
    convert.convert(run, ProgressReporter())
    found = compensation.tried(run)
    assert found is not None
    assert found.outcome in (Outcome.KEPT, Outcome.NO_BETTER)
    plain, compensated = (row.mean_abs_dp for row in found.candidates)
    assert (found.outcome is Outcome.KEPT) == (compensated < plain)
    assert found.layers[0].name == "conv0"
    first = Path(run.run.path(convert.file_name("int8"))).read_bytes()
    run.run.forget(convert.recipe(run, "int8").stage)
    run.run.forget("compensation")
    convert.convert(run, ProgressReporter())
    assert run.run.path(convert.file_name("int8")).read_bytes() == first

    load = one_flavour.tflite.convert

    def wrong(model: Any, configure: Any) -> bytes:
        head = model.get_layer("answer")
        kernel, bias = head.get_weights()
        head.set_weights([-kernel, bias])
        data = load(model, configure)
        head.set_weights([kernel, bias])
        return data

    monkeypatch.setattr(one_flavour.tflite, "convert", wrong)
    run.run.forget(convert.recipe(run, "int8").stage)
    run.run.forget("compensation")
    convert.convert(run, ProgressReporter())
    result = parity.parity(run, ProgressReporter())
    assert result.verdict is Verdict.FAILED
    assert np.all([row.agreement < 0.5 for row in result.targets])
    assert calibration.recalibrated(run) is None
