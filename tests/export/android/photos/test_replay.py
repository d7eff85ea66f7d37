from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.android.photos import folder, replay
from export.android.photos.replay import Disagreement, Replay
from export.bundle import bundle, softmax
from pipeline.tflite import interpreter as litert
from tests.support import small_models
from tests.support.app_folder import take
from tests.support.small_models import LABELS

FLAVOURS = ("float32", "float16", "dynamic_range", "int8")


@pytest.fixture(scope="module")
def bundles(small_bundles) -> dict[str, bundle.Bundle]:
    found = [bundle.read(small_bundles[name]) for name in FLAVOURS]
    return {one.contract.model.sha256: one for one in found}


@pytest.fixture(scope="module")
def int8(small_bundles) -> bundle.Bundle:
    return bundle.read(small_bundles["int8"])


@pytest.fixture
def root(tmp_path, int8, draw) -> Path:
    """Eight photos with a right answer; the guide has several shapes."""
    for number in range(8):
        pixels = draw(90 + 31 * number, 70, seed=number)
        take(tmp_path, number, pixels, int8, LABELS[number % 4])
    return tmp_path


def again(root: Path, bundles) -> list[Replay]:
    return replay.replay(folder.read(root, LABELS), bundles)


def first(root: Path) -> Path:
    return min(root.rglob("*.png"))


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def edit(root: Path, **changes) -> None:
    path = first(root).with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def test_phone_and_desktop_agree_where_both_computed_the_same(root, bundles):
    results = again(root, bundles)
    assert [result.reasons for result in results] == [()] * 8
    assert [result.difference for result in results] == [0.0] * 8
    found = replay.summary(results)
    assert (found.n, found.equal, found.disagree, found.broken) == (8, 8, 0, 0)
    assert found.words.startswith("Phone and computer agree on all 8 photos (largest difference 0.0000")
    assert "built-in kernels on both sides" in found.words


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("kernels", replay.KERNELS)
def test_every_flavour_and_both_kernels_are_compared_with_their_like(
    tmp_path, small_bundles, bundles, draw, flavour, kernels
):
    made = bundle.read(small_bundles[flavour])
    for number in range(3):
        take(tmp_path, number, draw(120, 70, seed=number), made, kernels=kernels)
    for result in again(tmp_path, bundles):
        assert result.kernels == kernels
        assert result.reasons == ()
        assert result.difference == 0
        assert set(result.differences) == set(replay.KERNELS)


def test_a_photo_that_was_tampered_with_shows(root, bundles):
    pixels = opened(first(root))
    pixels[20:50, 20:60] = 255 - pixels[20:50, 20:60]
    Image.fromarray(pixels).save(first(root))
    results = again(root, bundles)
    assert results[0].reasons[:2] == (Disagreement.CHANGED, Disagreement.FRAME)
    assert [result.reasons for result in results[1:]] == [()] * 7
    found = replay.summary(results)
    assert (found.disagree, found.broken) == (1, 1)
    assert "disagree on 1 of 8 photos" in found.words
    assert f"1: {Disagreement.CHANGED.text}" in found.words


def test_one_pixel_is_enough(root, bundles):
    pixels = opened(first(root))
    pixels[0, 0] ^= 128
    Image.fromarray(pixels).save(first(root))
    assert {Disagreement.CHANGED, Disagreement.FRAME} <= set(again(root, bundles)[0].reasons)


def test_the_same_pixels_written_anew_are_told_as_changed_alone(root, bundles):
    before = first(root).read_bytes()
    Image.fromarray(opened(first(root))).save(first(root), compress_level=1)
    assert first(root).read_bytes() != before
    (result, *_) = again(root, bundles)
    assert result.reasons == (Disagreement.CHANGED,)
    assert result.difference == 0


def test_probabilities_that_were_tampered_with_contradict_the_output(root, bundles):
    edit(root, probabilities=[0.0, 0.0, 0.0, 1.0], answer=LABELS[3])
    assert again(root, bundles)[0].reasons[0] == Disagreement.INCONSISTENT


def test_an_answer_that_does_not_follow_is_inconsistent(root, bundles):
    path = first(root).with_suffix(".json")
    said = json.loads(path.read_text("utf-8"))["answer"]
    edit(root, answer=next(label for label in LABELS if label != said))
    assert again(root, bundles)[0].reasons == (Disagreement.INCONSISTENT, Disagreement.ANSWER)


def noted(raw: np.ndarray) -> dict:
    """What the app would note of these output bytes of an int8 model."""
    probabilities = raw.astype(np.float64) / 256
    top = int(probabilities.argmax())
    return {
        "output": base64.b64encode(raw.tobytes()).decode(),
        "probabilities": probabilities.tolist(),
        "answer": LABELS[top] if probabilities[top] >= 0.4296875 else None,
    }


def output(root: Path) -> np.ndarray:
    value = json.loads(first(root).with_suffix(".json").read_text("utf-8"))
    return np.frombuffer(base64.b64decode(value["output"]), np.uint8).copy()


def test_a_step_of_rounding_is_within_the_tolerance_and_told(root, bundles, int8):
    raw = output(root)
    raw[raw.argmax()] -= 1
    edit(root, **noted(raw))
    results = again(root, bundles)
    assert results[0].difference == pytest.approx(1 / 256)
    assert results[0].reasons == ()
    found = replay.summary(results)
    assert (found.equal, found.disagree, found.largest_difference) == (7, 0, pytest.approx(1 / 256))


@pytest.mark.parametrize(("abi", "steps"), [("x86_64", 0), ("arm64-v8a", 0), ("armeabi-v7a", 1)])
def test_int8_by_xnnpack_must_be_equal_but_for_a_step_on_32_bit_arm(
    tmp_path, bundles, int8, draw, abi, steps
):
    take(tmp_path, 0, draw(120, 70), int8, kernels=litert.XNNPACK)
    device = json.loads(first(tmp_path).with_suffix(".json").read_text("utf-8"))["device"]
    edit(tmp_path, device={**device, "abi": abi})
    (result,) = again(tmp_path, bundles)
    assert (result.allowed, result.reasons) == (steps / 256, ())
    must = "0.0039 is allowed" if steps else "it must be equal"
    assert f"{must}; XNNPACK kernels on both sides" in replay.summary([result]).words
    raw, top = output(tmp_path), output(tmp_path).argmax()
    for off in (1, 2):
        raw[top] -= 1
        edit(tmp_path, **noted(raw))
        (result,) = again(tmp_path, bundles)
        assert result.difference == pytest.approx(off / 256)
        assert (Disagreement.BEYOND_TOLERANCE in result.reasons) == (off > steps)


def test_a_photo_of_64_bit_arm_is_compared_with_the_softmax_of_64_bit_arm(
    tmp_path, bundles, int8, draw, monkeypatch
):
    take(tmp_path, 0, draw(120, 70), int8, kernels=litert.XNNPACK)
    device = json.loads(first(tmp_path).with_suffix(".json").read_text("utf-8"))["device"]
    edit(tmp_path, device={**device, "abi": "arm64-v8a"})
    arm = output(tmp_path)
    arm[arm.argmax()] -= 1
    monkeypatch.setattr(softmax.Softmax, "arm64", lambda end, logits: arm)
    (result,) = again(tmp_path, bundles)
    assert (result.difference, Disagreement.BEYOND_TOLERANCE in result.reasons) == (1 / 256, True)
    edit(tmp_path, **noted(arm))
    assert again(tmp_path, bundles)[0].reasons == ()


@pytest.mark.parametrize("kernels", replay.KERNELS)
def test_photos_of_a_model_with_a_contract_of_version_1_have_the_tolerance(
    tmp_path, int8_bundle, draw, kernels
):
    path = int8_bundle / bundle.CONTRACT
    record = json.loads(path.read_text("utf-8"))
    small_models.to_version_1(record)
    path.write_text(json.dumps(record), "utf-8")
    old = bundle.read(int8_bundle)
    take(tmp_path / "photos", 0, draw(120, 70), old, kernels=kernels)
    (result,) = again(tmp_path / "photos", {old.contract.model.sha256: old})
    assert result.allowed == old.contract.tolerance > 0


def test_more_than_the_tolerance_is_beyond_what_the_contract_allows(root, bundles, int8):
    raw = np.roll(output(root), 1)
    edit(root, **noted(raw))
    assert Disagreement.BEYOND_TOLERANCE in again(root, bundles)[0].reasons


def test_a_near_tie_that_falls_the_other_way_disagrees_and_breaks_no_rule(int8):
    from export.android.photos.record import parse
    from tests.support import app_folder

    pixels = np.zeros((70, 90, 3), np.uint8)
    value = app_folder.record_of(
        pixels, "ab" * 32, int8, LABELS[0], litert.BUILT_IN, app_folder.SESSION, "20261124-101500-000"
    )
    step = int8.contract.tolerance / 2
    raw = np.array([120, 120, 16, 0], np.uint8)
    value |= noted(raw)
    photo = folder.Photo("a.png", "ab" * 32, 90, 70, app_folder.SESSION, LABELS[0], parse(json.dumps(value)))
    desktop = raw / 256 + np.array([-step / 2, step / 2, 0, 0])
    result = replay._compare(
        photo, photo.record, int8, value["prepared_sha256"], dict.fromkeys(replay.KERNELS, desktop)
    )
    assert result.reasons == (Disagreement.ANSWER,)
    found = replay.summary([result])
    assert (found.disagree, found.broken) == (1, 0)


def test_rules_of_another_contract_are_told(root, bundles):
    edit(root, labels=list(reversed(LABELS)), threshold=0.9)
    assert Disagreement.OTHER_RULES in again(root, bundles)[0].reasons


def test_output_of_another_length_differs_as_much_as_anything_can(root, bundles):
    edit(root, output=base64.b64encode(b"\x01\x02").decode())
    (result, *_) = again(root, bundles)
    assert {Disagreement.INCONSISTENT, Disagreement.BEYOND_TOLERANCE} <= set(result.reasons)
    assert result.difference == 1.0


def test_photos_of_other_models_and_without_a_record_are_not_compared(root, bundles, make_data_set, tmp_path):
    assert again(root, {}) == []
    found = replay.summary([])
    assert (found.n, found.disagree) == (0, 0)
    assert "nothing to compare" in found.words


def test_a_desktop_that_answers_no_numbers_is_beyond_any_tolerance(root, bundles, monkeypatch):
    free = {
        sha256: replace(one, contract=one.contract.model_copy(update={"tolerance": 1.0}))
        for sha256, one in bundles.items()
    }
    compare = replay._compare

    def nothing(photo, record, found, sha256, predictions):
        return compare(
            photo, record, found, sha256, {name: own * np.nan for name, own in predictions.items()}
        )

    monkeypatch.setattr(replay, "_compare", nothing)
    results = again(root, free)
    assert len(results) == 8
    assert all(Disagreement.BEYOND_TOLERANCE in result.reasons for result in results)
