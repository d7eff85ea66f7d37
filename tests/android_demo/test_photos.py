"""Photos that the app's own classes make on a plain JVM, scored by `python -m export photos`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export import artifacts
from pipeline.core.runs import Run
from pipeline.training.experiment import open_trained
from tests.android_demo.test_app import RUN as MAKER
from tests.android_demo.test_app import missing
from tests.export.android.photos.test_record import VALIDATOR
from tests.support import verbs
from tests.support.verbs import RUN, fine, verb

# One Maven run that makes the photos.
pytestmark = pytest.mark.slow

PER_CLASS, REAL, UNSAID = 8, 6, 2


@pytest.fixture(scope="module")
def photographed(tmp_path_factory, jvm_target) -> Path:
    """A working directory with a run and `walk/`, photos of its held-out pictures and of real ones."""
    if lacking := missing():
        pytest.skip(f"needs {', '.join(lacking)}: make setup")
    place = verbs.copy_finished(tmp_path_factory, tmp_path_factory.mktemp("photographed") / "place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        experiment = open_trained(Run(RUN))
        shown = place / "shown"
        for label in experiment.labels:
            own = [picture for picture in experiment.split.held_out if picture.label == label]
            copy([experiment.table.file(picture) for picture in own[:PER_CLASS]], shown / label)
        copy(
            [experiment.table.file(picture) for picture in experiment.split.held_out[-UNSAID:]],
            shown / "unsaid",
        )
    made = subprocess.run(
        [
            *(sys.executable, MAKER, "--photos", place / "walk", "--pictures", shown),
            *("--bundle", place / RUN / "export/int8", "--kernels", "built-in"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
    return place


def copy(files: list[Path], folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, path in enumerate(files):
        shutil.copy(path, folder / f"{number}{path.suffix}")


@pytest.fixture
def place(photographed, tmp_path) -> Path:
    """A copy, to be changed at will."""
    return Path(shutil.copytree(photographed, tmp_path / "place", dirs_exist_ok=True))


def test_every_record_of_the_app_fits_the_schema_and_is_read(place):
    records = sorted((place / "walk").rglob("*.json"))
    assert len(records) == 3 * PER_CLASS + UNSAID
    for path in records:
        VALIDATOR.validate(json.loads(path.read_text("utf-8")))
    found = json.loads(fine(verb("export", "photos", "walk", "--json", cwd=place)))
    assert found["excluded"] == []
    assert found["photos"] == len(records)
    assert found["field"]["n"] == 3 * PER_CLASS
    assert len(found["unlabelled"]) == UNSAID


def test_phone_and_computer_agree_with_xnnpack_off_on_both_sides(place):
    found = json.loads(fine(verb("export", "photos", "walk", "--json", cwd=place)))["phone"]
    assert found["kernels"] == {"built-in": 3 * PER_CLASS + UNSAID}
    assert (found["n"], found["disagree"]) == (3 * PER_CLASS + UNSAID, 0)
    assert found["equal"] == found["n"]
    assert found["largest_difference"] == 0


def test_a_photo_of_the_app_that_was_tampered_with_shows(place):
    path = min((place / "walk").rglob("*.png"))
    with Image.open(path) as image:
        pixels = np.array(image)
    pixels[: len(pixels) // 2] = 255 - pixels[: len(pixels) // 2]
    Image.fromarray(pixels).save(path)
    ended = verb("export", "photos", "walk", cwd=place)
    assert ended.returncode == 3
    assert f"disagree on 1 of {3 * PER_CLASS + UNSAID} photos" in ended.stderr
    found = json.loads((place / RUN / artifacts.PHOTOS).read_text("utf-8"))["phone"]
    assert (found["disagree"], found["broken"]) == (1, 1)


def test_photos_of_real_things_that_the_model_does_not_know_are_none_of_them(
    photographed, real_pictures, tmp_path
):
    files = sorted((real_pictures / "flowers5/roses").iterdir())[:REAL]
    copy(files, tmp_path / "shown/roses")
    subprocess.run(
        [
            *(sys.executable, MAKER, "--photos", tmp_path / "walk", "--pictures", tmp_path / "shown"),
            *("--bundle", photographed / RUN / "export/int8", "--kernels", "built-in"),
        ],
        capture_output=True,
        check=True,
    )
    found = json.loads(fine(verb("export", "photos", tmp_path / "walk", "--json", cwd=photographed)))
    assert (found["field"], found["out_of_scope"]["n"]) == (None, REAL)
    assert (found["phone"]["equal"], found["phone"]["n"]) == (REAL, REAL)
