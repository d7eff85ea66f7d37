"""The photos that got a wrong answer: the list in photos.json, and the sheet of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from export import artifacts
from export.android.photos.folder import OUT_OF_SCOPE, Photo, PhotoFolder
from pipeline.core.documents import Document
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.training.experiment import Experiment

_SHOWN = 32
_COLUMNS = 8


class Mistake(Document):
    """A photo with a wrong answer.

    Attributes:
        path: The photo's path.
        truth: Its label; None if it shows none of the classes.
        answer: The model's answer.
        probability: Its probability.
        said: Whether that is above the threshold, so that the app would show it.
    """

    path: str
    truth: str | None
    answer: str
    probability: float
    said: bool


def mistakes(
    photos: Sequence[Photo],
    labels: Sequence[str],
    probabilities: np.ndarray,
    rows: Sequence[int],
    threshold: float,
) -> tuple[Mistake, ...]:
    """The photos with a wrong answer, the most confident first.

    Args:
        photos: All photos.
        labels: The run's labels.
        probabilities: Of all photos, shape (photos, labels).
        rows: Which photos to look at.
        threshold: Below it the app says "don't know".
    """
    wrong = []
    for n in rows:
        photo, top = photos[n], int(probabilities[n].argmax())
        confidence = float(probabilities[n, top])
        if photo.truth is None or photo.truth == labels[top]:
            continue
        if photo.truth == OUT_OF_SCOPE and confidence < threshold:
            continue
        wrong.append(
            Mistake(
                path=photo.path,
                truth=photo.truth or None,
                answer=labels[top],
                probability=confidence,
                said=confidence >= threshold,
            )
        )
    return tuple(sorted(wrong, key=lambda mistake: (-mistake.probability, mistake.path)))


def draw(experiment: Experiment, photos: PhotoFolder, wrong: Sequence[Mistake]) -> None:
    """Draws the sheet of mistakes into the run."""
    from pipeline.stats import plots

    by_path = {photo.path: photo for photo in photos.photos}
    cells = []
    for mistake in wrong[:_SHOWN]:
        pixels = letterbox(decode.read(photos.file(by_path[mistake.path])), experiment.frame)
        answer = (
            f"{mistake.answer} {mistake.probability:.2f}"
            if mistake.said
            else f"don't know ({mistake.answer})"
        )
        colour = plots.VERMILION if mistake.said else "black"
        cells.append((pixels, f"{mistake.truth or 'none of them'}\n→ {answer}", colour))
    shown = f", the {_SHOWN} most confident of {len(wrong)}" if len(wrong) > _SHOWN else ""
    title = f"Photos with a wrong answer{shown} (orange: above the threshold)"
    sheet = experiment.run.path(artifacts.PHOTOS_SHEET)
    plots.captioned_sheet(sheet, title, cells, min(_COLUMNS, len(cells)))
