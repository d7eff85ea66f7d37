"""What the folds and the final model leave in a run: recipes, documents and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.core import files, stages
from pipeline.core.digests import digest_array
from pipeline.core.recipes import Recipe
from pipeline.core.runs import Run
from pipeline.stats import intervals, metrics
from pipeline.training import features
from pipeline.training.experiment import NUMERIC, Experiment, training_settings
from pipeline.training.results import Folds, Training

if TYPE_CHECKING:
    import keras

    from pipeline.training import heads


def folds_recipe(experiment: Experiment, fine_tuning: str = "") -> Recipe:
    """The recipe of a run's folds; `fine_tuning` is the key of the fine-tuning whose model is kept."""
    made = features.recipe(experiment.config, experiment.frame)
    inputs = {"train": experiment.split.train_key, "features": made.key}
    if fine_tuning:
        inputs["fine_tuning"] = fine_tuning
    return stages.recipe("folds", inputs, training_settings(experiment), NUMERIC)


def model_recipe(folds: Recipe) -> Recipe:
    """The recipe of the final model of these folds."""
    return stages.recipe("model", {"folds": folds.key}, {}, NUMERIC)


def folds_document(examples: heads.Examples, folds: heads.CrossValidation, experiment: Experiment) -> Folds:
    """What folds.json says of the folds."""
    hits = folds.logits.argmax(1) == examples.truth
    train = experiment.config.train
    return Folds(
        labels=experiment.labels,
        n=len(hits),
        accuracy=float(hits.mean()),
        fold_accuracy=tuple(
            float(hits[examples.folds == fold].mean())
            for fold in range(train.folds)
            if (examples.folds == fold).any()
        ),
        chosen_epoch=folds.chosen_epoch,
        epoch_was_chosen=train.select_best_epoch,
        steps=folds.steps,
        temperature=folds.temperature,
        threshold=folds.threshold,
        history=folds.history,
    )


def out_of_fold_arrays(
    examples: heads.Examples, folds: heads.CrossValidation, experiment: Experiment
) -> dict[str, np.ndarray]:
    """What `load_out_of_fold` reads."""
    return {
        "sha256": digest_array(p.sha256 for p in experiment.split.train),
        "group": intervals.group_numbers(examples.groups),
        "truth": examples.truth,
        "fold": examples.folds,
        "logits": folds.logits,
        "probabilities": folds.probabilities,
    }


def write_model(
    run: Run,
    model: keras.Model,
    trained: Sequence[keras.Variable],
    logits: np.ndarray,
    truth: np.ndarray,
    steps: int,
) -> None:
    """Writes model.keras and training.json.

    Args:
        run: Where to.
        model: The final classifier.
        trained: Its weights that were trained.
        logits: Its calibrated logits for the training pictures, shape (n, classes).
        truth: Their labels, shape (n,).
        steps: The number of training steps.
    """
    with files.replacing(run.path(stages.MODEL)) as path:
        model.save(path)
    parameters = sum(int(np.prod(v.shape)) for v in trained)
    document = Training(
        n=len(truth),
        accuracy=float((logits.argmax(1) == truth).mean()),
        log_loss=metrics.log_loss(logits, truth),
        steps=steps,
        trainable_parameters=parameters,
        frozen_parameters=model.count_params() - parameters,
    )
    run.write(document, stages.TRAINING)
