"""Turns labelled photos into a data set for the next training, grouped by session.

The photos are copied to `data/pictures/NAME/`. The table `NAME.csv` beside it lists them, and also the
pictures of the run if those are below `data/pictures`, or named in full. The run's pictures keep their side
of the split, so that both models are scored on the same held-out pictures; the photos are trained on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from export.android.photos.folder import Photo, PhotoFolder
from pipeline.core import documents, files, runs
from pipeline.core.errors import DataError, UsageError
from pipeline.core.remote import is_remote
from pipeline.images import decode
from pipeline.training.experiment import Experiment


@dataclass(frozen=True)
class _Adopted:
    """The new data set.

    Attributes:
        table: Its table.
        photos: The number of photos in it.
        pictures: The number of pictures of the run in it.
    """

    table: Path
    photos: int
    pictures: int


def adopt(experiment: Experiment, photos: PhotoFolder, name: str) -> _Adopted:
    """Writes the labelled photos as a new data set.

    Raises:
        UsageError: The name is not a folder name, or taken.
        DataError: No photo has a label, or there are too few classes to train on.
        StorageError: The disk is full.
    """
    if not re.fullmatch(r"[\w-][\w.-]*", name):
        raise UsageError(f"--adopt {name}: expected the name of a folder", "for example --adopt field")
    folder, table = runs.PICTURE_SETS / name, runs.PICTURE_SETS / f"{name}.csv"
    known = {picture.sha256 for picture in experiment.table.pictures}
    labelled = [photo for photo in photos.photos if photo.truth]
    fresh = [photo for photo in labelled if photo.sha256 not in known]
    if not fresh:
        what = "all labelled photos are already in the run" if labelled else "no photo has a label yet"
        raise DataError(
            f"{photos.root}: {what}; there is nothing to adopt",
            "label the photos in the app and pull them again, or label them by python -m export review",
        )
    rows = [_row(name, photo) for photo in fresh]
    old = _of_the_run(experiment)
    labels = {photo.truth for photo in fresh}
    if not old and len(labels) < 2:
        raise DataError(
            f"{photos.root}: the photos show only one class, and the run's pictures are outside "
            f"{runs.PICTURE_SETS}, so the data set cannot include them",
            f"move the run's pictures into {runs.PICTURE_SETS}, or adopt photos of at least two classes",
        )
    _refuse_others(name, folder, table, {row["path"]: p.sha256 for p, row in zip(fresh, rows, strict=True)})
    for photo, row in zip(fresh, rows, strict=True):
        files.write_bytes(runs.PICTURE_SETS / row["path"], photos.file(photo).read_bytes())
    # The table is written last, because a folder without it is not a data set.
    files.write_bytes(table, _to_csv([*old, *rows], split=bool(old)))
    return _Adopted(table, len(fresh), len(old))


def _refuse_others(name: str, folder: Path, table: Path, ours: dict[str, str]) -> None:
    """Accepts only files that a killed command left behind while it wrote the same data set."""
    there = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    strange = [
        path
        for path in there
        if ours.get(path.relative_to(runs.PICTURE_SETS).as_posix()) != decode.digest(path)
    ]
    for path in [table] if table.exists() else strange[:1]:
        raise UsageError(f"--adopt {name}: {path} already exists", "choose another name, or move it away")


def _row(name: str, photo: Photo) -> dict[str, str]:
    # Two phones may have sessions of the same name, so the data set's name is put in front.
    group = f"{name}/{photo.session}" if photo.session else ""
    return {"path": f"{name}/{photo.path}", "label": photo.truth or "", "group": group, "split": "train"}


def _of_the_run(experiment: Experiment) -> list[dict[str, str]]:
    """The run's own pictures as rows of the table; empty if the table cannot name them all."""
    home, root = runs.PICTURE_SETS.resolve(), experiment.table.root.resolve()
    pictures = (*experiment.split.train, *experiment.split.held_out)
    if root.is_relative_to(home):
        below = root.relative_to(home)
    elif all(is_remote(picture.path) or Path(picture.path).is_absolute() for picture in pictures):
        below = Path()
    else:
        return []
    held_out = {picture.path for picture in experiment.split.held_out}
    return [
        {
            "path": picture.path if is_remote(picture.path) else (below / picture.path).as_posix(),
            "label": picture.label,
            "group": experiment.split.groups.of(picture),
            "split": "test" if picture.path in held_out else "train",
        }
        for picture in pictures
    ]


def _to_csv(rows: list[dict[str, str]], *, split: bool) -> bytes:
    columns = ["path", "label", "group", *(["split"] if split else [])]
    return documents.csv_of(columns, ([row.get(name, "") for name in columns] for row in rows))
