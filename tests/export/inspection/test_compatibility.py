from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from export.bundle import bundle
from export.inspection import judges
from export.inspection.compatibility import consumers
from export.model_file import metadata, structure
from pipeline.tflite import interpreter as litert
from tests.support import odd_models, verbs
from tests.support.small_models import FRAME, LABELS, build, with_operator_version

MEDIAPIPE, LITERT_JS, APP, GPU = range(4)
FLAVOURS = ("float32", "float16", "dynamic_range", "int8")
PICTURES = np.random.default_rng(6).integers(0, 256, (3, FRAME.height, FRAME.width, 3), np.uint8)


@pytest.fixture
def mediapipe():
    if judges.MEDIAPIPE.missing:
        pytest.skip(judges.MEDIAPIPE.missing)
    return judges.MEDIAPIPE


def verdicts(data: bytes):
    return consumers(structure.read(data), metadata.read(data))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_our_flavours_are_accepted_by_all(flavour):
    found = verdicts(metadata.write(build(flavour), odd_models.SAID, FRAME))
    assert [consumer.accepts for consumer in found] == [True, True, True, None]
    assert found[GPU].reason == ""
    assert found[APP].name == "the app's runtime, TensorFlow Lite 2.16.1"


@pytest.mark.parametrize(
    ("odd", "who", "reason"),
    [
        (
            "int8 border",
            MEDIAPIPE,
            "it feeds uint8 or float32, not int8; it reads uint8 or float32, not int8",
        ),
        ("uint8 in, int8 out", MEDIAPIPE, "it reads uint8 or float32, not int8"),
        ("without metadata", MEDIAPIPE, "a float32 input needs a normalization in the metadata"),
        ("grey", MEDIAPIPE, "it takes one picture of shape 1 x height x width x 3, not 1 x 32 x 64 x 1"),
        ("int8 border", LITERT_JS, "it takes uint8 or float32 as input and output, not int8"),
        ("dynamic batch", LITERT_JS, "it takes no dynamic dimensions, but the batch size is dynamic"),
        ("int8 border", APP, "the app needs one uint8 or float32 input and one such output"),
        ("two outputs", APP, "the app needs one uint8 or float32 input and one such output"),
    ],
)
def test_who_refuses_a_file_says_why(odd, who, reason):
    consumer = verdicts(odd_models.build(odd))[who]
    assert (consumer.accepts, consumer.reason) == (False, reason)


def test_an_operator_that_is_too_new_for_the_app_is_named():
    consumer = verdicts(with_operator_version(build("float32"), "FULLY_CONNECTED", 12))[APP]
    assert consumer.accepts is False
    assert consumer.reason == "it runs FULLY_CONNECTED up to version 11, not 12"


def test_a_file_without_labels_is_accepted_with_a_remark():
    consumer = verdicts(build("int8"))[MEDIAPIPE]
    assert (consumer.accepts, consumer.reason) == (
        True,
        "it shows no class names, because the file has no labels",
    )


def said_otherwise(flavour: str, **changes) -> bytes:
    return metadata.write(build(flavour), replace(odd_models.SAID, **changes), FRAME)


def normalized(*mean: float):
    return {"mean": mean, "std": tuple(2.0 for _ in mean)}


OTHERS = {
    "one mean": lambda: said_otherwise("float32", **normalized(9.0)),
    "three equal means": lambda: said_otherwise("float32", **normalized(9.0, 9.0, 9.0)),
    "means per channel": lambda: said_otherwise("float32", **normalized(1.0, 2.0, 3.0)),
    "means per channel that nobody uses": lambda: said_otherwise("int8", **normalized(1.0, 2.0, 3.0)),
    "two means": lambda: said_otherwise("float32", **normalized(9.0, 9.0)),
    "four means": lambda: said_otherwise("int8", **normalized(9.0, 9.0, 9.0, 9.0)),
    "no labels": lambda: said_otherwise("int8", labels=()),
    "labels cut off": lambda: said_otherwise("int8")[:-10],
    "labels compressed": lambda: odd_models.with_zip(said_otherwise("int8"), "labels.txt", b"a\nb\nc\nd\n"),
    "metadata damaged": lambda: odd_models.repacked(said_otherwise("int8"), b"M001"),
}


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ("means per channel", "it takes one mean and one deviation, not one for each channel"),
        ("two means", "it takes one mean and one deviation, not 2 and 2"),
        ("four means", "it takes one mean and one deviation, not 4 and 4"),
        ("no labels", "it cannot read the labels, labels.txt"),
        ("labels cut off", "it cannot read the labels, labels.txt"),
        ("labels compressed", "it reads labels only if they are stored uncompressed"),
        ("metadata damaged", "it cannot read the metadata"),
    ],
)
def test_metadata_that_mediapipe_refuses_are_named(other, reason):
    consumer = verdicts(OTHERS[other]())[MEDIAPIPE]
    assert (consumer.accepts, consumer.reason) == (False, reason)


# The outside reader itself.


@pytest.mark.slow
@pytest.mark.parametrize("other", OTHERS)
def test_mediapipe_reads_and_refuses_metadata_as_is_said(mediapipe, tmp_path, other):
    path = tmp_path / "x.tflite"
    path.write_bytes(OTHERS[other]())
    predictions = judges.ask(mediapipe, path, [(PICTURES[0],)], 60)
    said = verdicts(path.read_bytes())[MEDIAPIPE]
    assert said.accepts is (predictions.outputs is not None), predictions.error


@pytest.mark.slow
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_mediapipe_gives_litert_s_labels_and_scores(mediapipe, small_bundles, tmp_path, flavour):
    """Pictures already of the frame's size; the scores within the contract's tolerance."""
    rules = bundle.read(small_bundles[flavour]).contract
    data = metadata.write(build(flavour), odd_models.SAID, FRAME)
    compare(mediapipe, data, PICTURES, LABELS, rules.tolerance, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["float32", "int8"])
def test_mediapipe_reads_the_files_of_a_run(mediapipe, tmp_path_factory, tmp_path, flavour):
    """As they were exported, with the bundle's own labels and tolerance."""
    found = bundle.read(verbs.finished(tmp_path_factory) / verbs.RUN / "export" / flavour)
    frame = found.contract.input.frame
    pictures = np.random.default_rng(7).integers(0, 256, (4, frame.height, frame.width, 3), np.uint8)
    compare(mediapipe, found.data, pictures, found.contract.labels, found.contract.tolerance, tmp_path)


def compare(judge, data: bytes, pictures, labels, tolerance: float, place) -> None:
    path = place / "x.tflite"
    path.write_bytes(data)
    predictions = judges.ask(judge, path, [(picture,) for picture in pictures], 60)
    assert predictions.error == ""
    reader = litert.Interpreter(data)
    for number, picture in enumerate(pictures):
        expected = reader.answer(picture)
        categories = predictions.outputs[f"{number}_0"]
        scores = [score for _, _, score in categories]
        assert scores == sorted(scores, reverse=True)
        assert len(categories) == len(labels)
        for label, index, score in categories:
            assert label == labels[index]
            assert abs(score - expected[index]) <= tolerance
        # The order is LiteRT's, unless scores are as good as equal.
        order = [index for _, index, _ in categories]
        for first, second in itertools.pairwise(order):
            assert expected[first] >= expected[second] - tolerance
        assert expected[order[0]] >= expected.max() - tolerance


@pytest.mark.slow
@pytest.mark.parametrize("odd", odd_models.ODD)
def test_mediapipe_accepts_and_refuses_what_passports_say(mediapipe, tmp_path, odd):
    data = odd_models.build(odd)
    path = tmp_path / "x.tflite"
    path.write_bytes(data)
    predictions = judges.ask(mediapipe, path, [(PICTURES[0],)], 60)
    said = verdicts(data)[MEDIAPIPE]
    assert said.accepts is (predictions.outputs is not None), predictions.error
