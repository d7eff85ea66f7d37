"""What a comparison means, for a reader who is no statistician: the verdict, why, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from export.parity import gate as gates
from pipeline.core.sections import Gate
from pipeline.stats import confidence

# A drop is shown as the change of what it is a drop of: fewer right answers are a minus.
_TITLES = {
    "agreement": "same top answer",
    "mean_abs_dp": "probability moved",
    "confidence_shift": "confidence, change",
    "accuracy_drop": "accuracy, change",
    "macro_f1_drop": "macro F1, change",
    "coverage_drop": "coverage, change",
}


class Figure(NamedTuple):
    """One line of the table of what the gate judged; all in percent or percentage points."""

    title: str
    value: str
    interval: str
    allowed: str
    verdict: str


def figure(check: Mapping[str, Any]) -> Figure:
    """How a check of the gate is shown.

    Args:
        check: A row of `checks`, as in parity.json.
    """
    value, (low, high), (least, most) = check["value"], check["interval"], check["allowed"]
    if check["name"].endswith("_drop"):
        value, (low, high), least = -value, (-high, -low), -most
        most = None
    show = _percent if check["name"] in ("agreement", "mean_abs_dp") else _points
    if least is None:
        allowed = f"≤ {_plain(most or 0)}"
    else:
        allowed = f"±{_plain(most)}" if most is not None else f"≥ {_plain(least)}".replace("-", "−")
    return Figure(
        _TITLES[check["name"]], show(value), f"{show(low)} to {show(high)}", allowed, check["verdict"]
    )


def verdict(row: Mapping[str, Any], n: int) -> str:
    """The verdict in a few words, never without n where it is about n."""
    words = f"not shown with n = {n:,}" if row["verdict"] == gates.NOT_SHOWN else str(row["verdict"])
    return f"{words}, second look" if row.get("look") == 2 else words


def others(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for the flavours that did not pass, those of the same verdict for the same reasons together."""
    alike: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        reasons = [c for c in row["checks"] if c["verdict"] == row["verdict"]]
        titles = ", ".join(_TITLES[c["name"]].removesuffix(", change") for c in reasons)
        if row["verdict"] != gates.PASSED:
            alike.setdefault((row["verdict"], titles), []).append(row["model"])
    return [f"{', '.join(names)}: {verdict} ({titles})." for (verdict, titles), names in alike.items()]


def sentences(
    row: Mapping[str, Any], reference: Mapping[str, Any], gate: Gate, noun: str = "held-out pictures"
) -> list[str]:
    """A paragraph on one target, sentence by sentence.

    Args:
        row: Its comparison and verdict.
        reference: The reference's scores, and its name as `model`.
        gate: The bounds.
        noun: What kind of pictures they were.
    """
    n = row["n"]
    lines = [_opening(row, _title(reference["model"]))]
    if row.get("look") == 2:
        lines.append(
            "This is a second look: an earlier file failed on these same pictures, so the verdict is a "
            "little less certain than its figures."
        )
    lines += [_changed(row, reference, noun), _how_sure(row, gate)]
    if row["groups"] < n:
        lines.append(
            f"The {n:,} pictures come in {row['groups']:,} groups of near-copies or sessions; the intervals "
            "allow for that."
        )
    lines += [_explain(check) for check in row["checks"] if check["verdict"] == gates.FAILED]
    if row["verdict"] == gates.NOT_SHOWN:
        lines += _not_shown(row)
    return lines + _label_issues(row, reference)


def advice(verdict: str, name: str, gate: Gate) -> str:
    """What to do next; empty where recalibration is still to say it."""
    if verdict == gates.PASSED:
        return f"What to do: use {name}."
    if verdict == gates.NOT_SHOWN:
        rule = "; gate.require_proof asks for it" if gate.require_proof else ""
        return (
            "What to do: look at the changed answers in figures/flips.png; if you can accept them, use "
            f"{name}. To prove parity, hold out more pictures{rule}."
        )
    return f"What to do: do not use {name}."


def _opening(row: Mapping[str, Any], other: str) -> str:
    name, n = row["model"], row["n"]
    if row["verdict"] == gates.PASSED:
        return f"{name} passed: parity with {other} is shown with n = {n:,}."
    if row["verdict"] == gates.NOT_SHOWN:
        beyond = any(c["verdict"] == gates.NOT_SHOWN and c["pictures_needed"] is None for c in row["checks"])
        why = (
            "The change measured is beyond a limit, but so few pictures cannot tell it from chance."
            if beyond
            else "No problem found, but the sample is too small to confirm parity."
        )
        return f"{name}: parity with {other} is not shown with n = {n:,}. {why}"
    return f"{name} failed with n = {n:,}: its answers differ too much from {other}'s."


def _changed(row: Mapping[str, Any], reference: Mapping[str, Any], noun: str) -> str:
    n = row["n"]
    same = n - row["flips"]
    start = (
        f"All {n:,} {noun} get the same answer"
        if same == n
        else f"{same:,} of {n:,} {noun} get the same answer"
    )
    if not row["lost"] and not row["gained"]:
        return f"{start}; accuracy stays at {row['accuracy']:.3f}."
    return (
        f"{start}. Right answers lost: {row['lost']}, gained: {row['gained']}; "
        f"accuracy {reference['accuracy']:.3f} → {row['accuracy']:.3f}."
    )


def _how_sure(row: Mapping[str, Any], gate: Gate) -> str:
    low, high = row["accuracy_drop_interval"]
    return (
        f"With 95% certainty accuracy changes by between {_points(-high)} and {_points(-low)} points; "
        f"a loss of {_plain(gate.max_drop)} points is allowed."
    )


def _not_shown(row: Mapping[str, Any]) -> list[str]:
    least = _plain(row["smallest_drop_that_would_show"])
    lines = [f"With {row['n']:,} pictures a drop in accuracy of less than {least} points goes unnoticed."]
    for check in row["checks"]:
        if check["verdict"] != gates.NOT_SHOWN:
            continue
        shown, needed = figure(check), check["pictures_needed"]
        more = (
            "it is beyond the limit as measured, so more pictures may well fail it"
            if needed is None
            else f"about {needed:,} pictures like these would show it"
        )
        lines.append(
            f"Open: {shown.title} {shown.value} ({shown.interval}, allowed {shown.allowed}); {more}."
        )
    return lines


def _explain(check: Mapping[str, Any]) -> str:
    """A limit that failed, and what that means to a user."""
    shown = figure(check)
    meaning = {
        "agreement": "too many pictures get another answer than from the original",
        "mean_abs_dp": "too much probability moves to other classes, so scores cannot be trusted",
        "confidence_shift": 'its scores and the "don\'t know" threshold no longer mean what they did',
        "accuracy_drop": "it is wrong more often than allowed",
        "macro_f1_drop": "it loses some classes more than allowed",
        "coverage_drop": 'it says "don\'t know" more often than allowed',
    }[check["name"]]
    return f"Failed: {shown.title} {shown.value} ({shown.interval}, allowed {shown.allowed}): {meaning}."


def _label_issues(row: Mapping[str, Any], reference: Mapping[str, Any]) -> list[str]:
    lines = []
    after, before = row["dont_know"], reference["dont_know"]
    if after:
        predictions = _answers(after, with_bounds=True)
        lines.append(f'With "I don\'t know" below {after["threshold"]:.3f}, {row["model"]} {predictions}.')
        if before:
            lines[-1] = (
                f"{lines[-1][:-1]}; {_title(reference['model'])} {_answers(before, with_bounds=False)}."
            )
    if row["calibration_error"] is None:
        lines.append(
            f"How well its confidence is calibrated is not shown under n = {confidence.MIN_PICTURES}."
        )
    else:
        was = reference["calibration_error"]
        compared = "" if was is None else f"; {_title(reference['model'])} {_plain(was)}"
        lines.append(
            f"Its confidence is {_plain(row['calibration_error'])} points off its accuracy "
            f"(calibration error, {confidence.BINS} bins, n = {row['n']:,}{compared})."
        )
    return lines


def _answers(selective: Mapping[str, Any], *, with_bounds: bool) -> str:
    def share(name: str) -> str:
        low, high = selective[f"{name}_interval"]
        return f"{selective[name]:.1%}" + (f" ({low:.1%} to {high:.1%}, 95%)" if with_bounds else "")

    if selective["selective_accuracy"] is None:
        return "answers no picture at all"
    return (
        f"answers {share('coverage')} of the pictures and is right on {share('selective_accuracy')} of those"
    )


def _title(model: str) -> str:
    """A model's name as people write it."""
    return "Keras" if model == "keras" else model


def _points(value: float) -> str:
    """A signed difference in percentage points."""
    return f"{100 * value:+.2f}".replace("-", "−").replace("+0.00", "0").replace("−0.00", "0")


def _percent(value: float) -> str:
    return f"{100 * value:.2f}%"


def _plain(value: float) -> str:
    return f"{100 * value:.1f}".removesuffix(".0")
