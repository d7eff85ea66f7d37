"""The data: pictures, audit, shortcuts and label issues; the gaps between data sets; what would help most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from export import artifacts
from export.android.photos.photos import Photos
from export.android.photos.simulate import Simulated
from export.report.artifacts import Artifacts, Missing
from export.report.verdict import alarms_of
from pipeline.core import stages
from pipeline.data.audit.audit import Audit
from pipeline.data.audit.shortcuts import Shortcuts
from pipeline.evaluation.as_decided import AsDecided
from pipeline.evaluation.evaluate import Evaluation
from pipeline.evaluation.label_issues import LabelIssues, in_words
from pipeline.stats.metrics import MOST_CLASSES

_FEW, _WEAK = 50, 0.1
_NAMED = 5  # classes, the worst first
_LISTED = 12  # excluded files


@dataclass(frozen=True)
class _ClassCount:
    """How many pictures of a class are for training and how many are held out."""

    label: str
    train: int
    held_out: int


@dataclass(frozen=True)
class _Data:
    """The section on the data; missing documents are None.

    Attributes:
        classes: In the order of the output.
        excluded: The first excluded files, as rows of excluded.csv.
        excluded_count: How many there are.
        trust: How far the label issues can be trusted.
        decided: The held-out pictures that a person decided about.
    """

    classes: list[_ClassCount]
    excluded: list[dict[str, str]]
    excluded_count: int
    audit: Audit | None
    shortcuts: Shortcuts | None
    alarms: list[str]
    label_issues: LabelIssues | None
    trust: str
    decided: AsDecided | None
    missing: list[Missing]

    @property
    def smallest(self) -> list[_ClassCount]:
        """All classes, or those with the fewest pictures if there are too many to show."""
        if len(self.classes) <= MOST_CLASSES:
            return self.classes
        return sorted(self.classes, key=lambda row: row.train + row.held_out)[:MOST_CLASSES]

    @property
    def train(self) -> int:
        """The number of training pictures."""
        return sum(row.train for row in self.classes)

    @property
    def held_out(self) -> int:
        """The number of held-out pictures."""
        return sum(row.held_out for row in self.classes)


@dataclass(frozen=True)
class _Gaps:
    """The section on gaps: a sentence for each, and what would improve the data."""

    sentences: list[str]
    improve: list[str]
    missing: list[Missing]


def data(contents: Artifacts) -> _Data:
    """The section on the data."""
    label_issues, evaluation = contents.get(LabelIssues), contents.get(Evaluation)
    counts = Counter(zip(contents.pictures.labels(), contents.sides, strict=True))
    return _Data(
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
        decided=evaluation.as_decided if evaluation else None,
        missing=contents.lacks(stages.AUDIT, stages.SHORTCUTS, stages.LABEL_ISSUES),
    )


def gaps(contents: Artifacts) -> _Gaps:
    """The section on gaps."""
    evaluation, photos = contents.get(Evaluation), contents.get(Photos)
    simulated = contents.get(Simulated)
    sentences = [
        *(evaluation.gaps if evaluation else ()),
        *(photos.gap.words if photos and photos.gap else ()),
        *(simulated.words if simulated else ()),
    ]
    missing = contents.lacks(stages.EVALUATION, artifacts.PHOTOS, artifacts.SIMULATED)
    return _Gaps(sentences, improve(contents), missing)


def improve(contents: Artifacts) -> list[str]:
    """What would improve the data, most useful first."""
    return list(_advice(contents))


def _advice(contents: Artifacts) -> Iterator[str]:
    if alarms_of(contents):
        yield "Remove the shortcuts named in the warnings."
    label_issues, audit = contents.get(LabelIssues), contents.get(Audit)
    count = len(label_issues.label_issues) if label_issues else 0
    if count:
        yield (
            f"Check figures/label_issues.png: the folds disagree with the label of {count} "
            f"training picture{'s' * (count != 1)}. Correct the wrong ones."
        )
    for issue in audit.image_issues if audit else ():
        if issue.matters:
            yield f"{_head(issue.title)}{_times(issue.count)}. {_head(issue.advice)}."
    if evaluation := contents.get(Evaluation):
        yield from _about_classes(evaluation)
    photos = contents.get(Photos)
    if photos is None or photos.field is None:
        yield (
            "Take photos of the real subjects with the app, at least ten per class, and score them: only "
            "they show whether the data set resembles what the camera sees."
        )


def _about_classes(evaluation: Evaluation) -> Iterator[str]:
    labels, scores = evaluation.labels, evaluation.held_out
    pairs: Counter[tuple[str, str]] = Counter()
    for truth, answer, count in scores.confusion:
        if truth != answer:
            pairs[labels[min(truth, answer)], labels[max(truth, answer)]] += count
    times, (one, other) = max(((n, pair) for pair, n in pairs.items()), default=(0, ("", "")))
    if times >= 2:
        yield (
            f"{times} of the Keras model's {pairs.total()} mistakes confuse {one} and {other}: more pictures "
            "that show the difference between these two help most."
        )
    mean = sum(row.f1 for row in scores.classes) / len(scores.classes)
    weak = sorted((row for row in scores.classes if row.f1 < mean - _WEAK), key=lambda row: row.f1)
    for row in weak[:_NAMED]:
        yield f"{row.label} is weaker than the others (F1 {row.f1:.2f}, mean {mean:.2f})."
    few = sorted((row for row in scores.classes if row.n < _FEW), key=lambda row: row.n)
    for row in few[:_NAMED]:
        low, high = row.recall_interval
        yield (
            f"Hold out more pictures of {row.label}: {row.n} leave its recall uncertain, "
            f"from {low:.2f} to {high:.2f}."
        )
    if len(few) > _NAMED:
        yield f"{len(few) - _NAMED} more classes have fewer than {_FEW} held-out pictures."


def _head(text: str) -> str:
    return text[:1].upper() + text[1:]


def _times(count: int) -> str:
    return f" ({count:,})" if count > 1 else ""
