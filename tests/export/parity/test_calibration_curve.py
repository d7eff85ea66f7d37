from __future__ import annotations

import json
from pathlib import Path

import pytest

from export.parity import calibration_curve
from tests.support import verbs
from tests.support.verbs import RUN, call, refused, verb

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return verbs.copy_finished(tmp_path_factory, tmp_path_factory.mktemp("curve"))


def test_a_curve_is_judged_on_training_pictures_outside_every_choice_and_made_once(place):
    said = verbs.fine(verb("export", "calibration", "pictures", "--curve", cwd=place))
    assert "Agreement with Keras on 42 training pictures outside every choice" in said
    assert "note  42 training pictures are left to calibrate on: 10, 30" in said
    found = json.loads((place / RUN / calibration_curve.NAME).read_text("utf-8"))
    assert [point["pictures"] for point in found["points"]] == [10, 30]
    for point in found["points"]:
        assert point["interval"][0] <= point["agreement"] <= point["interval"][1]
    assert found["words"] in said
    assert (place / RUN / calibration_curve.FIGURE).read_text().startswith("<?xml")
    before = verbs.stamps(place / RUN)
    ended, modules = verbs.watched("export", "calibration", "pictures", "--curve", "--json", cwd=place)
    assert json.loads(verbs.fine(ended))["curve"] == found
    assert "tensorflow" not in modules
    assert verbs.stamps(place / RUN) == before


def test_words_name_the_fewest_that_the_judges_cannot_tell_from_the_best():
    points = [
        {"pictures": 10, "agreement": 0.90, "interval": [0.86, 0.93]},
        {"pictures": 30, "agreement": 0.97, "interval": [0.94, 0.98]},
        {"pictures": 100, "agreement": 0.99, "interval": [0.97, 1.0]},
    ]
    assert calibration_curve._words(points).startswith("From 30 pictures on, the judges cannot tell")


def test_the_audit_is_shown_in_words(place, capfd):
    said = verbs.fine(call(capfd, "export", "calibration", "pictures", cwd=place))
    assert "pictures: 25 calibration pictures" in said
    assert "The integer ranges were measured on 25 training pictures, a black frame and a white one." in said


def test_without_an_export_it_says_what_to_do(place, capfd):
    audit = place / RUN / "export" / "calibration.json"
    audit.rename(audit.with_suffix(".away"))
    ended = call(capfd, "export", "calibration", "pictures", cwd=place)
    audit.with_suffix(".away").rename(audit)
    hint = "export int8 first: python -m export tflite pictures"
    refused(ended, 1, f"{RUN / 'export/calibration.json'} is missing", hint)
