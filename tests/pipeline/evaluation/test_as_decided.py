from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.runs import Run
from pipeline.data.decisions import LEAVE_OUT, RELABEL
from pipeline.data.pictures import Pictures
from pipeline.evaluation import as_decided
from pipeline.evaluation.predictions import Predictions
from pipeline.training import experiment as experiments
from tests.support.verbs import RUN


@pytest.fixture(scope="module")
def evaluated(finished):
    run = Run(finished / RUN)
    return experiments.open_trained(run), Predictions("keras", **run.read_arrays("predictions", "keras.npz"))


def decided(experiment, decisions: dict[int, dict[str, str]]):
    pictures = Pictures(
        picture._replace(**decisions.get(row, {})) for row, picture in enumerate(experiment.split.held_out)
    )
    return replace(experiment, split=replace(experiment.split, held_out=pictures))


def test_without_decisions_there_is_no_such_score(evaluated):
    experiment, predictions = evaluated
    assert as_decided.score(experiment, predictions) is None
    assert as_decided.inputs(experiment.split) == {}
    assert as_decided.sentences(None, 0.9) == ()


def test_relabelled_and_left_out_pictures_count_as_decided(evaluated):
    experiment, predictions = evaluated
    wrong = np.flatnonzero(predictions.predicted != predictions.truth)
    right = np.flatnonzero(predictions.predicted == predictions.truth)
    assert len(wrong) >= 2
    answer = experiment.labels[predictions.predicted[wrong[0]]]
    changed = decided(
        experiment,
        {wrong[0]: {"decision": RELABEL, "decided_label": answer}, wrong[1]: {"decision": LEAVE_OUT}},
    )
    found = as_decided.score(changed, predictions)
    assert found is not None
    assert found.n == len(predictions.truth) - 1
    assert found.accuracy == pytest.approx((len(right) + 1) / found.n)
    assert found.relabelled == (experiment.split.held_out[wrong[0]].path,)
    assert found.left_out == (experiment.split.held_out[wrong[1]].path,)
    (sentence,) = as_decided.sentences(found, len(right) / len(predictions.truth))
    given = f"{len(right) / len(predictions.truth):.3f} as given"
    assert sentence.index(given) < sentence.index(f"{found.accuracy:.3f} as decided")
    assert as_decided.inputs(changed.split) != as_decided.inputs(decided(experiment, {}).split)


def test_nothing_left_to_score_is_said(evaluated):
    experiment, predictions = evaluated
    everything = {row: {"decision": LEAVE_OUT} for row in range(len(predictions.truth))}
    found = as_decided.score(decided(experiment, everything), predictions)
    assert found is not None
    assert found.accuracy is None
    assert as_decided.sentences(found, 0.9)[0].endswith("none is left to score.")
