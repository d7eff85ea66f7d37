"""The benchmark of a phone as tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator

from export.android.benchmark.phone_benchmarks import PhoneBenchmarks
from export.android.benchmark.recording import Measured, Measurement

COLUMNS = (
    *("model", "kernels", "threads", "runs", "grab", "letterbox", "model p50", "from", "to", "p90", "p99"),
    *("frame p50", "p99", "first run", "MB"),
)
FASTEST = (
    *("model", "kernels", "threads", "phone p50", "p90", "p99", "frames/s"),
    *("this computer p50", "p90", "threads", "phone takes"),
)
_NOTHING = "–"


def rows(benchmarks: PhoneBenchmarks) -> list[list[str]]:
    """One row for every measured combination, in ms; the columns are `COLUMNS`."""
    table = []
    for model in benchmarks.recording.models:
        for measurement in model.measurements or ():
            name = [_name(model), measurement.kernels, str(measurement.num_threads)]
            table.append(name + _times(measurement))
    return table


def fastest(benchmarks: PhoneBenchmarks) -> list[list[str]]:
    """Each model at its fastest, next to its latency on this computer; the columns are `FASTEST`."""
    table = []
    for model in benchmarks.recording.models:
        best = _best(model)
        if best is None or best.model_ms is None or best.total_ms is None:
            continue
        times = best.model_ms
        row = [_name(model), best.kernels, str(best.num_threads)]
        row += [f"{times.p50:.1f}", f"{times.p90:.1f}", f"{times.p99:.1f}"]
        row.append(f"{1000 / best.total_ms.p50:.0f}" if best.total_ms.p50 else _NOTHING)
        host = (benchmarks.host or {}).get(model.flavour or "")
        if host:
            ratio = f"{times.p50 / host.median_ms:.1f}×" if host.median_ms else _NOTHING
            row += [f"{host.median_ms:.1f}", f"{host.p90_ms:.1f}", str(host.num_threads), ratio]
        else:
            row += [_NOTHING] * 4
        table.append(row)
    return table


def sentences(benchmarks: PhoneBenchmarks) -> Iterator[str]:
    """What the tables do not show: the phone, its heat, throttling, sustained runs, and failures."""
    recorded = benchmarks.recording
    runtime = f"TensorFlow Lite {recorded.runtime}" if recorded.runtime else "an unknown runtime"
    yield f"{recorded.device}; app {recorded.app.version} with {runtime}, {recorded.ended_at[:10]}."
    settings = recorded.settings
    yield (
        f"Each combination ran for {settings.max_seconds} s, or until its median was known to 3%: from and "
        "to are the median's 95% interval. A frame is grab, letterbox and model. MB is the app's memory."
    )
    before, after = recorded.before, recorded.after
    heat = f"Battery {_celsius(before.battery_celsius)} before, {_celsius(after.battery_celsius)} after"
    status = f"thermal status {before.thermal_status or 'unknown'}, then {after.thermal_status or 'unknown'}"
    throttled = {True: "Throttled", False: "Not throttled", None: "Throttling unknown"}[recorded.throttled]
    yield f"{heat}; {status}. {throttled}: {recorded.throttled_why}"
    for model in recorded.models:
        yield from _about(model)
    for flavour, why in benchmarks.skipped.items():
        yield f"{flavour} was skipped: {why}."
    if benchmarks.disturbances:
        yield f"Conditions at the start: {'; '.join(benchmarks.disturbances)}."
    if benchmarks.host is None:
        yield "There are no times on this computer to compare with: python -m export parity measures them."


def _about(model: Measured) -> Iterator[str]:
    name = _name(model)
    if model.error:
        yield f"{name} was not measured: {model.error}"
    for measurement in model.measurements or ():
        if measurement.error:
            yield (
                f"{name}, {measurement.kernels}, threads {measurement.num_threads}, was not measured: "
                f"{measurement.error}"
            )
    if model.sustained:
        long = model.sustained
        yield (
            f"{name} for {long.seconds:.0f} s without a pause ({long.frames:,} frames, {long.kernels}, "
            f"threads {long.num_threads}): {long.first_ms:.1f} ms per frame at the start, "
            f"{long.last_ms:.1f} ms at the end ({long.slowdown:.2f}×)."
        )


def _times(measurement: Measurement) -> list[str]:
    grab, box = measurement.grab_ms, measurement.letterbox_ms
    times, whole, memory = measurement.model_ms, measurement.total_ms, measurement.memory
    if not (grab and box and times and whole and memory):
        return [_NOTHING] * (len(COLUMNS) - 3)
    numbers = [grab.p50, box.p50, times.p50, *times.p50_interval, times.p90, times.p99]
    numbers += [whole.p50, whole.p99, measurement.first_run_ms or 0.0]
    texts = (f"{number:.1f}" for number in numbers)
    return [f"{measurement.runs:,}", *texts, f"{memory.pss_kb / 1000:.0f}"]


def _best(model: Measured) -> Measurement | None:
    timed = [measurement for measurement in model.measurements or () if measurement.model_ms]
    return min(timed, key=lambda one: one.model_ms.p50 if one.model_ms else 0.0, default=None)


def _name(model: Measured) -> str:
    return model.flavour or model.contract


def _celsius(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f} °C"
