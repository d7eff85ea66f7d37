"""What the app writes, as Python reads it and as the schemas state it: both take and refuse the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from export.android.benchmark import app_document, listing, phone_benchmarks, recording
from pipeline.core.errors import DataError
from pipeline.core.packages import ROOT
from tests.support import fake_app

FOLDER = ROOT / "export/android/benchmark"
SCHEMAS = {
    name: json.loads((FOLDER / f"{name}.schema.json").read_text("utf-8")) for name in ("benchmark", "listing")
}
REGISTRY = Registry().with_resources(
    [(schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()]
)
KINDS: dict[str, type] = {
    "recording": recording.Recording,
    "failure": recording.Failure,
    "progress": recording.Progress,
    "listing": listing.Listing,
}
SHA256 = "0" * 64


def sample(kind: str) -> dict[str, Any]:
    """A document as the app writes it, with everything in it that can be."""
    head = {"session": "s-1", "app": fake_app.APP, "device": fake_app.DEVICE, "runtime": "2.16.1"}
    good = {"flavour": "int8", "file": "model_int8.tflite", "size_bytes": 9, "sha256": SHA256}
    bad = {"name": "b", "error": "The phone denies access to its files."}
    if kind == "listing":
        return {
            "listing_version": 1,
            **head,
            "folder": "/sdcard/models",
            "error": None,
            "models": [{"name": "a", "error": None, **good}, bad],
        }
    if kind == "failure":
        return {"benchmark_version": 1, **head, "error": "The benchmark was stopped.", "cancelled": True}
    if kind == "progress":
        return {"benchmark_version": 1, "session": "s-1", "done": 3, "of": 24, "now": "int8, XNNPACK"}
    refused = {"kernels": "built-in", "num_threads": 2, "error": "The runtime refused the model."}
    measured = {
        "name": "a",
        "source": "folder",
        "error": None,
        **good,
        "frame": [224, 128],
        "measurements": [fake_app.measurement("XNNPACK", 1, 5, 1, seed=0), refused],
        "sustained": fake_app.sustained(10),
    }
    return {
        "benchmark_version": 1,
        **head,
        "started_at": "2026-11-24T12:00:00.000Z",
        "ended_at": "2026-11-24T12:01:00.000Z",
        "settings": {
            "models": ["a", "b"],
            "runs": 5,
            "warm_up_runs": 1,
            "num_threads": [1, 2],
            "kernels": ["XNNPACK", "built-in"],
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
        "models": [measured, {**bad, "source": "folder"}],
    }


def by_schema(kind: str, record: Any) -> bool:
    schema = SCHEMAS["listing" if kind == "listing" else "benchmark"]
    return jsonschema.Draft202012Validator(schema, registry=REGISTRY).is_valid(record)


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
        with_value([], "models", 0, "measurements", 0, "grab_ms", "values"),
        with_value("hot", "after", "thermal_status"),
        with_value("yes", "throttled"),
        with_value(45, "camera_picture", "rotation"),
        with_value(1, "extra"),
        with_value("-s", "session"),
        with_value(0, "models", 0, "sustained", "frames"),
        with_value(0, "settings", "runs"),
        with_value(2, "benchmark_version"),
    ],
    "failure": [with_value("", "error"), without("cancelled"), with_value(1, "done")],
    "progress": [with_value(0, "of"), without("now"), with_value("e", "error")],
    "listing": [
        without("folder"),
        with_value("", "error"),
        with_value("why", "models", 0, "error"),
        with_value(None, "models", 1, "error"),
        with_value("int4", "models", 0, "flavour"),
        with_value(2, "listing_version"),
    ],
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


def test_percentiles_that_do_not_follow_from_the_values_are_refused():
    record = sample("recording")
    record["models"][0]["measurements"][0]["model_ms"]["p90"] += 0.5
    assert by_schema("recording", record)
    with pytest.raises(DataError, match="expected percentiles that follow from its values") as caught:
        app_document.read(json.dumps(record), "f.json", recording.Recording)
    assert caught.value.message.startswith(
        "f.json is not in the app's format: models.0.measurements.0.model_ms"
    )
    assert caught.value.hint == (
        "update the app, then measure again: python -m export apk, then python -m export benchmark"
    )


def test_a_newer_form_is_refused_by_its_version():
    record = {**sample("recording"), "benchmark_version": 2, "unknown": 1}
    with pytest.raises(DataError) as caught:
        app_document.read(json.dumps(record), "f.json", recording.Recording)
    assert caught.value.message == "f.json has version 2; this program reads version 1"
    assert caught.value.hint.startswith("the app on the phone is newer: update Vignette")


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
    path.write_text(json.dumps({**kept.model_dump(mode="json"), "phone_version": 2}), "utf-8")
    with pytest.raises(DataError, match="has version 2; this program reads version 1"):
        phone_benchmarks.read(path)


def test_a_phone_json_of_the_version_before_is_read(tmp_path):
    host = {"int8": {"median_ms": 2.0, "p90_ms": 2.5, "num_threads": 2, "delegate": "XNNPACK"}}
    written = {"phone_version": 1, "apk_sha256": SHA256, "skipped": {}, "disturbances": [], "host": host}
    (tmp_path / "phone.json").write_text(json.dumps({**written, "recording": sample("recording")}), "utf-8")
    benchmarks = phone_benchmarks.read(tmp_path / "phone.json")
    assert benchmarks.model_dump(mode="json") == {**written, "recording": sample("recording")}


def test_schemas_themselves_are_ones():
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)
