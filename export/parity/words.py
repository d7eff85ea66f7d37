"""What a comparison means, for a reader who is no statistician: the verdict, why, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from export.parity import gate as gates
from pipeline import confidence, paired
from pipeline.config import Gate


def verdict(row: Mapping[str, Any], n: int) -> str:
    """The verdict in a few words, never without n where it is about n."""
    words = f"not shown with n = {n:,}" if row["verdict"] == gates.NOT_SHOWN else str(row["verdict"])
    return f"{words}, second look" if row.get("look") == 2 else words


def sentences(
    row: Mapping[str, Any], reference: Mapping[str, Any], n: int, gate: Gate, noun: str = "held-out pictures"
) -> list[str]:
    """A paragraph on one target, sentence by sentence.

    Args:
        row: Its comparison and verdict.
        reference: The reference's scores, and its name as `model`.
        n: How many pictures were compared.
        gate: The bounds.
        noun: What kind of pictures they were.
    """
    name, other = row["model"], _title(reference["model"])
    said = [_opening(row, name, other, n, gate)]
    if row.get("look") == 2:
        said.append(
            "This is a second look: the gate had said no to another file on these pictures, so that the "
            "verdict is a little less certain than its figures."
        )
    said += [_changed(row, reference, n, noun), _how_sure(row, gate)]
    said += [
        _explain(row, check["name"], gate) for check in row["checks"] if check["verdict"] == gates.FAILED
    ]
    if row["verdict"] == gates.NOT_SHOWN:
        said += _not_shown(row, n, gate)
    said += _doubts(row, reference, n)
    return said


def advice(verdict: str, name: str, gate: Gate) -> str:
    """What to do next; empty where recalibration is still to say it."""
    if verdict == gates.PASSED:
        return f"What to do: use {name}."
    if verdict == gates.NOT_SHOWN:
        rule = "; gate.require_proof asks for it" if gate.require_proof else ""
        return (
            "What to do: look at the changed answers in figures/flips.png; if they are acceptable, use "
            f"{name}. To have it shown, hold out more pictures{rule}."
        )
    return f"What to do: do not use {name}."


def _opening(row: Mapping[str, Any], name: str, other: str, n: int, gate: Gate) -> str:
    if row["verdict"] == gates.PASSED:
        return f"{name} passed: parity with {other} is shown with n = {n:,}."
    if row["verdict"] == gates.NOT_SHOWN:
        above = row["accuracy_drop"] > gate.max_drop or row["macro_f1_drop"] > gate.max_f1_drop
        why = (
            "The loss seen is above the limit, but so few pictures cannot tell it from chance."
            if above
            else "Nothing found speaks against the file, but these are too few pictures to prove it."
        )
        return f"{name}: parity with {other} is not shown with n = {n:,}. {why}"
    return f"{name} failed with n = {n:,}: it is too far from {other}."


def _changed(row: Mapping[str, Any], reference: Mapping[str, Any], n: int, noun: str) -> str:
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


def _not_shown(row: Mapping[str, Any], n: int, gate: Gate) -> list[str]:
    least = _plain(row["smallest_drop_that_would_show"])
    said = [f"{n:,} pictures could have shown a drop of {least} points or more; less would go unnoticed."]
    unproved = {check["name"] for check in row["checks"] if check["verdict"] == gates.NOT_SHOWN}
    if "accuracy_drop" in unproved:
        needed = paired.pictures_needed(paired.Changes(row["lost"], row["gained"], n), gate.max_drop)
        said.append(
            f"If others change as these did, about {needed:,} pictures would show it."
            if needed
            else "The drop that was seen is as large as the limit, so more pictures are as likely to say no."
        )
    if "macro_f1_drop" in unproved:
        most = _plain(row["macro_f1_drop_interval"][1])
        said.append(
            f"Macro F1 may have dropped by up to {most} points ({_plain(gate.max_f1_drop)} are allowed): "
            "some class has too few pictures."
        )
    return said


def _explain(row: Mapping[str, Any], name: str, gate: Gate) -> str:
    """A bound that failed, in words."""
    if name == "agreement":
        return f"Only {row[name]:.1%} of the answers stay the same; {gate.min_agreement:.1%} must."
    if name == "mean_abs_dp":
        return (
            f"On average {row[name]:.1%} of the probability moves to other classes; "
            f"{gate.max_mean_abs_dp:.1%} may."
        )
    if name == "confidence_shift":
        way = "surer" if row[name] > 0 else "less sure"
        return (
            f"It is {_plain(abs(row[name]))} points {way} of itself on average "
            f'({_plain(gate.max_confidence_shift)} are allowed), so that its scores and the "don\'t know" '
            "threshold no longer mean what they did."
        )
    low, high = row[f"{name}_interval"]
    limit = gate.max_drop if name == "accuracy_drop" else gate.max_f1_drop
    what = "Accuracy" if name == "accuracy_drop" else "Macro F1"
    by = f"{_plain(low)} to {_plain(high)}"
    return f"{what} surely drops by more than the {_plain(limit)} points allowed: by {by} points."


def _doubts(row: Mapping[str, Any], reference: Mapping[str, Any], n: int) -> list[str]:
    said = []
    if not row["macro_f1_interval_reliable"] and row["flips"]:
        said.append(
            f"The interval of macro F1 rests on fewer than {paired.MIN_DISCORDANT} pictures: "
            "do not rely on it."
        )
    after, before = row["dont_know"], reference["dont_know"]
    if after:
        answers = _answers(after, with_bounds=True)
        said.append(f'With "I don\'t know" below {after["threshold"]:.3f}, {row["model"]} {answers}.')
        if before:
            said[-1] = f"{said[-1][:-1]}; {_title(reference['model'])} {_answers(before, with_bounds=False)}."
    if row["calibration_error"] is None:
        said.append(
            f"How far its confidence can be believed is not shown under n = {confidence.MIN_PICTURES}."
        )
    else:
        was = reference["calibration_error"]
        compared = "" if was is None else f"; {_title(reference['model'])} {_plain(was)}"
        said.append(
            f"Its confidence is {_plain(row['calibration_error'])} points off its accuracy "
            f"(calibration error, {confidence.BINS} bins, n = {n:,}{compared})."
        )
    return said


def _answers(found: Mapping[str, Any], *, with_bounds: bool) -> str:
    def share(name: str) -> str:
        low, high = found[f"{name}_interval"]
        return f"{found[name]:.1%}" + (f" ({low:.1%} to {high:.1%}, 95%)" if with_bounds else "")

    if found["selective_accuracy"] is None:
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


def _plain(value: float) -> str:
    return f"{100 * value:.1f}".removesuffix(".0")
