"""What a comparison means, in words for readers who are not statisticians.

What to do about it is up to the report (`export.report.verdict`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from export.parity.result import (
    Check,
    DontKnow,
    FlavourTarget,
    Quantity,
    Reference,
    SameAnswers,
    Target,
    Verdict,
)
from pipeline.core.sections import Gate
from pipeline.evaluation.predictions import KERAS
from pipeline.stats import confidence

# Drops are shown as changes, so fewer right answers get a minus sign.
_TITLES: dict[Quantity, str] = {
    "agreement": "same top answer",
    "mean_abs_dp": "probability moved",
    "confidence_shift": "confidence, change",
    "accuracy_drop": "accuracy, change",
    "macro_f1_drop": "macro F1, change",
    "coverage_drop": "coverage, change",
}
_SHORT: dict[Quantity, str] = {
    **_TITLES,
    "confidence_shift": "confidence",
    "accuracy_drop": "accuracy",
    "macro_f1_drop": "macro F1",
    "coverage_drop": "coverage",
}
_DROPS: tuple[Quantity, ...] = ("accuracy_drop", "macro_f1_drop", "coverage_drop")
_SHARES: tuple[Quantity, ...] = ("agreement", "mean_abs_dp")


class Figure(NamedTuple):
    """One row of the gate's table, in percent or percentage points."""

    title: str
    value: str
    interval: str
    allowed: str
    verdict: str


def figure(check: Check) -> Figure:
    """How to show a check of the gate."""
    value, (low, high), (least, most) = check.value, check.interval, check.allowed
    if check.name in _DROPS:
        value, low, high = -value, -high, -low
        least, most = -(most or 0), None
    show = _percent if check.name in _SHARES else _points
    if least is None:
        allowed = f"≤ {_plain(most or 0)}"
    else:
        allowed = f"±{_plain(most)}" if most is not None else f"≥ {_plain(least)}".replace("-", "−")
    return Figure(_TITLES[check.name], show(value), f"{show(low)} to {show(high)}", allowed, check.verdict)


def built_in(same: SameAnswers) -> tuple[str, str, str]:
    """Title, value and interval of the share of the same answers by the built-in kernels."""
    low, high = same.agreement_interval
    return "same, built-in kernels", _percent(same.agreement), f"{_percent(low)} to {_percent(high)}"


def verdict(target: Target) -> str:
    """The verdict in a few words, with n where it depends on n."""
    words = str(target.verdict)
    if target.verdict == Verdict.NOT_SHOWN:
        words = f"{words} with n = {target.n:,}"
    return f"{words}, second look" if target.second_look else words


def others(targets: Sequence[FlavourTarget]) -> list[str]:
    """A line for the flavours that did not pass; those with the same verdict and reasons share one."""
    alike: dict[tuple[str, str], list[str]] = {}
    for row in targets:
        reasons = [check for check in row.checks if check.verdict == row.verdict]
        titles = ", ".join(_SHORT[check.name] for check in reasons)
        if not row.passed:
            alike.setdefault((row.verdict, titles), []).append(row.model)
    return [f"{', '.join(names)}: {verdict} ({titles})." for (verdict, titles), names in alike.items()]


def sentences(target: Target, reference: Reference, gate: Gate, noun: str = "held-out pictures") -> list[str]:
    """A paragraph on one target, as sentences.

    Args:
        target: Its comparison and verdict.
        reference: What it was compared with.
        gate: The limits.
        noun: What to call the pictures.
    """
    lines = [_opening(target, _title(reference.model))]
    if target.second_look:
        lines.append(
            "This is a second look: an earlier file failed on these same pictures, so the verdict is a "
            "little less certain than the figures suggest."
        )
    lines += [_changed(target, reference, noun), _how_sure(target, gate)]
    if target.groups < target.n:
        lines.append(
            f"The {target.n:,} pictures come in {target.groups:,} groups of near-duplicates or sessions; the "
            "intervals allow for that."
        )
    lines += [_failed(check) for check in target.checks if check.verdict == Verdict.FAILED]
    if target.verdict == Verdict.NOT_SHOWN:
        lines += _not_shown(target)
    return [*lines, *_confidence(target, reference)]


def _opening(target: Target, other: str) -> str:
    name, n = target.model, target.n
    match target.verdict:
        case Verdict.PASSED:
            return f"{name} passed: parity with {other} is shown with n = {n:,}."
        case Verdict.FAILED:
            return f"{name} failed with n = {n:,}: its answers differ too much from {other}'s."
        case Verdict.NOT_SHOWN:
            beyond = any(
                check.verdict == Verdict.NOT_SHOWN and check.pictures_needed is None
                for check in target.checks
            )
            why = (
                "The measured change is beyond a limit, but with so few pictures it may be chance."
                if beyond
                else "No problem found, but the sample is too small to confirm parity."
            )
            return f"{name}: parity with {other} is not shown with n = {n:,}. {why}"


def _changed(target: Target, reference: Reference, noun: str) -> str:
    same = target.n - target.flips
    count = f"All {same:,}" if not target.flips else f"{same:,} of {target.n:,}"
    start = f"{count} {noun} get the same answer"
    if not target.lost and not target.gained:
        return f"{start}; accuracy stays at {target.accuracy:.3f}."
    return (
        f"{start}. Right answers lost: {target.lost}, gained: {target.gained}; "
        f"accuracy {reference.accuracy:.3f} → {target.accuracy:.3f}."
    )


def _how_sure(target: Target, gate: Gate) -> str:
    low, high = target.accuracy_drop_interval
    return (
        f"With 95% confidence, accuracy changes by {_points(-high)} to {_points(-low)} points; "
        f"the gate allows a loss of {_plain(gate.max_drop)}."
    )


def _not_shown(target: Target) -> list[str]:
    least = _plain(target.smallest_drop_that_would_show)
    lines = [f"With {target.n:,} pictures a drop in accuracy of less than {least} points goes unnoticed."]
    for check in target.checks:
        if check.verdict != Verdict.NOT_SHOWN:
            continue
        shown, needed = figure(check), check.pictures_needed
        more = (
            "as measured it is beyond the limit, so more pictures may well make it fail"
            if needed is None
            else f"about {needed:,} pictures like these would show it"
        )
        lines.append(
            f"Open: {shown.title} {shown.value} ({shown.interval}, allowed {shown.allowed}); {more}."
        )
    return lines


def _failed(check: Check) -> str:
    """A limit that failed, and what that means for users."""
    shown = figure(check)
    meaning = {
        "agreement": "too many pictures get a different answer",
        "mean_abs_dp": "too much probability moves to other classes, so scores cannot be trusted",
        "confidence_shift": 'scores and the "don\'t know" threshold no longer mean what they did',
        "accuracy_drop": "it is wrong more often than allowed",
        "macro_f1_drop": "some classes suffer more than allowed",
        "coverage_drop": 'it says "don\'t know" more often than allowed',
    }[check.name]
    return f"Failed: {shown.title} {shown.value} ({shown.interval}, allowed {shown.allowed}): {meaning}."


def _confidence(target: Target, reference: Reference) -> list[str]:
    """How far a target's scores can be trusted, compared with the reference's."""
    other, lines = _title(reference.model), []
    if target.dont_know:
        beside = f"; {other} {_answers(reference.dont_know)}" if reference.dont_know else ""
        lines.append(
            f'Below {target.dont_know.threshold:.3f} it says "I don\'t know": it '
            f"{_answers(target.dont_know, with_bounds=True)}{beside}."
        )
    if target.calibration_error is None:
        lines.append(f"Calibration of its confidence is not measured below n = {confidence.MIN_PICTURES}.")
    else:
        was = reference.calibration_error
        compared = "" if was is None else f"; {other} {_plain(was)}"
        lines.append(
            f"Its confidence is {_plain(target.calibration_error)} points off its accuracy "
            f"(calibration error, {confidence.BINS} bins, n = {target.n:,}{compared})."
        )
    return lines


def _answers(selective: DontKnow, *, with_bounds: bool = False) -> str:
    def share(value: float, interval: tuple[float, float]) -> str:
        low, high = interval
        return f"{value:.1%}" + (f" ({low:.1%} to {high:.1%}, 95%)" if with_bounds else "")

    if selective.selective_accuracy is None:
        return "answers no picture at all"
    right = share(selective.selective_accuracy, selective.selective_accuracy_interval)
    return (
        f"answers {share(selective.coverage, selective.coverage_interval)} of the pictures and is right on "
        f"{right} of those"
    )


def _title(model: str) -> str:
    """A model's name as people write it."""
    return "Keras" if model == KERAS else model


def _points(value: float) -> str:
    """A signed difference in percentage points."""
    return f"{100 * value:+.2f}".replace("-", "−").replace("+0.00", "0").replace("−0.00", "0")


def _percent(value: float) -> str:
    return f"{100 * value:.2f}%"


def _plain(value: float) -> str:
    return f"{100 * value:.1f}".removesuffix(".0")
