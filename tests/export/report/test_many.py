"""Many classes and many pictures: the page shows those that tell most, and says where the rest is."""

from __future__ import annotations

import re

import numpy as np
import pytest

from export import artifacts
from export.explain.explanation import Answer, AnsweredPicture, Explanation, JudgedAnswer
from export.report import card, page, report
from export.report.artifacts import Artifacts
from pipeline.core import stages
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.data.pictures import Picture, Pictures
from pipeline.evaluation.evaluate import (
    ClassScore,
    Evaluation,
    HeldOutScore,
    OutOfFoldScore,
    TrainScore,
)
from pipeline.stats.metrics import Interval

MANY = 120


@pytest.fixture
def contents(tmp_path):
    """What a run of so many classes and held-out pictures of each has; every second answer is wrong."""

    def made(classes: int, each: int) -> Artifacts:
        labels = tuple(f"class {number:04}" for number in range(classes))
        truth = np.repeat(np.arange(classes), each)
        places = np.arange(len(truth))
        predicted = np.where(places % 2, (truth + 1) % classes, truth)
        probabilities = np.zeros((len(truth), classes), np.float32)
        probabilities[places, predicted] = 0.5 + places / len(truth) / 2
        names = [f"{labels[t]}/{at}.jpg" for at, t in enumerate(truth)]
        found = Artifacts(Run(tmp_path))
        found.pictures = Pictures(
            Picture(name, labels[t], "", "", name, 0, 0) for name, t in zip(names, truth, strict=True)
        )
        found.sides = ["held_out"] * len(names)
        arrays = {"truth": truth, "probabilities": probabilities, "sha256": np.array(names)}
        found.predictions = lambda model="": {**arrays, "groups": places}
        found.documents = {
            stages.EVALUATION: evaluation(labels, each),
            artifacts.EXPLAINED: explanation(labels, names, truth, predicted, probabilities),
        }
        return found

    return made


def evaluation(labels: tuple[str, ...], each: int) -> Evaluation:
    wide, n = Interval(0.4, 0.6), each * len(labels)
    right, wrong = (each + 1) // 2, each // 2
    confusion = [(at, at, right) for at in range(len(labels))]
    confusion += [(at, (at + 1) % len(labels), wrong) for at in range(len(labels))]
    return Evaluation(
        labels=labels,
        train=TrainScore(n=n, accuracy=0.5),
        out_of_fold=OutOfFoldScore(
            n=n,
            accuracy=0.5,
            accuracy_interval=wide,
            macro_f1=0.5,
            macro_f1_interval=wide,
            fold_accuracy=(0.5, 0.5),
            fold_standard_deviation=0.0,
            chosen_epoch=1,
            epoch_was_chosen=False,
        ),
        held_out=HeldOutScore(
            n=n,
            groups=n,
            accuracy=0.5,
            accuracy_interval=wide,
            macro_f1=0.5,
            macro_f1_interval=wide,
            classes=tuple(
                ClassScore(
                    label=label, n=each, recall=0.5, recall_interval=wide, f1=1 - at / 1000, f1_interval=wide
                )
                for at, label in enumerate(labels)
            ),
            confusion=tuple(sorted(confusion)),
        ),
        threshold=0.2,
        gaps=(),
    )


def explanation(labels, names, truth, predicted, probabilities) -> Explanation:
    def answered(at: int) -> AnsweredPicture:
        answer = Answer(
            answer=labels[predicted[at]],
            score=float(probabilities[at].max()),
            second=labels[truth[at]],
            second_score=0.0,
        )
        judged = JudgedAnswer(**dict(answer), truth_score=0.0)
        return AnsweredPicture(
            path=names[at],
            sha256=names[at],
            label=labels[truth[at]],
            right=False,
            flip=False,
            keras=judged,
            file=judged,
        )

    wrong = np.flatnonzero(truth != predicted).tolist()
    return Explanation(
        model="int8",
        reference="keras",
        n=len(names),
        limit=100,
        labels=labels,
        panels=(),
        pictures=(),
        mistakes=tuple(map(answered, wrong)),
        classes=(),
        alarms=(),
    )


def shown(contents: Artifacts) -> str:
    view = report._view(contents, ProgressReporter(), pictures=False)
    return page.render(view, contents.labels)


def part(text: str, beginning: str, end: str) -> str:
    return text[text.index(beginning) :].partition(end)[0]


def test_of_many_classes_the_most_confused_pairs_replace_the_matrix(contents):
    text = shown(contents(MANY, 5))
    assert 'class="confusion"' not in text
    confused = part(text, 'id="confusion"', "</table>")
    assert f"24 of {MANY} confused pairs shown" in confused
    assert "<code>answers.csv</code>" in confused
    links = re.findall(r'href="#(cell-\d+-\d+)"', confused)
    assert len(links) == 24
    assert re.findall(r'class="cell" id="([^"]+)"', text) == links


def test_of_many_classes_the_weakest_are_listed(contents):
    text = shown(contents(MANY, 5))
    classes = part(text, "The 50 weakest of 120 classes; evaluation.json has all.", "</table>")
    assert len(re.findall(r'<th scope="row">', classes)) == 50
    assert "class 0119" in classes
    assert "class 0070" in classes
    assert "class 0069" not in classes


def test_as_many_classes_as_fit_have_their_matrix_and_their_scores(contents):
    text = shown(contents(50, 4))
    matrix = part(text, '<table class="confusion">', "</table>")
    assert len(re.findall(r"<td ", matrix)) == 50 * 50
    assert "class 0000" in part(text, "Class by class", "</table>")


@pytest.mark.parametrize("classes", [10, MANY])
def test_the_page_does_not_grow_with_the_pictures(contents, classes):
    few, many = (shown(contents(classes, each)) for each in (60, 180))
    assert len(many) < 1.05 * len(few)
    for text in (few, many):
        assert len(re.findall(r"<li>\d\.\d{3}<br>", text)) <= 400


def test_it_says_how_many_of_a_cells_pictures_are_shown(contents):
    text = shown(contents(10, 680))
    cell = part(text, 'id="cell-0-0"', "</div>")
    assert "12 of 340 shown, the least confident" in cell
    assert "<code>answers.csv</code> has all" in cell
    scores = [float(score) for score in re.findall(r"<li>(\d\.\d{3})", cell)]
    assert scores == sorted(scores)
    assert len(scores) == 12
    assert "24 of 340 shown, the most confident" in part(text, 'id="cell-0-1"', "</div>")


def test_the_most_confident_mistakes_are_listed(contents):
    text = shown(contents(10, 300))
    assert "The int8 file gets 1,500 of 3,000 held-out pictures wrong" in text
    mistakes = part(text, "(100 of 1,500 shown; explain.json has all)", "</table>")
    assert mistakes.count("<tr>") == 1 + 100
    assert "class 0009/2999.jpg" in mistakes


def test_the_model_card_lists_some_of_many_classes(contents):
    text = card.card(contents(MANY, 5))
    assert "class 0049 and 70 more, which labels.txt beside each file lists" in text
    assert "The 50 smallest of 120 classes." in text
    assert "The 50 weakest of 120 classes." in text
    assert len(text) < 20_000
