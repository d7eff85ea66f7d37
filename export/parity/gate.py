"""The verdict on a comparison: failed, passed, or not shown with so many pictures.

Every quantity is judged by its two-sided 95% interval: it fails where the interval lies wholly beyond its
limit, passes where it lies wholly within, and is not shown in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, isinf
from typing import Any

from pipeline.core.sections import Gate
from pipeline.stats.metrics import Z

FAILED, PASSED, NOT_SHOWN = "failed", "passed", "not shown"
# Of the arithmetic: what stands exactly on a limit is within.
_SLACK = 1e-12


@dataclass(frozen=True)
class Check:
    """One quantity of the gate.

    Attributes:
        name: Its key in a comparison.
        verdict: `failed`, `passed` or `not shown`.
        value: As measured.
        interval: Its 95% interval.
        allowed: The lowest and the highest value allowed; None where there is no limit.
        pictures_needed: About how many pictures like these would pass, where that is not shown; None where
            the value itself is beyond its limit.
        text: The value beside its limit.
    """

    name: str
    verdict: str
    value: float
    interval: tuple[float, float]
    allowed: tuple[float | None, float | None]
    pictures_needed: int | None
    text: str


def limits(gate: Gate) -> dict[str, tuple[float | None, float | None]]:
    """The lowest and the highest value that each quantity may have, in the order of the checks."""
    return {
        "agreement": (gate.min_agreement, None),
        "mean_abs_dp": (None, gate.max_mean_abs_dp),
        "confidence_shift": (-gate.max_confidence_shift, gate.max_confidence_shift),
        "accuracy_drop": (None, gate.max_drop),
        "macro_f1_drop": (None, gate.max_f1_drop),
        "coverage_drop": (None, gate.max_coverage_drop),
    }


def checks(comparison: Mapping[str, Any], gate: Gate) -> list[Check]:
    """Every quantity that was measured; without a "don't know" threshold there is no coverage.

    Args:
        comparison: What `comparison.compare` gives.
        gate: The limits.
    """
    return [
        _check(comparison, name, *allowed)
        for name, allowed in limits(gate).items()
        if comparison[name] is not None
    ]


def _check(comparison: Mapping[str, Any], name: str, least: float | None, most: float | None) -> Check:
    value, (low, high) = comparison[name], comparison[f"{name}_interval"]
    floor = float("-inf") if least is None else least - _SLACK
    ceiling = float("inf") if most is None else most + _SLACK
    verdict = (
        FAILED if low > ceiling or high < floor else PASSED if floor <= low <= high <= ceiling else NOT_SHOWN
    )
    bound = f"<= {most:g}" if least is None else f">= {least:g}" if most is None else f"{least:g} to {most:g}"
    text = f"{name} is {value:.4f} (95%: {low:.4f} to {high:.4f}), must be {bound}"
    needed = None
    if verdict == NOT_SHOWN and floor < value < ceiling:
        needed = max(
            _needed(value - low, value - floor, comparison["n"]),
            _needed(high - value, ceiling - value, comparison["n"]),
        )
    return Check(name, verdict, value, (low, high), (least, most), needed, text)


def _needed(reach: float, allowed: float, n: int) -> int:
    """How many pictures would bring one side of an interval from its reach down to what is allowed.

    Score intervals reach z²/2n + √(v/n + (z²/2n)²): as 1/n where nothing has changed, else as the root.
    """
    if isinf(allowed):
        return 0
    spread = max(0.0, n * reach**2 - Z**2 * reach)
    return ceil((spread + Z**2 * allowed) / allowed**2)


def judge(comparison: Mapping[str, Any], gate: Gate) -> dict[str, Any]:
    """The verdict on one comparison; JSON values.

    `broken` holds the limits that failed, `unproved` those that so few pictures cannot show.
    """
    judged = checks(comparison, gate)
    broken = [check.text for check in judged if check.verdict == FAILED]
    unproved = [check.text for check in judged if check.verdict == NOT_SHOWN]
    verdict = FAILED if broken else NOT_SHOWN if unproved else PASSED
    return {
        "verdict": verdict,
        "passed": verdict == PASSED,
        "broken": broken,
        "unproved": unproved,
        "checks": [
            {**vars(check), "interval": list(check.interval), "allowed": list(check.allowed)}
            for check in judged
        ],
    }


def overall(verdicts: list[str]) -> str:
    """The worst of several verdicts."""
    return next(verdict for verdict in (FAILED, NOT_SHOWN, PASSED) if verdict in verdicts)


def says_no(verdict: str, gate: Gate) -> bool:
    """Whether a verdict ends with exit code 3."""
    return verdict == FAILED or (verdict == NOT_SHOWN and gate.require_proof)
