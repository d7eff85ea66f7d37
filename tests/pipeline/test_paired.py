from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as judge
from statsmodels.stats import contingency_tables

from pipeline import metrics, paired
from pipeline.paired import Changes

Z90 = 1.6448536269514722


@pytest.mark.parametrize(
    ("lost", "gained", "n", "z", "low", "high", "digits"),
    [
        # Tango 1998, section 6.2: sleeping difficulties of patients and of their controls (Karacan et al.).
        (9, 3, 32, paired.Z, -0.027, 0.390, 3),
        # Tango 1998, section 6.1: 44 wearers of two contact lens solutions; the 90% lower bound.
        (0, 1, 44, Z90, -0.096, None, 3),
        # Fagerland et al. 2014: airway hyper-responsiveness (Bentur et al. 2009).
        (1, 7, 21, paired.Z, -0.517, -0.026, 3),
        # R's contingencytables 3.0, its own test of chapter 8: complete response (Cavo et al. 2012).
        (6, 16, 161, paired.Z, -0.1240, -0.0054, 4),
        # R's PropCIs, scoreci.mp(25, 28, 618, 0.90), whose difference is the second minus the first.
        (28, 25, 618, Z90, -0.0148, 0.0247, 4),
    ],
)
def test_tango_gives_the_published_intervals(lost, gained, n, z, low, high, digits):
    found = paired.tango(lost, gained, n, z)
    assert round(float(found[0]), digits) == low
    if high is not None:
        assert round(float(found[1]), digits) == high


@pytest.mark.parametrize("n", [1, 44, 90, 431, 662])
def test_without_a_discordant_picture_the_interval_still_has_width(n):
    reach = paired.Z**2 / (n + paired.Z**2)
    np.testing.assert_allclose(paired.tango(0, 0, n), [-reach, reach], rtol=0, atol=1e-12)


def test_tango_at_zero_is_mcnemars_test():
    """Zero lies outside the interval exactly where (b − c) / √(b + c) is beyond z."""
    lost, gained = np.meshgrid(np.arange(30), np.arange(30))
    low, high = paired.tango(lost, gained, 400)
    score = (lost - gained) / np.sqrt(np.maximum(lost + gained, 1))
    np.testing.assert_array_equal(low > 0, score > paired.Z)
    np.testing.assert_array_equal(high < 0, score < -paired.Z)


def test_tango_turns_round_when_the_models_change_places():
    low, high = paired.tango(7, 2, 100)
    np.testing.assert_allclose(paired.tango(2, 7, 100), [-high, -low], atol=1e-12)


def test_tango_stays_between_minus_one_and_one():
    for lost, gained in ((5, 0), (0, 5), (3, 2)):
        low, high = paired.tango(lost, gained, 5)
        assert -1 <= low < (lost - gained) / 5 + 1e-12
        assert (lost - gained) / 5 - 1e-12 < high <= 1


def test_mcnemar_equals_statsmodels():
    for lost, gained in ((0, 0), (1, 0), (7, 2), (3, 3), (40, 21)):
        table = [[100, lost], [gained, 9]]
        expected = contingency_tables.mcnemar(table, exact=True).pvalue
        found = paired.mcnemar(Changes(lost, gained, 109 + lost + gained))
        assert found == pytest.approx(expected if lost + gained else 1.0, abs=1e-9)


def test_changes_count_what_only_one_model_got_right():
    before = np.array([True, True, True, False, False])
    after = np.array([True, False, False, True, False])
    found = paired.changes(before, after)
    assert found == (2, 1, 5)
    assert (found.discordant, found.drop) == (3, pytest.approx(0.2))


@pytest.mark.parametrize(("discordant", "n"), [(0, 90), (3, 90), (9, 431), (30, 662)])
def test_the_smallest_drop_is_the_first_whose_interval_is_above_zero(discordant, n):
    net = round(paired.smallest_drop(discordant, n) * n)
    for lost_more, shown in ((net, True), (net - 1, False)):
        together = max(discordant, lost_more)
        gained = (together - lost_more) / 2  # halves keep the sum as it was
        assert (paired.tango(lost_more + gained, gained, n)[0] > 0) == shown


def test_too_few_pictures_could_show_no_drop_at_all():
    assert paired.smallest_drop(0, 3) == 1.0
    assert paired.smallest_drop(0, 90) == pytest.approx(4 / 90)


def test_as_many_pictures_as_needed_are_enough_and_one_fewer_is_not():
    # Without a change: z² / (n + z²) ≤ 0.03, so n ≥ 124.2.
    assert paired.pictures_needed(Changes(0, 0, 90), 0.03) == 125
    found = Changes(4, 2, 400)
    n = paired.pictures_needed(found, 0.03)
    assert n is not None
    for pictures, fine in ((n, True), (n - 1, False)):
        high = paired.tango(4 * pictures / 400, 2 * pictures / 400, pictures)[1]
        assert (high <= 0.03) == fine
    assert paired.pictures_needed(Changes(20, 0, 400), 0.03) is None


def test_confidence_shift_is_the_mean_change_of_the_references_top_probability():
    reference = np.array([[0.7, 0.3], [0.4, 0.6]])
    target = np.array([[0.9, 0.1], [0.5, 0.5]])
    assert paired.confidence_shift(reference, target) == pytest.approx((0.2 - 0.1) / 2)


def test_scaled_logits_change_no_answer_and_shift_confidence():
    logits = np.random.default_rng(0).normal(0, 1, (500, 4))
    one, two = (np.exp(k * logits) / np.exp(k * logits).sum(1, keepdims=True) for k in (1, 2))
    assert metrics.agreement(one, two) == 1
    assert paired.confidence_shift(one, two) > 0.1


# Intervals, simulated from a known truth.


def population(discordance: float, drop: float, classes: int = 3) -> np.ndarray:
    """The probability of every (truth, before, after), shape (classes, classes, classes)."""
    lost, gained = (discordance + drop) / 2, (discordance - drop) / 2
    shares = np.array([0.5, 0.3, 0.2])
    cells = np.zeros((classes,) * 3)
    for truth in range(classes):
        other = (truth + 1) % classes
        cells[truth, truth, truth] += shares[truth] * (0.85 - lost)
        cells[truth, truth, other] += shares[truth] * lost
        cells[truth, other, truth] += shares[truth] * gained
        cells[truth, other, other] += shares[truth] * (0.15 - gained)
    return cells


@pytest.mark.parametrize("n", [400, 1000])
@pytest.mark.parametrize(("discordance", "drop"), [(0.03, 0.0), (0.03, 0.02), (0.06, 0.03), (0.1, -0.02)])
def test_tango_covers_the_true_drop(n, discordance, drop):
    random = np.random.default_rng(5)
    lost, gained, _ = random.multinomial(
        n, [(discordance + drop) / 2, (discordance - drop) / 2, 1 - discordance], 1000
    ).T
    low, high = paired.tango(lost, gained, n)
    assert 0.90 <= np.mean((low <= drop) & (drop <= high)) <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize(("discordance", "drop"), [(0.03, 0.02), (0.06, 0.0)])
def test_the_bootstrap_covers_the_true_drop_of_macro_f1(discordance, drop):
    cells = population(discordance, drop)
    f1 = [metrics.macro_f1_of(cells.sum(axis)) for axis in (2, 1)]
    random, hits, n = np.random.default_rng(6), 0, 400
    names = [str(number) for number in range(n)]
    for drawn in random.multinomial(n, cells.ravel(), 1000):
        truth, before, after = np.unravel_index(np.repeat(np.arange(27), drawn), cells.shape)
        low, high = paired.f1_drops(truth, before, after, names, 3, 0)[:, -1]
        hits += low <= f1[0] - f1[1] <= high
    assert 0.90 <= hits / 1000 <= 0.98


def test_drops_of_f1_are_those_of_scikit_learn_where_nothing_is_resampled():
    """All pictures in one group: every draw is the whole set."""
    random = np.random.default_rng(1)
    truth, before, after = random.integers(0, 3, (3, 200))
    low, high = paired.f1_drops(truth, before, after, ["all"] * 200, 3, 0)
    each = judge.f1_score(truth, before, average=None) - judge.f1_score(truth, after, average=None)
    macro = judge.f1_score(truth, before, average="macro") - judge.f1_score(truth, after, average="macro")
    np.testing.assert_allclose(low, [*each, macro], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(low, high)


def test_groups_that_stay_together_make_the_interval_wider():
    random = np.random.default_rng(2)
    truth = np.repeat(random.integers(0, 2, 40), 10)
    after = np.where(np.repeat(random.random(40) < 0.15, 10), 1 - truth, truth)
    alone = paired.f1_drops(truth, truth, after, [str(i) for i in range(400)], 2, 0)[:, -1]
    together = paired.f1_drops(truth, truth, after, [str(i // 10) for i in range(400)], 2, 0)[:, -1]
    assert np.ptp(together) > 2 * np.ptp(alone)


def test_the_same_seed_gives_the_same_bounds():
    random = np.random.default_rng(3)
    arguments = (*random.integers(0, 3, (3, 100)), [str(i) for i in range(100)], 3)
    np.testing.assert_array_equal(paired.f1_drops(*arguments, 7), paired.f1_drops(*arguments, 7))
