"""The data: how many pictures, what is odd about them, whether the content is needed to tell them apart."""

from __future__ import annotations

from collections import Counter
from typing import Any

from export.report.artifacts import Artifacts
from export.report.verdict import alarms_of
from pipeline.core import runs
from pipeline.data.audit import shortcuts
from pipeline.evaluation.label_issues import Trust, in_words

_LABEL_ISSUES, _LISTED = 24, 12


def material(found: Artifacts) -> dict[str, Any]:
    """The part of the page."""
    audit, doubts = found.get(runs.AUDIT) or {}, found.get(runs.LABEL_ISSUES) or {}
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
        "excluded": found.excluded[:_LISTED],
        "excluded_count": len(found.excluded),
        "image_issues": [
            {**entry, "pictures": entry.get("pictures", [])[:_LISTED]}
            for entry in audit.get("image_issues", [])
        ],
        "audited": bool(audit),
        "families": (found.get(runs.SHORTCUTS) or {}).get("families", []),
        "shortcut_limits": shortcuts.limits(found.get(runs.SHORTCUTS) or {}),
        "chance": (found.get(runs.SHORTCUTS) or {}).get("chance"),
        "alarms": alarms_of(found),
        "label_issues": doubts.get("label_issues", [])[:_LABEL_ISSUES],
        "label_issues_count": len(doubts.get("label_issues", [])),
        "label_issues_n": doubts.get("n"),
        "label_issues_trust": in_words(len(doubts["label_issues"]), Trust.model_validate(doubts["trust"]))
        if "trust" in doubts
        else "",
        "missing": found.lacks(runs.AUDIT, runs.SHORTCUTS, runs.LABEL_ISSUES),
    }
