"""Labels that are probably wrong, judged by out-of-fold predictions.

Confident learning: a label is doubted if the model is as confident of another class as it usually is of
pictures with that label (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in
Dataset Labels", Journal of Artificial Intelligence Research 70, 2021, section 3.1). The model may be wrong;
a person decides. To keep a weak model from doubting whatever it gets wrong, `earned` keeps only the doubts
that its most confident predictions support.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.core import stages
from pipeline.core.documents import Document
from pipeline.core.recipes import key_of
from pipeline.data.audit import contact_sheets
from pipeline.stats import metrics
from pipeline.training.experiment import Experiment, load_out_of_fold

# Predictions count from the most confident down to where they agree with fewer labels than this.
_AGREEMENT = 0.9
# The most confident predictions contradict wrong labels as often as others do, but make fewer mistakes of
# their own. Below this probability, halves so uneven are not due to chance.
_UNEVEN = 0.05


@dataclass(frozen=True)
class LabelIssue:
    """One label that is probably wrong.

    Attributes:
        index: The picture's index among those judged.
        label: Its present class.
        suggestion: The class it may belong to.
        label_score: The model's probability of `label`.
        suggestion_score: The model's probability of `suggestion`.
    """

    index: int
    label: int
    suggestion: int
    label_score: float
    suggestion_score: float


class Trust(Document):
    """How far the doubts can be trusted.

    Attributes:
        sure: How many predictions are sure enough to doubt a label.
        agreeing: How many of these agree with the label.
        likely_wrong: About how many of the doubted labels are wrong, assuming that the surer half of those
            predictions contradicts wrong labels only.
        withheld: How many doubts were dropped as probably the model's own mistakes.
    """

    sure: int
    agreeing: int
    likely_wrong: int
    withheld: int


class _ListedIssue(Document):
    """A doubted label, with names for numbers."""

    path: str
    sha256: str
    label: str
    suggestion: str
    label_score: float
    suggestion_score: float


class LabelIssues(Document):
    """label_issues.json: the doubted labels among n training pictures, the most doubtful first.

    Labels that a person has decided about are not listed.

    `withheld` are those whose doubt was dropped. `confident_joint` holds
    (label, confident class, pictures), by number, where there are any.
    """

    n: int
    share_wrong_estimate: float
    labels: tuple[str, ...]
    confident_joint: tuple[tuple[int, ...], ...]
    trust: Trust
    label_issues: tuple[_ListedIssue, ...]
    withheld: tuple[_ListedIssue, ...]


def earned(truth: np.ndarray, probabilities: np.ndarray) -> tuple[list[LabelIssue], Trust]:
    """The doubts to report, the most doubtful first, and how far to trust them.

    Args:
        truth: Labels as given, shape (n,).
        probabilities: Out-of-fold, shape (n, classes).
    """
    from scipy import stats

    issues = find(truth, probabilities)
    confident = _confident(truth, probabilities)
    rows = np.flatnonzero(confident >= 0)
    sureness = probabilities[rows, confident[rows]]
    rows = rows[np.argsort(-sureness, kind="stable")]
    contradicted = np.concatenate([[0], np.cumsum(confident[rows] != truth[rows])])
    counts = np.arange(len(rows) + 1)
    sure = int(np.flatnonzero(contradicted <= (1 - _AGREEMENT) * counts + 1e-9)[-1])
    total, surer = int(contradicted[sure]), int(contradicted[sure // 2])
    if stats.binom.cdf(surer, total, 0.5) < _UNEVEN:
        return [], Trust(sure=sure, agreeing=sure - total, likely_wrong=0, withheld=len(issues))
    reached = set(rows[:sure].tolist())
    kept = [issue for issue in issues if issue.index in reached]
    trust = Trust(
        sure=sure,
        agreeing=sure - total,
        likely_wrong=min(total, 2 * surer),
        withheld=len(issues) - len(kept),
    )
    return kept, trust


def in_words(count: int, trust: Trust) -> str:
    """How far that many doubts can be trusted, as a sentence."""
    if not count:
        why = "probably by mistakes of the model"
        return f"no label is in doubt: {trust.withheld} are contradicted, but {why}"
    likely, others = trust.likely_wrong, count - trust.likely_wrong
    if not likely:
        return (
            f"predictions this confident agree with {trust.agreeing:,} of {trust.sure:,} labels; "
            f"probably {'none of the ' + str(count) if count > 1 else 'not even this one'} is wrong"
        )
    mistakes = f", {others} of the contradictions are the model's own mistakes" if others else ""
    return (
        f"predictions this confident agree with {trust.agreeing:,} of {trust.sure:,} labels; "
        f"about {likely} of the {count} are likely wrong{mistakes}"
    )


def find(truth: np.ndarray, probabilities: np.ndarray) -> list[LabelIssue]:
    """The doubted labels, the most doubtful first.

    Args:
        truth: Labels as given, shape (n,).
        probabilities: Out-of-fold, shape (n, classes).
    """
    confident = _confident(truth, probabilities)
    rows = np.flatnonzero((confident >= 0) & (confident != truth))
    own = probabilities[rows, truth[rows]]
    other = probabilities[rows, confident[rows]]
    # By normalized margin, as in section 3.2 of the paper.
    order = np.lexsort((rows, own - other))
    return [
        LabelIssue(
            int(rows[at]), int(truth[rows[at]]), int(confident[rows[at]]), float(own[at]), float(other[at])
        )
        for at in order
    ]


def confident_joint(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Counts, shape (classes, classes): rows are labels as given, columns the classes that the model is
    confident of. Pictures without a confident class are not counted."""
    confident = _confident(truth, probabilities)
    classes = probabilities.shape[1]
    counts = np.zeros((classes, classes), np.int64)
    sure = confident >= 0
    np.add.at(counts, (truth[sure], confident[sure]), 1)
    return counts


def share_wrong(joint: np.ndarray, own: Sequence[int]) -> float:
    """The estimated share of wrong labels, from the joint scaled to each label's count.

    Args:
        joint: From `confident_joint`.
        own: The number of pictures with each label.
    """
    counts = np.asarray(own, float)
    scaled = joint / np.maximum(joint.sum(1, keepdims=True), 1) * counts[:, None]
    total = scaled.sum()
    return float(1 - np.trace(scaled) / total) if total else 0.0


def _confident(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The class that the model is confident of, for each picture; -1 for none.

    A class's threshold is its mean probability over the pictures with its label (eq. 2).
    """
    classes, own = probabilities.shape[1], probabilities[np.arange(len(truth)), truth]
    counts = np.bincount(truth, minlength=classes)
    sums = np.bincount(truth, weights=own, minlength=classes)
    thresholds = np.divide(sums, counts, out=np.full(classes, np.inf), where=counts > 0)
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    return np.where(reached.max(1) > 0, reached.argmax(1), -1)


def find_label_issues(experiment: Experiment) -> LabelIssues:
    """Writes label_issues.json and its contact sheet; returns the document."""
    run = experiment.run
    decided = [picture.sha256 for picture in experiment.split.train if picture.decision]
    settings = {"decided": key_of(sorted(decided))} if decided else {}
    recipe = stages.recipe("label_issues", {"folds": run.key("folds")}, settings, ("numpy", "scipy"))
    run.make(recipe, lambda: run.write(_document(experiment), stages.LABEL_ISSUES))
    document = run.read(LabelIssues, stages.LABEL_ISSUES)
    rows, title = document.label_issues, "Labels that may be wrong, the most doubtful first"
    if not rows:
        rows, title = document.withheld, "Contradicted labels, probably the model's own mistakes"
    shown = rows[: contact_sheets.SHOWN]
    if shown:
        cells = [(_caption(row), experiment.table.at(row.path)) for row in shown]
        more = f", the first {len(shown)} of {len(rows)}" if len(rows) > contact_sheets.SHOWN else ""
        contact_sheets.draw(run, "label_issues.png", {"label_issues": recipe.key}, f"{title}{more}", cells)
    return document


def _caption(row: _ListedIssue) -> str:
    filed = f"label: {row.label} {row.label_score:.2f}"
    return f"{filed}\nsuggested: {row.suggestion} {row.suggestion_score:.2f}"


def _document(experiment: Experiment) -> LabelIssues:
    stored = load_out_of_fold(experiment.run)
    truth, probabilities = stored["truth"], stored["probabilities"]
    joint = confident_joint(truth, probabilities)
    counts = np.bincount(truth, minlength=len(experiment.labels)).tolist()
    issues, trust = earned(truth, probabilities)
    kept = {issue.index for issue in issues}
    withheld = [issue for issue in find(truth, probabilities) if issue.index not in kept]
    listed, dropped = _undecided(experiment, issues), _undecided(experiment, withheld)
    left = {"likely_wrong": min(trust.likely_wrong, len(listed)), "withheld": len(dropped)}
    return LabelIssues(
        n=len(truth),
        share_wrong_estimate=share_wrong(joint, counts),
        labels=experiment.labels,
        confident_joint=metrics.entries(joint),
        trust=trust.model_copy(update=left),
        label_issues=listed,
        withheld=dropped,
    )


def _undecided(experiment: Experiment, issues: Sequence[LabelIssue]) -> tuple[_ListedIssue, ...]:
    """The doubts about pictures that nobody has decided about."""
    pictures = [(issue, experiment.split.train[issue.index]) for issue in issues]
    return tuple(
        _ListedIssue(
            path=picture.path,
            sha256=picture.sha256,
            label=experiment.labels[issue.label],
            suggestion=experiment.labels[issue.suggestion],
            label_score=round(issue.label_score, 6),
            suggestion_score=round(issue.suggestion_score, 6),
        )
        for issue, picture in pictures
        if not picture.decision
    )
