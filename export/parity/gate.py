"""The verdict on a comparison: failed, passed, or not shown with so many pictures.

A bound on agreement, moved probability or confidence shift fails as soon as it is broken. A limit
on a drop fails where the drop is surely above it, and is kept where the drop is surely not: the
bounds are those of the two-sided 95% interval. What lies between is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.config import Gate

FAILED, PASSED, NOT_SHOWN = "failed", "passed", "not shown"
# Of the arithmetic: what stands exactly on a bound keeps it.
_SLACK = 1e-12


@dataclass(frozen=True)
class Check:
    """One bound of the gate.

    Attributes:
        name: The quantity's key in a comparison.
        verdict: `failed`, `passed` or `not shown`.
        text: The figure beside its bound.
    """

    name: str
    verdict: str
    text: str


def checks(found: Mapping[str, Any], gate: Gate) -> list[Check]:
    """Every bound of the gate on one comparison, in a fixed order.

    Args:
        found: What `comparison.compare` gives.
        gate: The bounds.
    """
    shift = found["confidence_shift"]
    simple = (
        ("agreement", found["agreement"] >= gate.min_agreement - _SLACK, f">= {gate.min_agreement:g}"),
        (
            "mean_abs_dp",
            found["mean_abs_dp"] <= gate.max_mean_abs_dp + _SLACK,
            f"<= {gate.max_mean_abs_dp:g}",
        ),
        (
            "confidence_shift",
            abs(shift) <= gate.max_confidence_shift + _SLACK,
            f"between -{gate.max_confidence_shift:g} and {gate.max_confidence_shift:g}",
        ),
    )
    result = [
        Check(name, PASSED if fine else FAILED, f"{name} is {found[name]:.4f}, must be {bound}")
        for name, fine, bound in simple
    ]
    for name, limit in (("accuracy_drop", gate.max_drop), ("macro_f1_drop", gate.max_f1_drop)):
        low, high = found[f"{name}_interval"]
        verdict = FAILED if low > limit + _SLACK else PASSED if high <= limit + _SLACK else NOT_SHOWN
        text = f"{name} is {found[name]:.4f} (95%: {low:.4f} to {high:.4f}), must be <= {limit:g}"
        result.append(Check(name, verdict, text))
    return result


def judge(found: Mapping[str, Any], gate: Gate) -> dict[str, Any]:
    """The verdict on one comparison; JSON values.

    `broken` holds the bounds that failed, `unproved` those that so few pictures cannot show.
    """
    judged = checks(found, gate)
    broken = [check.text for check in judged if check.verdict == FAILED]
    unproved = [check.text for check in judged if check.verdict == NOT_SHOWN]
    verdict = FAILED if broken else NOT_SHOWN if unproved else PASSED
    return {
        "verdict": verdict,
        "passed": verdict == PASSED,
        "broken": broken,
        "unproved": unproved,
        "checks": [vars(check) for check in judged],
    }


def overall(verdicts: list[str]) -> str:
    """The worst of several verdicts."""
    return next(verdict for verdict in (FAILED, NOT_SHOWN, PASSED) if verdict in verdicts)


def says_no(verdict: str, gate: Gate) -> bool:
    """Whether a verdict ends with exit code 3."""
    return verdict == FAILED or (verdict == NOT_SHOWN and gate.require_proof)
