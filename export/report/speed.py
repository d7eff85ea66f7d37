"""How fast it is: on the computer that exported it, and on a phone if one was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from export import artifacts
from export.android.benchmark import summary
from export.android.benchmark.phone_benchmarks import PhoneBenchmarks
from export.parity.latency import Latency, Timing
from export.report.artifacts import Artifacts, Missing


@dataclass(frozen=True)
class _Speed:
    """The section.

    Attributes:
        host: Timings on the exporting computer, by flavour.
        runs: How many runs each is of; 0 if unknown.
        phone: Rows of the table whose columns are `columns`; empty if no phone was measured.
        sentences: What that table does not show.
    """

    host: Mapping[str, Timing]
    runs: int
    phone: list[list[str]]
    sentences: list[str]
    missing: list[Missing]
    columns: tuple[str, ...] = summary.FASTEST


def speed(contents: Artifacts) -> _Speed:
    """The section of the page."""
    latency, benchmarks, parity = contents.get(Latency), contents.get(PhoneBenchmarks), contents.parity
    host = (
        latency.flavours if latency else {row.model: row.latency for row in parity.targets} if parity else {}
    )
    return _Speed(
        host=host,
        runs=latency.runs if latency else 0,
        phone=summary.fastest(benchmarks) if benchmarks else [],
        sentences=list(summary.sentences(benchmarks)) if benchmarks else [],
        missing=contents.lacks(artifacts.PHONE, *(() if host else (artifacts.LATENCY,))),
    )
