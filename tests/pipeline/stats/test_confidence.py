from __future__ import annotations

import numpy as np
import pytest
from sklearn import calibration
from statsmodels.stats import proportion

from pipeline.stats import confidence


def predictions(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.dirichlet(np.ones(4) / 2, n), random.integers(0, 4, n)


def test_calibration_error_is_made_of_scikit_learns_bins():
    probabilities, truth = predictions(1000)
    top, right = probabilities.max(1), probabilities.argmax(1) == truth
    shares, means = calibration.calibration_curve(right, top, n_bins=15, strategy="uniform")
    counts, _ = np.histogram(top, bins=15, range=(0, 1))
    expected = np.sum(counts[counts > 0] * np.abs(shares - means)) / 1000
    assert confidence.calibration_error(probabilities, truth) == pytest.approx(expected, abs=1e-9)


def test_a_sure_model_that_is_right_half_the_time_has_an_error_of_a_half():
    probabilities = np.tile([1.0, 0.0], (400, 1))
    assert confidence.calibration_error(probabilities, np.arange(400) % 2) == pytest.approx(0.5)


def test_bins_are_closed_above():
    """A top probability of exactly 6/15 belongs to the sixth bin, as in the paper."""
    low, high = np.full(200, 6 / 15), np.full(200, 6.5 / 15)
    top = np.concatenate([low, high])
    rest = (1 - top) / 2
    probabilities = np.stack([top, rest, rest], axis=1)
    truth = np.where(np.arange(400) < 200, 0, 1)
    expected = (200 * (1 - 6 / 15) + 200 * (6.5 / 15)) / 400
    assert confidence.calibration_error(probabilities, truth) == pytest.approx(expected)


def test_fewer_than_300_pictures_give_no_calibration_error():
    assert confidence.calibration_error(*predictions(299)) is None
    assert confidence.calibration_error(*predictions(300)) is not None


def test_coverage_and_selective_accuracy_have_the_intervals_of_statsmodels():
    probabilities, truth = predictions(500, 1)
    found = confidence.selective(probabilities, truth, np.arange(len(truth)), 0.6)
    answered = probabilities.max(1) >= 0.6
    right = probabilities.argmax(1)[answered] == truth[answered]
    assert found.coverage == pytest.approx(answered.mean(), abs=1e-12)
    assert found.accuracy == pytest.approx(right.mean(), abs=1e-12)
    for interval, count, n in (
        (found.coverage_interval, answered.sum(), 500),
        (found.accuracy_interval, right.sum(), answered.sum()),
    ):
        expected = proportion.proportion_confint(count, n, 0.05, "wilson")
        np.testing.assert_allclose(interval, expected, rtol=0, atol=1e-9)


def test_an_answer_exactly_at_the_threshold_is_given():
    found = confidence.selective(np.array([[0.5, 0.5], [0.4, 0.6]]), np.array([0, 1]), [0, 1], 0.5)
    assert (found.coverage, found.accuracy) == (1, 1)


def test_where_nothing_is_answered_there_is_no_selective_accuracy():
    found = confidence.selective(np.array([[0.5, 0.5]]), np.array([0]), [0], 0.9)
    assert (found.coverage, found.accuracy, found.accuracy_interval) == (0, None, (0, 1))
