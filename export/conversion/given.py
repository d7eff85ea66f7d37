"""The run of a model that was given, not trained: its pictures are audited and split, and it is put in place.

What would be the training side calibrates, and sets the threshold; the held-out side judges. From there on
it is a run like any other, without folds. Opening the model is in `own_model`.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.conversion import own_model
from export.conversion.own_model import OwnModel
from pipeline.core import config as configuration
from pipeline.core import files, parallel, runs, stages
from pipeline.core.config import Config
from pipeline.core.errors import ConfigError, DataError, UsageError
from pipeline.core.files import digest
from pipeline.core.progress import ProgressReporter
from pipeline.core.quiet import quiet
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.data import splits, stored_table
from pipeline.data.labels import numbers_of
from pipeline.images.letterbox import median_aspect
from pipeline.images.views import plain_view
from pipeline.stats import metrics
from pipeline.training import train
from pipeline.training.experiment import NUMERIC, Experiment, open_trained
from pipeline.training.results import Frame, GivenModel

# The parts of a configuration that such a run has a use for.
_SECTIONS = {"seed", "data", "augment", "export", "gate"}
# Of the pictures, where the configuration says nothing: nothing is trained, so as many judge as calibrate.
_HELD_OUT = 0.5


@dataclass(frozen=True)
class Given:
    """What the command line says about a model.

    Attributes:
        file: The .keras file.
        source: Its pictures: a folder, a table, or a configuration that names them.
        labels: In output order.
        labels_file: Where these stand.
        limits: What the model expects for the pixels 0 and 255.
        size: Of its input, where the file leaves that open.
        name: Of the run; None for the file's.
    """

    file: Path
    source: Path
    labels: tuple[str, ...]
    labels_file: Path
    limits: tuple[float, float] | None = None
    size: Size | None = None
    name: str | None = None


def configured(given: Given) -> Config:
    """The configuration of the run.

    Raises:
        ConfigError: It is wrong, or a search.
        DataError: There are no pictures.
    """
    config = configuration.load(given.source)
    if config.search:
        raise ConfigError(
            f"{given.source}: {', '.join(config.search)}: a model that is given is not searched",
            "give each key one value",
        )
    if "held_out" in config.data.model_fields_set:
        return config
    return config.model_copy(update={"data": config.data.model_copy(update={"held_out": _HELD_OUT})})


def run_of(given: Given, config: Config) -> Run:
    """The run that the model goes into, new or made for an earlier one.

    Raises:
        ConfigError: The run is of other pictures.
        UsageError: Its name is none, or its model was trained here.
    """
    name = runs.run_name(given.file.with_suffix("")) if given.name is None else given.name
    run = runs.open_for(name, config)
    if run.path(stages.FOLDS).is_file() or (run.path(stages.MODEL).is_file() and not run.model_was_given):
        raise UsageError(
            f"{run.folder} holds a model that was trained here", "use --name NAME for another run"
        )
    return run


def give(run: Run, config: Config, given: Given, reporter: ProgressReporter) -> Experiment:
    """Makes the run; what is up to date is kept.

    Raises:
        DataError: The model, its labels and the pictures do not fit each other.
        UsageError: The size of the model's input is open, or other than it was in this run.
        StorageError: The disk says no.
    """
    labels = tuple(unicodedata.normalize("NFC", label) for label in given.labels)
    own = own_model.load(given.file, given.size)
    _check_labels(own, labels, given.labels_file)
    _check_same_border(run, own, labels)
    table = train.look(run, config, reporter)
    _check_classes(labels, table.labels, given)
    splits.restore(run)
    split = splits.make(run, table, config, splits.check_sides)
    reporter.say("split", f"{len(split.train):,} to calibrate on, {len(split.held_out):,} to judge by")
    files.write_text(run.path(stages.CONFIG), configuration.dump(config, _SECTIONS))
    _write_frame(run, own.frame, split)
    limits = given.limits or own_model.RAW
    recipe = stages.recipe(
        "given",
        {"file": digest(given.file), "train": split.train_key},
        {"labels": list(labels), "limits": list(limits), "frame": str(own.frame)},
        NUMERIC,
    )

    def build() -> None:
        stored_table.check_unchanged(table, split.train)
        model, added = own_model.classifier(own, limits)
        with quiet():
            from pipeline.training import classifier

            frames = parallel.ordered(lambda p: plain_view(table.file(p), own.frame), split.train)
            answers = classifier.predict(
                model, frames, lambda done: reporter.progress("running the model", done, len(split.train))
            )
            with files.replacing(run.path(stages.MODEL)) as path:
                model.save(path)
        truth = numbers_of(split.train.labels(), labels)
        document = GivenModel(
            file=given.file.name,
            sha256=digest(given.file),
            labels=labels,
            limits=limits,
            softmax_added=added,
            parameters=int(own.model.count_params()),
            n=len(truth),
            accuracy=float((answers.argmax(1) == truth).mean()),
            threshold=metrics.dont_know_threshold(answers, truth, config.train.min_correct_coverage),
        )
        run.write(document, stages.GIVEN)

    run.make(recipe, build)
    experiment = open_trained(run, reporter)
    _say(experiment, given, reporter)
    return experiment


def _write_frame(run: Run, frame: Size, split: splits.Split) -> None:
    aspect = round(median_aspect([*split.train.sizes()]), 6)
    document = Frame(width=frame.width, height=frame.height, content_aspect=aspect)
    recipe = stages.recipe("frame", {"train": split.train_key}, {"input": str(frame)})
    run.make(recipe, lambda: run.write(document, stages.FRAME))


def _check_labels(own: OwnModel, labels: Sequence[str], where: Path) -> None:
    own_model.check_labels(own, labels, str(where))
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise DataError(f"{where} names {twice[0]} twice", "give each output its own label")


def _check_same_border(run: Run, own: OwnModel, labels: Sequence[str]) -> None:
    """Refuses a model that is no new version of the run's, but another one."""
    if not run.model_was_given:
        return
    old, frame = run.read(GivenModel, stages.GIVEN), run.read(Frame, stages.FRAME).size
    differences = own.differences(old.labels, frame)
    if tuple(labels) != old.labels:
        differences.append(f"its labels are {', '.join(labels)}, not {', '.join(old.labels)}")
    if differences:
        raise UsageError(
            f"{own.path} is a different model from the one in {run.folder}: {'; '.join(differences)}",
            "use --name NAME for another run",
        )


def _check_classes(labels: Sequence[str], classes: Sequence[str], given: Given) -> None:
    """Checks that the pictures show what the labels name."""
    only = [
        f"only {source} has {', '.join(missing)}"
        for source, ours, theirs in ((given.labels_file, labels, classes), (given.source, classes, labels))
        if (missing := sorted(set(ours) - set(theirs)))
    ]
    if only:
        raise DataError(
            f"the labels are not the classes of the pictures: {'; '.join(only)}",
            "name each folder of pictures as the label of its output",
        )


def _say(experiment: Experiment, given: Given, reporter: ProgressReporter) -> None:
    """What was made of the model, and what cannot be known of it."""
    document = experiment.given
    if document is None:
        return
    low, high = document.limits
    reporter.say(
        "model",
        f"{document.file}, {document.parameters:,} parameters, {len(document.labels)} outputs; "
        f"{experiment.frame}, letterbox, pixels as {low:g} to {high:g}",
    )
    if document.softmax_added:
        reporter.say("softmax", f"added: {given.file} ends with a linear layer, so its answers are logits")
    reporter.say(
        "threshold",
        f"{document.threshold:.3f}, chosen on the {document.n:,} pictures that calibrate "
        f"(accuracy there {document.accuracy:.3f})",
    )
    counts = Counter(experiment.split.train.labels())
    if document.accuracy <= max(counts.values()) / document.n:
        reporter.warn(
            f"{document.file} is no better than guessing: {document.accuracy:.1%} of {document.n:,} pictures "
            f"are right; check --range (now {low:g},{high:g}) and the order of the labels in "
            f"{given.labels_file}"
        )
    reporter.warn(
        "which pictures the model was trained on is not known here: its accuracy is flattering if these are "
        "among them; agreement with the .tflite files is not affected"
    )
