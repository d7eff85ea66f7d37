from __future__ import annotations

import contextlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from export import artifacts
from export.conversion import calibration, compensation, convert, judging, one_flavour
from export.parity import recalibration
from export.parity.result import FlavourTarget, Verdict
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.core.sections import Gate
from pipeline.tflite import interpreter as litert
from pipeline.training import experiment as experiments
from tests.support import verbs
from tests.support.comparisons import flavour, parity_result
from tests.support.verbs import RUN, verb

pytestmark = pytest.mark.slow

# float16 keeps this bound, int8 does not; ten calibration pictures leave enough to judge others by.
STRICT = (
    "gate.max_mean_abs_dp=0.003",
    "export.calibration_pictures=10",
    "export.compensate=false",
    "train.epochs=6",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A working directory with a run whose int8 file will fail the gate, just trained."""
    place = verbs.copy_finished(tmp_path_factory, tmp_path_factory.mktemp("strict"))
    settings = verbs.sets([*verbs.TINY, *STRICT])
    verbs.fine(verbs.here("pipeline", "train", "pictures", *settings, "--overwrite", "--quiet", cwd=place))
    return place


@pytest.fixture(scope="module")
def told(place) -> Any:
    """The first `tflite`, in words, and the second, as JSON."""
    first = verb("export", "tflite", "pictures", cwd=place)
    before = verbs.stamps(place / RUN)
    ended, modules = verbs.watched("export", "tflite", "pictures", "--json", cwd=place)
    return SimpleNamespace(
        first=first, again=ended, modules=modules, before=before, after=verbs.stamps(place / RUN)
    )


def redone(place: Path) -> dict[str, Any]:
    return json.loads((place / RUN / artifacts.RECALIBRATION).read_text("utf-8"))


def test_a_no_leads_to_other_pictures_judged_on_training_pictures_and_to_a_second_look(place, told):
    said = told.first.stdout
    assert "gate  int8 failed: mean_abs_dp is 0.0" in said
    assert (
        "Probability moved on 37 training pictures that calibrated none of these files, plain and augmented: "
        in said
    )
    assert "calibration  taken: 30 pictures instead of 10" in said
    assert "gate  second look at the 36 held-out pictures" in said
    assert "This is a second look" in said
    assert "failed, second look" in said
    found = redone(place)
    assert found["judges"] == 37
    assert len(found["candidates"]) == 3
    assert found["second_look"] is True
    # The one that moves least is taken, and the figures of all are shown.
    moved = {row["name"]: row["mean_abs_dp"] for row in found["candidates"]}
    assert found["chosen"] == min(moved, key=lambda name: moved[name])
    assert all(f"{name} {value:.4f} (" in said for name, value in moved.items())
    assert "gate  first file: accuracy 0." in said
    assert "; second file: accuracy 0." in said


def test_no_held_out_picture_and_no_judge_is_in_the_choice(place, told):
    with contextlib.chdir(place):
        experiment = experiments.open_trained(Run(RUN))
        chosen = {picture.path for picture in calibration.choose(experiment)}
        first = calibration.first_choice(experiment)
        judges, others = judging.outside(experiment, first)
    assert len(chosen) == 30
    training = {picture.path for picture in experiment.split.train}
    assert chosen <= training
    for part in (judges, others):
        assert not {picture.path for picture in part} & {picture.path for picture in first}
    assert not chosen & {picture.path for picture in judges}


def test_the_second_look_stands_in_every_artifact(place, told):
    found = json.loads((place / RUN / artifacts.PARITY).read_text("utf-8"))
    rows = {row["model"]: row for row in found["targets"]}
    assert rows["int8"]["look"] == 2
    assert rows["int8"]["first_look"]["broken"][0].startswith("mean_abs_dp is 0.0")
    assert rows["float32"]["look"] == 1
    assert rows["float32"]["first_look"] is None
    audit = json.loads((place / RUN / artifacts.CALIBRATION).read_text("utf-8"))
    assert audit["second_look"] is True
    assert {row["reason"] for row in audit["pictures"]} == {"30 pictures instead of 10"}


def test_a_second_no_recommends_float16_with_its_figures(place, told):
    assert told.first.returncode == 3
    message, hint = told.first.stderr.splitlines()
    assert message.startswith("error: failed the gate: ")
    assert "int8: mean_abs_dp is 0.0" in message
    assert message.endswith("(n = 36, second look)")
    assert hint.startswith("hint: ship float16 instead: agreement 1.000, accuracy 0.")


def test_there_is_no_third_look_and_repeating_does_nothing(told):
    assert told.again.returncode == 3
    assert told.after == told.before
    assert "tensorflow" not in told.modules


def test_the_choice_is_by_moved_probability_on_plain_and_augmented_views(place, told, monkeypatch):
    """The file with the better agreement, and more probability moved, is not the one that is taken."""

    predictions = iter([(0.05, 0.9), (0.2, 0.9), (0.06, 0.9)])
    asked: list[int] = []

    def answer(_data: bytes, frames: Any, _frame: Any) -> np.ndarray:
        asked.append(len(frames))
        moved, agreement = next(predictions)
        rows = np.tile(np.array([1 - moved, moved, 0], np.float32), (len(frames), 1))
        # The first file changes answers, the second none, and yet moves more.
        if moved != 0.2:
            rows[: round(len(frames) * (1 - agreement))] = (0.4, 0.6, 0)
        return rows

    monkeypatch.setattr(litert, "predictions", answer)
    monkeypatch.setattr(one_flavour, "load", lambda _: None)
    monkeypatch.setattr(one_flavour, "convert_one", lambda *_: b"")
    monkeypatch.setattr(
        judging,
        "reference_answers",
        lambda _, frames: np.tile(np.array([1, 0, 0], np.float32), (len(frames), 1)),
    )
    with contextlib.chdir(place):
        experiment = experiments.open_trained(Run(RUN))
        first = calibration.first_choice(experiment)
        judges, others = judging.outside(experiment, first)
        document = recalibration._try(experiment, "int8", first, judges, others, ProgressReporter())
    assert asked == [2 * len(judges)] * 3
    assert max(document["candidates"], key=lambda row: row.agreement).name.startswith("30 pictures")
    assert (document["second_look"], document["chosen"]) == (False, "as it was, 10 pictures")


def test_the_other_file_is_tried_too_where_compensation_is_wanted(place, told, monkeypatch):
    with contextlib.chdir(place):
        experiment = experiments.open_trained(Run(RUN))
        first = tuple(calibration.first_choice(experiment))
        others = judging.outside(experiment, first)[1]
    for compensated, name in ((False, "with compensation"), (True, "without compensation")):
        now = recalibration._Choice(first, compensated, ())
        monkeypatch.setattr(compensation, "applicable", lambda _: True)
        *same, (other, choice) = recalibration._choices(experiment, now, others).items()
        assert (other, choice.pictures, choice.compensated) == (name, first, not compensated)
        assert [row.compensated for _, row in same] == [compensated] * 2
        monkeypatch.setattr(compensation, "applicable", lambda _: False)
        assert list(recalibration._choices(experiment, now, others)) == [name for name, _ in same]


@pytest.mark.slow
def test_a_deleted_recalibration_is_made_again_to_the_same_end(place, told):
    kept = {name: verbs.content(place / RUN / name) for name in (artifacts.RECALIBRATION, artifacts.PARITY)}
    data = (place / RUN / convert.file_name("int8")).read_bytes()
    (place / RUN / artifacts.RECALIBRATION).unlink()
    assert verbs.here("export", "tflite", "pictures", "--quiet", cwd=place).returncode == 3
    assert {name: verbs.content(place / RUN / name) for name in kept} == kept
    assert (place / RUN / convert.file_name("int8")).read_bytes() == data


FAILED = ("int8", Verdict.FAILED, "agreement is 0.9, must be >= 0.94")


def refusal(place: Path, *rows: FlavourTarget, **bounds: Any) -> Any:
    with contextlib.chdir(place):
        experiment = experiments.open_trained(Run(RUN))
    config = experiment.config.model_copy(update={"gate": Gate(**bounds)})
    experiment = experiments.Experiment(
        experiment.run, config, experiment.table, experiment.split, experiment.frame
    )
    with contextlib.chdir(place):
        return recalibration.refusal(experiment, parity_result(*rows, n=90))


def test_what_is_not_shown_is_no_refusal_unless_proof_is_required(place, told):
    open_row = flavour("int8", Verdict.NOT_SHOWN, "accuracy_drop may be 0.04")
    assert refusal(place, flavour("float32"), open_row) is None
    error = refusal(place, open_row, require_proof=True)
    assert error.exit_code == 3
    assert error.message == "parity is not proved: int8: accuracy_drop may be 0.04 (not shown with n = 90)"
    assert error.hint == "hold out more pictures (data.held_out), or set gate.require_proof = false"


def test_the_recommendation_is_a_flavour_that_did_not_fail(place, told):
    good = flavour("float16", agreement=0.999, accuracy=0.9)
    error = refusal(place, flavour(*FAILED, look=2), good)
    assert error.hint == (
        "ship float16 instead: agreement 0.999, accuracy 0.900, 6.8 MB, 2.8 ms per picture here"
    )
    nothing = refusal(place, flavour(*FAILED, look=2), flavour("float16", *FAILED[1:]))
    assert nothing.hint == (
        "no flavour is close enough; add float16 to export.flavours, or loosen the limits in [gate]"
    )
