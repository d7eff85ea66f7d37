"""`python -m export verify`, as a user runs it."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from export import app_versions
from export.android.apk import runtime
from export.conversion import failures
from export.inspection import judges
from pipeline.core.errors import ConversionError
from pipeline.core.recipes import Recipe
from pipeline.core.runs import Run
from pipeline.core.sections import FLAVOURS
from tests.support import small_models
from tests.support.verbs import RUN, copy_finished, environment, fine, refused, verb

INT8 = RUN / "export/int8"


@pytest.fixture
def place(tmp_path_factory, tmp_path) -> Path:
    return copy_finished(tmp_path_factory, tmp_path / "place")


def edit(folder: Path, change) -> None:
    path = folder / "contract.json"
    record = json.loads(path.read_text("utf-8"))
    change(record)
    path.write_text(json.dumps(record), "utf-8")


def verify(place: Path, *words: object):
    return verb("export", "verify", *words, cwd=place, env=environment(COLUMNS="200"))


def table(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip()]


def test_a_run_is_shown_with_a_column_for_each_flavour(place):
    rows = table(fine(verify(place, "pictures")))
    assert rows[1] == ["vector", "letterbox", *FLAVOURS]
    assert rows[2][:2] == ["every_grey", "equal"]
    assert rows[-1][:3] == ["verified", "60", "vectors"]


def test_the_newest_run_is_the_default(place):
    assert fine(verify(place)) == fine(verify(place, "pictures"))


def test_a_folder_that_is_no_run_is_verified_as_a_bundle(place, tmp_path):
    shutil.copytree(place / INT8, tmp_path / "elsewhere")
    found = json.loads(fine(verify(tmp_path, "elsewhere", "--json")))
    assert found["passed"]
    (only,) = found["bundles"]
    assert (only["flavour"], only["vectors"], only["differs"]) == ("int8", 15, None)
    assert only["model"][0]["equal"] == 15
    assert only["model"][0]["differences"] == [0.0] * 15


def test_a_letterbox_that_differs_ends_with_3_and_is_named(place):
    edit(place / INT8, lambda record: record["golden"]["vectors"][2].update(prepared_sha256="0" * 64))
    ended = verify(place, INT8)
    assert ended.returncode == 3
    assert ["one_pixel_high", "WRONG", "not", "run"] in table(ended.stdout)
    message = (
        f"{INT8} no longer reproduces its golden vectors: the letterbox differs on 1 of 15 vectors "
        "(one_pixel_high); the model was not run"
    )
    assert ended.stderr.startswith(
        f"error: {message}\nhint: compare the versions of LiteRT, Pillow and numpy"
    )


def test_a_model_that_differs_ends_with_3_with_the_result_in_json(place):
    def change(record):
        first, other = record["golden"]["vectors"][0], record["golden"]["vectors"][5]
        first.update(output=other["output"], output_xnnpack=other["output_xnnpack"])

    edit(place / INT8, change)
    ended = verify(place, INT8, "--json")
    assert ended.returncode == 3
    found = json.loads(ended.stdout)
    assert not found["passed"]
    assert found["bundles"][0]["differs"].startswith(
        "the model (built-in kernels) differs on 1 of 15 vectors (every_grey)"
    )
    assert "the model (built-in kernels) differs" in ended.stderr


def test_version_1_is_verified_with_a_note_that_it_is_weaker(place):
    edit(place / INT8, small_models.to_version_1)
    note = f"{INT8} has contract version 1, which is weaker"
    assert note in " ".join(fine(verify(place, INT8)).split())
    found = json.loads(fine(verify(place, INT8, "--json")))
    assert found["bundles"][0]["contract_version"] == 1
    assert found["warnings"][0].startswith(note)


def test_a_model_of_another_bundle_ends_with_2(place):
    shutil.copy(place / RUN / "export/float32/model_float32.tflite", place / INT8 / "model_int8.tflite")
    ended = verify(place, INT8)
    assert ended.returncode == 2
    assert "model_int8.tflite is not the model of this contract" in ended.stderr


def test_a_folder_with_a_model_and_no_contract_says_what_is_missing(place):
    (place / INT8 / "contract.json").unlink()
    hint = "a bundle is a folder with a model, labels.txt and contract.json: data/runs/NAME/export/int8"
    refused(verify(place, INT8), 2, f"{INT8}/contract.json is missing", hint)


def test_a_run_without_bundles_says_how_to_make_them(place):
    shutil.rmtree(place / RUN / "export")
    hint = "export it first: python -m export tflite pictures"
    refused(verify(place, "pictures"), 1, f"{RUN} holds no bundle", hint)


def test_a_flavour_that_is_missing_or_was_changed_is_not_called_verified(place):
    again = "recreate it: python -m export tflite pictures"
    labels = place / RUN / "export/float16/labels.txt"
    lines = labels.read_text("utf-8").splitlines(keepends=True)
    labels.write_text("".join([*lines[1::-1], *lines[2:]]), "utf-8")
    message = f"{RUN}/export/float16/labels.txt is damaged: it is not the file that `tflite` wrote"
    refused(verify(place, "pictures"), 1, message, again)
    (place / INT8 / "contract.json").unlink()
    refused(verify(place, "pictures"), 1, f"{INT8} is missing or incomplete", again)


def test_a_flavour_that_could_not_be_made_is_not_asked_for(place):
    run = Run(place / RUN)
    failures.note(
        run,
        Recipe("export/float16", 1, {}),
        ["export/float16/contract.json", "export/float16/model_float16.tflite"],
        ConversionError("no half precision here", "use another machine"),
    )
    out = fine(verify(place, "pictures"))
    assert "verified" in out
    assert "float16" not in out


def test_a_run_that_can_only_be_read_is_verified(place):
    (place / RUN / ".lock").unlink(missing_ok=True)
    (place / RUN / ".lock").mkdir()  # nobody can hold the run, as where it is another's
    assert "verified" in fine(verify(place, "pictures"))


def test_what_is_neither_is_refused(place):
    refused(verify(place, "nothing"), 2, "no run called nothing in data/runs", "runs here: pictures")


def test_arm_is_asked_about_int8_and_held_out_pictures(place):
    if judges.ARM.missing:
        pytest.skip(judges.ARM.missing)
    found = runtime.pinned(app_versions.read_versions(app_versions.PROJECT), Path("data/cache"))
    with zipfile.ZipFile(place / RUN / "demo.apk", "w") as apk:
        apk.writestr(runtime.ARM64, found.libraries[runtime.ARM64])
    said = json.loads(fine(verify(place, "pictures", "--arm", "--pictures", "3", "--json")))
    assert [(row["processor"], row["flavour"], row["passed"]) for row in said["arm"]] == [
        (processor, "int8", True) for processor in ("cortex-a53", "cortex-a53", "cortex-a76", "cortex-a76")
    ]
    assert {row["runtime"] for row in said["arm"]} > {"the app's library 2.16.1"}
    assert {(row["pictures"], row["equal"]) for row in said["arm"]} == {(3, 3)}
    shutil.copytree(place / INT8, place / "changed")

    def swap(contract) -> None:
        """Every vector gets the next one's output."""
        vectors = contract["golden"]["vectors"]
        outputs = [vector["output_xnnpack_arm64"] for vector in vectors]
        for vector, output in zip(vectors, [*outputs[1:], outputs[0]], strict=True):
            vector["output_xnnpack_arm64"] = output

    edit(place / "changed", swap)
    wrong = verify(place, "changed", "--arm")
    assert wrong.returncode == 3
    assert re.search("^cortex-a53 +LiteRT [0-9.]+ +WRONG: ", wrong.stdout, re.MULTILINE)
    out = fine(verify(place, INT8, "--arm"))
    assert "on emulated ARM processors" in out
    assert "not tried: verify a run with a demo.apk" in out
    assert re.search("^cortex-a53 +LiteRT [0-9.]+ +15 of 15 equal +none given", out, re.MULTILINE)
