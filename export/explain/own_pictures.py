"""Explains a user's own pictures, which are not part of the run; their maps go into explanations/given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export import artifacts
from export.conversion import convert
from export.explain import border, explain, maps, selection
from export.explain.explanation import OwnExplanation, OwnPicture, UnreadFile
from export.explain.maps import View
from pipeline.core import runs
from pipeline.core.errors import DataError, PictureError, RunError
from pipeline.core.parallel import ordered
from pipeline.core.progress import ProgressReporter
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.tflite import interpreter as litert
from pipeline.training.experiment import Experiment

FOLDER = f"{artifacts.EXPLANATIONS}/given"


def explain_files(
    experiment: Experiment, paths: Sequence[Path], reporter: ProgressReporter
) -> OwnExplanation:
    """Explains picture files; those that cannot be read are listed.

    Raises:
        RunError: The run is not exported.
        DataError: None of the files can be read.
    """
    flavour = explain.flavour(experiment)
    path = experiment.run.path(convert.file_name(flavour))
    if not experiment.run.done(convert.recipe(experiment, flavour)):
        raise RunError(
            f"{path} is missing or out of date", f"export it: python -m export tflite {experiment.run.name}"
        )
    views: list[View] = []
    readable: list[Path] = []
    unread: list[UnreadFile] = []
    for file, view in zip(paths, ordered(lambda file: _view(experiment, file), paths), strict=True):
        if isinstance(view, View):
            views.append(view)
            readable.append(file)
        else:
            unread.append(UnreadFile(path=str(file), reason=view))
    if unread:
        count = "1 file" if len(unread) == 1 else f"{len(unread)} files"
        such = "" if len(unread) == 1 else "such as "
        reporter.warn(f"cannot read {count}: {such}{unread[0].path}: {unread[0].reason}")
    if not views:
        raise DataError(
            "none of the pictures can be read", "check that they open, and save them as JPEG again"
        )
    data = path.read_bytes()
    probabilities = litert.predictions(data, [view.frame for view in views], lambda frame: frame)
    names = [
        f"{FOLDER}/{number:03d}-{runs.run_name(Path(file.stem))}.jpg"
        for number, file in enumerate(readable, 1)
    ]
    drawn = maps.make(experiment, data, views, names, probabilities.argmax(1), reporter)
    pictures = tuple(
        OwnPicture(**dict(own), path=str(file), file=selection.answer(row, experiment.labels))
        for file, row, own in zip(readable, probabilities, drawn, strict=True)
    )
    maps.remove_others(experiment, FOLDER, set(names))
    return OwnExplanation(model=flavour, pictures=pictures, unread=tuple(unread))


def _view(experiment: Experiment, file: Path) -> View | str:
    """A file as the model sees it, or why it cannot be read."""
    try:
        pixels = decode.read(file)
    except PictureError as error:
        return error.message
    except OSError as error:
        return f"{file}: {error.strerror}"
    edge = border.mask(pixels.shape[1], pixels.shape[0], experiment.frame)
    return View(letterbox(pixels, experiment.frame), edge)
