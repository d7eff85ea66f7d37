"""What the model learned: the folds, the scores, the classes, and the confusion matrix with its pictures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from export.android.photos.photos import Photos
from export.android.photos.score import Scores as FieldScore
from export.report.artifacts import Artifacts, Missing
from pipeline.core import stages
from pipeline.evaluation.evaluate import (
    ClassScore,
    Evaluation,
    HeldOutScore,
    OutOfFoldScore,
    TrainScore,
    WithoutLeaked,
)
from pipeline.stats.metrics import MOST_CLASSES
from pipeline.training.results import Candidate, Folds, Search

# Pictures shown for a cell of the confusion matrix: usually all mistakes, and some of the right answers;
# and for all cells.
_RIGHT, _WRONG, _ALL = 12, 24, 400
_PAIRS = 24  # of confused classes, where there are too many classes for a matrix
_CANDIDATES = 30


@dataclass(frozen=True)
class Score:
    """A row of the table of scores; those that lead are shown next to the verdict, too."""

    title: str
    of: TrainScore | OutOfFoldScore | HeldOutScore | WithoutLeaked | FieldScore | Folds
    leads: bool = True


@dataclass(frozen=True)
class _Learned:
    """The section; documents are None where they are missing.

    Attributes:
        matrix: The confusion matrix, rows are the truth; empty if there are too many classes.
        pairs: Instead of it, the most frequent mistakes: truth, answer and pictures, by number of the label.
        confused: How many pairs there are.
        classes: The scores of all classes, or of the weakest.
    """

    scores: list[Score]
    folds: Folds | None
    mean: float
    evaluation: Evaluation | None
    matrix: list[list[int]]
    pairs: Sequence[tuple[int, ...]]
    confused: int
    classes: Sequence[ClassScore]
    candidates: tuple[Candidate, ...]
    missing: list[Missing]


@dataclass(frozen=True)
class _CellPicture:
    """A picture behind a cell; `score` is the probability of its answer."""

    path: str
    score: float


@dataclass(frozen=True)
class _Cell:
    """A cell of the confusion matrix: `count` pictures, some of which are shown."""

    id: str
    truth: str
    answer: str
    count: int
    pictures: list[_CellPicture]

    @property
    def right(self) -> bool:
        """Whether these answers are right."""
        return self.truth == self.answer


def learned(contents: Artifacts) -> _Learned:
    """The section of the page, as far as the run has got."""
    folds, search = contents.get(Folds), contents.get(Search)
    searched = contents.config is None or bool(contents.config.search)
    evaluation = contents.get(Evaluation)
    held_out = evaluation and evaluation.held_out
    mistakes = _mistakes(held_out) if held_out else []
    many = held_out is not None and len(held_out.classes) > MOST_CLASSES
    return _Learned(
        scores=_scores(contents),
        folds=folds,
        mean=float(np.mean(folds.fold_accuracy)) if folds else 0.0,
        evaluation=evaluation,
        matrix=held_out.matrix.tolist() if held_out and not many else [],
        pairs=mistakes[:_PAIRS] if many else [],
        confused=len(mistakes),
        classes=_weakest(held_out.classes) if held_out else (),
        candidates=search.rows[:_CANDIDATES] if search and searched else (),
        missing=contents.lacks(stages.FOLDS, stages.TRAINING, stages.EVALUATION),
    )


def cells(contents: Artifacts) -> list[_Cell]:
    """The cells of the confusion matrix, or of the most frequent mistakes, with their pictures."""
    evaluation, predictions = contents.get(Evaluation), contents.predictions()
    if not evaluation or predictions is None:
        return []
    by_content: dict[bytes, list[str]] = defaultdict(list)
    for row in (row for row, side in enumerate(contents.sides) if side == "held_out"):
        by_content[contents.pictures.sha256(row).encode()].append(contents.pictures[row].path)
    members: dict[tuple[int, int], list[_CellPicture]] = defaultdict(list)
    predicted = predictions["probabilities"].argmax(1)
    for place, content in enumerate(predictions["sha256"].astype("S64", copy=False).tolist()):
        paths = by_content.get(content) or [""]
        path = paths.pop(0) if len(paths) > 1 else paths[0]
        score = float(predictions["probabilities"][place].max())
        members[int(predictions["truth"][place]), int(predicted[place])].append(_CellPicture(path, score))
    labels = evaluation.labels
    if len(labels) > MOST_CLASSES:
        pairs = _mistakes(evaluation.held_out)[:_PAIRS]
        members = {(row, column): members[row, column] for row, column, _ in pairs}
    # Dealt in turns, the largest cells first, so that the page stays small.
    dealt = sorted(
        (turn, -len(pictures), place)
        for place, pictures in members.items()
        for turn in range(min(len(pictures), _RIGHT if place[0] == place[1] else _WRONG))
    )
    room = Counter(place for *_, place in dealt[:_ALL])
    shown = []
    for (row, column), count in sorted(room.items()):
        # Among right answers, the least confident tell most.
        own = sorted(members[row, column], key=lambda picture: picture.score, reverse=row != column)
        shown.append(_Cell(f"cell-{row}-{column}", labels[row], labels[column], len(own), own[:count]))
    return shown


def _weakest(classes: Sequence[ClassScore]) -> Sequence[ClassScore]:
    """All classes, or those with the lowest F1 if there are too many to show."""
    return sorted(classes, key=lambda row: row.f1)[:MOST_CLASSES] if len(classes) > MOST_CLASSES else classes


def _mistakes(scores: HeldOutScore) -> list[tuple[int, ...]]:
    """The cells of the confusion matrix with wrong answers, the most frequent first."""
    wrong = [entry for entry in scores.confusion if entry[0] != entry[1]]
    return sorted(wrong, key=lambda entry: -entry[2])


def _scores(contents: Artifacts) -> list[Score]:
    evaluation, folds, photos = contents.get(Evaluation), contents.get(Folds), contents.get(Photos)
    if not evaluation:
        return [Score("out-of-fold", folds)] if folds else []
    rows = [
        Score("training pictures", evaluation.train, leads=False),
        Score("out-of-fold", evaluation.out_of_fold),
    ]
    # Copies of training pictures say nothing about new ones.
    clean = evaluation.without_leaked
    if clean and clean.accuracy is not None:
        rows.append(Score("held out, without copies of training pictures", clean))
    title = "held out, copies of training pictures included" if clean else "held out"
    rows.append(Score(title, evaluation.held_out, leads=not clean))
    if photos and photos.field:
        rows.append(Score("photos from the field", photos.field))
    return rows
