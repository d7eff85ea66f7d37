from __future__ import annotations

from typing import Any

import numpy as np

from export.parity import comparison, gate, words
from pipeline.config import Gate
from tests.export.comparisons import TRUTH, answers, compared, flipped, sure

CERTAIN = "With 95% certainty accuracy changes by between {} points; a loss of 3 points is allowed."
ONE_LOST = (
    "299 of 300 held-out pictures get the same answer. Right answers lost: 1, gained: 0; "
    "accuracy 1.000 → 0.997."
)
NOT_SHOWN_90 = (
    "int8: parity with Keras is not shown with n = 90. Nothing found speaks against the file, but these are "
    "too few pictures to prove it."
)


def said(
    before: np.ndarray,
    after: np.ndarray,
    truth: np.ndarray = TRUTH,
    threshold: float | None = None,
    **more: Any,
) -> list[str]:
    reference = {"model": "keras", **comparison.scores(answers(before, truth), threshold)}
    found = compared(before, after, truth, threshold)
    row = {"model": "int8", **found, **gate.judge(found, Gate()), **more}
    return words.sentences(row, reference, len(truth), Gate())


def test_a_verdict_of_passed_in_words():
    assert said(sure(TRUTH), sure(flipped(1))) == [
        "int8 passed: parity with Keras is shown with n = 300.",
        ONE_LOST,
        CERTAIN.format("−1.86 and +0.94"),
        "The interval of macro F1 rests on fewer than 10 pictures: do not rely on it.",
        "Its confidence is 9.7 points off its accuracy (calibration error, 15 bins, n = 300; Keras 10).",
    ]


def test_ninety_pictures_in_words():
    truth = TRUTH[:90]
    assert said(sure(truth), sure(truth), truth) == [
        NOT_SHOWN_90,
        "All 90 held-out pictures get the same answer; accuracy stays at 1.000.",
        CERTAIN.format("−4.09 and +4.09"),
        "90 pictures could have shown a drop of 4.4 points or more; less would go unnoticed.",
        "If others change as these did, about 125 pictures would show it.",
        "How far its confidence can be believed is not shown under n = 300.",
    ]


def test_a_loss_above_the_limit_that_may_be_chance_is_called_that():
    found = said(sure(TRUTH, 0.5), sure(flipped(12), 0.5))
    assert found[0] == (
        "int8: parity with Keras is not shown with n = 300. The loss seen is above the limit, but so few "
        "pictures cannot tell it from chance."
    )
    assert (
        "The drop that was seen is as large as the limit, so more pictures are as likely to say no." in found
    )


def test_a_failure_explains_every_bound():
    text = " ".join(said(sure(TRUTH), sure(flipped(60), 0.7)))
    assert text.startswith("int8 failed with n = 300: it is too far from Keras.")
    assert "Only 80.0% of the answers stay the same; 94.0% must." in text
    assert "of the probability moves to other classes; 5.0% may." in text
    assert "points less sure of itself on average (2 are allowed)" in text
    assert "Accuracy surely drops by more than the 3 points allowed: by " in text
    assert "Macro F1 surely drops by more than the 5 points allowed: by " in text


def test_a_second_look_is_called_one():
    found = said(sure(TRUTH), sure(TRUTH), look=2)
    assert found[1].startswith(
        "This is a second look: the gate had said no to another file on these pictures"
    )
    row = {"verdict": "not shown", "look": 2}
    assert words.verdict(row, 431) == "not shown with n = 431, second look"
    assert words.verdict({"verdict": "passed", "look": 1}, 431) == "passed"


def test_i_dont_know_stands_beside_that_of_the_reference():
    text = said(sure(TRUTH), sure(flipped(3)), threshold=0.5)[-2]
    assert text == (
        'With "I don\'t know" below 0.500, int8 answers 100.0% (98.7% to 100.0%, 95%) of the pictures '
        "and is right on 99.0% (97.1% to 99.7%, 95%) of those; Keras answers 100.0% of the pictures and is "
        "right on 100.0% of those."
    )
    assert "answers no picture at all" in said(sure(TRUTH), sure(TRUTH), threshold=0.95)[-2]


def test_advice_says_what_to_do():
    assert words.advice("passed", "int8", Gate()) == "What to do: use int8."
    assert "figures/flips.png" in words.advice("not shown", "int8", Gate())
    assert "gate.require_proof asks for it" in words.advice("not shown", "int8", Gate(require_proof=True))
    assert words.advice("failed", "int8", Gate()) == "What to do: do not use int8."
