from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats import contingency_tables

from pipeline.stats import metrics, paired
from pipeline.stats.paired import Changes

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


def test_the_score_at_both_bounds_is_the_quantile():
    random = np.random.default_rng(0)
    n, z = np.exp(random.uniform(1, 9, 1000)), random.uniform(1, 12, 1000)
    lost = n * random.random(1000) ** 3
    gained = (n - lost) * random.random(1000) ** 3
    for drop, sign in zip(paired.tango(lost, gained, n, z), (1, -1), strict=True):
        # The share of gained pictures that is most likely if the true drop were this (Tango 1998, section 3).
        linear = (2 * n - lost + gained) * drop - lost - gained
        share = (np.sqrt(linear**2 + 8 * n * gained * drop * (1 - drop)) - linear) / (4 * n)
        score = (lost - gained - n * drop) / np.sqrt(n * (2 * share + drop * (1 - drop)))
        np.testing.assert_allclose(score, sign * z, rtol=1e-6)


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


def test_confidence_shifts_are_the_changes_of_the_references_top_probability():
    reference = np.array([[0.7, 0.3], [0.4, 0.6]])
    target = np.array([[0.9, 0.1], [0.5, 0.5]])
    assert paired.confidence_shifts(reference, target) == pytest.approx([0.2, -0.1])


def test_scaled_logits_change_no_answer_and_shift_confidence():
    logits = np.random.default_rng(0).normal(0, 1, (500, 4))
    one, two = (np.exp(k * logits) / np.exp(k * logits).sum(1, keepdims=True) for k in (1, 2))
    assert metrics.agreement(one, two) == 1
    assert paired.confidence_shifts(one, two).mean() > 0.1


# Intervals, simulated from a known truth.


@pytest.mark.parametrize("n", [400, 1000])
@pytest.mark.parametrize(("discordance", "drop"), [(0.03, 0.0), (0.03, 0.02), (0.06, 0.03), (0.1, -0.02)])
def test_tango_covers_the_true_drop(n, discordance, drop):
    random = np.random.default_rng(5)
    lost, gained, _ = random.multinomial(
        n, [(discordance + drop) / 2, (discordance - drop) / 2, 1 - discordance], 1000
    ).T
    low, high = paired.tango(lost, gained, n)
    assert 0.90 <= np.mean((low <= drop) & (drop <= high)) <= 0.98
