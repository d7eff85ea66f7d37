from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as oracle

from export import convert
from export.parity import gate, sides
from export.parity import stage as parity
from pipeline import runs, train
from pipeline import subject as subject_module
from pipeline.config import Gate
from pipeline.errors import DataError, RunError
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
    assert (found["verdict"], found["passed"]) == ("failed", False)
    assert "int8" in [row["model"] for row in found["targets"] if row["verdict"] == gate.FAILED]
    after = verbs.stamps(RUN)
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {"parity.json", "parity.xml", "recipes/parity.json"}


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


def test_a_file_made_from_another_model_is_no_side_of_a_comparison_either(copy):
    retrained()
    with pytest.raises(RunError, match="was made from another model than the run's"):
        sides.side("pictures", "int8", sides.ByHand())


@pytest.mark.slow
def test_answers_of_an_old_file_never_stand_for_a_new_one(copy):
    run = retrained()
    with contextlib.suppress(RunError):
        parity.parity(subject_module.open_trained(run), Listener())
    subject = subject_module.open_trained(run)
    convert.convert(subject, Listener())
    found = parity.parity(subject, Listener())
    assert found["targets"][0]["max_abs_dp"] < 1e-4


@pytest.mark.parametrize(
    "column",
    [
        *("agreement", "change, 95%", "mean |Δp|", "shift", "MB", "median ms", "p90 ms", "gate"),
        *("int8 by class (n = 36)", "its change, 95%", "lost", "gained"),
    ],
)
def test_the_tables_have_every_column(subject, capfd, column):
    from export.verbs import compared
    from pipeline import console

    with console.speaking() as terminal:
        compared.show(terminal, subject, subject.run.read_json(runs.PARITY))
    assert column in capfd.readouterr().out


def test_parity_json_is_strict_json(subject):
    def never(name: str) -> None:
        raise AssertionError(name)

    json.loads(subject.run.path(runs.PARITY).read_text("utf-8"), parse_constant=never)


def test_every_model_has_its_score_without_leaked_pictures(copy, capfd):
    from export.verbs import compared
    from pipeline import console

    subject = subject_module.open_trained(Run(RUN))
    assert [row["without_leaked"] for row in subject.run.read_json(runs.PARITY)["targets"]] == [None] * 4
    known = subject.split.groups[subject.split.train[0].path]
    leaked = {picture.path: known for picture in subject.split.held_out[:20]}
    subject = replace(subject, split=replace(subject.split, groups={**subject.split.groups, **leaked}))
    found = parity.parity(subject, Listener())
    for row in (found["reference"], *found["targets"]):
        stored = subject.run.read_arrays("answers", f"{row['model']}.npz")
        right = stored["probabilities"][20:].argmax(1) == stored["truth"][20:]
        assert row["without_leaked"]["n"] == 16
        assert row["without_leaked"]["accuracy"] == pytest.approx(right.mean())
    with console.speaking() as terminal:
        compared.show(terminal, subject, found)
    shown = " ".join(capfd.readouterr().out.split())
    keras = f"{found['reference']['without_leaked']['accuracy']:.3f}"
    assert f"Accuracy without the 20 that have copies in training (n = 16): keras {keras}, float32" in shown
