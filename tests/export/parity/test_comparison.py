from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as oracle

from export.parity import comparison
from pipeline.stats import paired
from tests.support.comparisons import LABELS, TRUTH, compared, flipped, predictions, sure


def test_scores_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    one, other = (random.dirichlet(np.ones(3), 300).astype(np.float32) for _ in range(2))
    found = compared(one, other)
    first, second = one.argmax(1), other.argmax(1)
    assert found.accuracy == pytest.approx(oracle.accuracy_score(TRUTH, second), abs=1e-9)
    assert found.macro_f1 == pytest.approx(oracle.f1_score(TRUTH, second, average="macro"), abs=1e-9)
    assert found.agreement == pytest.approx(oracle.accuracy_score(first, second), abs=1e-9)
    drop = oracle.accuracy_score(TRUTH, first) - oracle.accuracy_score(TRUTH, second)
    assert found.accuracy_drop == pytest.approx(drop, abs=1e-9)
    each = oracle.f1_score(TRUTH, first, average=None) - oracle.f1_score(TRUTH, second, average=None)
    assert found.macro_f1_drop == pytest.approx(each.mean(), abs=1e-9)
    half = np.mean([np.abs(p - q).sum() / 2 for p, q in zip(one, other, strict=True)])
    assert found.mean_abs_dp == pytest.approx(half, rel=1e-5)
    assert found.max_abs_dp == pytest.approx(np.abs(one - other).max())
    recall = oracle.recall_score(TRUTH, second, average=None)
    for row, label, expected, lost in zip(found.classes, LABELS, recall, each, strict=True):
        assert (row.label, row.n) == (label, 100)
        assert row.recall == pytest.approx(expected, abs=1e-9)
        assert row.f1_drop == pytest.approx(lost, abs=1e-9)


def test_macro_f1_is_of_the_classes_that_some_picture_shows():
    """Folders of one's own need not hold every class; scikit-learn is asked for the same ones."""
    random = np.random.default_rng(0)
    one, other = (random.dirichlet(np.ones(3), 300).astype(np.float32) for _ in range(2))
    rows = TRUTH != 1
    parts = [predictions(p[rows], TRUTH[rows]) for p in (one, other)]
    found = comparison.compare(parts[0], parts[1], LABELS, None)
    scores = [oracle.f1_score(part.truth, part.predicted, labels=[0, 2], average="macro") for part in parts]
    assert found.macro_f1 == pytest.approx(scores[1])
    assert found.macro_f1_drop == pytest.approx(scores[0] - scores[1])
    low, high = found.macro_f1_drop_interval
    assert low < found.macro_f1_drop < high


def test_the_share_of_same_answers_is_that_of_the_whole_comparison():
    one, other = predictions(sure(TRUTH)), predictions(sure(flipped(9)))
    whole = comparison.compare(one, other, LABELS, None)
    same = comparison.same_answers(one, other)
    assert (same.agreement, same.agreement_interval) == (whole.agreement, whole.agreement_interval)
    assert same.agreement == pytest.approx(0.97)


def test_lost_and_gained_answers_are_counted_by_class():
    found = compared(sure(flipped(3)), sure(flipped(6, start=3)))
    assert (found.flips, found.lost, found.gained) == (9, 6, 3)
    assert [(row.lost, row.gained) for row in found.classes] == [(2, 1)] * 3
    assert found.accuracy_drop_interval == pytest.approx(paired.tango(6, 3, 300).tolist())
    assert found.classes[0].recall_drop_interval == pytest.approx(paired.tango(2, 1, 100).tolist())
    assert found.mcnemar_p == pytest.approx(130 / 2**8)


@pytest.mark.parametrize(
    "name",
    ["accuracy_drop", "macro_f1_drop", "agreement", "mean_abs_dp", "confidence_shift", "coverage_drop"],
)
def test_pictures_in_groups_make_every_interval_wider(name):
    one, other = predictions(sure(TRUTH)), predictions(sure(flipped(20)))
    other.probabilities[:20] = sure(flipped(20)[:20], 0.4)
    alone = comparison.compare(one, other, LABELS, 0.5).measured(name)[1]
    groups = np.array([str(number // 20) for number in range(300)])
    together = comparison.compare(replace(one, groups=groups), replace(other, groups=groups), LABELS, 0.5)
    assert together.groups == 15
    low, high = together.measured(name)[1]
    assert low <= alone[0] < alone[1] <= high
    assert high - low > 1.5 * (alone[1] - alone[0])


def test_coverage_is_compared_where_there_is_a_threshold():
    unsure = sure(TRUTH)
    unsure[:30] = sure(TRUTH[:30], 0.4)
    found = compared(sure(TRUTH), unsure, threshold=0.5)
    assert (found.coverage, found.coverage_drop) == (0.9, pytest.approx(0.1))
    assert found.coverage_drop_interval == pytest.approx(paired.tango(30, 0, 300).tolist())
    assert compared(sure(TRUTH), unsure).coverage_drop is None


def test_a_class_without_pictures_has_no_recall():
    truth = np.zeros(50, int)
    found = compared(sure(truth), sure(truth), truth)
    assert found.classes[1].recall is found.classes[1].recall_drop_interval is None


def test_the_threshold_gives_coverage_and_selective_accuracy_with_intervals():
    sharp = sure(flipped(30))
    sharp[:60] = sure(flipped(30)[:60], 0.4)
    found = compared(sure(TRUTH), sharp, threshold=0.5).dont_know
    assert (found.coverage, found.selective_accuracy) == (0.8, 1.0)
    assert found.coverage_interval[0] < 0.8 < found.coverage_interval[1]
    assert found.selective_accuracy_interval[0] < 1
    assert compared(sure(TRUTH), sharp).dont_know is None


def test_answers_to_other_pictures_are_not_compared():
    reference, target = predictions(sure(TRUTH)), predictions(sure(TRUTH), model="int8")
    with pytest.raises(ValueError, match="different pictures"):
        comparison.compare(reference, replace(target, sha256=target.sha256[::-1]), LABELS, None)
