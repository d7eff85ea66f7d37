"""Models of strangers, compared: by position, as their border asks, and refused in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.model_file import metadata
from export.parity.models import compare, sides
from export.parity.models.by_hand import ByHand
from pipeline.core.errors import ConversionError, DataError, UsageError
from pipeline.core.progress import ProgressReporter
from pipeline.core.size import Size
from tests.support import bare_models, odd_models, own_models
from tests.support.bare_models import KIND

FRAME = Size(bare_models.SIDE, bare_models.SIDE)
COLOURS = {"red": (250, 20, 10), "green": (10, 240, 30), "blue": (20, 5, 230)}
HAND = ByHand(limits=(0, 255), labels=tuple(COLOURS), fit="stretch")


@pytest.fixture
def folder(tmp_path) -> Path:
    for label, colour in COLOURS.items():
        (tmp_path / "shots" / label).mkdir(parents=True)
        for number in range(3):
            pixels = np.clip(np.array(colour) + 5 * number, 0, 255).astype(np.uint8)
            Image.fromarray(np.full((32, 32, 3), pixels, np.uint8)).save(
                tmp_path / f"shots/{label}/{number}.png"
            )
    return tmp_path / "shots"


def written(path: Path, data: bytes, labels: tuple[str, ...] = ()) -> str:
    if labels:
        said = replace(odd_models.SAID, name="Theirs", labels=labels)
        data = metadata.write(data, said, FRAME)
    path.write_bytes(data)
    return str(path)


def compared(one: str, other: str, folder: Path, hand: ByHand = HAND) -> compare.ComparedTarget:
    result, _ = compare.compare_models(one, other, folder, None, hand, None, ProgressReporter())
    return result.targets[0]


@pytest.mark.parametrize("kind", [KIND.UINT8, KIND.INT32, KIND.INT16])
def test_integers_without_a_scale_are_handed_over_as_they_are(tmp_path, folder, kind):
    one = written(tmp_path / "float.tflite", bare_models.linear())
    other = written(tmp_path / "raw.tflite", bare_models.linear(kind=kind))
    found = compared(one, other, folder)
    assert (found.accuracy, found.agreement, found.mean_abs_dp) == (1.0, 1.0, 0.0)


def test_raw_bytes_need_no_range(tmp_path, folder):
    raw = written(tmp_path / "raw.tflite", bare_models.linear(kind=KIND.UINT8))
    found = compared(raw, raw, folder, ByHand(labels=tuple(COLOURS), fit="stretch"))
    assert found.accuracy == 1.0
    assert found.prepared == "32x32, stretch, pixels as its bytes, by the options"


def test_a_range_that_whole_numbers_cannot_hold_is_refused(tmp_path):
    raw = written(tmp_path / "raw.tflite", bare_models.linear(kind=KIND.INT8))
    with pytest.raises(UsageError, match=r"takes integers -128 to 127, not 0 to 255"):
        sides.side(raw, None, HAND)


def test_two_outputs_with_one_label_stay_two(tmp_path, folder):
    """Green and blue both are called the same; a folder of reds is scored, one of the others not."""
    same = written(tmp_path / "same.tflite", bare_models.linear(), ("red", "cold", "cold"))
    hand = ByHand(fit="stretch")
    assert sides.side(same, None, hand).labels == ("red", "cold", "cold")
    for label in ("green", "blue"):
        for path in (folder / label).iterdir():
            path.rename(folder / "red" / f"{label}{path.name}")
        (folder / label).rmdir()
    (folder / "cold").mkdir()
    (folder / "red/green0.png").rename(folder / "cold/0.png")
    with pytest.raises(DataError) as caught:
        compared(same, same, folder, hand)
    assert "has pictures of cold, which is the label of several outputs" in caught.value.message
    assert "--labels FILE" in caught.value.hint
    named = ByHand(fit="stretch", labels=("red", "cold", "blue"))
    found = compared(same, same, folder, named)
    assert [row.label for row in found.classes] == ["red", "cold", "blue"]
    assert found.classes[1].recall == 1.0


def test_equal_labels_are_told_apart_by_their_order():
    assert compare._order(("b", "a", "b"), ("a", "b", "b")) == [1, 0, 2]


def test_labels_given_by_hand_may_not_rename_what_stands_once(tmp_path):
    same = written(tmp_path / "same.tflite", bare_models.linear(), ("red", "cold", "cold"))
    with pytest.raises(UsageError, match="--labels contradicts the metadata"):
        sides.side(same, None, ByHand(fit="stretch", labels=("rot", "cold", "blue")))


def test_a_softmax_on_a_grid_may_add_up_to_less(tmp_path, folder):
    """1,001 labels, of which all but a few are rounded to nothing: as classes × scale / 2 allows."""
    labels = (*COLOURS, *(f"other {number}" for number in range(998)))
    model = written(tmp_path / "coarse.tflite", bare_models.coarse(1001))
    side = sides.side(model, None, replace(HAND, labels=labels))
    predictions = side.answer([folder / "red/0.png"], bool)
    assert (predictions.argmax(), predictions.shape) == (0, (1, 1001))
    assert predictions.sum() < 0.9


def test_numbers_that_are_no_probabilities_are_still_refused(tmp_path, folder):
    path = tmp_path / "logits.tflite"

    def cut(model) -> None:
        graph = model.subgraphs[0]
        graph.outputs = [graph.operators.pop().inputs[0]]

    path.write_bytes(odd_models.changed(bare_models.linear(), cut))
    with pytest.raises(ConversionError, match="does not return probabilities"):
        compared(str(path), str(path), folder)


def test_a_size_that_is_left_open_is_asked_for_first(tmp_path, folder):
    model = written(tmp_path / "open.tflite", bare_models.linear((1, -1, -1, 3)))
    for hand in (ByHand(), HAND):
        with pytest.raises(UsageError) as caught:
            sides.side(model, None, hand)
        assert caught.value.message == (
            f"{model} cannot be run as it is: the file leaves its input size open"
        )
        assert "--size WIDTHxHEIGHT" in caught.value.hint
    side = sides.side(model, None, replace(HAND, size=Size(48, 16)))
    assert side.prepared.startswith("48x16, stretch")
    assert compared(model, model, folder, replace(HAND, size=Size(48, 16))).accuracy == 1.0
    half = written(tmp_path / "half.tflite", bare_models.linear((1, 32, -1, 3)))
    with pytest.raises(UsageError, match="takes a height of 32, not 16"):
        sides.side(half, None, replace(HAND, size=Size(48, 16)))


@pytest.mark.parametrize(
    "data", [bare_models.detector(), bare_models.compiled("DISPATCH_OP"), bare_models.no_weights()]
)
def test_what_is_no_classifier_is_refused_in_words(tmp_path, data):
    model = written(tmp_path / "x.tflite", data)
    with pytest.raises((ConversionError, DataError)) as caught:
        sides.side(model, None, HAND)
    assert model in caught.value.message


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("keras_model.h5", b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as an older Keras model"),
        ("mine.keras", b"PK\x03\x04", "a zip archive, such as an APK or a .keras model"),
        ("converted.zip", b"PK\x03\x04", "a zip archive"),
    ],
)
def test_models_of_other_kinds_are_named_with_the_way_to_a_tflite(tmp_path, name, content, what):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        sides.side(str(tmp_path / name), None, HAND)
    assert f"{name} is {what}" in caught.value.message
    assert "Teachable Machine" in caught.value.hint
    assert "load_model" in caught.value.hint
    with pytest.raises(DataError, match="no such file"):
        sides.side(str(tmp_path / f"other_{name}"), None, HAND)


def test_a_keras_file_is_compared_as_the_options_say(tmp_path):
    model = str(own_models.save(tmp_path / "x.keras"))
    own_models.draw_pictures(tmp_path / "shots", 4)
    hand = ByHand(limits=(-1, 1), labels=own_models.LABELS, fit="letterbox")
    found = compared(model, model, tmp_path / "shots", hand)
    assert (found.agreement, found.mean_abs_dp) == (1.0, 0.0)
    assert found.accuracy > 0.8
    assert found.prepared == "48x32, letterbox, pixels as -1 to 1, by the options, with a softmax added"


def test_of_a_keras_file_nothing_is_guessed_and_labels_must_fit(tmp_path):
    model = str(own_models.save(tmp_path / "x.keras", outputs=5))
    with pytest.raises(UsageError, match=r"its labels \(--labels FILE\), nor the range of its input"):
        sides.side(model, None, ByHand())
    with pytest.raises(DataError, match=r"x\.keras has 5 outputs, but --labels names 3 labels"):
        sides.side(model, None, HAND)
