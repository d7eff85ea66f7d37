from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import sparse, special
from sklearn import metrics as judge

from pipeline.stats import metrics, wilson


@pytest.fixture
def predictions():
    """Truth and answers of 5 classes, one of them never there, one never answered."""
    random = np.random.default_rng(0)
    truth = random.choice([0, 1, 2, 4], 300)
    predicted = np.where(random.random(300) < 0.7, truth, random.choice([0, 1, 2, 3], 300))
    return truth, predicted


def test_confusion_equals_scikit_learn(predictions):
    truth, predicted = predictions
    expected = judge.confusion_matrix(truth, predicted, labels=range(5))
    np.testing.assert_array_equal(metrics.confusion(truth, predicted, 5), expected)


def test_confusion_keeps_shuffled_class_names_in_their_rows():
    names = ["zebra", "ant", "Ätna", "mole"]
    random = np.random.default_rng(1)
    truth, predicted = random.integers(0, 4, 200), random.integers(0, 4, 200)
    expected = judge.confusion_matrix([names[t] for t in truth], [names[p] for p in predicted], labels=names)
    np.testing.assert_array_equal(metrics.confusion(truth, predicted, 4), expected)


def test_rows_are_the_truth_and_columns_the_answers():
    assert metrics.confusion(np.array([0, 0, 1]), np.array([1, 1, 1]), 2).tolist() == [[0, 2], [0, 1]]


def test_the_entries_of_a_matrix_are_those_of_scipys_sparse_one(predictions):
    counts = metrics.confusion(*predictions, 5)
    judge = sparse.coo_array(counts)
    assert metrics.entries(counts) == tuple(
        sorted(zip(*(part.tolist() for part in (*judge.coords, judge.data)), strict=True))
    )
    assert metrics.entries(np.zeros((3, 3), int)) == ()


def test_every_class_has_its_rows_also_one_without_any(predictions):
    truth, _ = predictions
    rows = metrics.rows_by_class(truth, 6)
    assert [own.tolist() for own in rows] == [
        [row for row, label in enumerate(truth) if label == number] for number in range(6)
    ]
    assert [len(own) for own in metrics.rows_by_class(np.zeros(0, int), 2)] == [0, 0]


def test_accuracy_and_f1_equal_scikit_learn(predictions):
    truth, predicted = predictions
    counts = metrics.confusion(truth, predicted, 5)
    labels = list(range(5))
    f1 = judge.f1_score(truth, predicted, labels=labels, average=None, zero_division=0)
    macro = judge.f1_score(truth, predicted, labels=np.unique(truth), average="macro", zero_division=0)
    assert metrics.accuracy_of(counts) == pytest.approx(judge.accuracy_score(truth, predicted))
    assert metrics.f1_of(counts) == pytest.approx(f1)
    assert metrics.macro_f1_of(counts) == pytest.approx(macro)


def test_a_class_that_does_not_occur_has_f1_zero_and_does_not_count():
    truth, predicted = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 2, 1, 0])
    counts = metrics.confusion(truth, predicted, 4)
    assert metrics.f1_of(counts)[2:].tolist() == [0.0, 0.0]
    expected = judge.f1_score(truth, predicted, labels=[0, 1], average="macro")
    assert metrics.macro_f1_of(counts) == pytest.approx(expected)


def test_many_confusions_are_scored_at_once(predictions):
    truth, predicted = predictions
    stack = np.stack([metrics.confusion(truth, predicted, 5), metrics.confusion(predicted, truth, 5) * 2])
    for score in (metrics.accuracy_of, metrics.f1_of, metrics.macro_f1_of):
        np.testing.assert_allclose(score(stack), [score(stack[0]), score(stack[1])])


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 40), (40, 40), (7, 10), (263, 300), (1, 1000)])
def test_wilson_equals_its_formula(right, n):
    z, p = 1.959963984540054, right / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert wilson.interval(right, n) == pytest.approx((middle - reach, middle + reach), abs=1e-9)


def test_wilson_of_nothing_is_everything():
    assert wilson.interval(0, 0) == (0.0, 1.0)


def test_log_loss_equals_scikit_learn():
    random = np.random.default_rng(5)
    logits, truth = random.normal(0, 3, (200, 4)), random.integers(0, 4, 200)
    expected = judge.log_loss(truth, special.softmax(logits, 1), labels=range(4))
    assert metrics.log_loss(logits, truth) == pytest.approx(expected)


def test_log_loss_of_huge_logits_stays_finite():
    assert metrics.log_loss(np.array([[1e5, -1e5]]), np.array([1])) == pytest.approx(2e5)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5, 8.0])
def test_a_known_temperature_is_found(temperature):
    random = np.random.default_rng(6)
    logits = random.normal(0, 2, (20_000, 4))
    chances = special.softmax(logits, 1)
    truth = (chances.cumsum(1) > random.random((20_000, 1))).argmax(1)
    assert metrics.fit_temperature(logits * temperature, truth) == pytest.approx(temperature, rel=0.05)


def test_no_other_temperature_has_a_smaller_loss():
    random = np.random.default_rng(7)
    logits, truth = random.normal(0, 4, (500, 3)), random.integers(0, 3, 500)
    logits[np.arange(500), truth] += 3
    found = metrics.fit_temperature(logits, truth)
    best = min(metrics.log_loss(logits / t, truth) for t in np.linspace(0.05, 20, 4000))
    assert metrics.log_loss(logits / found, truth) <= best + 1e-6


@pytest.mark.parametrize("right", [0, 50])
def test_temperature_stays_within_its_bounds_where_there_is_no_best(right):
    logits = np.tile([5.0, 0.0], (50, 1))
    found = metrics.fit_temperature(logits, np.full(50, 0 if right else 1))
    assert 1 / 20.1 < found < 20.1


def separated(n: int, classes: int, apart: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth, logits = random.integers(0, classes, n), random.normal(0, 1, (n, classes))
    logits[np.arange(n), truth] += apart
    return logits, truth


@pytest.mark.parametrize("keep", [1.0, 0.95, 0.8])
@pytest.mark.parametrize(("n", "classes"), [(60, 3), (144, 2), (5000, 2), (800, 40)])
@pytest.mark.parametrize("apart", [10, 100])
def test_folds_without_errors_leave_a_threshold_that_int8_answers_reach(n, classes, apart, keep):
    logits, truth = separated(n, classes, apart, seed=1)
    temperature = metrics.fit_temperature(logits, truth)
    probabilities = special.softmax(logits / temperature, 1)
    assert probabilities.max(1).mean() == pytest.approx(1 - 1 / (n + 2), abs=0.002 + 0.3 / n)
    threshold = metrics.dont_know_threshold(probabilities, truth, keep)
    int8 = np.clip(np.round(probabilities * 256), 0, 255) / 256
    assert (int8.max(1) >= threshold).mean() >= keep
    assert threshold <= 255 / 256


@pytest.mark.parametrize("errors", [1, 2])
def test_one_error_more_or_less_does_not_turn_an_easy_problem_over(errors):
    logits, truth = separated(180, 2, 10, seed=2)
    without = metrics.fit_temperature(logits, truth)
    truth[:errors] = 1 - truth[:errors]
    assert without < metrics.fit_temperature(logits, truth) < 3 * without


@pytest.mark.parametrize(("n", "classes"), [(300, 5), (660, 6), (700, 20)])
def test_where_folds_make_errors_the_temperature_moves_within_noise_only(n, classes):
    """Against the smallest log loss itself, in standard deviations of a bootstrap."""
    for seed in range(3):
        logits, truth = separated(n, classes, 2.4, seed)
        logits *= 3

        def unsmoothed(logits, truth):
            losses = [(metrics.log_loss(logits / t, truth), t) for t in np.geomspace(0.5, 8, 120)]
            return min(losses)[1]

        random = np.random.default_rng(seed)
        drawn = [random.integers(0, n, n) for _ in range(12)]
        noise = np.std([unsmoothed(logits[rows], truth[rows]) for rows in drawn])
        assert abs(metrics.fit_temperature(logits, truth) - unsmoothed(logits, truth)) < 0.75 * noise


def test_the_threshold_ends_where_the_grid_of_int8_answers_ends():
    assert metrics.dont_know_threshold(np.array([[1.0, 0.0]]), np.array([0]), 0.95) == 255 / 256


def share_kept(probabilities, truth, threshold):
    right = probabilities.argmax(1) == truth
    return (probabilities.max(1)[right] >= threshold).mean()


@pytest.mark.parametrize("keep", [1.0, 0.99, 0.95, 0.5, 0.01])
@pytest.mark.parametrize("count", [3, 40, 400])
def test_the_threshold_is_the_highest_on_the_grid_that_keeps_enough(keep, count):
    for seed in range(10):
        random = np.random.default_rng(seed)
        probabilities = special.softmax(random.normal(0, 2, (count, 3)), 1)
        truth = np.where(random.random(count) < 0.8, probabilities.argmax(1), 0)
        enough = [k for k in range(256) if share_kept(probabilities, truth, k / 256) >= keep - 1e-12]
        assert metrics.dont_know_threshold(probabilities, truth, keep) == max(enough) / 256


def test_the_threshold_keeps_answers_that_lie_on_the_grid():
    probabilities = np.array([[200 / 256, 56 / 256], [250 / 256, 6 / 256]])
    assert metrics.dont_know_threshold(probabilities, np.array([0, 0]), 1.0) == 200 / 256


def test_without_a_right_answer_nothing_is_refused():
    assert metrics.dont_know_threshold(np.array([[0.9, 0.1]]), np.array([1]), 0.95) == 0.0


def test_agreement_counts_equal_top_answers():
    reference = np.array([[0.6, 0.4], [0.2, 0.8], [0.5, 0.5], [0.1, 0.9]])
    target = np.array([[0.9, 0.1], [0.7, 0.3], [0.6, 0.4], [0.4, 0.6]])
    assert metrics.agreement(reference, target) == 0.75


def test_mean_abs_dp_is_the_probability_that_moved():
    reference = np.array([[1.0, 0.0, 0.0], [0.5, 0.3, 0.2]])
    target = np.array([[0.0, 0.0, 1.0], [0.4, 0.3, 0.3]])
    assert metrics.mean_abs_dp(reference, target) == pytest.approx((1.0 + 0.1) / 2)
    assert metrics.mean_abs_dp(reference, reference) == 0.0
