"""The file for the phone: the gate's table, what the file is, who can load it, its threshold."""

from __future__ import annotations

from typing import Any

from export import artifacts
from export.parity.recalibration import both_looks
from export.report import scores, verdict
from export.report.artifacts import Artifacts
from pipeline.core import runs


def shipped(found: Artifacts) -> dict[str, Any]:
    """The part of the page."""
    parity, row = found.get(artifacts.PARITY), found.target()
    name = verdict.flavour(found)
    passports = (found.get(artifacts.PASSPORT) or {}).get("passports") or {}
    return {
        "flavour": name,
        "n": parity and parity["n"],
        "reference": parity and parity["reference"],
        "gate": parity and parity.get("gate"),
        "targets": [_target(one, parity["n"]) for one in parity["targets"]] if parity else [],
        "reference_accuracy": parity and scores.clean(parity["reference"], parity["n"])[0],
        "reference_coverage": parity and scores.coverage(parity["reference"]),
        "leaked": parity["n"] - scores.clean(parity["reference"], parity["n"])[2] if parity else 0,
        "failed": found.failed,
        "words": _words(row or {}),
        "passport": _passport(passports.get(name)),
        "calibration": (found.get(artifacts.CALIBRATION) or {}).get("words", []),
        "threshold": (found.get(runs.FOLDS) or {}).get("threshold"),
        "temperature": (found.get(runs.FOLDS) or {}).get("temperature"),
        "frame": found.get(runs.FRAME),
        "app": (found.get(artifacts.APK_PASSPORT) or {}).get("words"),
        "missing": found.lacks(artifacts.PARITY, artifacts.PASSPORT, artifacts.APK_PASSPORT),
    }


def _target(row: dict[str, Any], n: int) -> dict[str, Any]:
    """A flavour's row of the table; its accuracy is without pictures that have copies in training."""
    accuracy, *_ = scores.clean(row, n)
    return {**row, "accuracy": accuracy, "coverage": scores.coverage(row), "said": said(row)}


def _words(row: dict[str, Any]) -> list[str]:
    """What the comparison means, with the figures of both files where there was a second look."""
    looks = [f"Second look: {both_looks(row)}."] if row.get("first_look") else []
    return [*row.get("words", []), *looks]


def said(row: dict[str, Any]) -> str:
    """A flavour's verdict in a few words."""
    return f"{row['verdict']}{', second look' if row.get('look') == 2 else ''}"


def _passport(found: dict[str, Any] | None) -> list[tuple[str, str]]:
    """What the file is, as pairs of a question and its answer."""
    if not found:
        return []
    rows = [("Is it what its name says?", found.get("verdict", ""))]
    structure = found.get("structure") or {}
    rows += [
        (title, _tensor(tensor))
        for way, title in (("inputs", "Input"), ("outputs", "Output"))
        for tensor in structure.get(way, [])[:1]
    ]
    if structure:
        operators = structure.get("operators", [])
        count = sum(one.get("count", 0) for one in operators)
        rows.append(
            (
                "Operators",
                f"{count} of {len(operators)} kinds; {structure.get('float_count', 0)} float tensors",
            )
        )
        rows.append(("sha256", structure.get("sha256", "")))
    claimed, proved = found.get("claimed") or {}, found.get("proved") or {}
    if claimed.get("version"):
        rows.append(("Oldest runtime, claimed", f"{claimed['version']} ({claimed.get('because', '')})"))
    if proved:
        rows.append(("Oldest runtime, proved", _proof(proved)))
    rows += [(one["name"], _consumer(one)) for one in found.get("consumers", [])]
    return rows


def _tensor(tensor: dict[str, Any]) -> str:
    shape = " × ".join(str(side) for side in tensor.get("shape", []))
    if tensor.get("scale") is None:
        return f"{shape}, {tensor['dtype']}"
    return f"{shape}, {tensor['dtype']}, scale {tensor['scale']:g}, zero point {tensor['zero_point']}"


def _proof(proved: dict[str, Any]) -> str:
    if proved.get("holds") is None:
        return f"not proved: {proved.get('words') or 'nobody was asked'}"
    difference = (
        f"largest difference {proved['difference']:.4f}" if proved.get("difference") is not None else ""
    )
    predictions = (
        f"answers {proved.get('against', '')} as it should"
        if proved["holds"]
        else "does NOT answer as it should"
    )
    more = "; ".join(part for part in (difference, proved.get("words", "")) if part)
    return f"{proved.get('runtime', '')} {predictions}" + (f" ({more})" if more else "")


def _consumer(one: dict[str, Any]) -> str:
    if one.get("accepts") is None:
        return "not checked"
    answer = "accepts it" if one["accepts"] else "refuses it"
    return f"{answer}: {one['reason']}" if one.get("reason") else answer
