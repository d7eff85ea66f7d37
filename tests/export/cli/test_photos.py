"""`python -m export photos`, as a user runs it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from export import artifacts
from export.android.photos.replay import Disagreement
from export.bundle import bundle
from pipeline.core.runs import Run
from pipeline.tflite.interpreter import XNNPACK
from pipeline.training.experiment import open_trained
from tests.support import verbs
from tests.support.app_folder import NOBODY_SAID, NONE, take
from tests.support.verbs import RUN, fine, refused

pytestmark = pytest.mark.slow

PHOTOS = RUN / artifacts.PHOTOS
OUTSIDE = 5


@pytest.fixture
def place(tmp_path_factory, tmp_path, monkeypatch) -> Path:
    place = verbs.copy_finished(tmp_path_factory, tmp_path / "place")
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def photos(place, draw) -> Path:
    """27 labelled photos of three sessions, darker than the held-out pictures they are made of; five of
    something else, and two that nobody has labelled."""
    experiment = open_trained(Run(RUN))
    found = bundle.read(RUN / "export/int8")
    own: dict[str, list[np.ndarray]] = {label: [] for label in experiment.labels}
    for picture in experiment.split.held_out:
        with Image.open(experiment.table.file(picture)) as image:
            own[picture.label].append(np.asarray(ImageEnhance.Brightness(image).enhance(0.6)))
    number = 0
    for index in range(9):
        for label, pictures in own.items():
            session = f"2026112{index // 3}-101500"
            take(place / "walk", number, pictures[index], found, label, kernels=XNNPACK, session=session)
            number += 1
    for extra in range(OUTSIDE):
        take(place / "walk", number + extra, draw(160, 90, seed=900 + extra), found, NONE, kernels=XNNPACK)
    for extra in range(2):
        take(
            place / "walk",
            number + 10 + extra,
            draw(160, 90, seed=950 + extra),
            found,
            NOBODY_SAID,
            kernels=XNNPACK,
        )
    return place / "walk"


def run(place: Path, *words: object):
    return verbs.here("export", "photos", *words, cwd=place, env=verbs.environment(COLUMNS="220"))


def document(place: Path, *words: object) -> dict:
    return json.loads(fine(run(place, *words, "--json")))


def records(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.json"))


def test_photos_are_scored_against_the_held_out_set(place, photos):
    ended, modules = verbs.watched("export", "photos", "walk", cwd=place)
    shown = fine(ended)
    assert "tensorflow" not in modules
    found = json.loads(PHOTOS.read_text("utf-8"))
    assert found["photos"] == 27 + OUTSIDE + 2
    assert found["field"]["n"] == 27
    # What the app said is what is scored: the same pixels, the same file.
    said = [json.loads(path.read_text("utf-8")) for path in records(photos)]
    labelled = [r for r in said if r["truth"] and r["truth"]["label"]]
    right = [r["labels"][int(np.argmax(r["probabilities"]))] == r["truth"]["label"] for r in labelled]
    assert found["field"]["accuracy"] == pytest.approx(np.mean(right))
    assert found["field"]["dont_know"] == pytest.approx(np.mean([r["answer"] is None for r in labelled]))
    outside = [r["answer"] is None for r in said if r["truth"] and r["truth"]["label"] is None]
    assert (found["out_of_scope"]["n"], found["out_of_scope"]["dont_know"]) == (OUTSIDE, np.mean(outside))
    parity = json.loads((RUN / artifacts.PARITY).read_text("utf-8"))
    int8 = next(row for row in parity["targets"] if row["model"] == "int8")
    assert found["held_out"]["accuracy"] == pytest.approx(int8["accuracy"])
    assert f"{found['field']['accuracy']:.3f}" in shown
    assert "clearly darker than the training pictures" in shown
    assert "2 photos have no label yet" in shown
    assert f"of {OUTSIDE} photos of something else" in shown
    assert found["gap"]["words"][0] in shown
    assert "from 3 sessions" in shown


def test_phone_and_computer_agree(place, photos):
    found = document(place, "walk")["phone"]
    assert (found["n"], found["equal"], found["disagree"]) == (34, 34, 0)
    assert found["words"].startswith("Phone and computer agree on all 34 photos")


def test_a_photo_that_was_tampered_with_ends_with_3_and_is_named(place, photos):
    path = photos / "20261120-101500" / min(p.name for p in (photos / "20261120-101500").glob("*.png"))
    with Image.open(path) as image:
        pixels = 255 - np.asarray(image)
    Image.fromarray(pixels).save(path)
    ended = run(place, "walk")
    name = path.relative_to(photos).as_posix()
    assert ended.returncode == 3
    assert ended.stderr.startswith(
        f"error: phone and computer disagree on 1 of 34 photos; the first: {name}: "
        f"{Disagreement.CHANGED.text}; {Disagreement.FRAME.text}"
    )
    assert "hint: copy the photos exactly as the app wrote them" in ended.stderr
    assert "Phone and computer disagree on 1 of 34 photos" in ended.stdout
    assert json.loads(PHOTOS.read_text("utf-8"))["phone"]["broken"] == 1
    assert run(place, "walk").returncode == 3  # also when nothing is left to do


def test_repeating_does_nothing_and_a_new_word_does_it_again(place, photos):
    fine(run(place, "walk"))
    before, stamp = PHOTOS.read_bytes(), PHOTOS.stat().st_mtime_ns
    fine(run(place, "walk"))
    assert PHOTOS.stat().st_mtime_ns == stamp
    PHOTOS.unlink()
    fine(run(place, "walk"))
    assert PHOTOS.read_bytes() == before
    path = next(p for p in records(photos) if json.loads(p.read_text("utf-8"))["truth"] is None)
    value = json.loads(path.read_text("utf-8"))
    value["truth"] = {"label": value["labels"][0], "said_at": "2026-11-24T12:00:00.000Z"}
    path.write_text(json.dumps(value), "utf-8")
    assert document(place, "walk")["field"]["n"] == 28


def test_class_folders_do_as_well(place, photos, draw):
    experiment = open_trained(Run(RUN))
    for number, picture in enumerate(experiment.split.held_out[::4]):
        folder = place / "mine" / picture.label
        folder.mkdir(parents=True, exist_ok=True)
        with Image.open(experiment.table.file(picture)) as image:
            image.rotate(10).save(folder / f"{number}.jpg")
    (place / "mine/none").mkdir()
    Image.fromarray(draw(160, 90, seed=77)).save(place / "mine/none/cup.jpg")
    found = document(place, "mine")
    assert found["field"]["n"] == len(experiment.split.held_out[::4])
    assert found["out_of_scope"]["n"] == 1
    assert found["phone"]["n"] == 0
    assert "nothing to compare" in found["phone"]["words"]


def test_photos_of_another_model_are_told_apart(place, photos):
    for path in records(photos)[:6]:
        value = json.loads(path.read_text("utf-8"))
        value["model"]["sha256"] = "cd" * 32
        path.write_text(json.dumps(value), "utf-8")
    shown = fine(run(place, "walk"))
    assert "6 photos were taken with another model (cdcdcdcdcdcd…)" in shown
    assert "by other models" in shown
    found = json.loads(PHOTOS.read_text("utf-8"))
    assert (found["field"]["n"], found["other_models"]["scored"]["n"], found["phone"]["n"]) == (21, 6, 28)


def test_photos_of_another_flavour_are_compared_with_it_and_scored_like_the_others(place, photos, draw):
    before = document(place, "walk")
    assert before["flavours"] == {"int8": 34}
    assert "answered" not in fine(run(place, "walk"))
    float32, experiment = bundle.read(RUN / "export/float32"), open_trained(Run(RUN))
    picture = experiment.split.held_out[0]
    with Image.open(experiment.table.file(picture)) as image:
        pixels = np.asarray(ImageEnhance.Brightness(image).enhance(0.7))
    take(place / "walk", 60, pixels, float32, picture.label, kernels=XNNPACK)
    shown = fine(run(place, "walk"))
    assert "answered  on the phone 1 by float32, 34 by int8; all are scored by int8 on this computer" in shown
    assert "another model" not in shown
    found = json.loads(PHOTOS.read_text("utf-8"))
    assert (found["field"]["n"], found["other_models"]["models"]) == (28, {})
    assert (found["phone"]["n"], found["phone"]["disagree"]) == (35, 0)
    # Equal bytes are demanded of int8 alone.
    tolerance = float32.contract.tolerance
    assert {replayed["allowed"] for replayed in found["phone"]["photos"]} == {0, tolerance}
    assert f"up to {tolerance:.4f} is allowed" in shown


def test_pictures_of_the_run_itself_are_not_scored(place, photos):
    experiment = open_trained(Run(RUN))
    for label in experiment.labels:
        (place / "mine" / label).mkdir(parents=True)
    for picture in experiment.split.train[:4]:
        shutil.copy(experiment.table.file(picture), place / "mine" / picture.label / Path(picture.path).name)
    first = experiment.split.train[0]
    with Image.open(experiment.table.file(first)) as image:
        image.rotate(5).save(place / "mine" / first.label / "own.jpg")
    for label in experiment.labels:
        if not any((place / "mine" / label).iterdir()):
            (place / "mine" / label).rmdir()
    shown = fine(run(place, "mine"))
    assert "4 photos are pictures of this run and are not scored" in shown
    assert json.loads(PHOTOS.read_text("utf-8"))["field"]["n"] == 1
    assert "1 labelled photo is too few to conclude anything" in shown


def test_what_is_left_out_is_counted_and_explained(place, photos):
    one, other, third = records(photos)[:3]
    one.unlink()
    other.with_suffix(".png").unlink()
    third.write_text("{", "utf-8")
    shown = fine(run(place, "walk"))
    assert "3 files are excluded and listed in photos.json; the first: " in shown
    reasons = [entry["reason"] for entry in json.loads(PHOTOS.read_text("utf-8"))["excluded"]]
    assert sorted(reason.split(":")[0] for reason in reasons) == [
        "it has no record",
        "its picture is missing",
        "its record is damaged",
    ]


def test_errors_are_drawn_the_surest_first(place, photos):
    found = document(place, "walk")
    assert found["errors"]
    sure = [row["probability"] for row in found["errors"]]
    assert sure == sorted(sure, reverse=True)
    assert found["files"] == [str(RUN / artifacts.PHOTOS_SHEET), str(PHOTOS)]
    with Image.open(RUN / artifacts.PHOTOS_SHEET) as sheet:
        assert sheet.size[0] > 300


def test_photos_that_nobody_has_labelled_are_compared_all_the_same(place, draw):
    found = bundle.read(RUN / "export/int8")
    for number in range(3):
        take(place / "walk", number, draw(160, 90, seed=number), found, NOBODY_SAID)
    shown = fine(run(place, "walk"))
    assert "3 in walk, 0 of them labelled and scored" in shown
    assert "3 photos have no label yet" in shown
    assert "agree on all 3 photos" in shown


def test_adopted_photos_train_the_next_run(place, photos):
    (place / "data/pictures").mkdir()
    shown = fine(run(place, "walk", "--adopt", "field"))
    table = Path("data/pictures/field.csv")
    assert f"27 photos, grouped by session, in {table}" in shown
    assert f"\nnext: python -m pipeline train {table}\n" in shown
    rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
    assert len({row["group"] for row in rows}) == 3
    again = run(place, "walk", "--adopt", "field")
    refused(again, 2, f"--adopt field: {table} already exists", "choose another name, or move it away")


def test_photos_come_off_the_phone_by_the_real_adb(place, photos, phone):
    phone.denied = ""  # as before Android 11
    shutil.copytree(photos, phone.files / "photos")
    before = phone.contents()
    found = document(place, "--pull", "--run", "pictures")
    folder = f"data/photos/{phone.serial.replace(':', '-')}"
    assert found["folder"] == folder
    assert found["phone"]["disagree"] == 0
    assert found["field"]["n"] == 27
    assert phone.contents() == before
    assert "0 new and 0 changed files of 4 sessions" in fine(run(place, "--pull", "--serial", phone.serial))


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (
            [],
            "no photos given",
            "give their folder or zip, or --pull to copy those on the phone",
        ),
        (
            ["walk", "--serial", "x"],
            "--serial only makes sense with --pull",
            "add --pull, or omit --serial",
        ),
        (
            ["--pull", "pictures"],
            "--pull takes no folder: pictures",
            "omit it; to name a run: --run pictures",
        ),
        (
            ["nowhere"],
            "nowhere: no such folder",
            "give a folder of photos: as pulled from the phone, or FOLDER/CLASS/*.jpg; or the app's zip",
        ),
        (
            ["pictures", "--adopt", "a/b"],
            "--adopt a/b: expected the name of a folder",
            "for example --adopt field",
        ),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_to_do(place, capfd, words, message, hint):
    refused(verbs.call(capfd, "export", "photos", *words, cwd=place), 2, message, hint)


def test_no_phone_says_what_to_do(place, own_adb, capfd):
    ended = verbs.call(capfd, "export", "photos", "--pull", cwd=place)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: no phone is connected\nhint: use a USB cable")


def test_a_run_in_use_is_refused_and_nothing_changes(place, photos, capfd):
    with Run(RUN).locked():
        ended = verbs.call(capfd, "export", "photos", "walk", cwd=place)
    assert ended.returncode == 1
    assert "is in use by process" in ended.stderr
    assert not PHOTOS.exists()


def test_the_zip_that_the_app_shares_is_scored_and_adopted_like_its_folder(place, photos):
    shutil.make_archive(str(place / "shared"), "zip", photos)
    by_folder, by_zip = document(place, "walk"), document(place, "shared.zip", "--adopt", "field")
    assert by_zip["field"] == by_folder["field"]
    assert by_zip["folder"] == "data/photos/shared"
    assert by_zip["adopted"]["photos"] == 27
    assert "cannot be read as a zip" in run(place, "data/pictures/field.csv").stderr
