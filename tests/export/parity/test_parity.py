from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as oracle

from export import artifacts
from export.conversion import convert
from export.parity import parity
from export.parity.models import sides
from export.parity.models.by_hand import ByHand
from export.parity.result import ParityResult, Verdict
from pipeline.cli.terminal import speaking
from pipeline.core.errors import DataError, RunError
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.core.sections import Gate
from pipeline.images.views import plain_view
from pipeline.tflite import interpreter as litert
from pipeline.training import experiment as experiments
from pipeline.training import train
from tests.support import verbs
from tests.support.verbs import RUN

FLAVOURS = ("float32", "float16", "dynamic_range", "int8")


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Any:
    place = verbs.finished(tmp_path_factory)
    with contextlib.chdir(place):
        yield experiments.open_trained(Run(RUN))


@pytest.fixture
def copy(tmp_path_factory, tmp_path, monkeypatch) -> Path:
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    monkeypatch.chdir(place)
    return place


# parity.json of a real run.


def test_the_file_holds_every_flavour_on_the_same_pictures(experiment):
    found = experiment.run.read_json(artifacts.PARITY)
    reference = experiment.run.read_arrays("predictions", "keras.npz")
    assert [row["model"] for row in found["targets"]] == list(FLAVOURS)
    assert found["n"] == 36
    for row in found["targets"]:
        target = experiment.run.read_arrays("predictions", f"{row['model']}.npz")
        np.testing.assert_array_equal(target["sha256"], reference["sha256"])
        predicted = target["probabilities"].argmax(1)
        assert row["accuracy"] == pytest.approx(oracle.accuracy_score(target["truth"], predicted))
        assert row["macro_f1"] == pytest.approx(oracle.f1_score(target["truth"], predicted, average="macro"))
        path = experiment.run.path(row["file"])
        assert row["size_bytes"] == path.stat().st_size
        timing = row["latency"]
        assert 0 < timing["median_ms"] <= timing["p90_ms"]
        assert (timing["num_threads"], timing["delegate"]) == (2, "XNNPACK")
    float32 = found["targets"][0]
    assert float32["agreement"] == 1
    assert float32["max_abs_dp"] < 1e-4


def test_answers_of_a_file_are_those_of_litert_picture_by_picture(experiment):
    from ai_edge_litert import interpreter as runtime

    stored = experiment.run.read_arrays("predictions", "int8.npz")["probabilities"]
    reader = runtime.Interpreter(model_path=str(experiment.run.path(convert.file_name("int8"))))
    reader.allocate_tensors()
    for picture, row in zip(experiment.split.held_out, stored, strict=True):
        frame = plain_view(experiment.table.file(picture), experiment.frame)
        reader.set_tensor(reader.get_input_details()[0]["index"], frame[np.newaxis])
        reader.invoke()
        raw = reader.get_tensor(reader.get_output_details()[0]["index"])[0]
        np.testing.assert_array_equal(row, raw.astype(np.float32) / 256)


def test_answers_of_int8_by_the_built_in_kernels_stand_beside_xnnpacks(experiment):
    """For information: stored, compared with Keras, and no part of the verdict."""
    built_in = experiment.run.read_arrays("predictions", "int8_built_in.npz")
    reference = experiment.run.read_arrays("predictions", "keras.npz")
    reader = litert.Interpreter(
        experiment.run.path(convert.file_name("int8")).read_bytes(), kernels=litert.BUILT_IN
    )
    for picture, row in zip(experiment.split.held_out, built_in["probabilities"], strict=True):
        np.testing.assert_array_equal(
            row, reader.answer(plain_view(experiment.table.file(picture), experiment.frame))
        )
    result = experiment.run.read(ParityResult, artifacts.PARITY)
    same = built_in["probabilities"].argmax(1) == reference["probabilities"].argmax(1)
    for row in result.targets:
        assert (row.built_in is not None) == (row.model == "int8")
        if row.built_in:
            low, high = row.built_in.agreement_interval
            assert low <= row.built_in.agreement == same.mean() <= high


def test_another_gate_redoes_the_verdict_and_no_answer(copy):
    before = verbs.stamps(RUN)
    experiment = experiments.open_trained(Run(RUN))
    strict = experiment.config.model_copy(update={"gate": Gate(max_mean_abs_dp=0.0)})
    found = parity.parity(replace(experiment, config=strict), ProgressReporter())
    assert (found.verdict, found.passed) == ("failed", False)
    assert "int8" in [row.model for row in found.targets if row.verdict == Verdict.FAILED]
    after = verbs.stamps(RUN)
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {"parity.json", "recipes/parity.json"}


def test_parity_before_the_export_says_what_to_do(copy):
    verbs.shutil.rmtree(RUN / "export")
    ended = verbs.here("export", "parity", cwd=copy)
    message = f"{RUN / convert.file_name('float32')} is missing"
    verbs.refused(ended, 1, message, "export it: python -m export tflite pictures")


def test_one_missing_flavour_is_named(copy):
    (RUN / convert.file_name("int8")).unlink()
    with pytest.raises(RunError) as caught:
        parity.parity(experiments.open_trained(Run(RUN)), ProgressReporter())
    assert caught.value.message == f"{RUN / convert.file_name('int8')} is missing"


def test_a_changed_held_out_picture_is_refused(copy):
    experiment = experiments.open_trained(Run(RUN))
    changed = experiment.table.file(experiment.split.held_out[5])
    changed.write_bytes(changed.read_bytes() + b"more")
    (RUN / "predictions" / "int8.npz").unlink()
    with pytest.raises(DataError) as caught:
        parity.parity(experiment, ProgressReporter())
    assert caught.value.message == f"{changed} has changed since the training"
    assert caught.value.hint == "train again to see what changed"
    assert not (RUN / "predictions" / "int8.npz").exists()


def retrained() -> Run:
    """The run, after a training with another head; its .tflite files are those of the old model."""
    run = Run(RUN)
    train.train(run, verbs.tiny_config("head.l2=0.5"), ProgressReporter())
    return run


@pytest.mark.slow
def test_a_file_made_from_another_model_is_not_compared(copy):
    """After another training the .tflite files are out of date, and parity alone must say so."""
    run = retrained()
    with pytest.raises(RunError) as caught:
        parity.parity(experiments.open_trained(run), ProgressReporter())
    path = RUN / convert.file_name("float32")
    assert caught.value.message == f"{path} was made from a different model"
    assert caught.value.hint == "export it: python -m export tflite pictures"


@pytest.mark.slow
def test_a_file_made_from_another_model_is_no_side_of_a_comparison_either(copy):
    retrained()
    with pytest.raises(RunError, match="was made from a different model"):
        sides.side("pictures", "int8", ByHand())


@pytest.mark.slow
def test_answers_of_an_old_file_never_stand_for_a_new_one(copy):
    run = retrained()
    with contextlib.suppress(RunError):
        parity.parity(experiments.open_trained(run), ProgressReporter())
    experiment = experiments.open_trained(run)
    convert.convert(experiment, ProgressReporter())
    found = parity.parity(experiment, ProgressReporter())
    assert found.targets[0].max_abs_dp < 1e-4


@pytest.mark.parametrize(
    "column",
    [
        *("same answer", "change, 95%", "MB", "ms", "gate", "probability moved", "macro F1, change"),
        *("int8 by class (n = 36)", "its change, 95%", "lost", "gained", "confidence, change", "coverage"),
        *("same, built-in kernels", "not judged"),
    ],
)
def test_the_tables_have_every_column(experiment, capfd, column):
    from export.cli import comparison_table

    with speaking() as terminal:
        comparison_table.show(terminal, experiment, experiment.run.read(ParityResult, artifacts.PARITY))
    assert column in capfd.readouterr().out


def test_the_tables_fit_eighty_columns(experiment, capfd):
    from export.cli import comparison_table

    result = experiment.run.read(ParityResult, artifacts.PARITY)
    built_in = result.targets[-1].built_in
    row = result.targets[0].model_copy(update={"model": "dynamic_range", "verdict": Verdict.NOT_SHOWN})
    with speaking() as terminal:
        comparison_table.of_run(terminal, experiment.run, result.model_copy(update={"targets": (row,)}))
        comparison_table.judged(terminal, row, built_in)
        comparison_table.by_class(terminal, row)
    lines = capfd.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80


def test_of_very_many_classes_those_that_lost_most_are_shown(experiment, capfd):
    from export.cli import comparison_table

    row = experiment.run.read(ParityResult, artifacts.PARITY).targets[0]
    classes = tuple(
        row.classes[0].model_copy(update={"label": f"class{n}", "lost": n, "gained": 0}) for n in range(60)
    )
    with speaking() as terminal:
        comparison_table.by_class(terminal, row.model_copy(update={"classes": classes}))
    printed = capfd.readouterr().out
    assert "the 20 of 60 that lost most" in printed
    assert "class59" in printed
    assert "class39" not in printed


def test_parity_json_is_strict_json(experiment):
    def never(name: str) -> None:
        raise AssertionError(name)

    json.loads(experiment.run.path(artifacts.PARITY).read_text("utf-8"), parse_constant=never)
