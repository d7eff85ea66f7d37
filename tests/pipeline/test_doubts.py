"""Confident learning, on numbers small enough to check by hand and on planted mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline import doubts


def test_a_label_is_doubted_where_another_class_reaches_its_threshold():
    """Thresholds: class 0 (.9 + .8 + .1) / 3 = .6, class 1 (.7 + .9) / 2 = .8."""
    truth = np.array([0, 0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.1, 0.9]])
    assert doubts.confident_joint(truth, probabilities).tolist() == [[2, 1], [0, 1]]
    (found,) = doubts.find(truth, probabilities)
    assert found == doubts.Doubt(2, 0, 1, pytest.approx(0.1), pytest.approx(0.9))


def test_the_estimate_of_wrong_labels_gives_every_label_its_count():
    """Rows become 3 * (2/3, 1/3) and 2 * (0, 1): one of five is off the diagonal."""
    joint = np.array([[2, 1], [0, 1]])
    assert doubts.share_wrong(joint, [3, 2]) == pytest.approx(1 / 5)
    assert doubts.share_wrong(np.zeros((2, 2), int), [0, 0]) == 0.0


def test_an_unsure_answer_is_no_doubt():
    truth = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.45, 0.55], [0.1, 0.9], [0.2, 0.8]])
    assert doubts.find(truth, probabilities) == []


def test_a_class_without_pictures_is_never_suggested():
    truth = np.array([0, 0, 1])
    probabilities = np.array([[0.5, 0.0, 0.5], [0.6, 0.0, 0.4], [0.1, 0.8, 0.1]])
    assert all(doubt.suggestion != 2 for doubt in doubts.find(truth, probabilities))


def test_planted_mistakes_are_found_the_worst_first():
    numbers = np.random.default_rng(0)
    right = numbers.integers(0, 4, 1000)
    logits = numbers.normal(0, 1, (1000, 4)) + 5 * np.eye(4)[right]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth, wrong = right.copy(), numbers.choice(1000, 40, replace=False)
    truth[wrong] = (truth[wrong] + 1) % 4
    found = doubts.find(truth, probabilities)
    assert {doubt.index for doubt in found[:30]} <= set(wrong.tolist())
    assert len({doubt.index for doubt in found} & set(wrong.tolist())) >= 35
    assert len(found) <= 60
    margins = [doubt.label_score - doubt.suggestion_score for doubt in found]
    assert margins == sorted(margins)
    share = doubts.share_wrong(doubts.confident_joint(truth, probabilities), np.bincount(truth).tolist())
    assert share == pytest.approx(0.04, abs=0.015)
