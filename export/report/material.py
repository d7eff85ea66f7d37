"""The data: how many pictures, what the audit found, shortcuts, and labels that may be wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from export.report.artifacts import Artifacts, Missing
from export.report.verdict import alarms_of
from pipeline.core import stages
from pipeline.data.audit.audit import Audit
from pipeline.data.audit.shortcuts import Shortcuts
from pipeline.evaluation.label_issues import LabelIssues, in_words

_LISTED = 12


@dataclass(frozen=True)
class _ClassCount:
    """How many pictures of a class are for training and how many are held out."""

    label: str
    train: int
    held_out: int


@dataclass(frozen=True)
class _Material:
    """The section; documents are None where they are missing.

    Attributes:
        classes: In the order of the output.
        excluded: The first excluded files, as rows of excluded.csv.
        excluded_count: How many there are.
        trust: How far the doubts about labels can be trusted.
    """

    classes: list[_ClassCount]
    excluded: list[dict[str, str]]
    excluded_count: int
    audit: Audit | None
    shortcuts: Shortcuts | None
    alarms: list[str]
    label_issues: LabelIssues | None
    trust: str
    missing: list[Missing]

    @property
    def train(self) -> int:
        """The number of training pictures."""
        return sum(row.train for row in self.classes)

    @property
    def held_out(self) -> int:
        """The number of held-out pictures."""
        return sum(row.held_out for row in self.classes)


def material(contents: Artifacts) -> _Material:
    """The section of the page."""
    label_issues = contents.get(LabelIssues)
    counts = Counter((row["label"], row["side"]) for row in contents.rows)
    return _Material(
        classes=[
            _ClassCount(label, counts[label, "train"], counts[label, "held_out"]) for label in contents.labels
        ],
        excluded=contents.excluded[:_LISTED],
        excluded_count=len(contents.excluded),
        audit=contents.get(Audit),
        shortcuts=contents.get(Shortcuts),
        alarms=alarms_of(contents),
        label_issues=label_issues,
        trust=in_words(len(label_issues.label_issues), label_issues.trust) if label_issues else "",
        missing=contents.lacks(stages.AUDIT, stages.SHORTCUTS, stages.LABEL_ISSUES),
    )
