from __future__ import annotations

from dataclasses import replace

import numpy as np

from export.parity import comparison, gate, wording
from export.parity.result import Comparison, Quantity, Reference, SameAnswers, Target, Verdict
from pipeline.core.sections import Gate
from pipeline.evaluation.predictions import Predictions
from pipeline.stats.metrics import Interval
from tests.support.comparisons import TRUTH, check, compared, flavour, flipped, predictions, sure

CERTAIN = "With 95% confidence, accuracy changes by {} points; the gate allows a loss of 3."
ONE_LOST = (
    "299 of 300 held-out pictures get the same answer. Right answers lost: 1, gained: 0; "
    "accuracy 1.000 → 0.997."
)
NOT_SHOWN_90 = (
    "int8: parity with Keras is not shown with n = 90. No problem found, but the sample is too small to "
    "confirm parity."
)


def said(
    before: np.ndarray,
    after: np.ndarray,
    truth: np.ndarray = TRUTH,
    threshold: float | None = None,
    look: int = 1,
) -> list[str]:
    changes = compared(before, after, truth, threshold)
    return wording.sentences(row(changes, look), reference(predictions(before, truth), threshold), Gate())


def row(changes: Comparison, look: int = 1) -> Target:
    return Target(**dict(changes), **dict(gate.judge(changes, Gate())), model="int8", look=look, words=())


def reference(answers: Predictions, threshold: float | None = None) -> Reference:
    return Reference(**dict(comparison.scores(answers, threshold)), model="keras")


def test_the_built_in_kernels_in_words():
    same = SameAnswers(agreement=0.975, agreement_interval=Interval(0.95, 0.99))
    assert wording.built_in(same) == ("same, built-in kernels", "97.50%", "95.00% to 99.00%")


def test_a_verdict_of_passed_in_words():
    assert said(sure(TRUTH, 0.7), sure(flipped(1), 0.7)) == [
        "int8 passed: parity with Keras is shown with n = 300.",
        ONE_LOST,
        CERTAIN.format("−1.86 to +0.94"),
        "Its confidence is 29.7 points off its accuracy (calibration error, 15 bins, n = 300; Keras 30).",
    ]


def test_ninety_pictures_in_words():
    truth = TRUTH[:90]
    assert said(sure(truth), sure(truth), truth) == [
        NOT_SHOWN_90,
        "All 90 held-out pictures get the same answer; accuracy stays at 1.000.",
        CERTAIN.format("−4.09 to +4.09"),
        "With 90 pictures a drop in accuracy of less than 4.1 points goes unnoticed.",
        (
            "Open: accuracy, change 0 (−4.09 to +4.09, allowed ≥ −3); about 129 pictures like these would "
            "show it."
        ),
        "Calibration of its confidence is not measured below n = 300.",
    ]


def test_a_loss_above_the_limit_that_may_be_chance_is_called_that():
    found = said(sure(TRUTH, 0.5), sure(flipped(12), 0.5))
    assert found[0] == (
        "int8: parity with Keras is not shown with n = 300. The measured change is beyond a limit, but with "
        "so few pictures it may be chance."
    )
    assert (
        "Open: accuracy, change −4.00 (−6.86 to −2.30, allowed ≥ −3); as measured it is beyond the limit, so "
        "more pictures may well make it fail."
    ) in found


def test_a_failure_explains_every_bound():
    failed = [line for line in said(sure(TRUTH), sure(flipped(60), 0.7)) if line.startswith("Failed: ")]
    assert failed[0] == (
        "Failed: same top answer 80.00% (75.11% to 84.13%, allowed ≥ 90): too many pictures get a "
        "different answer."
    )
    assert [line.split(": ")[1].split(" ")[0] for line in failed] == [
        *("same", "probability", "confidence,", "accuracy,", "macro")
    ]
    assert "(−24.89 to −15.87, allowed ≥ −3): it is wrong more often than allowed." in failed[3]


def figure(
    name: Quantity, value: float, interval: tuple[float, float], allowed: gate.Limits
) -> wording.Figure:
    return wording.figure(
        check("").model_copy(
            update={
                "name": name,
                "value": value,
                "interval": interval,
                "allowed": allowed,
                "verdict": Verdict.NOT_SHOWN,
            }
        )
    )


def test_a_drop_is_shown_as_a_change_of_what_dropped():
    assert figure("accuracy_drop", 0.037, (0.01, 0.06), (None, 0.03)) == (
        *("accuracy, change", "−3.70", "−6.00 to −1.00", "≥ −3", "not shown"),
    )
    assert figure("confidence_shift", 0.01, (0, 0.02), (-0.02, 0.02))[1:4] == ("+1.00", "0 to +2.00", "±2")
    assert figure("mean_abs_dp", 0.01, (0, 0.02), (None, 0.05))[1:4] == ("1.00%", "0.00% to 2.00%", "≤ 5")


def test_flavours_that_are_not_shown_for_the_same_reasons_share_a_line():
    truth = TRUTH[:90]
    judged = dict(gate.judge(compared(sure(truth), sure(truth), truth), Gate()))
    rows = [flavour(name, **judged) for name in ("float32", "float16")]
    assert wording.others([*rows, flavour("int8")]) == ["float32, float16: not shown (accuracy)."]


def test_groups_are_named_where_there_are_any():
    one = predictions(sure(TRUTH))
    grouped = replace(one, groups=np.array([str(number // 3) for number in range(300)]))
    changes = comparison.compare(grouped, grouped, ("ant", "bee", "cat"), None)
    assert (
        "The 300 pictures come in 100 groups of near-duplicates or sessions; the intervals allow for that."
    ) in wording.sentences(row(changes), reference(grouped), Gate())


def test_a_second_look_is_called_one():
    found = said(sure(TRUTH), sure(TRUTH), look=2)
    assert found[1].startswith("This is a second look: an earlier file failed on these same pictures")
    assert wording.verdict(flavour(verdict=Verdict.NOT_SHOWN, n=431, look=2)) == (
        "not shown with n = 431, second look"
    )
    assert wording.verdict(flavour(n=431)) == "passed"


def test_i_dont_know_stands_beside_that_of_the_reference():
    text = said(sure(TRUTH), sure(flipped(3)), threshold=0.5)[-2]
    assert text == (
        'Below 0.500 it says "I don\'t know": it answers 100.0% (98.7% to 100.0%, 95%) of the pictures '
        "and is right on 99.0% (97.1% to 99.7%, 95%) of those; Keras answers 100.0% of the pictures and is "
        "right on 100.0% of those."
    )
    assert "answers no picture at all" in said(sure(TRUTH), sure(TRUTH), threshold=0.95)[-2]
