from __future__ import annotations

import json

import pytest

from export.android.benchmark import app_document, recording, summary
from export.android.benchmark.phone_benchmarks import Host, PhoneBenchmarks
from tests.export.android.benchmark.test_recording import sample


@pytest.fixture
def found() -> PhoneBenchmarks:
    read = app_document.read(json.dumps(sample("recording")), "f.json", recording.Recording)
    host = {"int8": Host(median_ms=2.0, p90_ms=2.5, num_threads=2, delegate="XNNPACK")}
    return PhoneBenchmarks(host=host, recording=read)


def test_every_combination_has_a_row_also_one_that_was_refused(found):
    first, second = summary.rows(found)
    times = sample("recording")["models"][0]["measurements"][0]
    assert len(first) == len(second) == len(summary.COLUMNS)
    assert first[:3] == ["int8", "XNNPACK", "1"]
    model, frame = times["model_ms"], times["total_ms"]
    assert first[3] == "50"
    numbers = [model["p50"], *model["p50_interval"], model["p90"], model["p99"], frame["p50"], frame["p99"]]
    assert first[6:13] == [f"{number:.1f}" for number in numbers]
    assert first[13:] == ["31.2", "182"]
    assert second == ["int8", "built-in", "2", *["–"] * 12]


def test_the_fastest_is_set_beside_this_computer(found):
    (row,) = summary.fastest(found)
    assert len(row) == len(summary.FASTEST)
    times = sample("recording")["models"][0]["measurements"][0]
    assert row[:4] == ["int8", "XNNPACK", "1", f"{times['model_ms']['p50']:.1f}"]
    assert row[6] == f"{1000 / times['total_ms']['p50']:.0f}"
    assert row[7:] == ["2.0", "2.5", "2", f"{times['model_ms']['p50'] / 2:.1f}×"]


def test_without_times_of_this_computer_the_columns_stay_empty(found):
    alone = PhoneBenchmarks(recording=found.recording)
    (row,) = summary.fastest(alone)
    assert row[7:] == ["–"] * 4
    assert (
        "There are no times on this computer to compare with: python -m export parity measures them."
        in list(summary.sentences(alone))
    )


def test_heat_throttling_and_failures_are_sentences(found):
    kept = found.model_copy(update={"skipped": {"float16": "too new"}, "disturbances": ("a", "b")})
    assert list(summary.sentences(kept)) == [
        (
            "Google Pixel 8, Android 15, 9 cores, Tensor G3, arm64-v8a; app 1.0 with TensorFlow Lite 2.16.1, "
            "2026-11-24."
        ),
        (
            "Each combination ran for 60 s, or until its median was known to 3%: from and to are the "
            "median's 95% interval. A frame is grab, letterbox and model. MB is the app's memory."
        ),
        (
            "Battery 30.0 °C before, unknown after; thermal status none, then unknown. Throttling unknown: "
            "The phone does not tell."
        ),
        "int8, built-in, threads 2, was not measured: The runtime refused the model.",
        (
            "int8 for 10 s without a pause (600 frames, XNNPACK, threads 4): 10.0 ms per frame at the start, "
            "12.5 ms at the end (1.25×)."
        ),
        "contract_b.json was not measured: It is not valid JSON.",
        "float16 was skipped: too new.",
        "Conditions at the start: a; b.",
    ]
