from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as oracle

from export.android.photos import score
from export.android.photos.score import Gap, HeldOutScores, Scores
from pipeline.stats import metrics

CLASSES = 4


def sure(labels: np.ndarray, confidence: float = 0.9) -> np.ndarray:
    rows = np.full((len(labels), CLASSES), (1 - confidence) / (CLASSES - 1))
    rows[np.arange(len(labels)), labels] = confidence
    return rows


def scored(truth, predicted, groups=None, threshold=0.5, confidence=0.9):
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    groups = groups or [str(number) for number in range(len(truth))]
    return score.score(truth, sure(predicted, confidence), groups, threshold)


@pytest.fixture
def some() -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(3)
    truth = numbers.integers(0, 3, 60)  # no photo of the fourth class
    return truth, np.where(numbers.random(60) < 0.75, truth, numbers.integers(0, 4, 60))


def test_scores_equal_those_of_another_program(some):
    truth, predicted = some
    found = scored(truth, predicted)
    assert found.accuracy == pytest.approx(oracle.accuracy_score(truth, predicted))
    assert found.macro_f1 == pytest.approx(
        oracle.f1_score(truth, predicted, labels=[0, 1, 2], average="macro")
    )
    right = int((truth == predicted).sum())
    expected = stats.binomtest(right, 60).proportion_ci(0.95, "wilson")
    assert found.accuracy_interval == pytest.approx([expected.low, expected.high])
    assert [row.n for row in found.classes] == np.bincount(truth).tolist()
    recalls = oracle.recall_score(truth, predicted, labels=[0, 1, 2], average=None)
    assert [row.recall for row in found.classes] == pytest.approx(recalls.tolist())


def test_a_class_without_photos_does_not_lower_the_macro_f1():
    assert scored([0, 1, 2] * 5, [0, 1, 2] * 5).macro_f1 == 1


def test_dont_know_is_what_stays_below_the_threshold():
    truth = np.array([0, 1, 2, 0])
    probabilities = sure(truth)
    probabilities[3] = [0.3, 0.4, 0.2, 0.1]
    found = score.score(truth, probabilities, list("abcd"), 0.5)
    assert found.dont_know == 0.25
    assert found.right_of_answered == 1
    assert found.accuracy == 0.75
    nothing = score.score(truth, sure(truth, 0.4), list("abcd"), 0.5)
    assert (nothing.dont_know, nothing.right_of_answered) == (1, None)


def test_photos_of_one_session_say_next_to_nothing(some):
    truth, predicted = some
    low, high = scored(truth, predicted, ["s"] * 60).accuracy_interval
    assert (low, high) == pytest.approx((0, 1), abs=0.03)


def test_sessions_that_go_wrong_as_a_whole_widen_the_interval():
    truth = np.zeros(100, int)
    predicted = np.repeat([0, 0, 0, 1, 1] * 2, 10)
    groups = np.repeat([f"s{number}" for number in range(10)], 10).tolist()
    by_session, singly = scored(truth, predicted, groups), scored(truth, predicted)
    widths = [np.ptp(found.accuracy_interval) for found in (by_session, singly)]
    assert widths[0] > 2 * widths[1]


def test_the_held_out_accuracy_at_another_mix():
    truth, right = np.array([0, 0, 1, 1]), np.array([True, True, True, False])
    assert score.at_mix(right, truth, np.array([0, 0, 0, 1])) == pytest.approx(0.75 * 1 + 0.25 * 0.5)
    assert score.at_mix(right, truth, np.array([0, 2])) is None


def gap(right: int, n: int, held_right: int, held_n: int, **changes: object) -> Gap:
    """The gap between so many right answers; `changes` are made to the scores of the photos."""

    def scores(hits: int, total: int) -> dict[str, Any]:
        return {
            "n": total,
            "sessions": total,
            "accuracy": hits / total,
            "accuracy_interval": metrics.wilson(hits, total),
            "macro_f1": hits / total,
            "macro_f1_interval": metrics.wilson(hits, total),
            "dont_know": 0.1,
            "dont_know_interval": (0.05, 0.15),
            "right_of_answered": None,
            "classes": (),
            "confusion": (),
        }

    mix = changes.pop("accuracy_at_mix", held_right / held_n)
    held_out = HeldOutScores(**scores(held_right, held_n), accuracy_at_mix=mix)
    return score.gap(Scores(**scores(right, n) | changes), held_out)


def test_a_clear_loss_is_called_one_and_says_what_helps():
    found = gap(60, 100, 620, 660)
    assert found.accuracy_drop == pytest.approx(620 / 660 - 0.6)
    (said,) = found.words
    assert "In the field accuracy is 34 points lower than on the held-out pictures" in said
    assert "photos differ from the training pictures" in said
    assert "--adopt" in said


def test_a_difference_within_chance_says_what_it_may_hide():
    (said,) = gap(36, 40, 620, 660).words
    assert said.startswith(
        "In the field accuracy is 4 points lower than on the held-out pictures, which may be chance (95% "
        "interval: 2 points higher to 17 points lower, n = 40)."
    )


def test_better_photos_than_held_out_pictures_are_doubted():
    (said,) = gap(200, 200, 800, 1000).words
    assert "20 points higher" in said
    assert "photos are easier" in said


def test_few_photos_say_next_to_nothing():
    said = gap(6, 7, 620, 660).words
    assert said[0].startswith("7 labelled photos are too few to conclude anything")


def test_another_mix_of_classes_is_told():
    said = gap(60, 100, 620, 660, accuracy_at_mix=0.812).words
    assert said[1].endswith("with these frequencies, the held-out accuracy would be 0.812.")


def test_much_more_dont_know_is_told():
    said = gap(60, 100, 620, 660, dont_know=0.45).words
    assert "(45% instead of 10%)" in said[1]


@pytest.mark.parametrize(
    ("sessions", "words"),
    [(1, "All photos are from one session"), (4, "The 100 photos are from 4 sessions."), (100, "")],
)
def test_few_sessions_are_told(sessions, words):
    said = gap(60, 100, 620, 660, sessions=sessions).words
    assert words in said[-1]
    assert len(said) == (2 if words else 1)
