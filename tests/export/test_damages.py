"""What a file or its caller can suffer on the way, and what stops each of it."""

from __future__ import annotations

import numpy as np
import pytest

from export.bundle import bundle, golden, verify
from export.parity import comparison, gate
from export.parity.result import Judgement, Verdict
from pipeline.core.errors import BundleError
from pipeline.core.sections import Gate
from pipeline.core.size import Size
from pipeline.evaluation.predictions import Predictions
from pipeline.images import letterbox
from pipeline.tflite import interpreter as litert
from tests.support import damages, small_models

LABELS = small_models.LABELS


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [golden._scene(random, small_models.FRAME) for _ in range(600)]


@pytest.fixture(scope="module")
def reference(frames) -> np.ndarray:
    return litert.predictions(small_models.build("float32"), frames, lambda frame: frame)


@pytest.fixture(scope="module")
def healthy() -> bytes:
    return small_models.build("int8")


def verdict(data: bytes, frames: list[np.ndarray], reference: np.ndarray) -> Judgement:
    """The default gate on a file; the reference's answers are taken for the truth."""
    names, truth = np.array([str(number) for number in range(len(frames))]), reference.argmax(1)
    target = litert.predictions(data, frames, lambda frame: frame)
    one, other = (
        Predictions("model", names, names, truth, predictions) for predictions in (reference, target)
    )
    return gate.judge(comparison.compare(one, other, LABELS, None), Gate())


def broken(judgement: Judgement) -> list[str]:
    return [check.name for check in judgement.checks if check.verdict == Verdict.FAILED]


def test_a_healthy_file_passes(healthy, frames, reference):
    assert verdict(healthy, frames, reference).passed


@pytest.mark.parametrize("layer", ["conv2d", "depthwise_conv2d"])
def test_weights_of_a_middle_layer_that_were_doubled_are_stopped_by_agreement(
    healthy, frames, reference, layer
):
    assert "agreement" in broken(verdict(damages.layer_doubled(healthy, layer), frames, reference))


def test_logits_that_were_doubled_are_stopped_by_the_shift_of_confidence_alone(healthy, frames, reference):
    assert broken(verdict(damages.logits_doubled(healthy), frames, reference)) == ["confidence_shift"]


def test_two_outputs_that_changed_places_are_stopped_by_agreement(healthy, frames, reference):
    assert "agreement" in broken(verdict(damages.outputs_swapped(healthy, 0, 1), frames, reference))


def test_two_lines_of_the_labels_that_changed_places_are_stopped_by_the_contract(int8_bundle):
    path = int8_bundle / bundle.LABELS
    one, other, *rest = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([other, one, *rest]) + "\n", "utf-8")
    with pytest.raises(BundleError) as caught:
        bundle.read(int8_bundle)
    assert caught.value.message == f"{path}, line 1: 'kettle', but contract.json says 'bicycle'"


def test_a_caller_that_divides_by_255_is_stopped_by_the_golden_vectors(int8_bundle, monkeypatch):
    def divided(picture: np.ndarray, frame: Size) -> np.ndarray:
        return (letterbox.letterbox(picture, frame) / 255).astype(np.uint8)

    monkeypatch.setattr(verify, "letterbox", divided)
    found = verify.verify(int8_bundle)
    assert not found.passed
    assert str(found.differs).startswith("the letterbox differs on ")
