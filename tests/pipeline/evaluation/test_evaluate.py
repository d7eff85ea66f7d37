from __future__ import annotations

import contextlib
from pathlib import Path
from statistics import stdev
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as oracle

from pipeline.core import config as configuration
from pipeline.core import files, runs
from pipeline.core.errors import ConversionError, DataError, RunError
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.evaluation import evaluate
from pipeline.stats import metrics
from pipeline.training import experiment as experiments
from pipeline.training import train
from tests.support import verbs
from tests.support.verbs import RUN


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return verbs.finished(tmp_path_factory)


@pytest.fixture
def copy(tmp_path_factory, tmp_path, monkeypatch) -> Path:
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    monkeypatch.chdir(place)
    return place


@pytest.fixture(scope="module")
def evaluation(finished) -> dict[str, Any]:
    return Run(finished / RUN).read_json(runs.EVALUATION)


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
    assert found["confusion"] == oracle.confusion_matrix(truth, predicted).tolist()
    recalls = oracle.recall_score(truth, predicted, average=None)
    scores = oracle.f1_score(truth, predicted, average=None)
    assert [row["recall"] for row in found["classes"]] == pytest.approx(recalls)
    assert [row["f1"] for row in found["classes"]] == pytest.approx(scores)
    assert [row["n"] for row in found["classes"]] == [12, 12, 12]
    assert [row["label"] for row in found["classes"]] == evaluation["labels"]


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
    model = keras.models.load_model(RUN / runs.MODEL, compile=False)
    predicted = model(np.stack(frames).astype(np.float32), training=False).numpy().argmax(1)
    truth = [experiment.labels.index(p.label) for p in experiment.split.train]
    assert evaluation["train"]["accuracy"] == pytest.approx(oracle.accuracy_score(truth, predicted))


def test_held_out_answers_are_those_of_the_model_in_the_order_of_the_split(
    predictions, finished, monkeypatch
):
    import keras

    from pipeline.images.views import plain_view

    monkeypatch.chdir(finished)
    experiment = experiments.open_trained(Run(RUN))
    assert predictions["sha256"].tolist() == [p.sha256 for p in experiment.split.held_out]
    assert predictions["truth"].tolist() == [
        experiment.labels.index(p.label) for p in experiment.split.held_out
    ]
    model = keras.models.load_model(RUN / runs.MODEL, compile=False)
    for at in (0, 31, 32, 35):  # on both sides of a batch's end
        frame = plain_view(experiment.table.file(experiment.split.held_out[at]), experiment.frame)
        one = model(frame[np.newaxis].astype(np.float32), training=False).numpy()[0]
        np.testing.assert_allclose(predictions["probabilities"][at], one, atol=1e-5)


def test_answers_are_made_once(copy, monkeypatch):
    experiment = experiments.open_trained(Run(RUN))

    def never(*arguments: object) -> np.ndarray:
        raise AssertionError("the held-out pictures were answered again")

    inputs = {"model": experiment.run.key("model")}
    libraries = evaluate._KERAS_LIBRARIES
    first, _ = evaluate.predictions(experiment, evaluate.KERAS, inputs, libraries, never, ProgressReporter())
    assert first.probabilities.shape == (36, 3)
    with pytest.raises(AssertionError, match="answered again"):
        evaluate.predictions(
            experiment, evaluate.KERAS, {"model": "other"}, libraries, never, ProgressReporter()
        )


def test_a_changed_held_out_picture_is_not_answered(copy):
    experiment = experiments.open_trained(Run(RUN))
    changed = experiment.table.file(experiment.split.held_out[3])
    changed.write_bytes(changed.read_bytes() + b"more")
    (RUN / "predictions" / "keras.npz").unlink()
    with pytest.raises(DataError) as caught:
        evaluate.evaluate(experiment, ProgressReporter())
    assert caught.value.message == f"{changed} was changed since the training"
    assert caught.value.hint == "repeat the training: it notes what changed"
    assert not (RUN / "predictions" / "keras.npz").exists()


# The gaps in words.


def gaps(train_accuracy: float, out_of_fold: float, right: int, n: int = 100) -> list[str]:
    folds = {"accuracy": out_of_fold, "accuracy_interval": metrics.wilson(round(out_of_fold * 4 * n), 4 * n)}
    held_out = {"accuracy": right / n, "n": n, "accuracy_interval": metrics.wilson(right, n)}
    return evaluate.gaps(
        {
            "train": {"accuracy": train_accuracy},
            "out_of_fold": folds,
            "held_out": held_out,
            "without_leaked": None,
        }
    )


def test_a_large_gap_to_the_training_pictures_is_called_learning_by_heart():
    assert gaps(0.95, 0.75, 75)[0] == (
        "On the pictures it was trained on it is 20 points better than on others: "
        "it has learned some by heart. More pictures help most, then a larger head.l2."
    )


def test_a_moderate_gap_is_called_usual():
    assert gaps(0.80, 0.75, 75)[0] == (
        "On the pictures it was trained on it is 5 points better than on others, as is usual."
    )


def test_no_gap_hints_at_a_stronger_model():
    assert gaps(0.76, 0.75, 75)[0] == (
        "On the pictures it was trained on it is hardly better (+1.0 points) than on others. "
        "If the score is too low, a stronger backbone or a larger frame may help."
    )
    assert "(-2.0 points)" in gaps(0.73, 0.75, 75)[0]


def test_a_held_out_score_within_its_interval_agrees():
    assert gaps(0.8, 0.75, 72)[1] == (
        "The held-out score (0.720, n = 100) does not contradict the out-of-fold score (0.750): "
        "the difference is within what 100 pictures can tell."
    )


def test_the_out_of_fold_score_is_uncertain_too():
    """66 of 100 alone would exclude .750 (Wilson's interval ends at .745); the .750 is of 400 only."""
    sentence = "does not contradict the out-of-fold score (0.750)"
    assert sentence in gaps(0.8, 0.75, 66)[1]


def test_a_clearly_lower_held_out_score_says_why_that_may_be():
    assert gaps(0.8, 0.75, 50)[1] == (
        "The held-out score (0.500, n = 100) is clearly lower than the out-of-fold score (0.750): "
        "the held-out pictures are of another kind, or near-copies among the training pictures made "
        "the folds too easy."
    )


def test_a_clearly_higher_held_out_score_says_why_that_may_be():
    assert gaps(0.8, 0.75, 95)[1] == (
        "The held-out score (0.950, n = 100) is clearly higher than the out-of-fold score (0.750): "
        "the held-out pictures are easier, or some have near-copies in training."
    )


# compare.


def made_up_run(name: str, right: dict[str, bool], *settings: str) -> Run:
    """A run that answered these pictures out of fold, rightly or not."""
    run = Run(runs.RUNS / name)
    files.write_text(run.path(runs.CONFIG), configuration.dump(configuration.load(Path(), settings)))
    hits = np.array(list(right.values()))
    probabilities = np.zeros((len(hits), 2), np.float32)
    probabilities[np.arange(len(hits)), np.where(hits, 0, 1)] = 1
    run.write_arrays(
        runs.OUT_OF_FOLD,
        sha256=np.array(list(right)),
        group=np.array([f"group:{name}" for name in right]),
        truth=np.zeros(len(hits), int),
        fold=np.zeros(len(hits), int),
        logits=probabilities,
        probabilities=probabilities,
    )
    return run


def pictures(first: int, last: int, wrong: int = 0) -> dict[str, bool]:
    """Pictures of these numbers; so many of them, from the first, answered wrongly."""
    return {f"picture{number:03d}": number >= first + wrong for number in range(first, last)}


def test_runs_are_ranked_and_paired_on_the_pictures_they_share(workplace):
    many = [
        made_up_run("weak", pictures(0, 100, wrong=30), "head.l2=0.5"),
        made_up_run("strong", pictures(20, 120, wrong=5), "train.folds=3"),
        made_up_run("middle", pictures(0, 100, wrong=20)),
    ]
    found = evaluate.compare(many)
    assert found["ranked_by"] == "out-of-fold accuracy"
    assert [row["run"] for row in found["rows"]] == ["strong", "middle", "weak"]
    assert [row["accuracy"] for row in found["rows"]] == pytest.approx([0.95, 0.8, 0.7])
    assert [row["n"] for row in found["rows"]] == [100, 100, 100]
    assert [row["shared_with_best"] for row in found["rows"]] == [100, 80, 80]
    # Of pictures 20 ... 99, strong misses 20 ... 24, middle none, weak 20 ... 29.
    differences = [row["difference_to_best"] for row in found["rows"]]
    assert differences == pytest.approx([0, 5 / 80, -5 / 80])
    for row in found["rows"]:
        low, high = row["difference_interval"]
        assert low <= row["difference_to_best"] <= high


def test_the_keys_that_differ_are_shown(workplace):
    many = [
        made_up_run("one", pictures(0, 40), "head.l2=0.5"),
        made_up_run("two", pictures(0, 40, wrong=1), "train.folds=3"),
    ]
    assert evaluate.compare(many)["configuration"] == {
        "head.l2": {"one": 0.5, "two": 0.01},
        "train.folds": {"one": 5, "two": 3},
    }


def test_of_a_run_that_searched_the_values_found_best_are_shown(workplace):
    searched = made_up_run("searched", pictures(0, 40), "head.l2=[0.5, 0.1]", "model.input=['64x64', 'auto']")
    winner = {"head.l2": 0.1, "model.input": "auto"}
    files.write_json(searched.path(runs.SEARCH), {"winner": winner})
    found = evaluate.compare([searched, made_up_run("plain", pictures(0, 40, wrong=1))])
    assert found["configuration"] == {"head.l2": {"searched": 0.1, "plain": 0.01}}


def test_runs_that_share_fewer_than_30_pictures_are_not_compared(workplace):
    many = [made_up_run("one", pictures(0, 60)), made_up_run("two", pictures(31, 91, wrong=1))]
    with pytest.raises(DataError) as caught:
        evaluate.compare(many)
    assert caught.value.message == "two and one share 29 training pictures; a comparison needs 30"
    assert caught.value.hint == "compare runs of the same pictures"
    many = [made_up_run("one", pictures(0, 60)), made_up_run("two", pictures(30, 90, wrong=1))]
    assert evaluate.compare(many)["rows"][1]["shared_with_best"] == 30


def test_equal_pictures_are_shared_pictures_but_count_for_n_each(workplace):
    """n is the number of pictures, as everywhere else, also where two files have the same bytes."""
    run = made_up_run("one", pictures(0, 40))
    arrays = experiments.load_out_of_fold(run)
    arrays["sha256"][1] = arrays["sha256"][0]
    run.write_arrays(runs.OUT_OF_FOLD, **arrays)
    found = evaluate.compare([run, made_up_run("two", pictures(0, 40, wrong=1))])
    assert found["rows"][0]["n"] == 40


def test_two_runs_in_different_folders_with_one_name_are_both_shown(workplace):
    one = made_up_run("same", pictures(0, 40), "head.l2=0.5")
    Path("elsewhere").mkdir()
    moved = Run(one.folder.rename(Path("elsewhere", "same")))
    other = made_up_run("same", pictures(0, 40, wrong=10))
    found = evaluate.compare([moved, other])
    assert sorted(row["accuracy"] for row in found["rows"]) == [0.75, 1.0]


def test_a_run_without_out_of_fold_answers_is_named(workplace):
    run = made_up_run("one", pictures(0, 40))
    run.path(runs.OUT_OF_FOLD).unlink()
    with pytest.raises(RunError) as caught:
        evaluate.compare([run, made_up_run("two", pictures(0, 40))])
    assert caught.value.message == f"{run.path(runs.OUT_OF_FOLD)} is missing"
    assert "python -m pipeline train" in caught.value.hint


def test_doubted_labels_come_with_how_far_to_trust_them(finished):
    listed = Run(finished / RUN).read_json(runs.LABEL_ISSUES)
    trust = listed["trust"]
    assert trust.keys() == {"sure", "agreeing", "likely_wrong", "withheld"}
    assert trust["likely_wrong"] <= len(listed["label_issues"])
    assert trust["withheld"] == len(listed["withheld"])
    assert trust["agreeing"] >= 0.9 * trust["sure"]


@pytest.mark.slow
def test_a_run_compares_with_one_of_another_head(finished, tmp_path):
    with contextlib.chdir(verbs.shutil.copytree(finished, tmp_path, dirs_exist_ok=True)):
        other = Run(runs.RUNS / "other")
        files.make_folder(other.folder)
        train.train(other, verbs.tiny_config("head.l2=3.0"), ProgressReporter())
        found = evaluate.compare([Run(RUN), other])
    assert {row["run"] for row in found["rows"]} == {"pictures", "other"}
    assert {row["shared_with_best"] for row in found["rows"]} == {84}
    assert set(found["configuration"]) == {"head.l2"}


def test_answers_that_are_not_numbers_are_compared_with_nothing():
    names, truth = np.array(["a", "b"]), np.array([0, 1])
    for hole in (np.nan, np.inf):
        probabilities = np.array([[0.5, 0.5], [hole, 0.5]], np.float32)
        with pytest.raises(ConversionError, match="keras answers with numbers that are not finite"):
            evaluate.Predictions("keras", names, names, truth, probabilities)
