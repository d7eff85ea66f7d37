"""The data: how many pictures, what is odd about them, whether the content is needed to tell them apart."""

from __future__ import annotations

from collections import Counter
from typing import Any

from export.report.artifacts import Artefacts
from export.report.verdict import alarms_of, capital
from pipeline.core import runs
from pipeline.data.audit import shortcuts
from pipeline.evaluation.label_issues import in_words

_DOUBTS, _LISTED = 24, 12


def material(found: Artefacts) -> dict[str, Any]:
    """The part of the page."""
    audit, doubts = found.get(runs.AUDIT) or {}, found.get(runs.LABEL_DOUBTS) or {}
    sides = {
        side: Counter(row["label"] for row in found.rows if row["side"] == side)
        for side in ("train", "held_out")
    }
    return {
        "classes": [
            {"label": label, "train": sides["train"][label], "held_out": sides["held_out"][label]}
            for label in found.labels
        ],
        "train": sum(sides["train"].values()),
        "held_out": sum(sides["held_out"].values()),
        "left_out": found.left_out[:_LISTED],
        "left_out_count": len(found.left_out),
        "findings": [
            {**entry, "pictures": entry.get("pictures", [])[:_LISTED]} for entry in audit.get("findings", [])
        ],
        "audited": bool(audit),
        "families": (found.get(runs.SHORTCUTS) or {}).get("families", []),
        "shortcut_limits": shortcuts.limits(found.get(runs.SHORTCUTS) or {}),
        "chance": (found.get(runs.SHORTCUTS) or {}).get("chance"),
        "alarms": [capital(sentence) for sentence in alarms_of(found)],
        "doubts": doubts.get("doubts", [])[:_DOUBTS],
        "doubts_count": len(doubts.get("doubts", [])),
        "doubts_n": doubts.get("n"),
        "doubts_trust": in_words(len(doubts["doubts"]), doubts["trust"]) if "trust" in doubts else "",
        "missing": found.lacks(runs.AUDIT, runs.SHORTCUTS, runs.LABEL_DOUBTS),
    }
