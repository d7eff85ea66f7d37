from __future__ import annotations

import base64
import json
import shutil
import time
from pathlib import Path

import pytest

from export import artifacts
from export.bundle import bundle
from export.inspection import inspector, judges
from tests.support import bare_models, odd_models, verbs
from tests.support.small_models import build

RUN = verbs.RUN
FLAVOURS = ("float32", "float16", "dynamic_range", "int8")
HINT = (
    "rename the file to what it is, or convert it again; files of a run are made by python -m export tflite"
)
CUT = "it was truncated, corrupted, or is not really a .tflite: fetch or export it again"


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    place = verbs.finished(tmp_path_factory) / RUN / "export"
    return {name: place / name / f"model_{name}.tflite" for name in FLAVOURS}


@pytest.fixture
def call(capfd, tmp_path):
    """The real command, in this process; every answer within ten seconds."""

    def run(*words: object, cwd: Path = tmp_path):
        begun = time.monotonic()
        ended = verbs.call(capfd, "export", "passport", *words, cwd=cwd)
        assert time.monotonic() - begun < 10
        return ended

    return run


# Six files, six clear answers.


def test_a_healthy_int8_file_is_what_its_name_says(call, files):
    ended = call(files["int8"])
    assert (ended.returncode, ended.stderr) == (0, "")
    flat = " ".join(ended.stdout.split())
    assert "is it what its name says? yes: it is an int8 file: weights and arithmetic in" in flat
    assert "float tensors none" in flat
    assert "oldest runtime, claimed TensorFlow Lite 1.14 or newer, because of" in flat
    assert "GPU delegate not checked" in flat


def test_a_dynamic_range_file_renamed_int8_is_found_out(call, files, tmp_path):
    shutil.copy(files["dynamic_range"], tmp_path / "cats_int8.tflite")
    ended = call("cats_int8.tflite")
    assert ended.returncode == 3
    message, hint = ended.stderr.splitlines()
    assert message.startswith(
        "error: not what the name says: cats_int8.tflite: cats_int8.tflite is a dynamic-range file: "
        "it computes in FLOAT32 ("
    )
    assert hint == f"hint: {HINT}"
    assert "NO: cats_int8.tflite is a" in " ".join(ended.stdout.split())


def test_a_weightless_file_is_found_out(call, files, tmp_path):
    (tmp_path / "x_int8.tflite").write_bytes(odd_models.weightless(files["int8"].read_bytes()))
    ended = call("x_int8.tflite")
    assert ended.returncode == 3
    assert "x_int8.tflite: it does not contain its weights: " in ended.stderr


def test_float_fallback_is_found_out(call, tmp_path):
    (tmp_path / "x_int8.tflite").write_bytes(odd_models.build("fallback"))
    ended = call("x_int8.tflite")
    assert ended.returncode == 3
    assert "x_int8.tflite falls back to float in places (2 tensors: " in ended.stderr


def test_a_truncated_file_is_found_out(call, files, tmp_path):
    data = files["int8"].read_bytes()
    (tmp_path / "x_int8.tflite").write_bytes(data[: len(data) * 2 // 3])
    ended = call("x_int8.tflite")
    assert ended.returncode == 2
    message, hint = ended.stderr.splitlines()
    assert message.startswith("error: x_int8.tflite is damaged: ")
    assert hint == f"hint: {CUT}"


def test_a_jpeg_is_found_out(call, tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "x.jpg")
    (tmp_path / "x.jpg").rename(tmp_path / "x_int8.tflite")
    hint = "bytes 5 to 8 of a .tflite are TFL3; export it again, or fetch the right file"
    verbs.refused(
        call("x_int8.tflite"), 2, "x_int8.tflite is not a .tflite: it looks like a JPEG picture", hint
    )


def test_wild_offsets_are_found_out(call, files, tmp_path):
    data = odd_models.wild(files["int8"].read_bytes())
    (tmp_path / "x_int8.tflite").write_bytes(data)
    message = f"x_int8.tflite is damaged: an offset points to byte 2,147,483,632 of {len(data):,}"
    verbs.refused(call("x_int8.tflite"), 2, message, CUT)


# Names.


@pytest.mark.parametrize("odd", ["float border", "int8 border"])
def test_other_borders_than_ours_do_not_contradict_a_name(call, tmp_path, odd):
    (tmp_path / "x_int8.tflite").write_bytes(odd_models.build(odd))
    ended = call("x_int8.tflite")
    assert ended.returncode == 0
    remark = "its input or output is float32" in " ".join(ended.stdout.split())
    assert remark is (odd == "float border")


def test_a_name_that_says_nothing_is_not_contradicted(call, tmp_path):
    (tmp_path / "x.tflite").write_bytes(odd_models.build("fallback"))
    ended = call("x.tflite")
    assert ended.returncode == 0
    flat = " ".join(ended.stdout.split())
    assert "its name states no flavour; it is an int8 file that falls back to float32 in places" in flat


def test_the_contract_beside_a_file_is_its_name_and_border(call, small_bundles, tmp_path):
    folder = Path(shutil.copytree(small_bundles["float32"], tmp_path / "x"))
    rules = bundle.read(folder).contract
    path = folder / rules.model.file
    path.write_bytes(build("int8"))
    ended = call(path)
    assert ended.returncode == 3
    assert "the contract beside it belongs to another file of this name" in ended.stderr
    assert f"the weights of {path.name} are INT8; expected FLOAT32" in ended.stderr


def test_a_contract_that_cannot_be_read_is_named(call, int8_bundle):
    (int8_bundle / "contract.json").write_text("{", "utf-8")
    ended = call(int8_bundle / "model_int8.tflite")
    assert ended.returncode == 3
    assert "the contract beside it cannot be read: " in ended.stderr


@pytest.mark.slow
def test_golden_vectors_are_what_the_oldest_runtime_must_answer(small_bundles):
    if judges.OLDEST.missing:
        pytest.skip(judges.OLDEST.missing)
    found = inspector.of_file(small_bundles["int8"] / "model_int8.tflite")
    vectors = len(bundle.read(small_bundles["int8"]).contract.golden.vectors)
    assert (found.proved.holds, found.proved.difference) == (True, 0)
    assert found.proved.against == f"the {vectors} golden vectors"


@pytest.mark.slow
def test_a_claim_that_the_oldest_runtime_contradicts_is_an_error(call, int8_bundle):
    if judges.OLDEST.missing:
        pytest.skip(judges.OLDEST.missing)
    path = int8_bundle / "contract.json"
    record = json.loads(path.read_text("utf-8"))
    vector = record["golden"]["vectors"][0]
    other = bytes(255 - byte for byte in base64.b64decode(vector["output"]))
    vector["output"] = base64.b64encode(other).decode()
    path.write_text(json.dumps(record), "utf-8")
    ended = call(int8_bundle / "model_int8.tflite")
    assert ended.returncode == 3
    reason = "its operator versions claim TensorFlow Lite 1.14.0, but it fails in tflite-runtime 2.14.0"
    assert reason in ended.stderr


# Files of strangers.


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (
            "x_int8",
            bare_models.no_weights(),
            (
                "not what the name says: x_int8.tflite: it contains no weights: not a classifier, "
                "so it is not the int8 file that its name promises"
            ),
        ),
        ("x", bare_models.no_weights(), "unusable here: x.tflite: it contains no weights: not a classifier"),
        (
            "x_int8",
            bare_models.compiled("DISPATCH_OP"),
            ("unusable here: x_int8.tflite: it is compiled for an NPU (DISPATCH_OP) and runs only there"),
        ),
        (
            "x",
            bare_models.compiled("edgetpu-custom-op"),
            (
                "unusable here: x.tflite: it is compiled for Google's Edge TPU (edgetpu-custom-op) and "
                "runs only there"
            ),
        ),
        (
            "x",
            bare_models.compiled("FlexErf"),
            (
                "unusable here: x.tflite: it does not run in LiteRT: it needs TensorFlow's "
                "own operators (FlexErf)"
            ),
        ),
        (
            "x",
            bare_models.compiled("Theirs"),
            ("unusable here: x.tflite: it does not run in LiteRT, which lacks its custom operators (Theirs)"),
        ),
    ],
)
def test_what_cannot_be_used_is_told_in_plain_words(call, tmp_path, name, data, message):
    (tmp_path / f"{name}.tflite").write_bytes(data)
    ended = call(f"{name}.tflite")
    assert (ended.returncode, ended.stderr.splitlines()[0]) == (3, f"error: {message}")


def test_a_keras_file_is_named_with_the_way_to_a_tflite(call, tmp_path):
    (tmp_path / "keras_model.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    ended = call("keras_model.h5")
    assert ended.returncode == 2
    message, hint = ended.stderr.splitlines()
    assert message.startswith("error: keras_model.h5 is not a .tflite: it looks like an HDF5 file")
    assert hint.startswith("hint: Teachable Machine: Export Model, TensorFlow Lite")


def test_a_detector_has_an_operator_that_every_runtime_has(call, tmp_path):
    (tmp_path / "x.tflite").write_bytes(bare_models.detector())
    ended = call("x.tflite", "--json")
    assert ended.returncode == 0
    reasons = [consumer["reason"] for consumer in json.loads(ended.stdout)["consumers"]]
    assert not any("TFLite_Detection_PostProcess" in reason for reason in reasons)


def test_the_size_that_a_file_leaves_open_is_asked_for(call, tmp_path):
    (tmp_path / "x.tflite").write_bytes(bare_models.linear((1, -1, -1, 3)))
    verbs.refused(
        call("x.tflite"),
        2,
        "x.tflite cannot be run as it is: the file leaves its input size open",
        "pass the size it was trained with: --size WIDTHxHEIGHT, such as --size 224x224",
    )
    ended = call("x.tflite", "--size", "48x16")
    assert ended.returncode == 0
    assert "tested with an input of 1 x 16 x 48 x 3" in " ".join(ended.stdout.split())
    assert call("x.tflite", "--size", "48").returncode == 2
    (tmp_path / "y.tflite").write_bytes(bare_models.linear())
    verbs.refused(
        call("y.tflite", "--size", "48x16"),
        2,
        "y.tflite: the file has a fixed input size",
        "omit --size",
    )


def test_float_tensors_that_nothing_computes_are_no_fallback(call, tmp_path):
    """Converters of LSTMs leave such tensors behind."""

    def idle(model) -> None:
        model.subgraphs[0].tensors.append(bare_models.tensor((1, 4)))

    (tmp_path / "x_int8.tflite").write_bytes(odd_models.changed(build("int8"), idle))
    ended = call("x_int8.tflite")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "float tensors none" in " ".join(ended.stdout.split())


# Forms of the answer.


def test_json_holds_everything(call, files):
    ended = call(files["dynamic_range"], "--json")
    document = json.loads(ended.stdout)
    assert (document["sound"], document["promised"], document["kind"]) == (True, *["dynamic_range"] * 2)
    assert document["claimed"]["version"] == document["structure"]["says_oldest"] == "2.4.0"
    assert document["metadata"]["labels"]
    assert document["structure"]["float_tensors"]
    assert [consumer["accepts"] for consumer in document["consumers"]] == [True, True, True, None]


def test_quiet_says_nothing_but_errors(call, files, tmp_path):
    assert call(files["int8"], "--quiet").stdout == ""
    shutil.copy(files["float32"], tmp_path / "x_int8.tflite")
    ended = call("x_int8.tflite", "--quiet")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "the weights of x_int8.tflite are FLOAT32; expected INT8" in ended.stderr


# Runs.


@pytest.fixture
def place(tmp_path_factory, tmp_path) -> Path:
    return verbs.copy_finished(tmp_path_factory, tmp_path)


def test_a_run_has_the_passports_of_its_flavours(place):
    document = json.loads((place / RUN / artifacts.PASSPORT).read_text("utf-8"))
    assert list(document["passports"]) == list(FLAVOURS)
    for name, found in document["passports"].items():
        assert (found["sound"], found["kind"], found["promised"]) == (True, name, name)
        assert found["proved"]["holds"] is (None if judges.OLDEST.missing else True)


@pytest.mark.slow
def test_the_files_of_a_run_stand_side_by_side(capfd, place):
    ended = verbs.call(capfd, "export", "passport", "pictures", cwd=place)
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = {line.split()[0]: line.split() for line in ended.stdout.splitlines() if line.strip()}
    assert rows["int8"][1:4:2] == ["yes", "1.14"]
    assert [rows[name][3] for name in FLAVOURS] == ["1.6", "1.15", "2.4", "1.14"]
    assert ended.stdout.endswith(f"open  {RUN / artifacts.PASSPORT}\n")


def test_repeating_the_export_makes_no_passport_again(place):
    before = verbs.stamps(place / RUN)
    ended, modules = verbs.watched("export", "tflite", "pictures", cwd=place)
    verbs.fine(ended)
    assert verbs.stamps(place / RUN)["passport.json"] == before["passport.json"]
    assert not modules & {"tensorflow", "keras"}


@pytest.mark.parametrize("noted", [True, False])
@pytest.mark.slow
def test_an_exchanged_file_is_named_and_made_again_where_the_run_knows_its_own(place, files, noted):
    path = place / RUN / "export/int8/model_int8.tflite"
    whole = path.read_bytes()
    if noted:
        shutil.copy(files["dynamic_range"], path)
        assert "damaged in" in verbs.here("export", "passport", "pictures", cwd=place).stdout
    else:
        verbs.rewrite(place / RUN, "export/int8/model_int8.tflite", files["dynamic_range"].read_bytes())
    ended = verbs.here("export", "tflite", "pictures", cwd=place)
    if noted:
        assert ended.returncode == 0
        assert (
            f"damaged in {RUN}: export/int8/model_int8.tflite; damaged files are never used" in ended.stdout
        )
        assert path.read_bytes() == whole
    else:
        assert ended.returncode == 3
        assert "model_int8.tflite is a dynamic-range file" in ended.stderr
    document = json.loads((place / RUN / artifacts.PASSPORT).read_text("utf-8"))
    assert document["passports"]["int8"]["sound"] is noted


@pytest.mark.slow
def test_a_run_that_can_only_be_read_has_passports(place, capfd):
    (place / RUN / ".lock").unlink(missing_ok=True)
    (place / RUN / ".lock").mkdir()  # nobody can hold the run, as where it is another's
    before = verbs.stamps(place / RUN)
    ended = verbs.call(capfd, "export", "passport", "pictures", "--json", cwd=place)
    assert ended.returncode == 0
    assert verbs.stamps(place / RUN) == before
    told = json.loads(ended.stdout)
    assert list(told["passports"]) == list(FLAVOURS)
    assert told["files"] == []
    assert any(f"{artifacts.PASSPORT} was not written: cannot write " in words for words in told["warnings"])


def test_damaged_passports_are_named(capfd, place):
    for content, place_in_it in (
        ('{"passports": {"int8": 3}}', "passports.int8: Input should be an object"),
        ('{"passports": []}', "passports: Input should be an object"),
        ('{"passports": {"int8": {"file": 1}}}', "passports.int8.file: Input should be a valid string"),
    ):
        verbs.rewrite(place / RUN, artifacts.PASSPORT, content)
        ended = verbs.call(capfd, "export", "tflite", "pictures", cwd=place)
        message = f"{RUN / artifacts.PASSPORT} is damaged: {place_in_it}"
        verbs.refused(ended, 1, message, "delete it and run the command again")


def test_a_run_without_files_is_refused(capfd, place):
    shutil.rmtree(place / RUN / "export")
    ended = verbs.call(capfd, "export", "passport", "pictures", cwd=place)
    message = f"{RUN} holds no .tflite"
    verbs.refused(ended, 1, message, "export it first: python -m export tflite pictures")


@pytest.mark.slow
def test_a_judge_that_came_to_be_there_since_is_asked(place, monkeypatch):
    """Without its environment the proof is open; that is no reason to keep it open for ever."""
    import contextlib

    from pipeline.core.progress import ProgressReporter
    from pipeline.core.runs import Run

    if judges.OLDEST.missing:
        pytest.skip(judges.OLDEST.missing)
    with contextlib.chdir(place):
        run = Run(RUN)
        with monkeypatch.context() as patch:
            patch.setattr(judges.Judge, "missing", property(lambda _: "not there"))
            found = inspector.of_run(run, ProgressReporter())
            assert {p.proved.holds for p in found.values()} == {None}
        found = inspector.of_run(run, ProgressReporter())
        assert {p.proved.holds for p in found.values()} == {True}
