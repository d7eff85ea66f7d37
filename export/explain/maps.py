"""The maps of a set of pictures: Grad-CAM of Keras beside occlusion of the file, as a JPEG and as numbers."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from export.explain import border, gradcam, occlusion, selection
from export.explain.explanation import Border, Cells, Maps, NearPicture, OcclusionCells
from export.explain.gradcam import Look
from export.explain.occlusion import Occluded
from pipeline.core import files, stages
from pipeline.core.parallel import ordered
from pipeline.core.progress import ProgressReporter
from pipeline.core.quiet import quiet
from pipeline.tflite import interpreter as litert
from pipeline.training import features
from pipeline.training.experiment import Experiment, is_fine_tuned

PANELS = ("the picture as the models see it", "Grad-CAM of the Keras model", "occlusion of the file")
_GAP = 4
_QUALITY = 82


@dataclass(frozen=True)
class View:
    """A picture to explain: RGB, uint8, shape (height, width, 3), and a mask of its border, bool."""

    frame: np.ndarray
    border: np.ndarray


def make(
    experiment: Experiment,
    data: bytes,
    views: Sequence[View],
    names: Iterable[str],
    classes: np.ndarray,
    reporter: ProgressReporter,
) -> Iterator[Maps]:
    """Draws the maps of each picture into a file of the run; loads TensorFlow.

    Args:
        experiment: The run.
        data: The .tflite.
        views: The pictures.
        names: The file of each picture's maps, inside the run.
        classes: The class that Grad-CAM explains, shape (pictures,).
        reporter: Receives progress.
    """
    occluded = _occlude(data, views, reporter)
    looks = _look(experiment, views, classes, reporter)
    nearest = _nearest(experiment, looks, reporter)
    for name, view, look, result, near in zip(names, views, looks, occluded, nearest, strict=True):
        files.write_bytes(experiment.run.path(name), draw(view.frame, [look.cells, result.cells]))
        covering = _cells(result.cells).model_dump()
        yield Maps(
            nearest=near,
            maps=name,
            gradcam=_cells(look.cells),
            occlusion=OcclusionCells(**covering, patch_cells=result.patch, drop=result.drop),
            border=Border(
                share=border.share(result.cells, view.border),
                share_gradcam=border.share(look.cells, view.border),
                area=float(view.border.mean()),
                kept_without=result.kept_without,
                kept_alone=result.kept_alone,
            ),
        )


def remove_others(experiment: Experiment, folder: str, kept: set[str]) -> None:
    """Removes the maps of an earlier explanation from a folder of the run."""
    for path in experiment.run.path(folder).glob("*.jpg"):
        if f"{folder}/{path.name}" not in kept:
            path.unlink()


def draw(frame: np.ndarray, maps: Sequence[np.ndarray]) -> bytes:
    """A JPEG: the frame, and beside it the frame veiled by each map.

    Args:
        frame: RGB, uint8, shape (height, width, 3).
        maps: Of any shape (rows, columns), 0 and up.
    """
    height, width = frame.shape[:2]
    sheet = Image.new("RGB", ((width + _GAP) * (1 + len(maps)) - _GAP, height), (255, 255, 255))
    panels = [Image.fromarray(frame), *(occlusion.veiled(frame, cells) for cells in maps)]
    for number, panel in enumerate(panels):
        sheet.paste(panel, (number * (width + _GAP), 0))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _cells(cells: np.ndarray) -> Cells:
    row, column = np.unravel_index(int(cells.argmax()), cells.shape)
    strongest = (int(row), int(column)) if cells.max() > 0 else None
    return Cells(rows=cells.shape[0], columns=cells.shape[1], strongest=strongest)


def _occlude(data: bytes, views: Sequence[View], reporter: ProgressReporter) -> list[Occluded]:
    interpreters = litert.Interpreters(data)

    def one(view: View) -> Occluded:
        with interpreters.one() as interpreter:
            return occlusion.occlude(interpreter, view.frame, view.border)

    results = []
    for done, result in enumerate(ordered(one, views), 1):
        results.append(result)
        reporter.progress("covering parts of the pictures", done, len(views))
    return results


def _look(
    experiment: Experiment, views: Sequence[View], classes: np.ndarray, reporter: ProgressReporter
) -> list[Look]:
    stage = "Grad-CAM of the Keras model"
    reporter.progress(stage, 0, len(views))
    with quiet():
        from pipeline.training import classifier

        model = classifier.load(experiment.run.path(stages.MODEL))
    frames = (view.frame for view in views)
    return gradcam.looks(model, frames, classes, lambda done: reporter.progress(stage, done, len(views)))


def _nearest(
    experiment: Experiment, looks: Sequence[Look], reporter: ProgressReporter
) -> list[tuple[NearPicture, ...]]:
    train, config = experiment.split.train, experiment.config
    tuned = is_fine_tuned(experiment.run)
    if tuned:
        # The cached features are the frozen backbone's; of this model's own, the plain view suffices.
        config = config.model_copy(update={"augment": config.augment.model_copy(update={"views": 0})})
    store = features.compute(
        config,
        experiment.frame,
        experiment.table,
        train,
        reporter.progress,
        classifier=experiment.run.path(stages.MODEL) if tuned else None,
    )
    rows = selection.nearest(store, np.stack([look.features for look in looks]))
    return [
        tuple(
            NearPicture(path=train[place].path, label=train[place].label, similarity=cosine)
            for place, cosine in row
        )
        for row in rows
    ]
