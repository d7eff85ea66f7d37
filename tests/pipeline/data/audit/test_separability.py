from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.audit import separability


@pytest.mark.parametrize("classes", [2, 7])
def test_the_linear_model_is_scikit_learns_discriminant_analysis(classes):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    numbers = np.random.default_rng(classes)
    truth = np.concatenate([np.arange(classes), numbers.integers(0, classes, 200)])
    inputs = numbers.normal(0, 1, (len(truth), 40)) + 0.3 * truth[:, None] * np.arange(40) / 40
    inputs[:, 5] = 0.25  # says nothing
    folds = separability.folds(truth, np.arange(len(truth)), 0)
    found = separability.cross_validate(inputs, truth, folds, classes, 0, linear=True)
    judge = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1, priors=np.full(classes, 1 / classes))
    assert folds
    for train, test in folds:
        expected = judge.fit(inputs[train], truth[train]).predict_proba(inputs[test])
        np.testing.assert_allclose(found[test], expected, atol=1e-8)


def test_folds_test_every_picture_once_divide_no_group_and_share_every_class():
    numbers = np.random.default_rng(1)
    groups = numbers.integers(0, 120, 600)
    truth = groups % 6
    folds = separability.folds(truth, groups, 0)
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(600))
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert not set(train.tolist()) & set(test.tolist())
        own = np.bincount(truth[test], minlength=6) / np.bincount(truth)
        assert ((own > 0.1) & (own < 0.3)).all()


def test_a_class_of_one_group_leaves_no_fold_that_tests_it():
    truth, groups = np.repeat([0, 1], 40), np.concatenate([np.arange(40), np.full(40, 99)])
    folds = separability.folds(truth, groups, 0)
    assert folds
    assert all((truth[test] == 0).all() for _, test in folds)
