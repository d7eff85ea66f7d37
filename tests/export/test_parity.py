from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as oracle

from export import convert, parity
from pipeline import runs, train
from pipeline import subject as subject_module
from pipeline.config import Gate
from pipeline.errors import DataError, RunError
from pipeline.evaluate import Answers
from pipeline.runs import Run
from pipeline.workers import Listener
from tests.export import verbs
from tests.export.verbs import RUN

FLAVOURS = ("float32", "float16", "dynamic_range", "int8")


@pytest.fixture(scope="module")
def subject(tmp_path_factory) -> Any:
    place = verbs.finished(tmp_path_factory)
    with contextlib.chdir(place):
        yield subject_module.open_trained(Run(RUN))


@pytest.fixture
def copy(tmp_path_factory, tmp_path, monkeypatch) -> Path:
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    monkeypatch.chdir(place)
    return place


def answers(probabilities: np.ndarray, truth: np.ndarray, model: str = "keras") -> Answers:
    names = np.array([f"picture{number}" for number in range(len(truth))])
    return Answers(model, names, names, truth, probabilities.astype(np.float32))


def sure(labels: np.ndarray, confidence: float = 0.9, classes: int = 3) -> np.ndarray:
    """Probabilities that put so much on these labels."""
    rows = np.full((len(labels), classes), (1 - confidence) / (classes - 1))
    rows[np.arange(len(labels)), labels] = confidence
    return rows


TRUTH = np.arange(300) % 3


def flipped(count: int, start: int = 0) -> np.ndarray:
    """The truth, with so many answers moved to the next class."""
    labels = TRUTH.copy()
    labels[start : start + count] = (labels[start : start + count] + 1) % 3
    return labels


def compare(reference: np.ndarray, target: np.ndarray, **gate: float) -> dict[str, Any]:
    open_gate = {"min_agreement": 0.0, "max_drop": 1.0, "max_f1_drop": 1.0, "max_mean_abs_dp": 1.0}
    return parity.compare(
        answers(reference, TRUTH), answers(target, TRUTH, "int8"), Gate(**{**open_gate, **gate})
    )


# The gate, one bound at a time.


def test_equal_answers_pass_the_strictest_gate():
    same = sure(flipped(30))
    found = compare(same, same, min_agreement=1.0, max_drop=0.0, max_f1_drop=0.0, max_mean_abs_dp=0.0)
    assert (found["passed"], found["broken"]) == (True, [])
    assert found["agreement"] == 1
    assert found["max_abs_dp"] == found["mean_abs_dp"] == found["accuracy_drop"] == 0


def test_too_little_agreement_is_broken_alone():
    # 20 errors of the reference are mended and 20 others made: nothing but agreement shows it.
    found = compare(sure(flipped(20)), sure(flipped(20, start=20)), min_agreement=0.94, max_drop=0.0)
    assert found["agreement"] == pytest.approx(260 / 300)
    assert found["accuracy_drop"] == 0
    assert found["broken"] == ["agreement is 0.8667, must be >= 0.94"]
    assert found["passed"] is False


def test_too_large_a_drop_of_accuracy_is_broken_alone():
    found = compare(sure(TRUTH), sure(flipped(12)), max_drop=0.03)
    assert found["accuracy_drop"] == pytest.approx(0.04)
    assert found["broken"] == ["accuracy_drop is 0.0400, must be <= 0.03"]


def test_too_large_a_drop_of_macro_f1_is_broken_alone():
    found = compare(sure(TRUTH), sure(flipped(30)), max_f1_drop=0.05)
    assert found["macro_f1_drop"] == pytest.approx(0.1, abs=0.01)
    assert len(found["broken"]) == 1
    assert found["broken"][0].startswith("macro_f1_drop is 0.")
    assert found["broken"][0].endswith(", must be <= 0.05")


def test_moved_probability_is_broken_alone():
    found = compare(sure(TRUTH, 0.9), sure(TRUTH, 0.8), max_mean_abs_dp=0.05, min_agreement=1.0, max_drop=0.0)
    assert found["mean_abs_dp"] == pytest.approx(0.1)
    assert found["max_abs_dp"] == pytest.approx(0.1)
    assert found["broken"] == ["mean_abs_dp is 0.1000, must be <= 0.05"]


def test_all_broken_bounds_are_named():
    found = compare(
        sure(TRUTH),
        sure(flipped(200)),
        min_agreement=0.94,
        max_drop=0.03,
        max_f1_drop=0.05,
        max_mean_abs_dp=0.05,
    )
    assert [text.split()[0] for text in found["broken"]] == [
        "agreement",
        "mean_abs_dp",
        "accuracy_drop",
        "macro_f1_drop",
    ]


def test_what_stands_exactly_on_a_bound_passes():
    exact = compare(sure(TRUTH), sure(flipped(9)), max_drop=0.03, min_agreement=0.97)
    assert exact["passed"], exact["broken"]
    over = compare(sure(TRUTH), sure(flipped(10)), max_drop=0.03)
    assert not over["passed"]


def test_a_gain_is_no_drop():
    found = compare(sure(flipped(60)), sure(TRUTH), max_drop=0.0, max_f1_drop=0.0)
    assert found["accuracy_drop"] == pytest.approx(-0.2)
    assert found["passed"]


def test_answers_to_other_pictures_are_not_compared():
    reference, target = answers(sure(TRUTH), TRUTH), answers(sure(TRUTH), TRUTH, "int8")
    with pytest.raises(ValueError, match="different pictures"):
        parity.compare(reference, replace(target, sha256=target.sha256[::-1]), Gate())


def test_scores_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    one, other = (random.dirichlet(np.ones(3), 300).astype(np.float32) for _ in range(2))
    found = compare(one, other)
    first, second = one.argmax(1), other.argmax(1)
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(TRUTH, second))
    assert found["macro_f1"] == pytest.approx(oracle.f1_score(TRUTH, second, average="macro"))
    assert found["agreement"] == pytest.approx(oracle.accuracy_score(first, second))
    drop = oracle.accuracy_score(TRUTH, first) - oracle.accuracy_score(TRUTH, second)
    assert found["accuracy_drop"] == pytest.approx(drop)
    drop = oracle.f1_score(TRUTH, first, average="macro") - oracle.f1_score(TRUTH, second, average="macro")
    assert found["macro_f1_drop"] == pytest.approx(drop)
    half = np.mean([np.abs(p - q).sum() / 2 for p, q in zip(one, other, strict=True)])
    assert found["mean_abs_dp"] == pytest.approx(half, rel=1e-5)
    assert found["max_abs_dp"] == pytest.approx(np.abs(one - other).max())


# parity.json of a real run.


def test_the_file_holds_every_flavour_on_the_same_pictures(subject):
    found = subject.run.read_json(runs.PARITY)
    reference = subject.run.read_arrays("answers", "keras.npz")
    assert [row["model"] for row in found["targets"]] == list(FLAVOURS)
    assert found["n"] == 36
    for row in found["targets"]:
        target = subject.run.read_arrays("answers", f"{row['model']}.npz")
        np.testing.assert_array_equal(target["sha256"], reference["sha256"])
        predicted = target["probabilities"].argmax(1)
        assert row["accuracy"] == pytest.approx(oracle.accuracy_score(target["truth"], predicted))
        assert row["macro_f1"] == pytest.approx(oracle.f1_score(target["truth"], predicted, average="macro"))
        path = subject.run.path(row["file"])
        assert row["size_bytes"] == path.stat().st_size
        timing = row["latency"]
        assert 0 < timing["median_ms"] <= timing["p90_ms"]
        assert (timing["num_threads"], timing["delegate"]) == (2, "XNNPACK")
    float32 = found["targets"][0]
    assert float32["agreement"] == 1
    assert float32["max_abs_dp"] < 1e-4


def test_answers_of_a_file_are_those_of_litert_picture_by_picture(subject):
    from ai_edge_litert import interpreter as runtime

    from pipeline import features

    stored = subject.run.read_arrays("answers", "int8.npz")["probabilities"]
    reader = runtime.Interpreter(model_path=str(subject.run.path(convert.file_name("int8"))))
    reader.allocate_tensors()
    for picture, row in zip(subject.split.held_out, stored, strict=True):
        frame = features.plain_view(subject.table.file(picture), subject.frame)
        reader.set_tensor(reader.get_input_details()[0]["index"], frame[np.newaxis])
        reader.invoke()
        raw = reader.get_tensor(reader.get_output_details()[0]["index"])[0]
        np.testing.assert_array_equal(row, raw.astype(np.float32) / 256)


def test_another_gate_redoes_the_verdict_and_no_answer(copy):
    before = verbs.stamps(RUN)
    subject = subject_module.open_trained(Run(RUN))
    strict = subject.config.model_copy(update={"gate": Gate(max_mean_abs_dp=0.0)})
    found = parity.parity(replace(subject, config=strict), Listener())
    assert found["passed"] is False
    failed = [row["model"] for row in found["targets"] if not row["passed"]]
    assert "int8" in failed
    after = verbs.stamps(RUN)
    assert {key for key in after if after[key] != before[key]} == {"parity.json", "recipes/parity.json"}


def test_parity_before_the_export_says_what_to_do(copy):
    verbs.shutil.rmtree(RUN / "export")
    ended = verbs.verb("export", "parity", cwd=copy)
    message = f"{RUN / convert.file_name('float32')} is missing"
    verbs.refused(ended, 1, message, "export it: python -m export tflite pictures")


def test_one_missing_flavour_is_named(copy):
    (RUN / convert.file_name("int8")).unlink()
    with pytest.raises(RunError) as caught:
        parity.parity(subject_module.open_trained(Run(RUN)), Listener())
    assert caught.value.message == f"{RUN / convert.file_name('int8')} is missing"


def test_a_changed_held_out_picture_is_refused(copy):
    subject = subject_module.open_trained(Run(RUN))
    changed = subject.table.file(subject.split.held_out[5])
    changed.write_bytes(changed.read_bytes() + b"more")
    (RUN / "answers" / "int8.npz").unlink()
    with pytest.raises(DataError) as caught:
        parity.parity(subject, Listener())
    assert caught.value.message == f"{changed} was changed since the training"
    assert caught.value.hint == "repeat the training: it notes what changed"
    assert not (RUN / "answers" / "int8.npz").exists()


def retrained() -> Run:
    """The run, after a training with another head; its .tflite files are those of the old model."""
    run = Run(RUN)
    train.train(run, verbs.tiny_config("head.l2=0.5"), Listener())
    return run


def test_a_file_made_from_another_model_is_not_compared(copy):
    """After another training the .tflite files are out of date, and parity alone must say so."""
    run = retrained()
    with pytest.raises(RunError) as caught:
        parity.parity(subject_module.open_trained(run), Listener())
    path = RUN / convert.file_name("float32")
    assert caught.value.message == f"{path} was made from another model than the run's"
    assert caught.value.hint == "export it: python -m export tflite pictures"


def test_answers_of_an_old_file_never_stand_for_a_new_one(copy):
    run = retrained()
    with contextlib.suppress(RunError):
        parity.parity(subject_module.open_trained(run), Listener())
    subject = subject_module.open_trained(run)
    convert.convert(subject, Listener())
    found = parity.parity(subject, Listener())
    assert found["targets"][0]["max_abs_dp"] < 1e-4


@pytest.mark.parametrize("column", ["agreement", "mean |Δp|", "MB", "median ms", "p90 ms", "gate"])
def test_the_table_has_every_column(subject, capfd, column):
    from export.verbs.tflite import _show
    from pipeline import console

    with console.speaking() as terminal:
        _show(terminal, "pictures", subject.run.read_json(runs.PARITY), 12_345_678)
    said = capfd.readouterr().out
    assert column in said
    assert "12.35" in said


def test_parity_json_is_strict_json(subject):
    def never(name: str) -> None:
        raise AssertionError(name)

    json.loads(subject.run.path(runs.PARITY).read_text("utf-8"), parse_constant=never)
