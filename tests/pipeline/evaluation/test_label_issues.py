"""Confident learning, on numbers small enough to check by hand and on planted mistakes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from pipeline.core.runs import Run
from pipeline.data.pictures import Pictures
from pipeline.evaluation import label_issues
from pipeline.stats import metrics
from pipeline.training.experiment import open_trained
from tests.support import verbs


def test_a_label_is_doubted_where_another_class_reaches_its_threshold():
    """Thresholds: class 0 (.9 + .8 + .1) / 3 = .6, class 1 (.7 + .9) / 2 = .8."""
    truth = np.array([0, 0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.1, 0.9]])
    assert label_issues.confident_joint(truth, probabilities).tolist() == [[2, 1], [0, 1]]
    (found,) = label_issues.find(truth, probabilities)
    assert found == label_issues.LabelIssue(2, 0, 1, pytest.approx(0.1), pytest.approx(0.9))


def test_the_estimate_of_wrong_labels_gives_every_label_its_count():
    """Rows become 3 * (2/3, 1/3) and 2 * (0, 1): one of five is off the diagonal."""
    joint = np.array([[2, 1], [0, 1]])
    assert label_issues.share_wrong(joint, [3, 2]) == pytest.approx(1 / 5)
    assert label_issues.share_wrong(np.zeros((2, 2), int), [0, 0]) == 0.0


def test_an_unsure_answer_is_no_doubt():
    truth = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.45, 0.55], [0.1, 0.9], [0.2, 0.8]])
    assert label_issues.find(truth, probabilities) == []


def test_a_class_without_pictures_is_never_suggested():
    truth = np.array([0, 0, 1])
    probabilities = np.array([[0.5, 0.0, 0.5], [0.6, 0.0, 0.4], [0.1, 0.8, 0.1]])
    assert all(doubt.suggestion != 2 for doubt in label_issues.find(truth, probabilities))


def test_planted_mistakes_are_found_the_worst_first():
    numbers = np.random.default_rng(0)
    right = numbers.integers(0, 4, 1000)
    logits = numbers.normal(0, 1, (1000, 4)) + 5 * np.eye(4)[right]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth, wrong = right.copy(), numbers.choice(1000, 40, replace=False)
    truth[wrong] = (truth[wrong] + 1) % 4
    found = label_issues.find(truth, probabilities)
    assert {doubt.index for doubt in found[:30]} <= set(wrong.tolist())
    assert len({doubt.index for doubt in found} & set(wrong.tolist())) >= 35
    assert len(found) <= 60
    margins = [doubt.label_score - doubt.suggestion_score for doubt in found]
    assert margins == sorted(margins)
    share = label_issues.share_wrong(
        label_issues.confident_joint(truth, probabilities), np.bincount(truth).tolist()
    )
    assert share == pytest.approx(0.04, abs=0.015)


def answered(classes: int, apart: float, wrong: float, seed: int, n: int = 360):
    """Labels, some of them wrong, a model's probabilities, and which are wrong."""
    numbers = np.random.default_rng(seed)
    right = numbers.integers(0, classes, n)
    logits = numbers.normal(0, 1, (n, classes)) + apart * np.eye(classes)[right]
    truth, planted = right.copy(), numbers.choice(n, int(wrong * n), replace=False)
    truth[planted] = (truth[planted] + 1 + numbers.integers(0, classes - 1, len(planted))) % classes
    probabilities = special.softmax(logits * 2 / metrics.fit_temperature(logits * 2, truth), axis=1)
    return truth, probabilities, set(planted.tolist())


@pytest.mark.parametrize(("classes", "apart"), [(3, 1.0), (6, 1.3), (4, 2.0), (4, 0.3)])
def test_a_weak_model_earns_hardly_a_doubt_of_correct_labels(classes, apart):
    doubted, found = [], []
    for seed in range(10):
        truth, probabilities, _ = answered(classes, apart, 0, seed)
        kept, trust = label_issues.earned(truth, probabilities)
        found.append(len(label_issues.find(truth, probabilities)))
        doubted.append(len(kept))
        assert trust.withheld == found[-1] - doubted[-1]
    assert np.mean(found) > 15
    assert np.mean(doubted) <= 0.015 * 360
    assert max(doubted) <= 0.03 * 360


@pytest.mark.parametrize(
    ("classes", "apart", "wrong"), [(4, 5, 0.04), (5, 3, 0.08), (2, 3, 0.05), (3, 5, 0.01)]
)
def test_a_good_model_keeps_its_doubts_and_says_how_many_are_likely_right(classes, apart, wrong):
    kept = right = found = likely = 0
    for seed in range(10):
        truth, probabilities, planted = answered(classes, apart, wrong, seed)
        own, trust = label_issues.earned(truth, probabilities)
        found += len({doubt.index for doubt in label_issues.find(truth, probabilities)} & planted)
        kept += len(own)
        right += len({doubt.index for doubt in own} & planted)
        likely += trust.likely_wrong
    assert right >= 0.85 * found
    assert right >= 0.9 * kept
    assert likely == pytest.approx(right, rel=0.3)


def test_how_far_to_trust_doubts_is_said_in_words():
    trust = label_issues.Trust(sure=250, agreeing=240, likely_wrong=8, withheld=3)
    assert label_issues.in_words(10, trust) == (
        "predictions this confident agree with 240 of 250 labels; about 8 of the 10 are likely wrong, "
        "2 of the contradictions are the model's own mistakes"
    )
    assert label_issues.in_words(8, trust) == (
        "predictions this confident agree with 240 of 250 labels; about 8 of the 8 are likely wrong"
    )
    assert label_issues.in_words(0, trust) == (
        "no label is in doubt: 3 are contradicted, but probably by mistakes of the model"
    )


def test_doubts_that_are_probably_all_the_models_mistakes_are_said_in_one_judgement():
    trust = label_issues.Trust(sure=250, agreeing=240, likely_wrong=0, withheld=0)
    said = label_issues.in_words(2, trust)
    assert said == "predictions this confident agree with 240 of 250 labels; probably none of the 2 is wrong"
    assert label_issues.in_words(1, trust).endswith("probably not even this one is wrong")


def test_a_label_that_was_decided_about_is_doubted_no_longer(copy, monkeypatch):
    trust = label_issues.Trust(sure=90, agreeing=80, likely_wrong=2, withheld=0)
    doubts = [label_issues.LabelIssue(row, 0, 1, 0.1, 0.9) for row in (3, 5)]
    monkeypatch.setattr(label_issues, "earned", lambda *_: (doubts, trust))
    monkeypatch.setattr(label_issues, "find", lambda *_: doubts)
    run = Run(verbs.RUN)
    run.forget("label_issues")
    experiment = open_trained(run)
    listed = label_issues.find_label_issues(experiment)
    assert [row.path for row in listed.label_issues] == [experiment.split.train[row].path for row in (3, 5)]
    train = [p._replace(decision="keep") if row == 3 else p for row, p in enumerate(experiment.split.train)]
    decided = replace(experiment, split=replace(experiment.split, train=Pictures(train)))
    listed = label_issues.find_label_issues(decided)
    assert [row.path for row in listed.label_issues] == [train[5].path]
    assert listed.trust.likely_wrong == 1
