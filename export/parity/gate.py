"""The verdict on a comparison: failed, passed, or not shown with this many pictures.

Every quantity is judged by its two-sided 95% interval: it fails if the interval is entirely beyond the
limit, passes if it is entirely within, and is not shown otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf, isinf

from export.parity.result import Check, Comparison, Judgement, Quantity, Verdict
from pipeline.core.sections import Gate
from pipeline.stats.metrics import Interval, Z

# Allows for rounding: a value exactly on a limit is within.
_SLACK = 1e-12
Limits = tuple[float | None, float | None]


def limits(gate: Gate) -> dict[Quantity, Limits]:
    """The lowest and the highest value that each quantity may have, in the order of the checks."""
    return {
        "agreement": (gate.min_agreement, None),
        "mean_abs_dp": (None, gate.max_mean_abs_dp),
        "confidence_shift": (-gate.max_confidence_shift, gate.max_confidence_shift),
        "accuracy_drop": (None, gate.max_drop),
        "macro_f1_drop": (None, gate.max_f1_drop),
        "coverage_drop": (None, gate.max_coverage_drop),
    }


def judge(comparison: Comparison, gate: Gate) -> Judgement:
    """The verdict on one comparison. Without a "don't know" threshold there is no coverage to check."""
    checks = []
    for quantity, allowed in limits(gate).items():
        if measured := comparison.measured(quantity):
            checks.append(_check(quantity, *measured, allowed, comparison.n))
    return Judgement(verdict=overall([check.verdict for check in checks]), checks=tuple(checks))


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """The worst of several verdicts."""
    return next(kind for kind in (Verdict.FAILED, Verdict.NOT_SHOWN, Verdict.PASSED) if kind in verdicts)


def refuses(verdict: Verdict, gate: Gate) -> bool:
    """Whether a verdict means exit code 3."""
    return verdict == Verdict.FAILED or (verdict == Verdict.NOT_SHOWN and gate.require_proof)


def _check(quantity: Quantity, value: float, interval: Interval, allowed: Limits, n: int) -> Check:
    (low, high), (least, most) = interval, allowed
    floor = -inf if least is None else least - _SLACK
    ceiling = inf if most is None else most + _SLACK
    if low > ceiling or high < floor:
        verdict = Verdict.FAILED
    elif floor <= low <= high <= ceiling:
        verdict = Verdict.PASSED
    else:
        verdict = Verdict.NOT_SHOWN
    bound = f"<= {most:g}" if least is None else f">= {least:g}" if most is None else f"{least:g} to {most:g}"
    needed = None
    if verdict == Verdict.NOT_SHOWN and floor < value < ceiling:
        needed = max(_needed(value - low, value - floor, n), _needed(high - value, ceiling - value, n))
    return Check(
        name=quantity,
        verdict=verdict,
        value=value,
        interval=interval,
        allowed=allowed,
        pictures_needed=needed,
        text=f"{quantity} is {value:.4f} (95%: {low:.4f} to {high:.4f}), must be {bound}",
    )


def _needed(reach: float, allowed: float, n: int) -> int:
    """How many pictures would shrink one side of an interval from its reach to what is allowed.

    Score intervals reach z²/2n + √(v/n + (z²/2n)²): as 1/n if nothing has changed, else as the root.
    """
    if isinf(allowed):
        return 0
    spread = max(0.0, n * reach**2 - Z**2 * reach)
    return ceil((spread + Z**2 * allowed) / allowed**2)
