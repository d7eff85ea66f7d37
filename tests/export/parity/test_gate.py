from __future__ import annotations

import numpy as np
import pytest

from export.parity import gate
from pipeline.config import Gate
from tests.export.comparisons import TRUTH, compared, flipped, judged, sure


def test_equal_answers_pass():
    same = sure(flipped(30))
    found = gate.judge(compared(same, same), Gate())
    assert (found["verdict"], found["passed"]) == ("passed", True)
    assert (found["broken"], found["unproved"]) == ([], [])


def test_too_little_agreement_is_broken_alone():
    # 20 errors of the reference are mended and 20 others made: nothing but agreement shows it.
    found = judged(sure(flipped(20)), sure(flipped(20, start=20)), min_agreement=0.94)
    assert found["verdict"] == "failed"
    assert found["broken"] == ["agreement is 0.8667, must be >= 0.94"]


def test_moved_probability_is_broken_alone():
    found = judged(sure(TRUTH, 0.9), sure(TRUTH, 0.8), max_mean_abs_dp=0.05)
    assert found["broken"] == ["mean_abs_dp is 0.1000, must be <= 0.05"]


@pytest.mark.parametrize(("before", "after", "shown"), [(0.9, 0.8, "-0.1000"), (0.8, 0.9, "0.1000")])
def test_shifted_confidence_is_broken_alone_in_both_directions(before, after, shown):
    found = judged(sure(TRUTH, before), sure(TRUTH, after), max_confidence_shift=0.02)
    assert found["broken"] == [f"confidence_shift is {shown}, must be between -0.02 and 0.02"]


def test_a_drop_fails_only_where_it_is_surely_above_its_limit():
    # 12 of 300 lost: 0.04 (0.0231 to 0.0687). 30 of 300: 0.1 (0.0709 to 0.1389).
    likely = judged(sure(TRUTH), sure(flipped(12)), max_drop=0.03)
    assert (likely["verdict"], likely["broken"]) == ("not shown", [])
    assert likely["unproved"] == ["accuracy_drop is 0.0400 (95%: 0.0230 to 0.0686), must be <= 0.03"]
    surely = judged(sure(TRUTH), sure(flipped(30)), max_drop=0.03)
    assert surely["verdict"] == "failed"
    assert surely["broken"][0].startswith("accuracy_drop is 0.1000 (95%: 0.0")


def test_a_drop_of_macro_f1_has_its_own_limit():
    found = judged(sure(TRUTH), sure(flipped(60)), max_f1_drop=0.05)
    assert found["verdict"] == "failed"
    assert [text.split()[0] for text in found["broken"]] == ["macro_f1_drop"]
    assert found["broken"][0].endswith("must be <= 0.05")


def test_ninety_pictures_without_a_change_show_nothing_and_all_the_same_do_not_fail():
    truth = TRUTH[:90]
    found = gate.judge(compared(sure(truth), sure(truth), truth), Gate())
    assert found["verdict"] == "not shown"
    assert found["unproved"] == ["accuracy_drop is 0.0000 (95%: -0.0409 to 0.0409), must be <= 0.03"]


def test_all_broken_bounds_are_named_in_order():
    found = gate.judge(compared(sure(TRUTH), sure(flipped(200), 0.7)), Gate())
    assert [text.split()[0] for text in found["broken"]] == [
        *("agreement", "mean_abs_dp", "confidence_shift", "accuracy_drop", "macro_f1_drop")
    ]


def test_what_stands_exactly_on_a_bound_keeps_it():
    low, high = compared(sure(TRUTH), sure(flipped(12)))["accuracy_drop_interval"]
    assert judged(sure(TRUTH), sure(flipped(12)), max_drop=high)["verdict"] == "passed"
    assert judged(sure(TRUTH), sure(flipped(12)), max_drop=low)["verdict"] == "not shown"
    assert judged(sure(TRUTH), sure(flipped(9)), min_agreement=0.97)["verdict"] == "passed"
    assert judged(sure(TRUTH), sure(flipped(10)), min_agreement=0.97)["verdict"] == "failed"


def test_a_gain_is_no_drop():
    assert judged(sure(flipped(60)), sure(TRUTH), max_drop=0.0, max_f1_drop=0.0)["verdict"] == "passed"


def test_the_worst_verdict_is_that_of_all():
    assert gate.overall(["passed", "not shown", "passed"]) == "not shown"
    assert gate.overall(["passed", "failed", "not shown"]) == "failed"
    assert gate.overall(["passed"]) == "passed"


@pytest.mark.parametrize(
    ("verdict", "proof", "no"),
    [
        ("failed", False, True),
        ("not shown", False, False),
        ("not shown", True, True),
        ("passed", True, False),
    ],
)
def test_the_gate_says_no_to_a_failure_and_where_proof_is_required_to_a_lack_of_it(verdict, proof, no):
    assert gate.says_no(verdict, Gate(require_proof=proof)) is no


def test_logits_that_were_doubled_are_stopped_by_the_shift_of_confidence():
    """Every answer stays the same, so that nothing but confidence can show it."""
    logits = np.random.default_rng(0).normal(0, 1, (300, 3)) + 4 * np.eye(3)[TRUTH]
    one, two = (np.exp(k * logits) / np.exp(k * logits).sum(1, keepdims=True) for k in (1, 2))
    found = gate.judge(compared(one, two), Gate())
    assert "confidence_shift" in [text.split()[0] for text in found["broken"]]
    assert compared(one, two)["agreement"] == 1
