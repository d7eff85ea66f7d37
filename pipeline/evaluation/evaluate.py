"""A model's answers on the held-out pictures, made once and kept; what they say; runs compared.

Held-out answers are made once per model and read by no choice. Numbers come from `metrics`,
drawings from `figures`; reference against target is `export.parity`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.core import config as configuration
from pipeline.core import files, runs, stages
from pipeline.core.config import Config
from pipeline.core.errors import DataError
from pipeline.core.parallel import ordered
from pipeline.core.progress import ProgressReporter
from pipeline.core.quiet import quiet
from pipeline.core.recipes import Recipe
from pipeline.core.runs import Run
from pipeline.data import dataset
from pipeline.evaluation import label_issues
from pipeline.stats import intervals, metrics
from pipeline.stats.metrics import Interval, accuracy_of, f1_of, macro_f1_of
from pipeline.tflite import interpreter as litert
from pipeline.training import features
from pipeline.training.experiment import Experiment, load_out_of_fold, settled_config

KERAS = "keras"
MIN_SHARED = 30
_BATCH = 32
_KERAS_LIBRARIES = ("tensorflow", "keras", "numpy", "pillow")


@dataclass(frozen=True)
class Predictions:
    """One model's answers on the held-out pictures.

    Attributes:
        model: `keras` or the name of a flavour.
        sha256: Of each picture's bytes.
        groups: The group of each.
        truth: Labels, shape (n,).
        probabilities: float32, shape (n, classes).

    Raises:
        ConversionError: A probability is not finite.
    """

    model: str
    sha256: np.ndarray
    groups: np.ndarray
    truth: np.ndarray
    probabilities: np.ndarray

    def __post_init__(self) -> None:
        litert.finite(self.probabilities, self.model)

    @property
    def predicted(self) -> np.ndarray:
        """Labels, shape (n,); ties go to the lower index."""
        return self.probabilities.argmax(1)

    @property
    def confusion(self) -> np.ndarray:
        """Counts, shape (classes, classes): rows are the truth."""
        return metrics.confusion(self.truth, self.predicted, self.probabilities.shape[1])


Answer = Callable[[Sequence[dataset.Picture], Callable[[int], object]], np.ndarray]


def predictions(
    experiment: Experiment,
    model: str,
    inputs: dict[str, str],
    libraries: Sequence[str],
    make: Answer,
    reporter: ProgressReporter,
) -> tuple[Predictions, Recipe]:
    """The stored answers of a model on the held-out pictures, made now if they are not there.

    Args:
        subject: The run.
        model: `keras` or the name of a flavour.
        inputs: The keys of what the model was made from.
        libraries: The distributions that the answers depend on.
        make: Answers pictures; called only if need be.
        listener: Hears how far it is.

    Raises:
        DataError: A held-out picture was changed since the training.
    """
    run, split = experiment.run, experiment.split
    name = f"{runs.PREDICTIONS}/{model}.npz"
    recipe = stages.recipe(
        f"{runs.PREDICTIONS}/{model}", {**inputs, "held_out": split.held_out_key}, {}, libraries
    )

    def build() -> None:
        dataset.check_unchanged(experiment.table, split.held_out)
        stage = f"held-out answers of {model}"
        total = len(split.held_out)
        found = make(split.held_out, lambda done: reporter.progress(stage, done, total))
        run.write_arrays(
            name,
            sha256=np.array([p.sha256 for p in split.held_out]),
            groups=np.array([split.groups[p.path] for p in split.held_out]),
            truth=np.array([experiment.labels.index(p.label) for p in split.held_out]),
            probabilities=found.astype(np.float32),
        )

    run.make(recipe, build)
    return Predictions(model, **run.read_arrays(name)), recipe


def keras_predictions(experiment: Experiment, reporter: ProgressReporter) -> tuple[Predictions, Recipe]:
    """The answers of the run's Keras model. TensorFlow is loaded only if they are not there."""

    def make(pictures: Sequence[dataset.Picture], advance: Callable[[int], object]) -> np.ndarray:
        with quiet():
            from pipeline.training import classifier

            model = classifier.load(experiment.run.path(runs.MODEL))
        rows: list[np.ndarray] = []
        frames: list[np.ndarray] = []

        def frame(picture: dataset.Picture) -> np.ndarray:
            return features.plain_view(experiment.table.file(picture), experiment.frame)

        for done, prepared in enumerate(ordered(frame, pictures), 1):
            frames.append(prepared)
            if len(frames) == _BATCH or done == len(pictures):
                # A compiled graph: calling the model keeps every feature map until it is done.
                rows.append(model.predict_on_batch(np.stack(frames).astype(np.float32)))
                frames.clear()
                advance(done)
        return np.concatenate(rows)

    inputs = {"model": experiment.run.key("model")}
    return predictions(experiment, KERAS, inputs, _KERAS_LIBRARIES, make, reporter)


def evaluate(experiment: Experiment, reporter: ProgressReporter) -> dict[str, Any]:
    """Writes evaluation.json and its figures; gives the evaluation."""
    run = experiment.run
    held_out, made = keras_predictions(experiment, reporter)
    inputs = {"predictions": made.key, "folds": run.key("folds")}
    recipe = stages.recipe("evaluation", inputs, {}, ("numpy", "scipy"))

    def build() -> None:
        reporter.progress("intervals", 0, 1)
        files.write_json(run.path(runs.EVALUATION), _evaluation(experiment, held_out))
        reporter.progress("intervals", 1, 1)

    run.make(recipe, build)
    found = run.read_json(runs.EVALUATION)
    label_issues.find_label_issues(experiment)
    from pipeline.stats import plots

    drawings = {
        "confusion.svg": lambda path: plots.confusion(path, found["labels"], found["held_out"]),
        "f1.svg": lambda path: plots.f1(path, found["held_out"]["classes"], found["held_out"]["n"]),
    }
    for name, draw in drawings.items():
        output = f"{runs.FIGURES}/{name}"
        drawn = stages.recipe(output, {"evaluation": recipe.key}, {}, ("matplotlib",))
        run.make(drawn, lambda draw=draw, output=output: draw(run.path(output)))
    return found


def _evaluation(experiment: Experiment, held_out: Predictions) -> dict[str, Any]:
    folds, training = experiment.run.read_json(runs.FOLDS), experiment.run.read_json(runs.TRAINING)
    stored = load_out_of_fold(experiment.run)
    classes = len(experiment.labels)
    predicted = stored["probabilities"].argmax(1)

    pooled = metrics.confusion(stored["truth"], predicted, classes)
    spread = folds["fold_accuracy"]
    out_of_fold = {
        "n": len(predicted),
        "accuracy": float(accuracy_of(pooled)),
        "accuracy_interval": list(intervals.share(predicted == stored["truth"], stored["group"])),
        "macro_f1": float(macro_f1_of(pooled)),
        "macro_f1_interval": list(intervals.f1(stored["truth"], predicted, stored["group"], classes).macro),
        "fold_accuracy": spread,
        "fold_standard_deviation": float(np.std(spread, ddof=1)),
        "chosen_epoch": folds["chosen_epoch"],
        "epoch_was_chosen": folds["epoch_was_chosen"],
    }
    counts = held_out.confusion
    right, n = held_out.predicted == held_out.truth, len(held_out.truth)
    of_f1 = intervals.f1(held_out.truth, held_out.predicted, held_out.groups, classes)
    per_class = []
    for index, label in enumerate(experiment.labels):
        own = held_out.truth == index
        per_class.append(
            {
                "label": label,
                "n": int(own.sum()),
                "recall": float(right[own].mean()),
                "recall_interval": list(intervals.share(right[own], held_out.groups[own])),
                "f1": float(f1_of(counts)[index]),
                "f1_interval": of_f1.classes[:, index].tolist(),
            }
        )
    evaluation = {
        "labels": list(experiment.labels),
        "train": {"n": training["n"], "accuracy": training["accuracy"]},
        "out_of_fold": out_of_fold,
        "held_out": {
            "n": n,
            "groups": len(np.unique(held_out.groups)),
            "accuracy": float(right.mean()),
            "accuracy_interval": list(intervals.share(right, held_out.groups)),
            "macro_f1": float(macro_f1_of(counts)),
            "macro_f1_interval": list(of_f1.macro),
            "classes": per_class,
            "confusion": counts.tolist(),
        },
        "without_leaked": without_leaked(experiment, held_out),
        "threshold": folds["threshold"],
    }
    return {**evaluation, "gaps": gaps(evaluation)}


def without_leaked(experiment: Experiment, held_out: Predictions) -> dict[str, Any] | None:
    """A model's held-out score without the pictures that have copies in training; None if there are none."""
    leaked = {picture.path for picture in experiment.split.leaked}
    if not leaked:
        return None
    kept = np.array([picture.path not in leaked for picture in experiment.split.held_out])
    right = (held_out.predicted == held_out.truth)[kept]
    return {
        "n": len(right),
        "accuracy": float(right.mean()) if len(right) else None,
        "accuracy_interval": list(intervals.share(right, held_out.groups[kept])),
        "leaked": sorted(leaked),
    }


def gaps(evaluation: dict[str, Any]) -> list[str]:
    """What lies between the three scores, in words; the keys are those of evaluation.json."""
    seen, unseen = evaluation["train"]["accuracy"], evaluation["out_of_fold"]["accuracy"]
    held_out, n = evaluation["held_out"]["accuracy"], evaluation["held_out"]["n"]
    low, high = intervals.difference(
        held_out,
        Interval(*evaluation["held_out"]["accuracy_interval"]),
        unseen,
        Interval(*evaluation["out_of_fold"]["accuracy_interval"]),
    )
    points = 100 * (seen - unseen)
    if points > 10:
        first = (
            f"On the pictures it was trained on it is {points:.0f} points better than on others: "
            "it has learned some by heart. More pictures help most, then a larger head.l2."
        )
    elif points > 3:
        first = (
            f"On the pictures it was trained on it is {points:.0f} points better than on others, as is usual."
        )
    else:
        first = (
            f"On the pictures it was trained on it is hardly better ({points:+.1f} points) than on others. "
            "If the score is too low, a stronger backbone or a larger frame may help."
        )
    if low <= 0 <= high:
        second = (
            f"The held-out score ({held_out:.3f}, n = {n}) does not contradict the out-of-fold score "
            f"({unseen:.3f}): the difference is within what {n} pictures can tell."
        )
    elif held_out < unseen:
        second = (
            f"The held-out score ({held_out:.3f}, n = {n}) is clearly lower than the out-of-fold score "
            f"({unseen:.3f}): the held-out pictures are of another kind, or near-copies among the training "
            "pictures made the folds too easy."
        )
    else:
        second = (
            f"The held-out score ({held_out:.3f}, n = {n}) is clearly higher than the out-of-fold score "
            f"({unseen:.3f}): the held-out pictures are easier, or some have near-copies in training."
        )
    return [first, second, *_leaks(evaluation)]


def _leaks(evaluation: dict[str, Any]) -> list[str]:
    clean = evaluation["without_leaked"]
    if not clean:
        return []
    count = len(clean["leaked"])
    begin = (
        f"{count} held-out {'pictures have copies' if count > 1 else 'picture has a copy'} "
        "among the training pictures"
    )
    if not clean["n"]:
        return [f"{begin}: that is all of them, so the held-out score says nothing."]
    low, high = clean["accuracy_interval"]
    scores = (
        f"with {'them' if count > 1 else 'it'} the held-out accuracy is "
        f"{evaluation['held_out']['accuracy']:.3f}, without {clean['accuracy']:.3f} "
        f"({low:.3f} to {high:.3f}, n = {clean['n']:,})"
    )
    return [f"{begin}: {scores}. The second is the honest one."]


def compare(many: Sequence[Run]) -> dict[str, Any]:
    """Runs ranked by out-of-fold accuracy, each paired with the best on the pictures they share.

    Raises:
        DataError: Two runs share fewer than 30 training pictures.
        RunError: A run has no out-of-fold answers yet.
    """
    counted = Counter(run.name for run in many)
    names = {run: run.name if counted[run.name] == 1 else str(run.folder) for run in many}
    loaded = {run: load_out_of_fold(run) for run in many}
    right = {run: arrays["probabilities"].argmax(1) == arrays["truth"] for run, arrays in loaded.items()}
    ranked = sorted(many, key=lambda run: -right[run].mean())
    best = ranked[0]
    # Equal files have equal answers, so one stands for all of them.
    by_content = {run: dict(zip(loaded[run]["sha256"].tolist(), right[run], strict=True)) for run in many}
    groups = dict(zip(loaded[best]["sha256"].tolist(), loaded[best]["group"].tolist(), strict=True))
    rows = []
    for run in ranked:
        shared = [content for content in by_content[best] if content in by_content[run]]
        if len(shared) < MIN_SHARED:
            raise DataError(
                f"{names[run]} and {names[best]} share {len(shared)} training pictures; "
                f"a comparison needs {MIN_SHARED}",
                "compare runs of the same pictures",
            )
        own, others = (np.array([by_content[one][content] for content in shared]) for one in (run, best))
        # The rise from the best run to this one is the drop from this one to the best.
        bounds = intervals.drop(own, others, [groups[content] for content in shared])
        rows.append(
            {
                "run": names[run],
                "n": len(right[run]),
                "accuracy": float(right[run].mean()),
                "shared_with_best": len(shared),
                "difference_to_best": float(own.mean() - others.mean()),
                "difference_interval": list(bounds),
            }
        )
    differing = _differences({names[run]: run for run in ranked})
    return {"ranked_by": "out-of-fold accuracy", "rows": rows, "configuration": differing}


def _differences(many: dict[str, Run]) -> dict[str, dict[str, Any]]:
    configs: dict[str, Config] = {name: settled_config(run) for name, run in many.items()}
    first = next(iter(configs.values()))
    keys = sorted({key for other in configs.values() for key in configuration.differing_keys(first, other)})
    flat = {name: configuration.flat(config) for name, config in configs.items()}
    return {key: {name: values.get(key) for name, values in flat.items()} for key in keys}
