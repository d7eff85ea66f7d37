"""The file for the phone: the gate's table, what the file is, who can load it, its threshold."""

from __future__ import annotations

from typing import Any

from export import artifacts
from export.parity.recalibration import both_looks
from export.parity.result import FlavourTarget
from export.report import scores, verdict
from export.report.artifacts import Artifacts
from pipeline.core import runs


def shipped(found: Artifacts) -> dict[str, Any]:
    """The part of the page."""
    parity, row = found.parity, found.target()
    name = verdict.flavour(found)
    passports = (found.get(artifacts.PASSPORT) or {}).get("passports") or {}
    return {
        "flavour": name,
        "n": parity and parity.n,
        "targets": [_target(one, parity.n) for one in parity.targets] if parity else [],
        "reference_accuracy": parity and scores.clean(parity.reference, parity.n).accuracy,
        "reference_coverage": parity and scores.coverage(parity.reference),
        "leaked": parity.n - scores.clean(parity.reference, parity.n).n if parity else 0,
        "failed": found.failed,
        "words": _words(row) if row else [],
        "passport": _passport(passports.get(name)),
        "calibration": (found.get(artifacts.CALIBRATION) or {}).get("words", []),
        "threshold": (found.get(runs.FOLDS) or {}).get("threshold"),
        "temperature": (found.get(runs.FOLDS) or {}).get("temperature"),
        "frame": found.get(runs.FRAME),
        "app": (found.get(artifacts.APK_PASSPORT) or {}).get("words"),
        "missing": found.lacks(artifacts.PARITY, artifacts.PASSPORT, artifacts.APK_PASSPORT),
    }


def _target(row: FlavourTarget, n: int) -> dict[str, Any]:
    """A flavour's row of the table; its accuracy is without pictures that have copies in training."""
    return {
        **row.model_dump(mode="json"),
        "accuracy": scores.clean(row, n).accuracy,
        "coverage": scores.coverage(row),
        "said": f"{row.verdict}{', second look' if row.second_look else ''}",
    }


def _words(row: FlavourTarget) -> list[str]:
    """What the comparison means, with the figures of both files after a second look."""
    looks = [f"Second look: {both_looks(row.first_look, row)}."] if row.first_look else []
    return [*row.words, *looks]


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
