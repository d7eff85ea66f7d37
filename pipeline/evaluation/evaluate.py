"""The Keras model's scores on training, out-of-fold and held-out pictures, and what their gaps mean.

Numbers come from `stats`. Comparing the model with its `.tflite` files belongs to `export.parity`.
"""

from __future__ import annotations

import numpy as np

from pipeline.core import documents, files, stages
from pipeline.core.documents import Document
from pipeline.core.progress import ProgressReporter
from pipeline.evaluation import as_decided, label_issues
from pipeline.evaluation.as_decided import AsDecided
from pipeline.evaluation.predictions import Predictions, keras_predictions
from pipeline.stats import intervals, metrics
from pipeline.stats.metrics import Interval, accuracy_of, f1_of, macro_f1_of
from pipeline.training.experiment import Experiment, load_out_of_fold, require_training
from pipeline.training.results import Folds, Training


class TrainScore(Document):
    """The final model on the n pictures that it was trained on."""

    n: int
    accuracy: float


class OutOfFoldScore(Document):
    """The folds' models, each on the training pictures that it did not see; n pictures in all."""

    n: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    fold_accuracy: tuple[float, ...]
    fold_standard_deviation: float
    chosen_epoch: int
    epoch_was_chosen: bool


class ClassScore(Document):
    """One class's n held-out pictures."""

    label: str
    n: int
    recall: float
    recall_interval: Interval
    f1: float
    f1_interval: Interval


class HeldOutScore(Document):
    """The final model on the n held-out pictures.

    `confusion` is the confusion matrix without its zeros: (truth, answer, pictures), by number of the label.
    """

    n: int
    groups: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def matrix(self) -> np.ndarray:
        """The confusion matrix, shape (classes, classes): rows are the truth."""
        counts = np.zeros((len(self.classes), len(self.classes)), np.int64)
        for truth, answer, count in self.confusion:
            counts[truth, answer] = count
        return counts


class WithoutLeaked(Document):
    """The n held-out pictures without copies in training; `leaked` lists the others' paths.

    `accuracy` is None for n = 0.
    """

    n: int
    accuracy: float | None
    accuracy_interval: Interval
    leaked: tuple[str, ...]


class Evaluation(Document):
    """evaluation.json; `as_decided` is None unless decisions change held-out pictures."""

    labels: tuple[str, ...]
    train: TrainScore
    out_of_fold: OutOfFoldScore
    held_out: HeldOutScore
    without_leaked: WithoutLeaked | None = None
    as_decided: AsDecided | None = None
    threshold: float
    gaps: tuple[str, ...]


def evaluate(experiment: Experiment, reporter: ProgressReporter) -> Evaluation:
    """Writes evaluation.json, answers.csv, label_issues.json and their figures; returns the evaluation.

    Raises:
        UsageError: The run has no folds, because its model was given.
    """
    run = experiment.run
    require_training(run, "no folds to score", f"its held-out scores: python -m export parity {run.name}")
    held_out, made = keras_predictions(experiment, reporter)
    inputs = {"predictions": made.key, "folds": run.key("folds")}
    inputs |= as_decided.inputs(experiment.split)
    recipe = stages.recipe("evaluation", inputs, {}, ("numpy", "scipy"))

    def build() -> None:
        reporter.progress("intervals", 0, 1)
        files.write_bytes(run.path(stages.ANSWERS), _answers(experiment, held_out))
        run.write(_evaluation(experiment, held_out), stages.EVALUATION)
        reporter.progress("intervals", 1, 1)

    run.make(recipe, build)
    evaluation = run.read(Evaluation, stages.EVALUATION)
    label_issues.find_label_issues(experiment)
    from pipeline.stats import class_plots, plots

    score = evaluation.held_out
    bars = [plots.Bar(row.label, row.f1, row.f1_interval) for row in score.classes]
    drawings = {
        "confusion.svg": lambda path: class_plots.confusion(path, evaluation.labels, score.matrix),
        "f1.svg": lambda path: class_plots.f1(path, bars, [row.n for row in score.classes]),
    }
    for name, draw in drawings.items():
        output = f"{stages.FIGURES}/{name}"
        drawn = stages.recipe(output, {"evaluation": recipe.key}, {}, ("matplotlib",))
        run.make(drawn, lambda draw=draw, output=output: draw(run.path(output)))
    return evaluation


def _evaluation(experiment: Experiment, predictions: Predictions) -> Evaluation:
    folds = experiment.run.read(Folds, stages.FOLDS)
    training = experiment.run.read(Training, stages.TRAINING)
    train = TrainScore(n=training.n, accuracy=training.accuracy)
    out_of_fold = _out_of_fold(experiment, folds)
    held_out = _held_out(experiment, predictions)
    clean, decided = without_leaked(experiment, predictions), as_decided.score(experiment, predictions)
    return Evaluation(
        labels=experiment.labels,
        train=train,
        out_of_fold=out_of_fold,
        held_out=held_out,
        without_leaked=clean,
        as_decided=decided,
        threshold=folds.threshold,
        gaps=gaps(train, out_of_fold, held_out, clean) + as_decided.sentences(decided, held_out.accuracy),
    )


def _out_of_fold(experiment: Experiment, folds: Folds) -> OutOfFoldScore:
    stored, classes = load_out_of_fold(experiment.run), len(experiment.labels)
    truth, groups, predicted = stored["truth"], stored["group"], stored["probabilities"].argmax(1)
    counts = metrics.confusion(truth, predicted, classes)
    return OutOfFoldScore(
        n=len(truth),
        accuracy=float(accuracy_of(counts)),
        accuracy_interval=intervals.share(predicted == truth, groups),
        macro_f1=float(macro_f1_of(counts)),
        macro_f1_interval=intervals.f1(truth, predicted, groups, classes).macro,
        fold_accuracy=folds.fold_accuracy,
        fold_standard_deviation=float(np.std(folds.fold_accuracy, ddof=1)),
        chosen_epoch=folds.chosen_epoch,
        epoch_was_chosen=folds.epoch_was_chosen,
    )


def _held_out(experiment: Experiment, predictions: Predictions) -> HeldOutScore:
    truth, groups, counts = predictions.truth, predictions.groups, predictions.confusion
    hits = predictions.predicted == truth
    labels, f1 = experiment.labels, f1_of(counts)
    f1_intervals = intervals.f1(truth, predictions.predicted, groups, len(labels))
    classes = []
    for index, own in enumerate(metrics.rows_by_class(truth, len(labels))):
        low, high = f1_intervals.classes[:, index]
        classes.append(
            ClassScore(
                label=labels[index],
                n=len(own),
                recall=float(hits[own].mean()),
                recall_interval=intervals.share(hits[own], groups[own]),
                f1=float(f1[index]),
                f1_interval=Interval(float(low), float(high)),
            )
        )
    return HeldOutScore(
        n=len(truth),
        groups=len(np.unique(groups)),
        accuracy=float(hits.mean()),
        accuracy_interval=intervals.share(hits, groups),
        macro_f1=float(macro_f1_of(counts)),
        macro_f1_interval=f1_intervals.macro,
        classes=tuple(classes),
        confusion=metrics.entries(counts),
    )


def _answers(experiment: Experiment, predictions: Predictions) -> bytes:
    """answers.csv: every held-out picture, its label, the answer, and the probabilities of both."""
    labels, every = experiment.labels, np.arange(len(predictions.truth))
    scores = predictions.probabilities.max(1), predictions.probabilities[every, predictions.truth]
    rows = (
        (picture.path, picture.label, labels[answer], f"{score:.4f}", f"{own:.4f}")
        for picture, answer, score, own in zip(
            experiment.split.held_out, predictions.predicted, *scores, strict=True
        )
    )
    return documents.csv_of(("path", "label", "answer", "score", "label_score"), rows)


def without_leaked(experiment: Experiment, predictions: Predictions) -> WithoutLeaked | None:
    """A model's held-out score without the pictures that have copies in training; None if there are none."""
    leaked = {picture.path for picture in experiment.split.leaked}
    if not leaked:
        return None
    kept = np.array([picture.path not in leaked for picture in experiment.split.held_out])
    hits = (predictions.predicted == predictions.truth)[kept]
    return WithoutLeaked(
        n=len(hits),
        accuracy=float(hits.mean()) if len(hits) else None,
        accuracy_interval=intervals.share(hits, predictions.groups[kept]),
        leaked=tuple(sorted(leaked)),
    )


def gaps(
    train: TrainScore, folds: OutOfFoldScore, test: HeldOutScore, clean: WithoutLeaked | None
) -> tuple[str, ...]:
    """What the differences between the scores mean, a sentence each."""
    unseen, held_out, n = folds.accuracy, test.accuracy, test.n
    low, high = intervals.difference(held_out, test.accuracy_interval, unseen, folds.accuracy_interval)
    points = 100 * (train.accuracy - unseen)
    if points > 10:
        first = (
            f"It scores {points:.0f} points higher on its training pictures than on unseen ones: "
            "it is overfitting. More pictures help most, then a larger head.l2 (--set head.l2=VALUE)."
        )
    elif points > 3:
        first = (
            f"It scores {points:.0f} points higher on its training pictures than on unseen ones, "
            "which is normal."
        )
    else:
        first = (
            f"It scores about the same on its training pictures as on unseen ones ({points:+.1f} points). "
            "If the score is too low, try a stronger backbone or a larger frame."
        )
    if low <= 0 <= high:
        second = (
            f"The held-out score ({held_out:.3f}, n = {n}) agrees with the out-of-fold score "
            f"({unseen:.3f}): with {n} pictures, the difference is not significant."
        )
    elif held_out < unseen:
        second = (
            f"The held-out score ({held_out:.3f}, n = {n}) is clearly lower than the out-of-fold score "
            f"({unseen:.3f}): the held-out pictures are of a different kind, or near-duplicates among "
            "the training pictures made the folds too easy."
        )
    else:
        second = (
            f"The held-out score ({held_out:.3f}, n = {n}) is clearly higher than the out-of-fold score "
            f"({unseen:.3f}): the held-out pictures are easier, or some have near-duplicates in training."
        )
    if clean is None:
        return first, second
    return (first, leak(test, clean)) if clean.accuracy is None else (first, second, leak(test, clean))


def leak(test: HeldOutScore, clean: WithoutLeaked) -> str:
    """What leaked pictures do to the held-out score."""
    count = len(clean.leaked)
    begin = (
        f"{count} held-out {'pictures belong' if count > 1 else 'picture belongs'} together with training "
        "pictures, as copies or by group"
    )
    if clean.accuracy is None:
        return f"{begin}: that is all of them, so the held-out score is meaningless."
    low, high = clean.accuracy_interval
    scores = (
        f"with {'them' if count > 1 else 'it'} the held-out accuracy is {test.accuracy:.3f}, "
        f"without {clean.accuracy:.3f} ({low:.3f} to {high:.3f}, n = {clean.n:,})"
    )
    return f"{begin}: {scores}. Trust the second."
