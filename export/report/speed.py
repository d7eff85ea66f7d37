"""How fast it is: on the computer that exported it, and on a phone where one was measured."""

from __future__ import annotations

from typing import Any

from export import artifacts
from export.android.benchmark import phone_benchmarks, summary
from export.report.artifacts import Artifacts
from pipeline.core.errors import VignetteError


def speed(found: Artifacts) -> dict[str, Any]:
    """The part of the page."""
    timed = found.get(artifacts.LATENCY)
    rows = (timed or {}).get("flavours") or {
        row.model: row.latency for row in (found.parity.targets if found.parity else ())
    }
    part: dict[str, Any] = {"host": rows, "runs": (timed or {}).get("runs"), "phone": None}
    part["missing"] = found.lacks(artifacts.PHONE) + ([] if rows else found.lacks(artifacts.LATENCY))
    if found.get(artifacts.PHONE):
        try:
            measured = phone_benchmarks.read(found.run.path(artifacts.PHONE))
            part["phone"] = {
                "columns": summary.FASTEST,
                "rows": summary.fastest(measured),
                "sentences": list(summary.sentences(measured)),
            }
        except VignetteError as error:
            part["phone_error"] = error.message
    return part
