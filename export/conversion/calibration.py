"""The representative dataset: the training pictures that set the integer ranges.

Each class has its share, the seed picks the pictures, and held-out pictures are never used. A black
and a white frame come first: they make the input's scale exactly 1 and its zero point 0, so the app
can pass raw pixels. `parity.recalibration` decides on a second choice; this module stores and reads it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from export import artifacts
from export.conversion.compensate.layer_error import LayerError
from pipeline.core import parallel, stages
from pipeline.core.documents import Document
from pipeline.core.errors import DataError
from pipeline.core.recipes import Recipe, key_of
from pipeline.core.size import Size
from pipeline.data import stored_table
from pipeline.data.pictures import Picture
from pipeline.images.views import plain_view
from pipeline.training.experiment import Experiment

# Neighbouring pixels of a photo correlate; those of noise do not, even after shrinking.
_MIN_CORRELATION = 0.4
_MIN_SPREAD = 1.0
_MAX_EMPTY = 0.5


class FirstLook(Document):
    """What the gate measured on the file that it refused."""

    verdict: str
    accuracy: float
    macro_f1: float
    agreement: float
    flips: int
    lost: int
    gained: int
    mean_abs_dp: float
    confidence_shift: float
    accuracy_drop: float
    accuracy_drop_interval: tuple[float, float]
    macro_f1_drop: float
    broken: tuple[str, ...]


class Candidate(Document):
    """A file calibrated on one choice of pictures, against Keras on the judging pictures."""

    name: str
    agreement: float
    mean_abs_dp: float


class Trial(Document):
    """The choices that a recalibration compared.

    Attributes:
        judges: Training pictures that calibrated none of the files.
        candidates: The first is the file as it was; empty where there were too few pictures to judge.
        chosen: The name of the best.
    """

    judges: int
    candidates: tuple[Candidate, ...]
    chosen: str

    @property
    def summary(self) -> str:
        """Every file that was tried, with its figures: a sentence without its full stop."""
        rows = "; ".join(
            f"{row.name} {row.mean_abs_dp:.4f} (agreement {row.agreement:.3f})" for row in self.candidates
        )
        return (
            f"Probability moved on {self.judges} training pictures that calibrated none of these files, "
            f"plain and augmented: {rows}"
        )


class Recalibration(Trial):
    """recalibration.json: the one recalibration of a model.

    Attributes:
        first_look: Of the file that the gate refused.
        second_look: Whether another choice was better, so that the held-out pictures judge again.
        pictures: The paths of the choice in force; empty where nothing was tried.
        compensated: Whether the file in force is made of the compensated model.
        layers: The errors of its layers, if so.
    """

    first_look: FirstLook
    second_look: bool
    pictures: tuple[str, ...]
    compensated: bool = False
    layers: tuple[LayerError, ...] = ()


def first_recipe(experiment: Experiment) -> Recipe:
    """Recipe of the first choice."""
    config = experiment.config
    settings = {"pictures": config.export.calibration_pictures, "seed": config.seed}
    return Recipe("calibration", 1, {"train": experiment.split.train_key}, settings)


def recipe(experiment: Experiment) -> Recipe:
    """Recipe of the choice in force: the first one, or that of a recalibration."""
    recalibration = recalibrated(experiment)
    if recalibration is None:
        return first_recipe(experiment)
    settings = {"pictures": key_of(list(recalibration.pictures))}
    return Recipe("calibration", 1, {"train": experiment.split.train_key}, settings)


def recalibration_recipe(experiment: Experiment) -> Recipe:
    """Recipe of the one recalibration that a model may have."""
    inputs = {**experiment.model_key, "calibration": first_recipe(experiment).key}
    return stages.recipe("recalibration", inputs, {}, ("tensorflow", "numpy", "pillow"))


def recalibration_done(experiment: Experiment) -> bool:
    """Whether the model has had its one recalibration, whatever the outcome."""
    return experiment.run.done(recalibration_recipe(experiment))


def recalibrated(experiment: Experiment) -> Recalibration | None:
    """The recalibration in force; None if there was none, or if it found nothing better."""
    if not recalibration_done(experiment):
        return None
    recalibration = experiment.run.read(Recalibration, artifacts.RECALIBRATION)
    return recalibration if recalibration.second_look else None


def first_look(experiment: Experiment) -> FirstLook | None:
    """The gate's figures before the recalibration in force; None if the first look counts."""
    recalibration = recalibrated(experiment)
    return recalibration.first_look if recalibration else None


def choose(experiment: Experiment) -> list[Picture]:
    """The pictures of the run's representative dataset, as many as configured or all there are."""
    recalibration = recalibrated(experiment)
    if recalibration is None:
        return first_choice(experiment)
    return [experiment.split.train.at(path) for path in recalibration.pictures]


def first_choice(experiment: Experiment) -> list[Picture]:
    """The pictures chosen before the gate has judged anything."""
    config = experiment.config
    return stratified(experiment.split.train, config.export.calibration_pictures, config.seed)


def stratified(pictures: Sequence[Picture], count: int, seed: int) -> list[Picture]:
    """Up to `count` pictures, each class in proportion (largest remainders), in an order set by the seed."""
    by_label: dict[str, list[int]] = defaultdict(list)
    for row in sorted(range(len(pictures)), key=lambda row: _hash(seed, pictures[row])):
        by_label[pictures[row].label].append(row)
    count = min(count, len(pictures))
    exact = {label: count * len(own) / len(pictures) for label, own in by_label.items()}
    quota = {label: int(share) for label, share in exact.items()}
    rest = count - sum(quota.values())
    for label in sorted(exact, key=lambda name: (round(quota[name] - exact[name], 9), name))[:rest]:
        quota[label] += 1
    chosen = [pictures[row] for label, own in by_label.items() for row in own[: quota[label]]]
    return sorted(chosen, key=lambda p: _hash(seed, p))


def representative(
    experiment: Experiment, chosen: Sequence[Picture], advance: Callable[[int], object]
) -> Callable[[], Iterator[list[np.ndarray]]]:
    """The pictures as `TFLiteConverter.representative_dataset` takes them.

    Yields:
        One array in a list: RGB, float32, 0 ... 255, shape (1, height, width, 3).

    Raises:
        DataError: A picture has changed since training.
    """

    def frames() -> Iterator[list[np.ndarray]]:
        stored_table.check_unchanged(experiment.table, chosen)
        for frame in extremes(experiment.frame):
            yield [frame[np.newaxis].astype(np.float32)]
        plain = parallel.ordered(lambda p: plain_view(experiment.table.file(p), experiment.frame), chosen)
        for done, frame in enumerate(plain, 1):
            yield [frame[np.newaxis].astype(np.float32)]
            advance(done)

    return frames


def extremes(frame: Size) -> tuple[np.ndarray, np.ndarray]:
    """An all-black and an all-white frame, uint8, shape (frame.height, frame.width, 3)."""
    shape = (frame.height, frame.width, 3)
    return np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)


def emptiness(frame: np.ndarray) -> str:
    """Why a frame cannot represent a photo: `one colour` or `noise`; empty if it can.

    Args:
        frame: RGB, uint8, shape (height, width, 3); black bars are ignored.
    """
    grey = frame.astype(np.float32).mean(2)
    lit = grey > 0
    rows, columns = np.flatnonzero(lit.any(1)), np.flatnonzero(lit.any(0))
    if not len(rows):
        return "one colour"
    inside = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if frame[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].std((0, 1)).max() < _MIN_SPREAD:
        return "one colour"
    correlations = [_correlation(inside[:, 1:], inside[:, :-1]), _correlation(inside[1:], inside[:-1])]
    return "noise" if max(correlations) < _MIN_CORRELATION else ""


def require_content(experiment: Experiment, chosen: Sequence[Picture]) -> None:
    """Refuses a representative dataset that is mostly noise, single colours or repeats.

    Raises:
        DataError: Ranges measured on it would be wrong for real pictures.
    """
    files = {picture.path: experiment.table.file(picture) for picture in chosen}
    reasons = parallel.ordered(lambda p: emptiness(plain_view(files[p.path], experiment.frame)), chosen)
    empty = [(picture, reason) for picture, reason in zip(chosen, reasons, strict=True) if reason]
    distinct = len({picture.sha256 for picture in chosen})
    if len(empty) > _MAX_EMPTY * len(chosen):
        picture, reason = empty[0]
        kinds = " and ".join(sorted({kind for _, kind in empty}))
        raise DataError(
            f"calibration refused: {len(empty)} of {len(chosen)} calibration pictures are {kinds} "
            f"(such as {files[picture.path]}: {reason}); integer ranges measured on them would be wrong for "
            "real pictures",
            "train on pictures of what the phone will see",
        )
    if distinct <= len(chosen) * (1 - _MAX_EMPTY):
        raise DataError(
            f"calibration refused: only {distinct} of {len(chosen)} calibration pictures are different",
            "train on more varied pictures",
        )


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's; 0 if either side is constant or empty."""
    if one.size < 2 or not one.std() or not other.std():
        return 0.0
    return float(((one - one.mean()) * (other - other.mean())).mean() / (one.std() * other.std()))


def _hash(seed: int, picture: Picture) -> str:
    return hashlib.sha256(f"{seed}/calibration/{picture.sha256}".encode()).hexdigest()
