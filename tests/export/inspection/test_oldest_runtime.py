from __future__ import annotations

import re

import numpy as np
import pytest

from export.inspection import judges, oldest_runtime
from export.inspection.oldest_runtime import Claim, Proof
from export.model_file import operators, structure
from tests.support import odd_models, verbs
from tests.support.small_models import build, with_operator_version

FLAVOURS = ("float32", "float16", "dynamic_range", "int8")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    place = verbs.finished(tmp_path_factory) / verbs.RUN / "export"
    return {name: (place / name / f"model_{name}.tflite").read_bytes() for name in FLAVOURS}


@pytest.fixture
def judge():
    if judges.OLDEST.missing:
        pytest.skip(judges.OLDEST.missing)
    return judges.OLDEST


def test_the_table_knows_only_operators_of_the_schema_and_later_versions_are_not_older():
    from ai_edge_litert import schema_py_generated as schema

    table = operators.versions()
    assert len(table) > 300
    for (name, version), first in table.items():
        assert hasattr(schema.BuiltinOperator, name)
        before = table.get((name, version - 1))
        if before:
            assert operators.number(before) <= operators.number(first), name


@pytest.mark.parametrize("name", FLAVOURS)
def test_the_claim_equals_what_the_converter_wrote_into_the_file(files, name):
    found = structure.read(files[name])
    assert found.says_oldest
    assert operators.claim(found).version == found.says_oldest


@pytest.mark.parametrize("odd", ["fallback", "dynamic batch", "float border", "map"])
def test_so_do_claims_for_files_of_others(odd):
    found = structure.read(odd_models.build(odd))
    assert operators.claim(found).version == found.says_oldest


def test_a_claim_names_the_operator_that_asks_for_it():
    newer = with_operator_version(build("float32"), "FULLY_CONNECTED", 12)
    claim = operators.claim(structure.read(newer))
    assert claim == Claim(version="2.17.0", because="FULLY_CONNECTED version 12", unknown=())


def test_an_operator_that_the_table_lacks_leaves_the_claim_open():
    claim = operators.claim(structure.read(with_operator_version(build("float32"), "FULLY_CONNECTED", 99)))
    assert claim.version is None
    assert claim.unknown == ("FULLY_CONNECTED version 99",)


def test_versions_compare_by_number():
    assert operators.number("1.9.0") < operators.number("1.14.0") < operators.number("2.1.0")


# The proof.


def proved(path, data: bytes, tolerance: float = 0.05, bend: float = 0.0) -> Proof:
    from pipeline.tflite import interpreter as litert

    path.write_bytes(data)
    frames = np.random.default_rng(4).integers(0, 256, (3, 32, 64, 3), np.uint8)
    reader = litert.Interpreter(data, kernels=litert.BUILT_IN)
    expected = [reader.answer(frame) + bend for frame in frames]
    calls = [(frame[np.newaxis].astype(reader.input["dtype"]),) for frame in frames]
    return oldest_runtime.prove(
        path,
        structure.read(data).outputs[0],
        calls,
        expected,
        tolerance=tolerance,
        against="LiteRT's",
        seconds=30,
    )


@pytest.mark.slow
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_tflite_runtime_loads_every_flavour_and_answers(judge, tmp_path, flavour):
    proof = proved(tmp_path / "x.tflite", build(flavour))
    assert (proof.holds, proof.words) == (True, "")
    assert proof.runtime == "tflite-runtime 2.14.0"
    assert proof.difference is not None
    assert proof.difference == 0 if flavour == "int8" else proof.difference < 1e-4


@pytest.mark.slow
def test_a_newer_operator_is_refused_by_it(judge, tmp_path):
    data = with_operator_version(build("float32"), "FULLY_CONNECTED", 12)
    proof = proved(tmp_path / "x.tflite", data)
    assert proof.holds is False
    assert "FULLY_CONNECTED" in proof.words
    assert oldest_runtime.disagreement(operators.claim(structure.read(data)), proof) == ""


@pytest.mark.slow
def test_other_answers_are_no_proof_and_contradict_the_claim(judge, tmp_path):
    data = build("float32")
    proof = proved(tmp_path / "x.tflite", data, bend=0.3)
    assert proof.holds is False
    assert proof.words == "its outputs differ by up to 0.3; 0.05 is allowed"
    assert oldest_runtime.disagreement(operators.claim(structure.read(data)), proof) == (
        "its operator versions claim TensorFlow Lite 1.5.0, but it fails in tflite-runtime 2.14.0: "
        "its outputs differ by up to 0.3; 0.05 is allowed"
    )


@pytest.mark.slow
def test_a_judge_that_takes_too_long_proves_nothing(judge, tmp_path, monkeypatch):
    late = judges.Predictions(None, "gave no answer within 1 seconds", timed_out=True)
    monkeypatch.setattr(judges, "ask", lambda *_: late)
    proof = proved(tmp_path / "x.tflite", build("float32"))
    assert (proof.holds, proof.words) == (None, "gave no answer within 1 seconds")


def test_an_answer_that_is_not_a_number_is_no_proof(tmp_path, monkeypatch):
    """Also where numbers come before it, and where the same was expected."""
    good, bad = np.array([[0.2, 0.8]], np.float32), np.array([[0.2, np.nan]], np.float32)
    output = structure.read(build("float32")).outputs[0]
    monkeypatch.setattr(judges.Judge, "missing", property(lambda _: ""))
    for expected in (good, bad):
        monkeypatch.setattr(
            judges, "ask", lambda *_: judges.Predictions({"0_0": good, "1_0": bad, "2_0": good})
        )
        proof = oldest_runtime.prove(
            tmp_path / "x.tflite",
            output,
            [()] * 3,
            [good, expected, good],
            tolerance=1.0,
            against="LiteRT's",
            seconds=1,
        )
        assert (proof.holds, proof.difference) == (False, None)
        assert proof.words == "its outputs are not finite"


def test_without_its_environment_nothing_is_proved(tmp_path, monkeypatch):
    monkeypatch.setattr(judges, "ROOT", tmp_path)
    proof = proved(tmp_path / "x.tflite", build("float32"))
    assert (proof.holds, proof.words) == (None, ".venv-oldest does not exist; run make judges")
    assert judges.OLDEST.version == ""


def test_why_its_environment_could_not_be_made_is_handed_on(tmp_path, monkeypatch):
    monkeypatch.setattr(judges, "ROOT", tmp_path)
    (tmp_path / ".venv-oldest").mkdir()
    (tmp_path / ".venv-oldest/missing").write_text("no python3.11 here\n", "utf-8")
    assert judges.OLDEST.missing == ".venv-oldest could not be created: no python3.11 here"
    assert judges.OLDEST.version == ""


@pytest.mark.slow
def test_a_file_that_crashes_the_judge_is_an_answer(judge, tmp_path):
    path = tmp_path / "x.tflite"
    path.write_bytes(odd_models.wild(build("int8")))
    predictions = judges.ask(judge, path, [(np.zeros((1, 32, 64, 3), np.uint8),)], 20)
    assert predictions.outputs is None
    assert predictions.error


@pytest.mark.slow
def test_the_judge_is_stopped_in_time(judge, tmp_path):
    path = tmp_path / "x.tflite"
    path.write_bytes(build("int8"))
    predictions = judges.ask(judge, path, [(np.zeros((1, 32, 64, 3), np.uint8),)], 0)
    assert predictions == judges.Predictions(None, "gave no answer within 0 seconds", timed_out=True)


def test_the_judges_requirements_are_exact():
    for judge, package in ((judges.OLDEST, "tflite-runtime"), (judges.MEDIAPIPE, "mediapipe")):
        text = (judges.ROOT / f"requirements-{judge.name}.txt").read_text("utf-8")
        (pinned,) = re.findall(rf"^{package}==(\S+)$", text, re.MULTILINE)
        if not judge.missing:
            assert judge.version == pinned
            assert judge.title == f"{package} {pinned}"
