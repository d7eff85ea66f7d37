from __future__ import annotations

from statistics import stdev
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as oracle

from pipeline.core import stages
from pipeline.core.runs import Run
from pipeline.evaluation import evaluate
from pipeline.stats import metrics, wilson
from pipeline.training import experiment as experiments
from tests.support.verbs import RUN


@pytest.fixture(scope="module")
def evaluation(finished) -> dict[str, Any]:
    return Run(finished / RUN).read_json(stages.EVALUATION)


@pytest.fixture(scope="module")
def predictions(finished) -> dict[str, np.ndarray]:
    return Run(finished / RUN).read_arrays("predictions", "keras.npz")


# evaluation.json, against scikit-learn.


def test_held_out_scores_are_those_of_scikit_learn(evaluation, predictions):
    found, predicted = evaluation["held_out"], predictions["probabilities"].argmax(1)
    truth = predictions["truth"]
    assert found["n"] == 36
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(truth, predicted))
    assert found["macro_f1"] == pytest.approx(oracle.f1_score(truth, predicted, average="macro"))
    matrix = oracle.confusion_matrix(truth, predicted)
    assert {(row, column): count for row, column, count in found["confusion"]} == {
        place: count for place, count in np.ndenumerate(matrix) if count
    }
    recalls = oracle.recall_score(truth, predicted, average=None)
    scores = oracle.f1_score(truth, predicted, average=None)
    assert [row["recall"] for row in found["classes"]] == pytest.approx(recalls)
    assert [row["f1"] for row in found["classes"]] == pytest.approx(scores)
    assert [row["n"] for row in found["classes"]] == [12, 12, 12]
    assert [row["label"] for row in found["classes"]] == evaluation["labels"]


def test_every_answer_is_in_a_table(finished, predictions):
    run, probabilities = Run(finished / RUN), predictions["probabilities"]
    rows = run.read_csv(stages.ANSWERS)
    labels = run.read_json(stages.EVALUATION)["labels"]
    side = {row["path"]: row["side"] for row in run.read_csv(stages.SPLIT)}
    label = {row["path"]: row["label"] for row in run.read_csv(stages.PICTURES)}
    assert {row["path"] for row in rows} == {path for path, where in side.items() if where == "held_out"}
    assert all(row["label"] == label[row["path"]] for row in rows)
    assert [row["answer"] for row in rows] == [labels[at] for at in probabilities.argmax(1)]
    assert [float(row["score"]) for row in rows] == pytest.approx(probabilities.max(1), abs=1e-4)
    own = [probabilities[at, labels.index(row["label"])] for at, row in enumerate(rows)]
    assert [float(row["label_score"]) for row in rows] == pytest.approx(own, abs=1e-4)


def test_out_of_fold_scores_are_pooled_over_the_folds(evaluation, finished):
    stored = experiments.load_out_of_fold(Run(finished / RUN))
    truth, predicted = stored["truth"], stored["probabilities"].argmax(1)
    found = evaluation["out_of_fold"]
    assert found["n"] == 84
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(truth, predicted))
    assert found["macro_f1"] == pytest.approx(oracle.f1_score(truth, predicted, average="macro"))
    by_fold = [
        oracle.accuracy_score(truth[stored["fold"] == fold], predicted[stored["fold"] == fold])
        for fold in range(3)
    ]
    assert found["fold_accuracy"] == pytest.approx(by_fold)
    assert found["fold_standard_deviation"] == pytest.approx(stdev(by_fold))


def test_intervals_hold_their_scores(evaluation):
    for part in (evaluation["held_out"], evaluation["out_of_fold"]):
        for name in ("accuracy", "macro_f1"):
            low, high = part[f"{name}_interval"]
            assert 0 <= low <= part[name] <= high <= 1
            assert high - low > 0.05
    for row in evaluation["held_out"]["classes"]:
        for name in ("recall", "f1"):
            low, high = row[f"{name}_interval"]
            assert 0 <= low <= row[name] <= high <= 1


def test_recall_has_wilsons_interval(evaluation):
    """Wilson 1927, with z = 1.959964, written out."""
    z = 1.959963984540054
    for row in evaluation["held_out"]["classes"]:
        n, p = row["n"], row["recall"]
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        reach = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        assert row["recall_interval"] == pytest.approx([middle - reach, middle + reach])


def test_the_score_on_training_pictures_is_that_of_the_final_model(evaluation, finished, monkeypatch):
    import keras

    from pipeline.images.views import plain_view

    monkeypatch.chdir(finished)
    experiment = experiments.open_trained(Run(RUN))
    frames = [plain_view(experiment.table.file(p), experiment.frame) for p in experiment.split.train]
    model = keras.models.load_model(RUN / stages.MODEL, compile=False)
    predicted = model(np.stack(frames).astype(np.float32), training=False).numpy().argmax(1)
    truth = [experiment.labels.index(p.label) for p in experiment.split.train]
    assert evaluation["train"]["accuracy"] == pytest.approx(oracle.accuracy_score(truth, predicted))


# The gaps in words.


def gaps(train_accuracy: float, out_of_fold: float, right: int, n: int = 100) -> tuple[str, ...]:
    zero = metrics.Interval(0.0, 0.0)
    folds = evaluate.OutOfFoldScore(
        n=4 * n,
        accuracy=out_of_fold,
        accuracy_interval=wilson.interval(round(out_of_fold * 4 * n), 4 * n),
        macro_f1=0,
        macro_f1_interval=zero,
        fold_accuracy=(),
        fold_standard_deviation=0,
        chosen_epoch=1,
        epoch_was_chosen=False,
    )
    held_out = evaluate.HeldOutScore(
        n=n,
        groups=n,
        accuracy=right / n,
        accuracy_interval=wilson.interval(right, n),
        macro_f1=0,
        macro_f1_interval=zero,
        classes=(),
        confusion=(),
    )
    return evaluate.gaps(evaluate.TrainScore(n=4 * n, accuracy=train_accuracy), folds, held_out, None)


def test_a_large_gap_to_the_training_pictures_is_called_learning_by_heart():
    assert gaps(0.95, 0.75, 75)[0] == (
        "It scores 20 points higher on its training pictures than on unseen ones: "
        "it is overfitting. More pictures help most, then a larger head.l2 (--set head.l2=VALUE)."
    )


def test_a_moderate_gap_is_called_usual():
    assert gaps(0.80, 0.75, 75)[0] == (
        "It scores 5 points higher on its training pictures than on unseen ones, which is normal."
    )


def test_no_gap_hints_at_a_stronger_model():
    assert gaps(0.76, 0.75, 75)[0] == (
        "It scores about the same on its training pictures as on unseen ones (+1.0 points). "
        "If the score is too low, try a stronger backbone or a larger frame."
    )
    assert "(-2.0 points)" in gaps(0.73, 0.75, 75)[0]


def test_a_held_out_score_within_its_interval_agrees():
    assert gaps(0.8, 0.75, 72)[1] == (
        "The held-out score (0.720, n = 100) agrees with the out-of-fold score (0.750): "
        "with 100 pictures, the difference is not significant."
    )


def test_the_out_of_fold_score_is_uncertain_too():
    """66 of 100 alone would exclude .750 (Wilson's interval ends at .745); the .750 is of 400 only."""
    sentence = "agrees with the out-of-fold score (0.750)"
    assert sentence in gaps(0.8, 0.75, 66)[1]


def test_a_clearly_lower_held_out_score_says_why_that_may_be():
    assert gaps(0.8, 0.75, 50)[1] == (
        "The held-out score (0.500, n = 100) is clearly lower than the out-of-fold score (0.750): "
        "the held-out pictures are of a different kind, or near-duplicates among the training pictures "
        "made the folds too easy."
    )


def test_a_clearly_higher_held_out_score_says_why_that_may_be():
    assert gaps(0.8, 0.75, 95)[1] == (
        "The held-out score (0.950, n = 100) is clearly higher than the out-of-fold score (0.750): "
        "the held-out pictures are easier, or some have near-duplicates in training."
    )


def test_doubted_labels_come_with_how_far_to_trust_them(finished):
    listed = Run(finished / RUN).read_json(stages.LABEL_ISSUES)
    trust = listed["trust"]
    assert trust.keys() == {"sure", "agreeing", "likely_wrong", "withheld"}
    assert trust["likely_wrong"] <= len(listed["label_issues"])
    assert trust["withheld"] == len(listed["withheld"])
    assert trust["agreeing"] >= 0.9 * trust["sure"]
