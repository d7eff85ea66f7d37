"""A phone's figures as a person reads them: rows of tables, and sentences."""

from __future__ import annotations

from collections.abc import Iterator

from export.android.benchmark.document import Document
from export.android.benchmark.recording import Measured, Measurement

COLUMNS = (
    *("model", "kernels", "threads", "grab", "letterbox", "model p50", "p90", "p99", "from", "to"),
    *("frame p50", "p90", "p99", "first run", "MB"),
)
FASTEST = (
    *("model", "kernels", "threads", "phone p50", "p90", "p99", "frames/s"),
    *("this computer p50", "p90", "threads", "phone takes"),
)
_NOTHING = "–"


def rows(document: Document) -> list[list[str]]:
    """Every combination that was measured, in ms; the columns are `COLUMNS`."""
    found = []
    for model in document.recording.models:
        for measurement in model.measurements or ():
            name = [model.flavour or model.name, measurement.kernels, str(measurement.num_threads)]
            found.append(name + _figures(measurement))
    return found


def fastest(document: Document) -> list[list[str]]:
    """Each model at its fastest, beside the same file on this computer; the columns are `FASTEST`."""
    found = []
    for model in document.recording.models:
        best = _best(model)
        if best is None or best.model_ms is None or best.total_ms is None:
            continue
        times = best.model_ms
        row = [model.flavour or model.name, best.kernels, str(best.num_threads)]
        row += [f"{times.p50:.1f}", f"{times.p90:.1f}", f"{times.p99:.1f}"]
        row.append(f"{1000 / best.total_ms.p50:.0f}" if best.total_ms.p50 else _NOTHING)
        host = (document.host or {}).get(model.flavour or "")
        if host:
            ratio = f"{times.p50 / host.median_ms:.1f}×" if host.median_ms else _NOTHING
            row += [f"{host.median_ms:.1f}", f"{host.p90_ms:.1f}", str(host.num_threads), ratio]
        else:
            row += [_NOTHING] * 4
        found.append(row)
    return found


def sentences(document: Document) -> Iterator[str]:
    """What the tables do not show: phone, heat, throttling, sustained mode, what failed."""
    recorded = document.recording
    runtime = f"TensorFlow Lite {recorded.runtime}" if recorded.runtime else "an unknown runtime"
    yield f"{recorded.device.words}; app {recorded.app.version} with {runtime}, {recorded.ended_at[:10]}."
    settings = recorded.settings
    yield (
        f"{settings.runs} runs each, after {settings.warm_up_runs} to warm up. Grab, letterbox and model "
        "make a frame; from and to are the model's fastest and slowest run. MB: the app's memory."
    )
    before, after = recorded.before, recorded.after
    heat = f"Battery {_celsius(before.battery_celsius)} before, {_celsius(after.battery_celsius)} after"
    status = f"thermal status {before.thermal_status or 'unknown'}, then {after.thermal_status or 'unknown'}"
    throttled = {True: "Throttled", False: "Not throttled", None: "Throttling unknown"}[recorded.throttled]
    yield f"{heat}; {status}. {throttled}: {recorded.throttled_why.rstrip('.')}."
    for model in recorded.models:
        yield from _about(model)
    for flavour, why in document.skipped.items():
        yield f"{flavour} was left out: {why}."
    if document.disturbances:
        yield f"Seen before it began: {'; '.join(document.disturbances)}."
    if document.host is None:
        yield "The files were not timed on this computer: python -m export parity does."


def _about(model: Measured) -> Iterator[str]:
    name = model.flavour or model.name
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
            f"{name} without a pause for {long.seconds:.0f} s ({long.frames:,} frames, {long.kernels}, "
            f"threads {long.num_threads}): a frame took {long.first_ms:.1f} ms at the beginning, "
            f"{long.last_ms:.1f} ms at the end ({long.slowdown:.2f}×)."
        )


def _figures(measurement: Measurement) -> list[str]:
    grab, box = measurement.grab_ms, measurement.letterbox_ms
    times, whole, memory = measurement.model_ms, measurement.total_ms, measurement.memory
    if not (grab and box and times and whole and memory):
        return [_NOTHING] * (len(COLUMNS) - 3)
    numbers = [grab.p50, box.p50, times.p50, times.p90, times.p99, times.min, times.max]
    numbers += [whole.p50, whole.p90, whole.p99, measurement.first_run_ms or 0.0]
    return [*(f"{number:.1f}" for number in numbers), f"{memory.pss_kb / 1000:.0f}"]


def _best(model: Measured) -> Measurement | None:
    timed = [measurement for measurement in model.measurements or () if measurement.model_ms]
    return min(timed, key=lambda one: one.model_ms.p50 if one.model_ms else 0.0, default=None)


def _celsius(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f} °C"
