"""The representative dataset: which training pictures the integer ranges are measured on.

Chosen by class share and seed, never from held-out pictures. One black and one white frame come
first: with them the input's scale is exactly 1 and its zero point 0, so raw pixels go in.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pipeline import dataset, features, runs, workers
from pipeline.dataset import Picture
from pipeline.letterbox import Size
from pipeline.runs import Recipe
from pipeline.subject import Subject

NAME = f"{runs.EXPORT}/calibration.json"


def recipe(subject: Subject) -> Recipe:
    """What the choice depends on."""
    config = subject.config
    settings = {"pictures": config.export.calibration_pictures, "seed": config.seed}
    return Recipe("calibration", 1, {"train": subject.split.train_key}, settings)


def choose(subject: Subject) -> list[Picture]:
    """The pictures of the run's representative dataset; written down with the shares of classes.

    Fewer than asked for where there are not as many training pictures.
    """
    run = subject.run
    by_path = {picture.path: picture for picture in subject.split.train}

    def build() -> None:
        config = subject.config
        chosen = stratified(subject.split.train, config.export.calibration_pictures, config.seed)
        runs.write_json(
            run.path(NAME),
            {
                "source": "training pictures, by class share; a black and a white frame come first",
                "wanted": config.export.calibration_pictures,
                "pictures": [{"path": p.path, "label": p.label, "sha256": p.sha256} for p in chosen],
            },
        )

    run.make(recipe(subject), [NAME], build)
    return [by_path[row["path"]] for row in run.read_json(NAME)["pictures"]]


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
    subject: Subject, chosen: Sequence[Picture], advance: Callable[[int], object]
) -> Callable[[], Iterator[list[np.ndarray]]]:
    """What `TFLiteConverter.representative_dataset` wants.

    Yields:
        One array in a list: RGB, float32, 0 ... 255, shape (1, height, width, 3).

    Raises:
        DataError: A picture was changed since the training.
    """

    def frames() -> Iterator[list[np.ndarray]]:
        dataset.check_unchanged(subject.table, chosen)
        for frame in extremes(subject.frame):
            yield [frame[np.newaxis].astype(np.float32)]
        plain = workers.ordered(lambda p: features.plain_view(subject.table.file(p), subject.frame), chosen)
        for done, frame in enumerate(plain, 1):
            yield [frame[np.newaxis].astype(np.float32)]
            advance(done)

    return frames


def extremes(frame: Size) -> tuple[np.ndarray, np.ndarray]:
    """An all-black and an all-white frame, uint8."""
    shape = (frame.height, frame.width, 3)
    return np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)


def _hash(seed: int, picture: Picture) -> str:
    return hashlib.sha256(f"{seed}/calibration/{picture.sha256}".encode()).hexdigest()
