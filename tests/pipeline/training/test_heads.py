from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import special
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_class_weight

from pipeline.core import config as configuration
from pipeline.core import memory
from pipeline.core.config import Config
from pipeline.core.errors import ConfigError
from pipeline.core.progress import Progress, silent
from pipeline.core.sections import Head, Train
from pipeline.stats import metrics
from pipeline.training import heads
from pipeline.training.heads import Examples, HeadTrainer
from pipeline.training.store import Store

WIDTH = 6


def examples_of(features: np.ndarray, truth: np.ndarray, folds: int = 2) -> Examples:
    """Features of shape (pictures, views, width) as training sees them."""
    count, views, width = features.shape
    records = np.zeros(count, [("sha256", "V32"), ("features", "<f4", (views, width))])
    records["features"] = features
    numbers = np.arange(count)
    return Examples(
        Store(records, numbers, (records.dtype["features"].shape[1],)),
        truth,
        numbers % folds,
        [f"g{n}" for n in numbers],
        int(truth.max()) + 1,
    )


def easy(count: int = 90, views: int = 1, classes: int = 3, spread: float = 1.0, seed: int = 0) -> Examples:
    """Clouds that overlap a little, far from the origin."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, count)
    centres = random.normal(0, 2, (classes, WIDTH)) + 5
    features = centres[truth][:, None] + random.normal(0, spread, (count, views, WIDTH))
    return examples_of(features.astype(np.float32), truth)


def trainer_of(examples: Examples, head: Head | None = None, train: Train | None = None, seed: int = 0):
    return HeadTrainer(WIDTH, examples.classes, head or Head(), train or Train(), seed)


def trained(trainer: HeadTrainer, examples: Examples, rows: np.ndarray, steps: int) -> list:
    trainer.start(examples, rows)
    return list(trainer.epochs(examples, rows, steps))


def rows_of(examples: Examples) -> np.ndarray:
    return np.arange(len(examples.truth))


def config_of(*settings: str) -> Config:
    return configuration.load(Path(), ["train.folds=2", *settings])


@pytest.mark.parametrize("head", [Head(), Head(kind="dense", units=16)], ids=["linear", "dense"])
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
def test_the_loss_falls(head, optimizer):
    examples = easy()
    train = Train(optimizer=optimizer, learning_rate=0.05 if optimizer == "sgd" else 0.01)
    history = trained(trainer_of(examples, head, train), examples, rows_of(examples), 60)
    assert len(history) == 20
    assert history[-1][0] < 0.7 * history[0][0]
    assert history[-1][1] > history[0][1]


@pytest.mark.slow
def test_the_linear_head_finds_the_optimum_of_logistic_regression():
    """The same objective: mean cross-entropy + l2 · |W|², which is C = 1 / (2 · n · l2) there."""
    examples = easy(120, spread=2.0)
    rows, l2 = rows_of(examples), 0.01
    train = Train(batch_size=120, learning_rate=0.02)
    trainer = trainer_of(examples, Head(l2=l2), train)
    trained(trainer, examples, rows, 3000)
    standard = (examples.store.take(rows) - trainer.mean) / trainer.scale
    oracle = LogisticRegression(C=1 / (2 * len(rows) * l2), tol=1e-8, max_iter=5000)
    oracle.fit(standard, examples.truth)
    ours = special.softmax(trainer.logits(examples, rows), axis=1)
    np.testing.assert_allclose(ours, oracle.predict_proba(standard), atol=2e-3)
    kernel = trainer.model.layers[-1].get_weights()[0]
    np.testing.assert_allclose(kernel.T, oracle.coef_, atol=5e-3)


def test_features_are_standardized_over_all_views_of_the_pictures_trained_on():
    examples = easy(40, views=3)
    rows = rows_of(examples)[:25]
    trainer = trainer_of(examples)
    trainer.start(examples, rows)
    seen = examples.store.records["features"][:25].reshape(-1, WIDTH).astype(np.float64)
    np.testing.assert_allclose(trainer.mean, seen.mean(0), rtol=1e-5)
    assert trainer.scale == pytest.approx(np.sqrt(((seen - seen.mean(0)) ** 2).mean()), rel=1e-5)


def test_the_dense_head_takes_raw_features():
    examples = easy()
    trainer = trainer_of(examples, Head(kind="dense", units=4))
    trainer.start(examples, rows_of(examples))
    assert (trainer.mean == 0).all()
    assert (trainer.scale == 1).all()


@pytest.mark.parametrize("count", [1, 7, 31, 33, 50])
def test_the_last_short_batch_counts_each_picture_once(count):
    """One step per batch on frozen weights: the mean loss is that of all pictures, each once."""
    examples = easy(count)
    still = Train(optimizer="sgd", learning_rate=1e-12, batch_size=32)
    trainer = trainer_of(examples, Head(kind="dense", dropout=0), still)
    rows = rows_of(examples)
    ((loss, accuracy),) = trained(trainer, examples, rows, -(-count // 32))
    logits = trainer.logits(examples, rows)
    assert loss == pytest.approx(metrics.log_loss(logits, examples.truth), rel=1e-4)
    assert accuracy == pytest.approx((logits.argmax(1) == examples.truth).mean())


def test_filling_up_a_batch_does_not_change_what_is_learned():
    """A batch of 5, filled up to 32, learns like a batch of exactly 5."""
    examples = easy(5)
    rows = rows_of(examples)
    learned = []
    for size in (5, 32):
        trainer = trainer_of(examples, train=Train(batch_size=size, optimizer="sgd", learning_rate=0.1))
        trained(trainer, examples, rows, 10)
        learned.append(trainer.logits(examples, rows))
    np.testing.assert_allclose(*learned, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7])
def test_training_stops_after_exactly_so_many_steps(steps, monkeypatch):
    examples = easy(70)
    trainer = trainer_of(examples)
    taken = []
    step = trainer._step
    monkeypatch.setattr(trainer, "_step", lambda *arguments: taken.append(1) or step(*arguments))
    history = trained(trainer, examples, rows_of(examples), steps)
    assert len(taken) == steps
    assert len(history) == steps // 3  # 70 pictures are three batches


def test_the_order_of_the_folds_does_not_matter():
    examples = easy()
    rows = rows_of(examples)
    one, other = rows[examples.folds == 0], rows[examples.folds == 1]
    head = Head(kind="dense", units=8)
    first = trainer_of(examples, head)
    alone = trained(first, examples, one, 9)
    alone_logits = first.logits(examples, other)
    second = trainer_of(examples, head)
    trained(second, examples, other, 9)
    assert trained(second, examples, one, 9) == alone
    np.testing.assert_array_equal(second.logits(examples, other), alone_logits)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_head_and_another_seed_another():
    examples = easy(views=3)
    rows = rows_of(examples)
    found = []
    for seed in (0, 0, 1):
        trainer = trainer_of(examples, Head(kind="dense", units=8), seed=seed)
        trained(trainer, examples, rows, 12)
        found.append(trainer.logits(examples, rows))
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_only_plain_views_are_scored():
    features = np.random.default_rng(0).normal(size=(40, 3, WIDTH)).astype(np.float32)
    truth = np.arange(40) % 2
    examples = examples_of(features, truth)
    other = examples_of(np.concatenate([features[:, :1], features[:, 1:] * 100], 1), truth)
    trainer = trainer_of(examples)
    trained(trainer, examples, rows_of(examples), 3)
    np.testing.assert_array_equal(
        trainer.logits(examples, np.arange(40)), trainer.logits(other, np.arange(40))
    )


def test_logits_come_for_more_pictures_than_one_portion_in_order():
    examples = easy(1100)
    trainer = trainer_of(examples)
    trained(trainer, examples, rows_of(examples), 3)
    rows = np.random.default_rng(0).permutation(1100)
    whole = trainer.logits(examples, rows)
    assert whole.shape == (1100, 3)
    for at in (0, 511, 512, 1099):
        np.testing.assert_allclose(whole[at], trainer.logits(examples, rows[at : at + 1])[0], atol=1e-5)


def test_class_weights_are_those_of_scikit_learn():
    truth = np.array([0] * 50 + [1] * 20 + [2] * 5)
    examples = examples_of(np.zeros((75, 1, WIDTH), np.float32), truth)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=truth)
    np.testing.assert_allclose(
        heads.class_weights(examples, np.arange(75), Train(class_weights=True)), expected
    )


@pytest.mark.slow
def test_class_weights_make_the_rare_class_count_as_much():
    """Features that say nothing: the answer is the prior, and with weights it is even."""
    truth = np.array([0] * 48 + [1] * 16)
    examples = examples_of(np.ones((64, 1, WIDTH), np.float32), truth)
    for weighted, expected in ((False, 0.75), (True, 0.5)):
        train = Train(class_weights=weighted, batch_size=64, learning_rate=0.02)
        trainer = trainer_of(examples, train=train)
        trained(trainer, examples, np.arange(64), 400)
        answer = special.softmax(trainer.logits(examples, np.arange(1)), axis=1)
        assert answer[0, 0] == pytest.approx(expected, abs=0.01)


# Folds.


def run_folds(examples: Examples, *settings: str, progress: Progress = silent):
    config = config_of("train.epochs=8", *settings)
    trainer = HeadTrainer(WIDTH, examples.classes, config.head, config.train, config.seed)
    return heads.run_folds(trainer, examples, config, progress, "folds")


def test_folds_answer_every_picture_once_by_a_head_that_did_not_see_it():
    examples = easy()
    found = run_folds(examples, "train.select_best_epoch=false")
    config = config_of("train.epochs=8")
    for fold in (0, 1):
        trainer = trainer_of(examples, config.head, config.train)
        inside, outside = (np.flatnonzero(examples.folds != fold), np.flatnonzero(examples.folds == fold))
        trained(trainer, examples, inside, 8 * 2)  # 45 pictures are two batches
        np.testing.assert_array_equal(found.logits[outside], trainer.logits(examples, outside))


def test_logits_on_disk_are_those_in_memory(workplace, monkeypatch):
    inside = run_folds(easy())
    monkeypatch.setattr(memory, "_ON_DISK", 0)
    outside = run_folds(easy())
    np.testing.assert_array_equal(outside.logits, inside.logits)
    assert (outside.chosen_epoch, outside.temperature) == (inside.chosen_epoch, inside.temperature)


def test_the_epoch_with_the_lowest_mean_validation_loss_is_chosen():
    found = run_folds(easy(spread=4.0), "train.learning_rate=0.3")
    losses = np.mean([curves.validation_loss for curves in found.history], axis=0)
    assert found.chosen_epoch == losses.argmin() + 1 < 8
    assert found.steps == found.chosen_epoch * 2
    examples = easy(spread=4.0)
    by_fold = [
        metrics.log_loss(found.logits[examples.folds == fold], examples.truth[examples.folds == fold])
        for fold in (0, 1)
    ]
    assert np.mean(by_fold) == pytest.approx(losses.min(), rel=1e-6)


def test_without_choice_all_epochs_are_taken():
    found = run_folds(easy(spread=4.0), "train.learning_rate=0.3", "train.select_best_epoch=false")
    assert (found.chosen_epoch, found.steps) == (8, 16)


def test_curves_have_a_value_for_every_epoch_of_every_fold():
    found = run_folds(easy())
    assert len(found.history) == 2
    for curves in found.history:
        assert {len(values) for _, values in curves} == {8}


def test_a_fold_without_pictures_is_passed_over():
    examples = easy()
    examples = replace(examples, folds=np.where(examples.folds == 1, 2, 0))
    found = run_folds(examples, "train.folds=3")
    assert [len(curves.validation_loss) for curves in found.history] == [8, 0, 8]
    assert np.isfinite(found.logits).all()
    assert (found.logits != 0).any(1).all()


def test_probabilities_are_calibrated_by_the_temperature():
    found = run_folds(easy(spread=4.0))
    np.testing.assert_allclose(
        found.probabilities, special.softmax(found.logits / found.temperature, axis=1), rtol=1e-5
    )
    assert found.probabilities.dtype == np.float32


def test_a_training_that_diverges_is_said_with_what_to_do():
    examples = easy()
    examples.store.records["features"][0] = np.inf
    with pytest.raises(ConfigError) as caught:
        run_folds(examples, "train.epochs=1", "train.learning_rate=0.5")
    assert caught.value.message == "the training diverged: the head predicts numbers that are not finite"
    assert caught.value.hint == "use a smaller train.learning_rate than 0.5"


def test_progress_counts_the_epochs_of_all_folds():
    told = []
    run_folds(easy(), progress=lambda *step: told.append(step))
    assert told == [("folds", number, 16) for number in range(1, 17)]
