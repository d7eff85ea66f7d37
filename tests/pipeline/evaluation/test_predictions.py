from __future__ import annotations

import numpy as np
import pytest

from pipeline.core import stages
from pipeline.core.errors import ConversionError, DataError
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.evaluation import evaluate, predictions
from pipeline.evaluation.predictions import KERAS, Predictions
from pipeline.training import experiment as experiments
from tests.support.verbs import RUN


def test_held_out_answers_are_those_of_the_model_in_the_order_of_the_split(finished, monkeypatch):
    import keras

    from pipeline.images.views import plain_view

    monkeypatch.chdir(finished)
    experiment = experiments.open_trained(Run(RUN))
    stored = Run(RUN).read_arrays("predictions", "keras.npz")
    assert stored["sha256"].tolist() == [p.sha256.encode() for p in experiment.split.held_out]
    assert stored["truth"].tolist() == [experiment.labels.index(p.label) for p in experiment.split.held_out]
    model = keras.models.load_model(RUN / stages.MODEL, compile=False)
    for at in (0, 31, 32, 35):  # on both sides of a batch's end
        frame = plain_view(experiment.table.file(experiment.split.held_out[at]), experiment.frame)
        one = model(frame[np.newaxis].astype(np.float32), training=False).numpy()[0]
        np.testing.assert_allclose(stored["probabilities"][at], one, atol=1e-5)


def test_answers_are_made_once(copy, monkeypatch):
    experiment = experiments.open_trained(Run(RUN))

    def never(*arguments: object) -> np.ndarray:
        raise AssertionError("the held-out pictures were answered again")

    inputs = {"model": experiment.run.key("model")}
    libraries = predictions._KERAS_LIBRARIES
    first, _ = predictions.stored_predictions(experiment, KERAS, inputs, libraries, never, ProgressReporter())
    assert first.probabilities.shape == (36, 3)
    with pytest.raises(AssertionError, match="answered again"):
        predictions.stored_predictions(
            experiment, KERAS, {"model": "other"}, libraries, never, ProgressReporter()
        )


def test_a_changed_held_out_picture_is_not_answered(copy):
    experiment = experiments.open_trained(Run(RUN))
    changed = experiment.table.file(experiment.split.held_out[3])
    changed.write_bytes(changed.read_bytes() + b"more")
    (RUN / "predictions" / "keras.npz").unlink()
    with pytest.raises(DataError) as caught:
        evaluate.evaluate(experiment, ProgressReporter())
    assert caught.value.message == f"{changed} has changed since the training"
    assert caught.value.hint == "train again to see what changed"
    assert not (RUN / "predictions" / "keras.npz").exists()


def test_answers_that_are_not_numbers_are_compared_with_nothing():
    names, truth = np.array(["a", "b"]), np.array([0, 1])
    for hole in (np.nan, np.inf):
        probabilities = np.array([[0.5, 0.5], [hole, 0.5]], np.float32)
        with pytest.raises(ConversionError, match="keras predicts numbers that are not finite"):
            Predictions("keras", names, names, truth, probabilities)


def test_the_answers_are_found_once():
    """Whoever asks picture by picture must not go through all of them each time."""
    arrays = {name: np.arange(2) for name in ("sha256", "groups", "truth")}
    found = Predictions(KERAS, **arrays, probabilities=np.array([[0.2, 0.8], [0.5, 0.5]], np.float32))
    assert found.predicted.tolist() == [1, 0]
    assert found.predicted is found.predicted
