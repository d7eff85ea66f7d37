"""Where the model fails and where it looks, from explain.json; from the answers alone without it."""

from __future__ import annotations

from typing import Any

from export import artifacts
from export.report.artifacts import Artifacts

_WRONG, _SHOWN = 12, 36  # pictures with maps


def failures(found: Artifacts) -> dict[str, Any]:
    """The mistakes of the file, and the answers that quantization changed."""
    explained = found.get(artifacts.EXPLAINED)
    row = found.target((explained or {}).get("model", ""))
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
        "flips": row.flips if row else None,
        "missing": found.lacks(artifacts.EXPLAINED),
    }


def looks(found: Artifacts) -> dict[str, Any]:
    """The pictures with maps, those that tell most first, and what the border carries."""
    explained = found.get(artifacts.EXPLAINED)
    pictures = list((explained or {}).get("pictures", []))
    groups = _groups(explained or {}, pictures)
    return {
        "model": (explained or {}).get("model"),
        "groups": groups,
        "pictures": [entry for _, own in groups for entry in own],
        "of": len(pictures),
        "classes": (explained or {}).get("classes", []),
        "alarms": (explained or {}).get("alarms", []),
        "missing": found.lacks(artifacts.EXPLAINED),
    }


def _groups(
    explained: dict[str, Any], pictures: list[dict[str, Any]]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Titled groups: mistakes, the surest first; then the surest and the least sure of each class."""
    by_path = {entry["path"]: {**entry, "id": _id(entry)} for entry in pictures}
    wrong = sorted((e for e in by_path.values() if not e["right"]), key=lambda e: -e["file"]["score"])[
        :_WRONG
    ]
    found = [("Wrong answers, most confident first", wrong)]
    room = (_SHOWN - len(wrong)) // 2
    taken = {entry["path"] for entry in wrong}
    for key, title in (
        ("most_confident", "Most confident of each class"),
        ("least_confident", "Least confident of each class"),
    ):
        own = [
            next((p for p in row[key] if p in by_path and p not in taken), "")
            for row in explained.get("classes", [])
        ]
        own = [path for path in own if path][:room]
        taken |= set(own)
        found.append((title, [by_path[path] for path in own]))
    return [(title, own) for title, own in found if own]


def _id(entry: dict[str, Any]) -> str:
    return f"look-{entry['sha256'][:12]}"


def _anchor(maps: dict[str, Any], entry: dict[str, Any]) -> str | None:
    return _id(entry) if entry["path"] in maps else None
