"""The gaps between trained on, out-of-fold, held-out and field, a sentence each; what would help most."""

from __future__ import annotations

from typing import Any

from export import artifacts
from export.report.artifacts import Artifacts
from export.report.verdict import alarms_of
from pipeline.core import runs

_FEW, _WEAK = 50, 0.1
_NAMED = 5  # classes, the worst first


def gaps(found: Artifacts) -> dict[str, Any]:
    """The part of the page."""
    evaluation, photos = found.get(runs.EVALUATION), found.get(artifacts.PHOTOS)
    sentences = list(evaluation["gaps"]) if evaluation else []
    sentences += ((photos or {}).get("gap") or {}).get("words", [])
    sentences += (found.get(artifacts.SIMULATED) or {}).get("words", [])
    return {
        "sentences": sentences,
        "improve": improve(found),
        "missing": found.lacks(runs.EVALUATION, artifacts.PHOTOS, artifacts.SIMULATED),
    }


def improve(found: Artifacts) -> list[str]:
    """What would improve the data, most useful first."""
    evaluation = found.get(runs.EVALUATION) or {}
    said = []
    if alarms_of(found):
        said.append("Remove the shortcuts named in the warnings.")
    label_issues = (found.get(runs.LABEL_ISSUES) or {}).get("label_issues", [])
    if label_issues:
        said.append(
            f"Check figures/label_issues.png: the folds disagree with the label of {len(label_issues)} "
            f"training picture{'s' * (len(label_issues) != 1)}. Correct the wrong ones."
        )
    said += [
        f"{_head(row['title'])}{_times(row['count'])}. {_head(row['advice'])}."
        for row in (found.get(runs.AUDIT) or {}).get("image_issues", [])
        if row.get("matters")
    ]
    said += _classes(evaluation)
    if not (found.get(artifacts.PHOTOS) or {}).get("field"):
        said.append(
            "Take photos of the real subjects with the app, at least ten per class, and score them: only "
            "they show whether the data set resembles what the camera sees."
        )
    return said


def _classes(evaluation: dict[str, Any]) -> list[str]:
    scores = evaluation.get("held_out")
    if not scores:
        return []
    labels, counts, said = evaluation["labels"], scores["confusion"], []
    pairs = sorted(
        (
            (counts[a][b] + counts[b][a], labels[a], labels[b])
            for a in range(len(labels))
            for b in range(a + 1, len(labels))
        ),
        reverse=True,
    )
    wrong = scores["n"] - sum(counts[at][at] for at in range(len(labels)))
    if wrong and pairs[0][0] >= 2:
        times, one, other = pairs[0]
        said.append(
            f"{times} of the Keras model's {wrong} mistakes confuse {one} and {other}: more pictures that "
            "show the difference between these two help most."
        )
    mean = sum(row["f1"] for row in scores["classes"]) / len(scores["classes"])
    weak = sorted((row for row in scores["classes"] if row["f1"] < mean - _WEAK), key=lambda row: row["f1"])
    said += [
        f"{row['label']} is weaker than the others (F1 {row['f1']:.2f}, mean {mean:.2f})."
        for row in weak[:_NAMED]
    ]
    few = sorted((row for row in scores["classes"] if row["n"] < _FEW), key=lambda row: row["n"])
    for row in few[:_NAMED]:
        low, high = row["recall_interval"]
        said.append(
            f"Hold out more pictures of {row['label']}: {row['n']} leave its recall uncertain, "
            f"from {low:.2f} to {high:.2f}."
        )
    if len(few) > _NAMED:
        said.append(f"{len(few) - _NAMED} more classes have fewer than {_FEW} held-out pictures.")
    return said


def _head(text: str) -> str:
    return text[:1].upper() + text[1:]


def _times(count: int) -> str:
    return f" ({count:,})" if count > 1 else ""
