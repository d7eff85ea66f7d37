"""Photos that the app's own classes make on a plain JVM, scored by `python -m export photos`."""

from __future__ import annotations

import json
import os
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
from tests.support.verbs import RUN, fine, here

# One Maven run that makes all photos.
pytestmark = pytest.mark.slow

PER_CLASS, REAL, UNSAID = 8, 6, 2


@pytest.fixture(scope="module")
def photographed(tmp_path_factory, jvm_target) -> Path:
    """A working directory with a run: `walk/` has photos of held-out pictures, `strange/` of other things.

    `strange/` needs the real pictures. One start of the app's classes makes both.
    """
    if lacking := missing():
        pytest.skip(f"needs {', '.join(lacking)}: make setup")
    place = verbs.copy_finished(tmp_path_factory, tmp_path_factory.mktemp("photographed") / "place")
    shown = place / "shown"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        experiment = open_trained(Run(RUN))
        for label in experiment.labels:
            own = [picture for picture in experiment.split.held_out if picture.label == label]
            copy([experiment.table.file(picture) for picture in own[:PER_CLASS]], shown / label)
        copy(
            [experiment.table.file(picture) for picture in experiment.split.held_out[-UNSAID:]],
            shown / "unsaid",
        )
    roses = Path(os.environ.get("VIGNETTE_PICTURES") or "-") / "flowers5/roses"
    if roses.is_dir():
        copy(sorted(roses.iterdir())[:REAL], shown / "roses")
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
    for path in sorted((place / "walk").rglob("*.json")):
        truth = json.loads(path.read_text("utf-8"))["truth"]
        if truth is not None and truth["label"] is None:
            apart = place / "strange" / path.relative_to(place / "walk")
            apart.parent.mkdir(parents=True, exist_ok=True)
            path.rename(apart)
            path.with_suffix(".png").rename(apart.with_suffix(".png"))
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
    found = json.loads(fine(here("export", "photos", "walk", "--json", cwd=place)))
    assert found["excluded"] == []
    assert found["photos"] == len(records)
    assert found["field"]["n"] == 3 * PER_CLASS
    assert len(found["unlabelled"]) == UNSAID


def test_phone_and_computer_agree_with_xnnpack_off_on_both_sides(place):
    found = json.loads(fine(here("export", "photos", "walk", "--json", cwd=place)))["phone"]
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
    ended = here("export", "photos", "walk", cwd=place)
    assert ended.returncode == 3
    assert f"disagree on 1 of {3 * PER_CLASS + UNSAID} photos" in ended.stderr
    found = json.loads((place / RUN / artifacts.PHOTOS).read_text("utf-8"))["phone"]
    assert (found["disagree"], found["broken"]) == (1, 1)


def test_photos_of_real_things_that_the_model_does_not_know_are_none_of_them(place, real_pictures):
    found = json.loads(fine(here("export", "photos", "strange", "--json", cwd=place)))
    assert (found["field"], found["out_of_scope"]["n"]) == (None, REAL)
    assert (found["phone"]["equal"], found["phone"]["n"]) == (REAL, REAL)
