"""The held-out pictures as if photographed from a screen: `python -m export simulate`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export import artifacts
from export.android.photos import simulate
from export.android.photos.simulate import Simulated
from pipeline.core.runs import Run
from pipeline.evaluation.predictions import Predictions
from pipeline.training.experiment import open_trained
from tests.support import verbs
from tests.support.verbs import RUN, fine, refused

pytestmark = pytest.mark.slow

SIMULATED, SHEET = RUN / artifacts.SIMULATED, RUN / artifacts.SIMULATED_SHEET


@pytest.fixture
def place(tmp_path_factory, tmp_path, monkeypatch) -> Path:
    place = verbs.copy_finished(tmp_path_factory, tmp_path / "place")
    monkeypatch.chdir(place)
    return place


def predictions(labels: np.ndarray, truth: np.ndarray, confidence: float = 0.9) -> Predictions:
    rows = np.full((len(labels), 3), (1 - confidence) / 2, np.float32)
    rows[np.arange(len(labels)), labels] = confidence
    names = np.array([f"picture{number}" for number in range(len(labels))])
    return Predictions("int8", names, names, truth, rows)


def compared(lost: int, gained: int, n: int = 300, *, trained_on_screens: bool = False) -> Simulated:
    truth = np.arange(n) % 3
    wrong = (truth + 1) % 3
    plain, seen = truth.copy(), truth.copy()
    seen[:lost] = wrong[:lost]
    plain[lost : lost + gained] = wrong[lost : lost + gained]
    comparison = simulate.compare(predictions(plain, truth), predictions(seen, truth, 0.6), 0.7)
    return Simulated(
        **dict(comparison),
        labels=("a", "b", "c"),
        model="int8",
        simulator=1,
        seed=1,
        trained_on_screens=trained_on_screens,
    )


def test_the_drop_is_counted_pair_by_pair():
    found = compared(lost=30, gained=6)
    assert found.drop.accuracy == pytest.approx(24 / 300)
    assert (found.drop.lost, found.drop.gained) == (30, 6)
    low, high = found.drop.accuracy_interval
    assert 0.04 < low < 24 / 300 < high < 0.13
    assert found.plain.accuracy == pytest.approx(294 / 300)
    assert found.simulated.accuracy == pytest.approx(270 / 300)
    assert found.drop.macro_f1 == pytest.approx(0.08, abs=0.01)
    assert found.drop.macro_f1_interval[0] < found.drop.macro_f1 < found.drop.macro_f1_interval[1]
    assert (found.plain.dont_know, found.simulated.dont_know) == (0, 1)


def test_a_clear_drop_says_so_and_what_to_do():
    said = compared(lost=30, gained=6).words
    assert said[0].startswith("In this simulation of photos of a screen, the model loses 8.0 points")
    assert said[1].startswith("Train with --set augment.screen=true")
    assert said[-1].startswith("A simulation is not a measurement: ")
    assert "docs/field-protocol.md" in said[-1]


def test_a_drop_within_chance_is_none_shown():
    said = compared(lost=3, gained=2).words
    assert said[0].startswith("No loss is shown with n = 300: accuracy changes by -0.3 points (-")
    assert len(said) == 2


def test_the_sign_of_a_change_is_that_of_accuracy():
    """Accuracy fell from .900 to .863: minus 3.8 points, and the worst of the interval comes first."""
    fell = compared(lost=6, gained=3, n=80)
    assert "n = 80: accuracy changes by -3.8 points (-12.4 to +4.2)." in fell.words[0]
    rose = compared(lost=3, gained=6, n=80)
    assert "changes by +3.8 points (-4.2 to +12.4)" in rose.words[0]


def test_a_model_that_trained_on_the_simulator_is_told_to_be_flattered():
    said = compared(lost=30, gained=6, trained_on_screens=True).words
    assert said[1].endswith("so the loss on a real screen is probably larger.")


def test_photos_for_judging_are_not_those_of_training(place):
    from pipeline.images import decode, screen_capture

    experiment = open_trained(Run(RUN))
    picture = experiment.split.held_out[0]
    judged = simulate.photographed(experiment, picture)
    assert judged.shape == (experiment.frame.height, experiment.frame.width, 3)
    np.testing.assert_array_equal(simulate.photographed(experiment, picture), judged)
    for view in (1, 5):
        numbers = screen_capture.generator(experiment.config.seed, picture.sha256, f"training view {view}")
        assert screen_capture.draw_scene(numbers) != screen_capture.draw_scene(
            screen_capture.generator(experiment.config.seed, picture.sha256, "judging")
        )
    assert decode.read(experiment.table.file(picture)).shape != judged.shape


def test_the_verb_shows_both_and_the_drop_and_writes_them(place):
    ended, modules = verbs.watched("export", "simulate", cwd=place)
    shown = fine(ended)
    assert "tensorflow" not in modules
    found = json.loads(SIMULATED.read_text("utf-8"))
    rows = [line.split() for line in shown.splitlines() if line.strip()]
    assert rows[2][:2] == ["plain", f"{found['plain']['accuracy']:.3f}"]
    assert rows[3][:4] == ["as", "if", "photographed", f"{found['simulated']['accuracy']:.3f}"]
    assert rows[4][:2] == ["change", f"{-found['drop']['accuracy']:+z.3f}"]
    assert f"open  {SHEET}" in shown
    with Image.open(SHEET) as sheet:
        assert sheet.size[0] > 500
    held_out = len(open_trained(Run(RUN)).split.held_out)
    assert found["n"] == held_out
    assert found["words"][-1] in shown
    stored = np.load(RUN / "predictions/int8_simulated.npz")["probabilities"]
    assert stored.shape == (held_out, len(found["labels"]))


def test_repeating_does_nothing_and_what_is_deleted_comes_back_the_same(place):
    fine(verbs.here("export", "simulate", "--run", "pictures", "--quiet", cwd=place))
    names = (SIMULATED, SHEET, RUN / "predictions/int8_simulated.npz")
    before, stamps = [name.read_bytes() for name in names], [name.stat().st_mtime_ns for name in names]
    fine(verbs.here("export", "simulate", "--run", "pictures", cwd=place))
    assert [name.stat().st_mtime_ns for name in names] == stamps
    for name in names:
        name.unlink()
    fine(verbs.here("export", "simulate", cwd=place))
    assert [name.read_bytes() for name in names] == before


def test_json_is_one_document_and_quiet_says_nothing(place):
    found = json.loads(fine(verbs.here("export", "simulate", "--json", cwd=place)))
    assert found["run"] == "pictures"
    assert found["files"] == [str(SHEET), str(SIMULATED)]
    assert found["drop"] == json.loads(SIMULATED.read_text("utf-8"))["drop"]
    assert fine(verbs.here("export", "simulate", "--quiet", cwd=place)) == ""


def test_a_run_that_is_not_exported_says_how(place, capfd):
    (RUN / "export/int8/model_int8.tflite").unlink()
    refused(
        verbs.call(capfd, "export", "simulate", cwd=place),
        1,
        f"{RUN}/export/int8/model_int8.tflite is missing",
        "export it: python -m export tflite pictures",
    )


def test_an_unknown_run_is_named_with_those_that_are_there(place, capfd):
    refused(
        verbs.call(capfd, "export", "simulate", "--run", "nothing", cwd=place),
        2,
        "no run called nothing in data/runs",
        "runs here: pictures",
    )
