"""calibration.json: how well the representative dataset represents other pictures.

Which pictures were chosen and why, class shares, the input range they cover, and how other training
pictures differ from them. `calibration` chooses the pictures; held-out ones are never used here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from export import artifacts
from export.conversion import calibration, compensation
from export.conversion.calibration import Trial
from export.conversion.compensation import Compensation
from pipeline.core import parallel, stages
from pipeline.core.documents import Document
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.data import stored_table
from pipeline.data.pictures import Picture
from pipeline.images.views import plain_view
from pipeline.training.experiment import Experiment

_OTHERS = 200
# Three quantities are compared: 1 in 20 that any of them differs by chance.
_BY_CHANCE = 2.39


class ChosenPicture(Document):
    """A calibration picture, and why it is one."""

    path: str
    label: str
    sha256: str
    reason: str


class ClassShare(Document):
    """A class's calibration pictures, and its shares of those and of all training pictures, 0 ... 1."""

    label: str
    n: int
    share: float
    training_share: float


class InputRange(Document):
    """The levels 0 ... 255 that the pictures cover, by channel; without the black and the white frame."""

    lowest: tuple[int, ...]
    highest: tuple[int, ...]
    levels: tuple[int, ...]


class EmptyPicture(Document):
    """A picture of one colour or noise."""

    path: str
    why: str


class Quantity(Document):
    """A property of the calibration pictures against other training pictures.

    Attributes:
        calibration: The mean over the calibration pictures.
        other: The mean over other training pictures.
        difference: In standard deviations of the others.
        by_chance: The largest difference that chance explains, in the same unit.
        beyond_chance: Whether the difference is larger.
    """

    name: str
    calibration: float
    other: float
    difference: float
    by_chance: float
    beyond_chance: bool


class Drift(Document):
    """How calibration pictures differ from other training pictures; no quantities without others."""

    n_calibration: int
    n_other: int
    quantities: tuple[Quantity, ...]


class CalibrationReport(Document):
    """calibration.json.

    Attributes:
        source: Where the pictures come from.
        second_look: Whether they were chosen after the gate refused the first file.
        recalibration: How, if so.
        wanted: The configured number of pictures.
        compensation: Whether the model was compensated first; None if that was not tried.
        words: The findings in sentences.
    """

    source: str
    second_look: bool
    recalibration: Trial | None
    wanted: int
    pictures: tuple[ChosenPicture, ...]
    classes: tuple[ClassShare, ...]
    input: InputRange
    empty: tuple[EmptyPicture, ...]
    drift: Drift
    compensation: Compensation | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Facts:
    """A frame's properties on 0 ... 255, and the levels it has: bool, shape (3, 256)."""

    empty: str
    brightness: float
    contrast: float
    colourfulness: float
    levels: np.ndarray


def report(experiment: Experiment, made: Recipe, reporter: ProgressReporter) -> None:
    """Writes calibration.json for the representative dataset in force, if it is out of date.

    Args:
        experiment: The run.
        made: Recipe of the int8 file.
        reporter: Receives progress.
    """
    run = experiment.run
    recalibration = calibration.recalibrated(experiment)
    recipe = stages.recipe(
        "calibration",
        {"export": made.key},
        {"look": 2 if recalibration else 1},
        ("numpy", "pillow"),
    )

    def build() -> None:
        chosen = calibration.choose(experiment)
        taken = {picture.path for picture in chosen}
        rest = [picture for picture in experiment.split.train if picture.path not in taken]
        others = calibration.stratified(rest, _OTHERS, experiment.config.seed) if rest else []
        stored_table.check_unchanged(experiment.table, [*chosen, *others])
        facts = []
        for row in parallel.ordered(
            lambda p: _facts(plain_view(experiment.table.file(p), experiment.frame)),
            [*chosen, *others],
        ):
            facts.append(row)
            reporter.progress("checking the calibration", len(facts), len(chosen) + len(others))
        own, other = facts[: len(chosen)], facts[len(chosen) :]
        reason = recalibration.chosen if recalibration else "picked within its class by the seed"
        document = CalibrationReport(
            source="training pictures, by class share; a black and a white frame come first",
            second_look=recalibration is not None,
            recalibration=recalibration and Trial.model_validate(recalibration.model_dump()),
            wanted=experiment.config.export.calibration_pictures,
            pictures=tuple(
                ChosenPicture(path=p.path, label=p.label, sha256=p.sha256, reason=reason) for p in chosen
            ),
            classes=_classes(experiment, chosen),
            input=_covered(own),
            empty=tuple(
                EmptyPicture(path=picture.path, why=row.empty)
                for picture, row in zip(chosen, own, strict=True)
                if row.empty
            ),
            drift=_drift(own, other),
            compensation=compensation.tried(experiment),
        )
        run.write(document.model_copy(update={"words": tuple(sentences(document))}), artifacts.CALIBRATION)

    run.make(recipe, build)


def sentences(document: CalibrationReport) -> list[str]:
    """The findings in words."""
    n = len(document.pictures)
    words = [f"{n} training pictures, a black frame and a white one set the integer ranges."]
    if document.recalibration:
        words.append(f"They were chosen after the gate refused int8. {document.recalibration.summary}.")
    if document.compensation and not document.recalibration:
        words.append(document.compensation.sentence)
    furthest = max(document.classes, key=lambda row: abs(row.share - row.training_share))
    gap = abs(furthest.share - furthest.training_share)
    words.append(
        "Every class has its share of the training pictures"
        + (f"; {furthest.label} is furthest from it, by {100 * gap:.1f} points." if gap > 0.01 else ".")
    )
    levels = min(document.input.levels)
    words.append(
        "They cover all 256 levels of every colour."
        if levels == 256
        else f"They cover {levels} of the 256 levels of the least varied colour; the black and the white "
        "frame add the ends, so the app can pass raw pixels."
    )
    if document.empty:
        words.append(f"{len(document.empty)} of them are a single colour or noise and add nothing.")
    if not document.drift.n_other:
        words.append("All training pictures were used, so there are none to compare them with.")
        return words
    drifted = [row for row in document.drift.quantities if row.beyond_chance]
    words.extend(
        f"Their {row.name} is {'higher' if row.difference > 0 else 'lower'} than that of other training "
        f"pictures by {abs(row.difference):.2f} standard deviations; chance explains {row.by_chance:.2f}."
        for row in drifted
    )
    if not drifted:
        words.append("Brightness, contrast and colour match those of the other training pictures.")
    return words


def _classes(experiment: Experiment, chosen: Sequence[Picture]) -> tuple[ClassShare, ...]:
    training = Counter(experiment.split.train.labels())
    own = Counter(picture.label for picture in chosen)
    return tuple(
        ClassShare(
            label=label,
            n=own[label],
            share=own[label] / len(chosen),
            training_share=training[label] / training.total(),
        )
        for label in experiment.labels
    )


def _facts(frame: np.ndarray) -> _Facts:
    pixels = frame.reshape(-1, 3).astype(np.float32)
    grey = pixels.mean(1)
    return _Facts(
        empty=calibration.emptiness(frame),
        brightness=float(grey.mean()),
        contrast=float(grey.std()),
        colourfulness=float(np.ptp(pixels, axis=1).mean()),
        levels=np.stack([np.bincount(frame[..., c].ravel(), minlength=256) > 0 for c in range(3)]),
    )


def _covered(own: Sequence[_Facts]) -> InputRange:
    channels = np.any([facts.levels for facts in own], axis=0)
    return InputRange(
        lowest=tuple(int(np.flatnonzero(channel)[0]) for channel in channels),
        highest=tuple(int(np.flatnonzero(channel)[-1]) for channel in channels),
        levels=tuple(int(channel.sum()) for channel in channels),
    )


def _drift(own: Sequence[_Facts], other: Sequence[_Facts]) -> Drift:
    values = {
        "brightness": [[facts.brightness for facts in part] for part in (own, other)],
        "contrast": [[facts.contrast for facts in part] for part in (own, other)],
        "colourfulness": [[facts.colourfulness for facts in part] for part in (own, other)],
    }
    rows = []
    for name, parts in values.items() if other else ():
        ours, theirs = (np.array(part) for part in parts)
        difference = float(ours.mean() - theirs.mean()) / (float(theirs.std()) or 1.0)
        by_chance = _BY_CHANCE * float(np.sqrt(1 / len(ours) + 1 / len(theirs)))
        rows.append(
            Quantity(
                name=name,
                calibration=float(ours.mean()),
                other=float(theirs.mean()),
                difference=difference,
                by_chance=by_chance,
                beyond_chance=abs(difference) > by_chance,
            )
        )
    return Drift(n_calibration=len(own), n_other=len(other), quantities=tuple(rows))
