from __future__ import annotations

import numpy as np

from export.explain import selection
from pipeline.evaluation.predictions import Predictions


def predictions(probabilities, truth, model="int8"):
    n = len(truth)
    names = np.array([f"{i:04d}" for i in range(n)])
    return Predictions(model, names, names, np.array(truth), np.array(probabilities, np.float32))


def some(n=60, seed=0):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet([0.4] * 3, n)
    return probabilities, rng.integers(0, 3, n)


def test_half_is_a_sample_in_which_every_answer_has_its_turn():
    probabilities, truth = some()
    target = predictions(probabilities, truth)
    chosen = selection.choose(target, target, 30, 0)
    sample = [place for place, why in chosen.items() if selection.SAMPLE in why]
    assert len(sample) == 15
    assert np.bincount(target.predicted[sample]).tolist() == [5, 5, 5]


def test_flips_come_before_mistakes_and_everything_fits_the_limit():
    probabilities, truth = some(200)
    target = predictions(probabilities, truth)
    moved = probabilities.copy()
    moved[[3, 7]] = np.roll(moved[[3, 7]], 1, axis=1)
    chosen = selection.choose(predictions(moved, truth, "keras"), target, 24, 0)
    assert len(chosen) <= 24
    assert all(selection.FLIP in chosen[place] for place in (3, 7))


def test_the_surest_and_the_least_sure_are_by_the_score_of_the_true_class():
    probabilities = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3], [0.55, 0.45], [0.95, 0.05], [0.3, 0.7]]
    most, least = selection.confident(predictions(probabilities, [0, 0, 0, 0, 0, 0, 1]))[0]
    assert most == [5, 0, 3]
    assert least == [2, 4, 1]


def test_a_class_of_one_picture_has_no_least_sure_one():
    assert selection.confident(predictions([[0.9, 0.1], [0.3, 0.7]], [0, 1])) == [([0], []), ([1], [])]


def test_an_answer_names_its_second_and_the_score_of_the_truth():
    answer = selection.judged_answer(np.array([0.2, 0.5, 0.3]), ["a", "b", "c"], 0)
    expected = {"answer": "b", "score": 0.5, "second": "c", "second_score": 0.3, "truth_score": 0.2}
    assert answer.model_dump() == expected


def test_a_tie_goes_to_the_lower_label_as_everywhere():
    assert selection.answer(np.array([0.5, 0.5]), ["a", "b"]).answer == "a"


def test_twice_the_number_of_pictures_takes_all_of_them():
    probabilities, truth = some(80)
    target = predictions(probabilities, truth)
    assert len(selection.choose(target, target, 160, 0)) == 80
