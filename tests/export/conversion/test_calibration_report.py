from __future__ import annotations

import contextlib
from typing import Any

import pytest

from export import artifacts
from export.conversion import calibration, calibration_report
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
def found(experiment) -> dict[str, Any]:
    return experiment.run.read_json(artifacts.CALIBRATION)


def test_shares_of_classes_stand_beside_those_in_training(experiment, found):
    assert [row["label"] for row in found["classes"]] == list(experiment.labels)
    assert sum(row["n"] for row in found["classes"]) == 25
    assert sum(row["share"] for row in found["classes"]) == pytest.approx(1)
    assert [row["training_share"] for row in found["classes"]] == pytest.approx([1 / 3] * 3)


def test_the_covered_input_range_is_that_of_the_pictures(experiment, found):
    from pipeline.training import features

    frames = [
        features.plain_view(experiment.table.file(p), experiment.frame)
        for p in calibration.choose(experiment)
    ]
    assert found["input"]["lowest"] == [min(int(f[..., c].min()) for f in frames) for c in range(3)]
    assert found["input"]["highest"] == [max(int(f[..., c].max()) for f in frames) for c in range(3)]
    assert all(2 < levels <= 256 for levels in found["input"]["levels"])


def test_every_layer_has_its_saturation_on_calibration_and_on_other_pictures(found):
    saturation = found["saturation"]
    assert (saturation["n_calibration"], saturation["n_other"]) == (16, 16)
    assert len(saturation["layers"]) > 5
    for row in saturation["layers"]:
        assert row["range"][0] < row["range"][1]
        assert 0 <= row["at_end_calibration"] <= 1
        assert row["more"] == max(0, row["at_end_other"] - row["at_end_calibration"])


def test_drift_is_told_in_standard_deviations_beside_what_chance_explains(found):
    names = [row["name"] for row in found["drift"]["quantities"]]
    assert names == ["brightness", "contrast", "colourfulness"]
    for row in found["drift"]["quantities"]:
        assert row["beyond_chance"] == (abs(row["difference"]) > row["by_chance"])
    assert (
        found["words"][-1] == "In brightness, contrast and colour they are like the other training pictures."
    )


def example(**more: Any) -> dict[str, Any]:
    base = {
        "pictures": [{}] * 100,
        "classes": [{"label": "ant", "share": 0.5, "training_share": 0.5}],
        "input": {"levels": [256, 256, 256]},
        "empty": [],
        "saturation": {"n_other": 16, "layers": [{"layer": "stem", "more": 0.0}]},
        "drift": {"n_other": 200, "quantities": []},
    }
    return {**base, **more}


def test_words_name_what_is_wrong():
    said = calibration_report.sentences(
        example(
            classes=[{"label": "ant", "share": 0.6, "training_share": 0.5}],
            input={"levels": [250, 256, 231]},
            empty=[{}, {}],
            saturation={
                "n_other": 16,
                "layers": [{"layer": "stem", "more": 0.02}, {"layer": "a", "more": 0}],
            },
            drift={
                "n_other": 200,
                "quantities": [
                    {"name": "brightness", "difference": -0.8, "by_chance": 0.3, "beyond_chance": True}
                ],
            },
        )
    )
    text = " ".join(said)
    assert "ant is furthest from it, by 10.0 points" in text
    assert "They show 231 of the 256 levels" in text
    assert "2 of them are of one colour or noise" in text
    assert "1 of 2 layers cut off over 0.1% more of their numbers than on these, stem most (2.00%)" in text
    assert "Their brightness is less than that of other training pictures by 0.80 standard deviations" in text


def test_words_say_where_nothing_is_wrong_or_nothing_is_left_to_judge_by():
    assert "no layer cuts off over 0.1% more" in " ".join(calibration_report.sentences(example()))
    none = example(saturation={"n_other": 0, "layers": []}, drift={"n_other": 0, "quantities": []})
    assert "nothing is left to judge the ranges by" in " ".join(calibration_report.sentences(none))


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
