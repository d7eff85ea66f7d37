from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export import artifacts
from export.conversion import calibration
from pipeline.core.errors import DataError
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.data.pictures import Picture
from pipeline.images.letterbox import letterbox
from pipeline.images.views import plain_view
from pipeline.training import experiment as experiments
from tests.support import verbs
from tests.support.verbs import RUN


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Any:
    place = verbs.finished(tmp_path_factory)
    with contextlib.chdir(place):
        yield experiments.open_trained(Run(RUN))


def pictures(**counts: int) -> list[Picture]:
    return [
        Picture(f"{label}/{number}.jpg", label, "", "", f"{label}{number}", 4, 4)
        for label, count in counts.items()
        for number in range(count)
    ]


def labels(chosen: list[Picture]) -> Counter[str]:
    return Counter(picture.label for picture in chosen)


def test_every_class_has_its_share():
    chosen = calibration.stratified(pictures(cat=60, dog=30, emu=10), 50, 0)
    assert labels(chosen) == {"cat": 30, "dog": 15, "emu": 5}


def test_remainders_go_to_the_largest():
    # 10 of 40: 6.25, 2.0 and 1.75.
    assert labels(calibration.stratified(pictures(cat=25, dog=8, emu=7), 10, 0)) == {
        "cat": 6,
        "dog": 2,
        "emu": 2,
    }


def test_no_picture_is_taken_twice_and_all_where_there_are_fewer():
    many = pictures(cat=9, dog=3)
    chosen = calibration.stratified(many, 100, 0)
    assert sorted(p.path for p in chosen) == sorted(p.path for p in many)
    assert len({p.path for p in calibration.stratified(many, 7, 0)}) == 7


def test_the_choice_follows_from_the_seed_and_not_from_the_order():
    many = pictures(cat=40, dog=40)
    one = calibration.stratified(many, 20, 0)
    assert calibration.stratified(many[::-1], 20, 0) == one
    assert calibration.stratified(many, 20, 1) != one


def test_the_classes_are_mixed():
    chosen = calibration.stratified(pictures(cat=50, dog=50), 40, 0)
    assert 5 < labels(chosen[:20])["cat"] < 15


def test_only_training_pictures_are_chosen(experiment):
    chosen = calibration.choose(experiment)
    held_out = {p.sha256 for p in experiment.split.held_out}
    training = {p.path for p in experiment.split.train}
    assert len(chosen) == 25
    assert {p.path for p in chosen} <= training
    assert not {p.sha256 for p in chosen} & held_out
    # 28 training pictures of each of three classes: 25 are 9 + 8 + 8.
    assert sorted(labels(chosen).values()) == [8, 8, 9]


def test_the_choice_is_written_down(experiment):
    written = experiment.run.read_json(artifacts.CALIBRATION)
    chosen = calibration.choose(experiment)
    assert written["wanted"] == 25
    assert written["pictures"] == [
        {
            "path": p.path,
            "label": p.label,
            "sha256": p.sha256,
            "reason": "picked within its class by the seed",
        }
        for p in chosen
    ]
    assert "training pictures" in written["source"]


def test_black_and_white_come_first_and_then_the_pictures_as_they_are_scored(experiment):
    chosen = calibration.choose(experiment)
    done: list[int] = []
    frames = list(calibration.representative(experiment, chosen, done.append)())
    assert len(frames) == 2 + 25
    for arrays in frames:
        (frame,) = arrays
        assert (frame.dtype, frame.shape) == (np.float32, (1, 64, 64, 3))
    assert (frames[0][0] == 0).all()
    assert (frames[1][0] == 255).all()
    for picture, arrays in zip(chosen, frames[2:], strict=True):
        expected = plain_view(experiment.table.file(picture), experiment.frame)
        np.testing.assert_array_equal(arrays[0][0], expected)
    assert done == list(range(1, 26))


def test_extremes_have_the_shape_of_the_frame():
    black, white = calibration.extremes(Size(64, 32))
    assert black.shape == white.shape == (32, 64, 3)
    assert black.dtype == white.dtype == np.uint8


def test_the_representative_dataset_can_be_read_twice(experiment):
    frames = calibration.representative(experiment, calibration.choose(experiment)[:2], bool)
    assert len(list(frames())) == len(list(frames())) == 4


SMALL = Size(64, 32)


def noise(size: Size = SMALL) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8)


def test_noise_and_one_colour_are_told_from_pictures(experiment):
    assert calibration.emptiness(noise()) == "noise"
    assert calibration.emptiness(letterbox(noise(Size(1280, 720)), Size(224, 224))) == "noise"
    assert calibration.emptiness(np.full((32, 64, 3), 200, np.uint8)) == "one colour"
    assert calibration.emptiness(np.zeros((32, 64, 3), np.uint8)) == "one colour"
    barred = np.zeros((64, 64, 3), np.uint8)
    barred[16:48] = (40, 90, 10)
    assert calibration.emptiness(barred) == "one colour"
    for picture in calibration.choose(experiment):
        assert calibration.emptiness(plain_view(experiment.table.file(picture), experiment.frame)) == ""


@pytest.fixture
def spoiled(tmp_path_factory, tmp_path, monkeypatch) -> Any:
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    monkeypatch.chdir(place)
    return experiments.open_trained(Run(RUN))


@pytest.mark.parametrize("kind", ["noise", "one colour"])
def test_random_or_constant_input_is_refused_with_the_reason(spoiled, kind):
    chosen = calibration.choose(spoiled)
    picture = noise() if kind == "noise" else np.full((32, 64, 3), 90, np.uint8)
    for one in chosen[:12]:
        Image.fromarray(picture).save(spoiled.table.file(one), "PNG")
    calibration.require_content(spoiled, chosen)  # 12 of 25 are not most of them
    Image.fromarray(picture).save(spoiled.table.file(chosen[12]), "PNG")
    with pytest.raises(DataError) as caught:
        calibration.require_content(spoiled, chosen)
    assert caught.value.message.startswith(
        f"calibration refused: 13 of 25 calibration pictures are {kind} (such as "
    )
    assert "would be wrong for real pictures" in caught.value.message
    assert caught.value.hint == "train on pictures of what the phone will see"


def test_one_picture_again_and_again_is_refused(experiment):
    chosen = calibration.choose(experiment)
    with pytest.raises(DataError, match="only 1 of 25 calibration pictures are different"):
        calibration.require_content(experiment, [chosen[0]] * 25)
