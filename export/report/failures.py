"""Where the model fails and where it looks, from explain.json; from the answers alone without it."""

from __future__ import annotations

from typing import Any

from export.report.artefacts import Artefacts
from export.report.verdict import capital
from pipeline import runs

SHOWN = 24  # pictures with maps


def failures(found: Artefacts) -> dict[str, Any]:
    """The mistakes of the file, and the answers that quantization changed."""
    explained, row = found.get(runs.EXPLAINED), found.target()
    mistakes = (explained or {}).get("mistakes", [])
    maps = {entry["path"]: entry for entry in (explained or {}).get("pictures", [])}
    wrong = [
        {**entry, "anchor": _anchor(maps, entry), "nearest": maps.get(entry["path"], {}).get("nearest", [])}
        for entry in mistakes
        if not entry["right"]
    ]
    wrong.sort(key=lambda entry: -entry["file"]["score"])
    return {
        "model": (explained or {}).get("model"),
        "n": (explained or {}).get("n"),
        "wrong": wrong,
        "own": sum(entry["flip"] for entry in wrong),
        "mended": [entry for entry in mistakes if entry["right"]],
        "flips": row.get("flips") if row else None,
        "missing": found.lacks(runs.EXPLAINED),
    }


def looks(found: Artefacts) -> dict[str, Any]:
    """The pictures with maps, those that tell most first, and what the border carries."""
    explained = found.get(runs.EXPLAINED)
    pictures = list((explained or {}).get("pictures", []))
    pictures.sort(key=_telling)
    shown = pictures[:SHOWN]
    return {
        "model": (explained or {}).get("model"),
        "panels": (explained or {}).get("panels", []),
        "pictures": [{**entry, "id": _id(entry)} for entry in shown],
        "of": len(pictures),
        "classes": (explained or {}).get("classes", []),
        "alarms": [capital(sentence) for sentence in (explained or {}).get("alarms", [])],
        "missing": found.lacks(runs.EXPLAINED),
    }


def _telling(entry: dict[str, Any]) -> tuple[int, int, float]:
    """Mistakes, then the ends of each class, then the sample; within each the surest first."""
    order = ("flip", "misclassified", "mistake", "least confident", "most confident", "sample")
    first = min((order.index(why) for why in entry["why"] if why in order), default=len(order))
    if not entry["right"]:
        first = 0
    return first, int(entry["right"]), -entry["file"]["score"]


def _id(entry: dict[str, Any]) -> str:
    return f"look-{entry['sha256'][:12]}"


def _anchor(maps: dict[str, Any], entry: dict[str, Any]) -> str | None:
    return _id(entry) if entry["path"] in maps else None
