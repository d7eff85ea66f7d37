"""What the app writes, as Python reads it and as the schemas state it: both take and refuse the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from export.android.benchmark import app_document, phone_benchmarks, recording
from pipeline.core.errors import DataError
from pipeline.core.packages import ROOT
from tests.support import fake_app

FOLDER = ROOT / "export/android/benchmark"
SCHEMA = json.loads((FOLDER / "benchmark.schema.json").read_text("utf-8"))
KINDS: dict[str, type] = {
    "recording": recording.Recording,
    "failure": recording.Failure,
    "progress": recording.Progress,
}
SHA256 = "0" * 64


def sample(kind: str) -> dict[str, Any]:
    """A document as the app writes it, with everything in it that can be."""
    head = {"benchmark_version": 2, "session": "s-1"}
    about = {"app": fake_app.APP, "device": fake_app.DEVICE, "runtime": "2.16.1"}
    good = {"flavour": "int8", "file": "model_int8.tflite", "size_bytes": 9, "sha256": SHA256}
    if kind == "failure":
        failed = {"error": "The benchmark was stopped.", "cancelled": True}
        return {**head, "state": "failed", **about, **failed}
    if kind == "progress":
        return {**head, "state": "running", "pid": 4711, "done": 3, "of": 24, "now": "int8, XNNPACK"}
    refused = {"kernels": "built-in", "num_threads": 2, "error": "The runtime refused the model."}
    measured = {
        "contract": "contract.json",
        "error": None,
        **good,
        "frame": [224, 128],
        "measurements": [fake_app.measurement("XNNPACK", 1, 50, seed=0), refused],
        "sustained": fake_app.sustained(10),
    }
    return {
        **head,
        "state": "finished",
        **about,
        "started_at": "2026-11-24T12:00:00.000Z",
        "ended_at": "2026-11-24T12:01:00.000Z",
        "settings": {
            "num_threads": [1, 2],
            "kernels": ["XNNPACK", "built-in"],
            "max_seconds": 60,
            "sustained_seconds": 10,
        },
        "camera_picture": {
            "source": "drawn",
            "format": "YUV_420_888",
            "width": 640,
            "height": 480,
            "rotation": 90,
        },
        "before": fake_app.conditions(30.0),
        "after": {**fake_app.conditions(33.0), "battery_celsius": None, "thermal_status": None},
        "throttled": None,
        "throttled_why": "The phone does not tell.",
        "models": [measured, {"contract": "contract_b.json", "error": "It is not valid JSON."}],
    }


def by_schema(kind: str, record: Any) -> bool:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return validator.is_valid(record) and record["state"] == sample(kind)["state"]


def by_python(kind: str, record: Any) -> bool:
    try:
        app_document.read(json.dumps(record), "f.json", KINDS[kind])
    except DataError:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_every_document_is_taken_by_both_and_kept_exactly(kind):
    record = sample(kind)
    assert by_schema(kind, record)
    read = app_document.read(json.dumps(record), "f.json", KINDS[kind])
    assert read.model_dump(mode="json", exclude_unset=True) == record


def without(*path: Any) -> Callable[[dict], None]:
    def change(record: dict) -> None:
        for step in path[:-1]:
            record = record[step]
        del record[path[-1]]

    return change


def with_value(value: Any, *path: Any) -> Callable[[dict], None]:
    def change(record: dict) -> None:
        for step in path[:-1]:
            record = record[step]
        record[path[-1]] = value

    return change


WRONG = {
    "recording": [
        without("runtime"),
        without("models", 0, "sha256"),
        without("models", 0, "measurements", 0, "memory"),
        without("before", "memory"),
        with_value([], "models"),
        with_value("GPU", "models", 0, "measurements", 0, "kernels"),
        with_value(17, "models", 0, "measurements", 0, "num_threads"),
        with_value("why", "models", 0, "measurements", 0, "error"),
        with_value("why", "models", 0, "error"),
        with_value("", "models", 1, "error"),
        with_value(None, "models", 1, "error"),
        with_value(-1.0, "models", 0, "measurements", 0, "model_ms", "p50"),
        with_value([], "models", 0, "measurements", 0, "grab_ms", "p50_interval"),
        without("state"),
        with_value("failed", "state"),
        with_value("hot", "after", "thermal_status"),
        with_value("yes", "throttled"),
        with_value(45, "camera_picture", "rotation"),
        with_value(1, "extra"),
        with_value("-s", "session"),
        with_value(0, "models", 0, "sustained", "frames"),
        with_value(0, "settings", "max_seconds"),
        with_value(3, "benchmark_version"),
        with_value(1, "benchmark_version"),
    ],
    "failure": [with_value("", "error"), without("cancelled"), with_value(1, "done")],
    "progress": [with_value(0, "of"), without("now"), without("pid"), with_value("e", "error")],
}


@pytest.mark.parametrize(
    ("kind", "change"),
    [pytest.param(kind, change, id=f"{kind}-{n}") for kind in WRONG for n, change in enumerate(WRONG[kind])],
)
def test_what_is_not_of_that_form_is_refused_by_both(kind, change):
    record = sample(kind)
    change(record)
    assert not by_schema(kind, record)
    assert not by_python(kind, record)


@pytest.mark.parametrize("key", ["p50", "p99", "max"])
def test_percentiles_in_no_order_are_refused(key):
    record = sample("recording")
    record["models"][0]["measurements"][0]["model_ms"][key] /= 2
    assert by_schema("recording", record)
    with pytest.raises(DataError, match="expected percentiles in ascending order") as caught:
        app_document.read(json.dumps(record), "f.json", recording.Recording)
    assert caught.value.message.startswith(
        "f.json is not in the app's format: models.0.measurements.0.model_ms"
    )
    assert caught.value.hint == "measure again: python -m export benchmark"


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        (
            3,
            (
                "the app on the phone is newer: update Vignette, or measure with its own app: "
                "python -m export benchmark"
            ),
        ),
        (1, "measure again: python -m export benchmark"),
    ],
)
def test_another_form_is_refused_by_its_version(version, hint):
    record = {**sample("recording"), "benchmark_version": version, "unknown": 1}
    with pytest.raises(DataError) as caught:
        app_document.read(json.dumps(record), "f.json", recording.Recording)
    assert caught.value.message == f"f.json has version {version}; this program reads version 2"
    assert caught.value.hint == hint


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_says_what_a_file_is(kind):
    assert type(recording.read(json.dumps(sample(kind)), "f.json")) is KINDS[kind]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "f.json is not in the app's format: "),
        ("[]", "f.json is not in the app's format: expected an obj"),
    ],
)
def test_what_is_no_json_object_is_refused(tmp_path, text, message):
    path = tmp_path / "f.json"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        phone_benchmarks.read(path)
    assert caught.value.message.removeprefix(f"{tmp_path}/").startswith(message)
    assert (
        caught.value.hint
        == "give phone.json or the file that the app has shared, or measure again: python -m export benchmark"
    )


def test_a_document_is_kept_with_the_recording_as_it_was(tmp_path):
    read = app_document.read(json.dumps(sample("recording")), "f.json", recording.Recording)
    kept = phone_benchmarks.PhoneBenchmarks(
        skipped={"float16": "because"}, disturbances=("one",), recording=read
    )
    path = tmp_path / "phone.json"
    path.write_text(json.dumps(kept.model_dump(mode="json")), "utf-8")
    assert json.loads(path.read_text("utf-8"))["recording"] == sample("recording")
    assert phone_benchmarks.read(path) == kept
    path.write_text(json.dumps({**kept.model_dump(mode="json"), "host": {"int8": {}}}), "utf-8")
    with pytest.raises(DataError) as caught:
        phone_benchmarks.read(path)
    assert caught.value.message.startswith(f"{path} is damaged: host.int8.median_ms is missing")
    for version, hint in ((3, "update Vignette"), (1, "measure again: python -m export benchmark")):
        path.write_text(json.dumps({**kept.model_dump(mode="json"), "phone_version": version}), "utf-8")
        with pytest.raises(DataError) as caught:
            phone_benchmarks.read(path)
        assert caught.value.message == f"{path} has version {version}; this program reads version 2"
        assert caught.value.hint == hint


def test_a_session_that_still_ran_has_no_results(tmp_path):
    path = tmp_path / "adb-1.json"
    path.write_text(json.dumps(sample("progress")), "utf-8")
    with pytest.raises(DataError) as caught:
        phone_benchmarks.read(path)
    assert caught.value.message == f"{path} has no results: it was not finished"


def test_the_schema_itself_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
