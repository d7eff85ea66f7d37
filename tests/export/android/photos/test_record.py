"""The form of what the app notes, read by Python and by the schema alike."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest
from referencing import Registry, Resource

from export.android.photos import record
from export.bundle import bundle
from pipeline.core.errors import DataError
from pipeline.core.packages import ROOT
from pipeline.tflite import interpreter as litert
from tests.support import app_folder

SCHEMAS = [
    json.loads((ROOT / "export/android" / name).read_text("utf-8"))
    for name in ("benchmark/benchmark.schema.json", "photos/photo.schema.json")
]
REGISTRY = Registry().with_resources([(s["$id"], Resource.from_contents(s)) for s in SCHEMAS])
VALIDATOR = jsonschema.Draft202012Validator(SCHEMAS[1], registry=REGISTRY)


@pytest.fixture(scope="module")
def noted(small_bundles, draw) -> dict:
    """A record that is right."""
    found, pixels = bundle.read(small_bundles["int8"]), draw(90, 70)
    return app_folder.record_of(
        pixels, "ab" * 32, found, "kettle", litert.BUILT_IN, "20261124-101500", "20261124-101500-001"
    )


@pytest.mark.parametrize("truth", [app_folder.NOBODY_SAID, app_folder.NONE, "fenêtre"])
def test_a_photo_of_every_kind_fits_the_schema_and_reads(small_bundles, draw, truth):
    found, pixels = bundle.read(small_bundles["int8"]), draw(90, 70)
    value = app_folder.record_of(
        pixels, "ab" * 32, found, truth, litert.XNNPACK, "20261124-101500", "20261124-101500-001"
    )
    VALIDATOR.validate(value)
    read = record.parse(json.dumps(value))
    assert read.labels == found.contract.labels
    assert (read.truth is None) == (truth is app_folder.NOBODY_SAID)
    assert read.answer_by_probabilities == read.answer == value["answer"]
    np.testing.assert_array_equal(found.contract.output.probabilities(read.raw), read.probabilities)


WRONG = {
    "no sha256": lambda r: r.pop("sha256"),
    "a key too many": lambda r: r.update(mood="good"),
    "a sha256 in capitals": lambda r: r.update(sha256="AB" * 32),
    "a file that is none": lambda r: r.update(file="../photo.png"),
    "a session by another name": lambda r: r.update(session="today"),
    "a time without a zone": lambda r: r.update(taken_at="2026-11-24T10:15:00.000"),
    "a width of nothing": lambda r: r.update(width=0),
    "a width in words": lambda r: r.update(width="90"),
    "kernels of another kind": lambda r: r.update(kernels="GPU"),
    "no threads": lambda r: r.update(num_threads=0),
    "one label": lambda r: r.update(labels=["kettle"]),
    "a label twice": lambda r: r.update(labels=["a", "a", "b", "c"]),
    "a threshold above 1": lambda r: r.update(threshold=1.5),
    "probabilities in words": lambda r: r.update(probabilities=["much", "little", "none", "none"]),
    "a negative time": lambda r: r["latency_ms"].update(model=-1),
    "another flavour": lambda r: r["model"].update(flavour="int4"),
    "no device": lambda r: r.update(device=None),
    "an old Android": lambda r: r["device"].update(sdk=25),
    "a truth in one word": lambda r: r.update(truth="kettle"),
    "a truth without a time": lambda r: r.update(truth={"label": "kettle"}),
    "an answer that is a number": lambda r: r.update(answer=2),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_what_the_schema_refuses_python_refuses_too(noted, change):
    value = json.loads(json.dumps(noted))
    assert VALIDATOR.is_valid(value)
    change(value)
    assert not VALIDATOR.is_valid(value)
    with pytest.raises(DataError, match="its record is invalid: "):
        record.parse(json.dumps(value))


def test_a_wrong_key_is_named_with_what_was_expected(noted):
    with pytest.raises(DataError, match=r"width: expected a valid integer\. Received: \"90\""):
        record.parse(json.dumps(noted | {"width": "90"}))


def test_as_many_probabilities_as_labels_are_asked_for(noted):
    with pytest.raises(DataError, match="4 probabilities, one for each label, not 2"):
        record.parse(json.dumps(noted | {"probabilities": [0.5, 0.5]}))


def test_output_that_is_no_base64_is_refused(noted):
    with pytest.raises(DataError, match="output: expected"):
        record.parse(json.dumps(noted | {"output": "!"}))


@pytest.mark.parametrize("text", ["", "{", "[1, 2", '{"photo_version": 1'])
def test_half_a_record_is_damaged(text):
    with pytest.raises(DataError, match="its record is damaged: "):
        record.parse(text)


def test_a_newer_record_asks_for_a_newer_program(noted):
    with pytest.raises(DataError, match="its record has version 2; this program reads version 1") as refused:
        record.parse(json.dumps(noted | {"photo_version": 2}))
    assert "newer" in refused.value.hint


def test_below_the_threshold_it_says_nothing_and_ties_go_to_the_lower_index(noted):
    unsure = record.parse(json.dumps(noted | {"probabilities": [0.25, 0.25, 0.25, 0.25], "threshold": 0.26}))
    assert unsure.answer_by_probabilities is None
    sure = record.parse(json.dumps(noted | {"probabilities": [0.1, 0.4, 0.4, 0.1], "threshold": 0.4}))
    assert sure.answer_by_probabilities == sure.labels[1]
