"""The representative dataset: which training pictures the integer ranges are measured on.

Chosen by class share and seed, never from held-out pictures. One black and one white frame come
first: with them the input's scale is exactly 1 and its zero point 0, so raw pixels go in.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from export import artifacts
from pipeline.core import parallel, stages
from pipeline.core.errors import DataError
from pipeline.core.recipes import Recipe, key_of
from pipeline.core.size import Size
from pipeline.data import dataset
from pipeline.data.dataset import Picture
from pipeline.training import features
from pipeline.training.experiment import Experiment

# A real picture's neighbouring pixels are alike; those of noise are not, even when it was shrunk.
_LEAST_ALIKE = 0.4
_LEAST_SPREAD = 1.0
_MOST_EMPTY = 0.5


def first_recipe(experiment: Experiment) -> Recipe:
    """What the first choice depends on."""
    config = experiment.config
    settings = {"pictures": config.export.calibration_pictures, "seed": config.seed}
    return Recipe("calibration", 1, {"train": experiment.split.train_key}, settings)


def recipe(experiment: Experiment) -> Recipe:
    """What the choice in force depends on: the first one, or that of a recalibration."""
    redone = recalibrated(experiment)
    if redone is None:
        return first_recipe(experiment)
    settings = {"pictures": key_of(redone["pictures"])}
    return Recipe("calibration", 1, {"train": experiment.split.train_key}, settings)


def recalibration_recipe(experiment: Experiment) -> Recipe:
    """What the one recalibration of a model is made from."""
    inputs = {"model": experiment.run.key("model"), "calibration": first_recipe(experiment).key}
    return stages.recipe("recalibration", inputs, {}, ("tensorflow", "numpy", "pillow"))


def recalibration_done(experiment: Experiment) -> bool:
    """Whether the one recalibration that a model may have was made, whatever it came to."""
    return experiment.run.done(recalibration_recipe(experiment))


def recalibrated(experiment: Experiment) -> dict[str, Any] | None:
    """The recalibration in force; None where there was none, or where it found nothing better."""
    if not recalibration_done(experiment):
        return None
    found = experiment.run.read_json(artifacts.RECALIBRATION)
    return found if found["second_look"] else None


def first_look(experiment: Experiment) -> dict[str, Any] | None:
    """What the gate said before the recalibration in force; None where the first look counts."""
    redone = recalibrated(experiment)
    return redone["first_look"] if redone else None


def tried(redone: Mapping[str, Any]) -> str:
    """Every file that a recalibration tried, with its figures; `redone` is recalibration.json."""
    files = "; ".join(
        f"{row['name']}: {row['mean_abs_dp']:.4f}, {row['agreement']:.3f}" for row in redone["candidates"]
    )
    return (
        f"mean |Δp| and agreement on {redone['judges']} training pictures that calibrated none of these "
        f"files, plain and augmented: {files}"
    )


def look(experiment: Experiment) -> int:
    """How often the held-out pictures have judged a calibration of this model: 1, or 2 after a no."""
    return 2 if recalibrated(experiment) else 1


def choose(experiment: Experiment) -> list[Picture]:
    """The pictures of the run's representative dataset.

    Fewer than asked for where there are not as many training pictures.
    """
    redone = recalibrated(experiment)
    if redone is None:
        return first_choice(experiment)
    by_path = {picture.path: picture for picture in experiment.split.train}
    return [by_path[path] for path in redone["pictures"]]


def first_choice(experiment: Experiment) -> list[Picture]:
    """Those that are chosen before any verdict."""
    config = experiment.config
    return stratified(experiment.split.train, config.export.calibration_pictures, config.seed)


def stratified(pictures: Sequence[Picture], count: int, seed: int) -> list[Picture]:
    """`count` pictures, each class in proportion (largest remainders), in an order drawn from the seed."""
    by_label: dict[str, list[Picture]] = defaultdict(list)
    for picture in sorted(pictures, key=lambda p: _hash(seed, p)):
        by_label[picture.label].append(picture)
    count = min(count, len(pictures))
    exact = {label: count * len(own) / len(pictures) for label, own in by_label.items()}
    quota = {label: int(share) for label, share in exact.items()}
    rest = count - sum(quota.values())
    for label in sorted(exact, key=lambda name: (round(quota[name] - exact[name], 9), name))[:rest]:
        quota[label] += 1
    chosen = [picture for label, own in by_label.items() for picture in own[: quota[label]]]
    return sorted(chosen, key=lambda p: _hash(seed, p))


def representative(
    experiment: Experiment, chosen: Sequence[Picture], advance: Callable[[int], object]
) -> Callable[[], Iterator[list[np.ndarray]]]:
    """What `TFLiteConverter.representative_dataset` wants.

    Yields:
        One array in a list: RGB, float32, 0 ... 255, shape (1, height, width, 3).

    Raises:
        DataError: A picture was changed since the training, or most are random or constant.
    """

    def frames() -> Iterator[list[np.ndarray]]:
        dataset.check_unchanged(experiment.table, chosen)
        for frame in extremes(experiment.frame):
            yield [frame[np.newaxis].astype(np.float32)]
        plain = parallel.ordered(
            lambda p: features.plain_view(experiment.table.file(p), experiment.frame), chosen
        )
        for done, frame in enumerate(plain, 1):
            yield [frame[np.newaxis].astype(np.float32)]
            advance(done)

    return frames


def extremes(frame: Size) -> tuple[np.ndarray, np.ndarray]:
    """An all-black and an all-white frame, uint8."""
    shape = (frame.height, frame.width, 3)
    return np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)


def emptiness(frame: np.ndarray) -> str:
    """Why a frame says nothing about real pictures: `one colour` or `noise`; empty where it does.

    Args:
        frame: RGB, uint8, shape (height, width, 3); black bars do not count.
    """
    grey = frame.astype(np.float32).mean(2)
    lit = grey > 0
    rows, columns = np.flatnonzero(lit.any(1)), np.flatnonzero(lit.any(0))
    if not len(rows):
        return "one colour"
    inside = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if frame[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].std((0, 1)).max() < _LEAST_SPREAD:
        return "one colour"
    alike = [_correlation(inside[:, 1:], inside[:, :-1]), _correlation(inside[1:], inside[:-1])]
    return "noise" if max(alike) < _LEAST_ALIKE else ""


def require_content(experiment: Experiment, chosen: Sequence[Picture]) -> None:
    """Makes sure that most of a representative dataset is real pictures, and not one again and again.

    Raises:
        DataError: It is not; ranges measured on it would say nothing.
    """
    files = {picture.path: experiment.table.file(picture) for picture in chosen}
    found = list(
        parallel.ordered(lambda p: emptiness(features.plain_view(files[p.path], experiment.frame)), chosen)
    )
    empty = [(picture, why) for picture, why in zip(chosen, found, strict=True) if why]
    distinct = len({picture.sha256 for picture in chosen})
    if len(empty) > _MOST_EMPTY * len(chosen):
        picture, why = empty[0]
        kinds = " and ".join(sorted({kind for _, kind in empty}))
        raise DataError(
            f"calibration refused: {len(empty)} of {len(chosen)} calibration pictures are {kinds} "
            f"(the first: {files[picture.path]}, {why}), so that integer ranges measured on them would be "
            "wrong for real pictures",
            "train on pictures of what the phone will see",
        )
    if distinct <= len(chosen) * (1 - _MOST_EMPTY):
        raise DataError(
            f"calibration refused: {len(chosen)} calibration pictures are only {distinct} different ones",
            "train on more different pictures",
        )


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's; 0 where a side is constant or empty."""
    if one.size < 2 or not one.std() or not other.std():
        return 0.0
    return float(((one - one.mean()) * (other - other.mean())).mean() / (one.std() * other.std()))


def _hash(seed: int, picture: Picture) -> str:
    return hashlib.sha256(f"{seed}/calibration/{picture.sha256}".encode()).hexdigest()
