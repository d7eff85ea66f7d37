from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from export.bundle import bundle
from pipeline.tflite import schema
from tests.support import damages, verbs
from tests.support.verbs import RUN, call, refused


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A working directory with a run, and its int8 file alone in `away`."""
    place = verbs.copy_finished(tmp_path_factory, tmp_path_factory.mktemp("compare"))
    away = place / "away"
    away.mkdir()
    shutil.copy(RUN_INT8(place) / "model_int8.tflite", away / "theirs.tflite")
    shutil.copy(RUN_INT8(place) / bundle.LABELS, away / "labels.txt")
    return place


def RUN_INT8(place: Path) -> Path:  # noqa: N802
    return place / RUN / "export" / "int8"


def compare_models(capfd, place: Path, reference: object, target: object, *more: object):
    words = ("compare-models", "--reference", reference, "--target", target, "--pictures", "pictures", *more)
    return call(capfd, "export", *words, cwd=place)


def test_a_run_against_its_flavour_gives_what_parity_gives(place, capfd):
    ended = compare_models(
        capfd, place, "pictures", "pictures", "--flavour", "int8", "--json", "--out", "out"
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    found = json.loads(ended.stdout)
    assert found["n"] == 120
    assert found["targets"][0]["model"] == "pictures, int8"
    assert found["targets"][0]["agreement"] >= 0.8
    assert found["targets"][0]["prepared"] == "64x64, letterbox, pixels as 0 to 255, by its contract"
    assert found["gate"]["min_agreement"] == 0.8  # the run's own
    assert found["warnings"] == [
        "84 of 120 pictures were used in training; models do better on those",
    ]
    assert found["files"] == ["out/parity.json", "out/flips.png"]
    assert all((place / file).stat().st_size > 500 for file in found["files"])


def test_a_bundle_and_a_file_given_by_hand_that_are_the_same_agree(place, capfd):
    by_hand = ("--labels", "away/labels.txt", "--range", "0,255", "--fit", "letterbox")
    shutil.copy(RUN_INT8(place) / "model_int8.tflite", place / "away" / "theirs.tflite")
    ended = compare_models(capfd, place, RUN_INT8(Path()), "away/theirs.tflite", *by_hand, "--json")
    found = json.loads(ended.stdout)["targets"][0]
    assert (found["agreement"], found["mean_abs_dp"], found["verdict"]) == (1.0, 0.0, "not shown")
    assert found["dont_know"] is None


def test_one_of_our_own_files_is_read_by_its_metadata(place, capfd):
    ended = compare_models(capfd, place, RUN_INT8(Path()), "away/theirs.tflite", "--json")
    found = json.loads(ended.stdout)["targets"][0]
    assert found["agreement"] == 1.0
    assert found["prepared"] == "64x64, letterbox, pixels as its bytes, by its metadata"


def test_labels_in_another_order_are_mapped(place, capfd):
    data = (RUN_INT8(place) / "model_int8.tflite").read_bytes()
    (place / "away" / "bare.tflite").write_bytes(damages.outputs_swapped(data, 0, 1))
    one, other, *rest = (place / "away" / "labels.txt").read_text().splitlines()
    (place / "away" / "swapped.txt").write_text("\n".join([other, one, *rest]) + "\n")
    hand = ("--range", "0,255", "--fit", "letterbox", "--json")
    right = compare_models(capfd, place, RUN_INT8(Path()), bare(place), "--labels", "away/swapped.txt", *hand)
    assert json.loads(right.stdout)["targets"][0]["agreement"] == 1.0
    wrong = compare_models(capfd, place, RUN_INT8(Path()), bare(place), "--labels", "away/labels.txt", *hand)
    assert wrong.returncode == 3
    assert wrong.stderr.startswith("error: failed the gate: away/bare.tflite: agreement is 0.")
    assert json.loads(wrong.stdout)["targets"][0]["verdict"] == "failed"


def bare(place: Path) -> str:
    """The file in `away` without metadata."""
    from export.model_file import metadata

    path = place / "away" / "bare.tflite"
    data = _without_metadata(path.read_bytes())
    assert metadata.read(data) is None
    path.write_bytes(data)
    return "away/bare.tflite"


def _without_metadata(data: bytes) -> bytes:

    model = schema.read_schema(data)
    model.metadata = []
    return damages._packed(model)


def test_what_a_bare_file_does_not_say_is_named(place, capfd):
    data = (RUN_INT8(place) / "model_int8.tflite").read_bytes()
    (place / "away" / "bare.tflite").write_bytes(data)
    ended = compare_models(capfd, place, "pictures", bare(place))
    refused(
        ended,
        2,
        "away/bare.tflite has no contract beside it and does not state its labels (--labels FILE), nor the "
        "range of its input (--range LOW,HIGH), nor how its frame is filled (--fit stretch or "
        "--fit letterbox)",
        "pass these options, as the model was trained",
    )


def test_different_labels_are_named(place, capfd):
    (place / "away" / "other.txt").write_text("ant\nbee\ncat\n")
    ended = compare_models(
        capfd,
        place,
        RUN_INT8(Path()),
        bare(place),
        *("--labels", "away/other.txt", "--range", "0,255", "--fit", "stretch"),
    )
    labels = ", ".join(sorted((place / "away" / "labels.txt").read_text().splitlines()))
    refused(
        ended,
        2,
        f"the two models have different labels: only {RUN_INT8(Path())}/model_int8.tflite has {labels}; "
        "only away/bare.tflite has ant, bee, cat",
        "compare models of the same classes",
    )


def test_options_that_contradict_the_metadata_are_refused(place, capfd):
    ended = compare_models(capfd, place, "pictures", "away/theirs.tflite", "--range", "-1,1")
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: --range contradicts the metadata of away/theirs.tflite: ")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--range", "5"), "--range 5: expected two numbers, lower first"),
        (("--range", "1,0"), "--range 1,0: expected two numbers, lower first"),
        (("--fit", "crop"), "--fit crop: expected stretch or letterbox"),
        (("--labels", "nowhere.txt"), "nowhere.txt: the labels cannot be read"),
        (("--flavour", "int4"), "--flavour int4: expected float32, float16, dynamic_range, int8"),
    ],
)
def test_words_that_make_no_sense_are_refused(place, capfd, more, message):
    ended = compare_models(capfd, place, "pictures", "pictures", *more)
    assert ended.returncode == 2
    assert message in ended.stderr


def test_one_model_alone_is_refused(place, capfd):
    ended = call(capfd, "export", "compare-models", "--reference", "pictures", cwd=place)
    assert ended.returncode == 2
    assert "Missing option '--target'." in ended.stderr


def test_pictures_of_classes_that_the_models_do_not_know_are_refused(place, capfd, make_data_set):
    make_data_set(place / "others", {"cat": 3, "dog": 3})
    words = ("compare-models", "--reference", "pictures", "--target", "pictures", "--pictures", "others")
    ended = call(capfd, "export", *words, cwd=place)
    assert ended.returncode == 2
    assert "others has classes that the models do not have: cat, dog" in ended.stderr


def test_a_file_that_is_no_model_is_an_error(place, capfd):
    (place / "away" / "jpeg.tflite").write_bytes(b"\xff\xd8\xff\xe0 no model at all")
    ended = compare_models(capfd, place, "pictures", "away/jpeg.tflite")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: away/jpeg.tflite cannot be compared: LiteRT cannot load the file")
