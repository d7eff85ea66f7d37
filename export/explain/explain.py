"""Explains a run's held-out pictures: explain.json, and a file of maps for each selected picture.

The answers are those stored by `parity`; nothing here changes a score. The Keras model is loaded only if
something is out of date.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from export import artifacts
from export.conversion import convert
from export.explain import border, maps, selection
from export.explain.explanation import AnsweredPicture, ClassBorder, ExplainedPicture, Explanation
from export.explain.maps import View
from export.parity import parity
from pipeline.core import stages
from pipeline.core.parallel import ordered
from pipeline.core.progress import ProgressReporter
from pipeline.core.sections import INT8
from pipeline.data import stored_table
from pipeline.data.pictures import Picture
from pipeline.evaluation.predictions import KERAS, Predictions
from pipeline.images.views import plain_view
from pipeline.training.experiment import Experiment, require_training

LIMIT = 100
_LIBRARIES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "pillow")


def flavour(experiment: Experiment) -> str:
    """The flavour to explain: int8 if the run has it.

    Raises:
        UsageError: The run's model was given: where it looks is read from the layers of those trained here.
    """
    run = experiment.run
    require_training(
        run, "no layers to explain it by", f"see the rest of it: python -m export report {run.name}"
    )
    made = convert.exported(experiment)
    return INT8 if INT8 in made else made[-1]


def explain(experiment: Experiment, reporter: ProgressReporter, limit: int = LIMIT) -> Explanation:
    """Brings explain.json up to date and reads it.

    Raises:
        RunError: The run is not exported.
        DataError: A held-out picture has changed since training.
    """
    run, name = experiment.run, flavour(experiment)
    parity.parity(experiment, reporter)  # so that the stored answers are those of the current files
    keys = {model: run.key(f"{stages.PREDICTIONS}/{model}") for model in (KERAS, name)}
    inputs = {**keys, "train": experiment.split.train_key}
    recipe = stages.recipe("explain", inputs, {"limit": limit, "seed": experiment.config.seed}, _LIBRARIES)

    def build() -> list[str]:
        reference, target = (Predictions(m, **run.read_arrays(stages.PREDICTIONS, f"{m}.npz")) for m in keys)
        explanation = _explain(experiment, reference, target, limit, reporter)
        run.write(explanation, artifacts.EXPLAINED)
        return [row.maps for row in explanation.pictures]

    run.make(recipe, build)
    return run.read(Explanation, artifacts.EXPLAINED)


def _explain(
    experiment: Experiment,
    reference: Predictions,
    target: Predictions,
    limit: int,
    reporter: ProgressReporter,
) -> Explanation:
    labels, held_out = experiment.labels, experiment.split.held_out
    chosen = selection.choose(reference, target, limit, experiment.config.seed)
    selected = [held_out[place] for place in chosen]
    stored_table.check_unchanged(experiment.table, selected)

    def view(picture: Picture) -> View:
        edge = border.mask(picture.width, picture.height, experiment.frame)
        return View(plain_view(experiment.table.file(picture), experiment.frame), edge)

    def answered(place: int) -> AnsweredPicture:
        truth, picture = int(target.truth[place]), held_out[place]
        before, after = int(reference.predicted[place]), int(target.predicted[place])
        return AnsweredPicture(
            path=picture.path,
            sha256=picture.sha256,
            label=picture.label,
            right=after == truth,
            # A wrong answer that Keras does not give is the file's own mistake.
            flip=before != after,
            keras=selection.judged_answer(reference.probabilities[place], labels, truth),
            file=selection.judged_answer(target.probabilities[place], labels, truth),
        )

    data = experiment.run.path(convert.file_name(target.model)).read_bytes()
    names = [f"{artifacts.EXPLANATIONS}/{picture.sha256[:20]}.jpg" for picture in selected]
    classes = reference.predicted[list(chosen)]
    drawn = maps.make(experiment, data, list(ordered(view, selected)), names, classes, reporter)
    pictures = tuple(
        ExplainedPicture(**dict(answered(place)), **dict(own), why=tuple(why))
        for (place, why), own in zip(chosen.items(), drawn, strict=True)
    )
    maps.remove_others(experiment, artifacts.EXPLANATIONS, set(names))
    borders = tuple(_class_borders(experiment, target, pictures))
    wrong = np.flatnonzero((target.predicted != target.truth) | (reference.predicted != reference.truth))
    return Explanation(
        model=target.model,
        reference=reference.model,
        n=len(held_out),
        limit=limit,
        labels=tuple(labels),
        panels=maps.PANELS,
        pictures=pictures,
        mistakes=tuple(answered(int(place)) for place in wrong),
        classes=borders,
        alarms=tuple(row.sentence for row in borders if row.alarm),
    )


def _class_borders(
    experiment: Experiment, target: Predictions, pictures: Sequence[ExplainedPicture]
) -> list[ClassBorder]:
    """The sample by class, and the most and least confident held-out pictures of each."""
    held_out = experiment.split.held_out
    groups = {picture.path: experiment.split.groups.of(picture) for picture in held_out}
    sample = [row for row in pictures if selection.SAMPLE in row.why]
    rows = []
    for label, (most, least) in zip(experiment.labels, selection.confident(target), strict=True):
        own = [row for row in sample if row.file.answer == label]
        row = border.of_class(label, [row.border for row in own], [groups[row.path] for row in own])
        paths = {
            "most_confident": tuple(held_out[place].path for place in most),
            "least_confident": tuple(held_out[place].path for place in least),
        }
        rows.append(row.model_copy(update=paths))
    return rows
