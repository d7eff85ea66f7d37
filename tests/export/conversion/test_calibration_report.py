from __future__ import annotations

import contextlib
from typing import Any

import pytest

from export import artifacts
from export.conversion import calibration, calibration_report
from export.conversion.calibration import Candidate, Trial
from export.conversion.calibration_report import (
    CalibrationReport,
    ChosenPicture,
    ClassShare,
    Drift,
    EmptyPicture,
    InputRange,
    Quantity,
)
from pipeline.core.runs import Run
from pipeline.training import experiment as experiments
from tests.support import verbs
from tests.support.verbs import RUN


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Any:
    place = verbs.finished(tmp_path_factory)
    with contextlib.chdir(place):
        yield experiments.open_trained(Run(RUN))


@pytest.fixture
def document(experiment) -> CalibrationReport:
    return experiment.run.read(CalibrationReport, artifacts.CALIBRATION)


def test_shares_of_classes_stand_beside_those_in_training(experiment, document):
    assert [row.label for row in document.classes] == list(experiment.labels)
    assert sum(row.n for row in document.classes) == 25
    assert sum(row.share for row in document.classes) == pytest.approx(1)
    assert [row.training_share for row in document.classes] == pytest.approx([1 / 3] * 3)


def test_the_covered_input_range_is_that_of_the_pictures(experiment, document):
    from pipeline.images.views import plain_view

    frames = [plain_view(experiment.table.file(p), experiment.frame) for p in calibration.choose(experiment)]
    assert document.input.lowest == tuple(min(int(f[..., c].min()) for f in frames) for c in range(3))
    assert document.input.highest == tuple(max(int(f[..., c].max()) for f in frames) for c in range(3))
    assert all(2 < levels <= 256 for levels in document.input.levels)


def test_drift_is_told_in_standard_deviations_beside_what_chance_explains(document):
    names = [row.name for row in document.drift.quantities]
    assert names == ["brightness", "contrast", "colourfulness"]
    for row in document.drift.quantities:
        assert row.beyond_chance == (abs(row.difference) > row.by_chance)
    assert document.words[-1] == "Brightness, contrast and colour match those of the other training pictures."


def example(**more: Any) -> CalibrationReport:
    base = CalibrationReport(
        source="",
        second_look=False,
        recalibration=None,
        wanted=100,
        pictures=(ChosenPicture(path="a.jpg", label="ant", sha256="", reason=""),) * 100,
        classes=(ClassShare(label="ant", n=100, share=0.5, training_share=0.5),),
        input=InputRange(lowest=(0, 0, 0), highest=(255, 255, 255), levels=(256, 256, 256)),
        empty=(),
        drift=Drift(n_calibration=100, n_other=200, quantities=()),
    )
    return base.model_copy(update=more)


def test_words_name_what_is_wrong():
    brightness = Quantity(
        name="brightness", calibration=0, other=1, difference=-0.8, by_chance=0.3, beyond_chance=True
    )
    trial = Trial(
        judges=30, candidates=(Candidate(name="other", agreement=0.9, mean_abs_dp=0.02),), chosen="other"
    )
    words = calibration_report.sentences(
        example(
            recalibration=trial,
            classes=(ClassShare(label="ant", n=100, share=0.6, training_share=0.5),),
            input=InputRange(lowest=(0, 0, 0), highest=(255, 255, 255), levels=(250, 256, 231)),
            empty=(EmptyPicture(path="a.jpg", why="noise"),) * 2,
            drift=Drift(n_calibration=100, n_other=200, quantities=(brightness,)),
        )
    )
    text = " ".join(words)
    assert "They were chosen after the gate refused int8. Probability moved on 30 training" in text
    assert "plain and augmented: other 0.0200 (agreement 0.900)." in text
    assert "ant is furthest from it, by 10.0 points" in text
    assert "They cover 231 of the 256 levels" in text
    assert "2 of them are a single colour or noise" in text
    assert "Their brightness is lower than that of other training pictures by 0.80 standard" in text


def test_words_say_where_nothing_is_wrong_or_nothing_is_left_to_compare_with():
    assert calibration_report.sentences(example()) == [
        "100 training pictures, a black frame and a white one set the integer ranges.",
        "Every class has its share of the training pictures.",
        "They cover all 256 levels of every colour.",
        "Brightness, contrast and colour match those of the other training pictures.",
    ]
    none = example(drift=Drift(n_calibration=100, n_other=0, quantities=()))
    assert calibration_report.sentences(none)[-1] == (
        "All training pictures were used, so there are none to compare them with."
    )


def test_a_deleted_audit_is_made_again_and_the_file_is_not(tmp_path_factory, tmp_path, monkeypatch):
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    monkeypatch.chdir(place)
    before = verbs.stamps(RUN)
    kept = verbs.content(RUN / artifacts.CALIBRATION)
    (RUN / artifacts.CALIBRATION).unlink()
    ended, modules = verbs.watched("export", "tflite", "pictures", cwd=place)
    verbs.fine(ended)
    assert "tensorflow" not in modules
    assert verbs.content(RUN / artifacts.CALIBRATION) == kept
    after = verbs.stamps(RUN)
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {artifacts.CALIBRATION, "recipes/calibration.json"}
