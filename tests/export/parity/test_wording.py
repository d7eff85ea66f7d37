from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from export.parity import comparison, gate, wording
from pipeline.core.sections import Gate
from tests.support.comparisons import TRUTH, compared, flipped, predictions, sure

CERTAIN = "With 95% certainty accuracy changes by between {} points; a loss of 3 points is allowed."
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
    **more: Any,
) -> list[str]:
    reference = {"model": "keras", **comparison.scores(predictions(before, truth), threshold)}
    found = compared(before, after, truth, threshold)
    row = {"model": "int8", **found, **gate.judge(found, Gate()), **more}
    return wording.sentences(row, reference, Gate())


def test_a_verdict_of_passed_in_words():
    assert said(sure(TRUTH, 0.7), sure(flipped(1), 0.7)) == [
        "int8 passed: parity with Keras is shown with n = 300.",
        ONE_LOST,
        CERTAIN.format("−1.86 and +0.94"),
        "Its confidence is 29.7 points off its accuracy (calibration error, 15 bins, n = 300; Keras 30).",
    ]


def test_ninety_pictures_in_words():
    truth = TRUTH[:90]
    assert said(sure(truth), sure(truth), truth) == [
        NOT_SHOWN_90,
        "All 90 held-out pictures get the same answer; accuracy stays at 1.000.",
        CERTAIN.format("−4.09 and +4.09"),
        "With 90 pictures a drop in accuracy of less than 4.1 points goes unnoticed.",
        (
            "Open: accuracy, change 0 (−4.09 to +4.09, allowed ≥ −3); about 129 pictures like these would "
            "show it."
        ),
        "How well its confidence is calibrated is not shown under n = 300.",
    ]


def test_a_loss_above_the_limit_that_may_be_chance_is_called_that():
    found = said(sure(TRUTH, 0.5), sure(flipped(12), 0.5))
    assert found[0] == (
        "int8: parity with Keras is not shown with n = 300. The change measured is beyond a limit, but so "
        "few pictures cannot tell it from chance."
    )
    assert (
        "Open: accuracy, change −4.00 (−6.86 to −2.30, allowed ≥ −3); it is beyond the limit as measured, so "
        "more pictures may well fail it."
    ) in found


def test_a_failure_explains_every_bound():
    failed = [line for line in said(sure(TRUTH), sure(flipped(60), 0.7)) if line.startswith("Failed: ")]
    assert failed[0] == (
        "Failed: same top answer 80.00% (75.11% to 84.13%, allowed ≥ 90): too many pictures get another "
        "answer than from the original."
    )
    assert [line.split(": ")[1].split(" ")[0] for line in failed] == [
        *("same", "probability", "confidence,", "accuracy,", "macro")
    ]
    assert "(−24.89 to −15.87, allowed ≥ −3): it is wrong more often than allowed." in failed[3]


def test_a_drop_is_shown_as_a_change_of_what_dropped():
    row = {"name": "accuracy_drop", "value": 0.037, "interval": [0.01, 0.06], "allowed": [None, 0.03]}
    assert wording.figure({**row, "verdict": "not shown"}) == (
        *("accuracy, change", "−3.70", "−6.00 to −1.00", "≥ −3", "not shown"),
    )
    row = {"name": "confidence_shift", "value": 0.01, "interval": [0, 0.02], "allowed": [-0.02, 0.02]}
    assert wording.figure({**row, "verdict": "passed"})[1:4] == ("+1.00", "0 to +2.00", "±2")
    row = {"name": "mean_abs_dp", "value": 0.01, "interval": [0, 0.02], "allowed": [None, 0.05]}
    assert wording.figure({**row, "verdict": "passed"})[1:4] == ("1.00%", "0.00% to 2.00%", "≤ 5")


def test_flavours_that_are_not_shown_for_the_same_reasons_share_a_line():
    truth = TRUTH[:90]
    found = compared(sure(truth), sure(truth), truth)
    judged = gate.judge(found, Gate())
    rows = [{"model": name, **found, **judged} for name in ("float32", "float16")]
    assert wording.others([*rows, {"model": "int8", "verdict": "passed", "checks": []}]) == [
        "float32, float16: not shown (accuracy)."
    ]


def test_groups_are_named_where_there_are_any():
    truth = np.arange(300) % 3
    one = predictions(sure(truth))
    grouped = replace(one, groups=np.array([str(number // 3) for number in range(300)]))
    found = comparison.compare(grouped, grouped, ("ant", "bee", "cat"), None)
    row = {"model": "int8", **found, **gate.judge(found, Gate())}
    reference = {"model": "keras", **comparison.scores(grouped, None)}
    assert (
        "The 300 pictures come in 100 groups of near-copies or sessions; the intervals allow for that."
    ) in wording.sentences(row, reference, Gate())


def test_a_second_look_is_called_one():
    found = said(sure(TRUTH), sure(TRUTH), look=2)
    assert found[1].startswith("This is a second look: an earlier file failed on these same pictures")
    row = {"verdict": "not shown", "look": 2}
    assert wording.verdict(row, 431) == "not shown with n = 431, second look"
    assert wording.verdict({"verdict": "passed", "look": 1}, 431) == "passed"


def test_i_dont_know_stands_beside_that_of_the_reference():
    text = said(sure(TRUTH), sure(flipped(3)), threshold=0.5)[-2]
    assert text == (
        'With "I don\'t know" below 0.500, int8 answers 100.0% (98.7% to 100.0%, 95%) of the pictures '
        "and is right on 99.0% (97.1% to 99.7%, 95%) of those; Keras answers 100.0% of the pictures and is "
        "right on 100.0% of those."
    )
    assert "answers no picture at all" in said(sure(TRUTH), sure(TRUTH), threshold=0.95)[-2]


def test_advice_says_what_to_do():
    assert wording.advice("passed", "int8", Gate()) == "What to do: use int8."
    assert "figures/flips.png" in wording.advice("not shown", "int8", Gate())
    assert "gate.require_proof asks for it" in wording.advice("not shown", "int8", Gate(require_proof=True))
    assert wording.advice("failed", "int8", Gate()) == "What to do: do not use int8."
