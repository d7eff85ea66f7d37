"""Finds the photos in a folder and what the user says they show.

The folder is as the app writes it (`SESSION/TIME.png` with `TIME.json` beside it), or those files without
subfolders as the share sheet delivers them, or any folder of `CLASS/*` pictures. Files that cannot be
used are kept with the reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from export.android.photos import record
from export.android.photos.record import Record
from pipeline.core import filetypes, parallel
from pipeline.core.errors import DataError, PictureError
from pipeline.core.progress import Progress, silent
from pipeline.data import decisions as decided_by
from pipeline.data import folders
from pipeline.data.decisions import LEAVE_OUT
from pipeline.data.folders import Excluded
from pipeline.images import decode

# The truth of a photo that shows none of the classes; a label is never empty.
OUT_OF_SCOPE = ""
# The folder of such photos in a CLASS/* folder, unless a class has that name.
_NONE_FOLDER = "none"
_APP_FOLDER = "photos"


@dataclass(frozen=True)
class Photo:
    """One photo.

    Attributes:
        path: Relative to the folder, with `/`.
        sha256: Of the file's bytes.
        width: The width of the upright picture, in pixels.
        height: The height of the upright picture, in pixels.
        session: Photos that were taken together have the same session; empty if it is unknown.
        truth: A label, `OUT_OF_SCOPE`, or None if the photo is not labelled.
        record: The app's record; None for a picture that the app did not take.
    """

    path: str
    sha256: str
    width: int
    height: int
    session: str
    truth: str | None
    record: Record | None


@dataclass(frozen=True)
class PhotoFolder:
    """The usable photos of a folder, sorted by path, and the files that cannot be used."""

    root: Path
    photos: tuple[Photo, ...]
    excluded: tuple[Excluded, ...]

    def file(self, photo: Photo) -> Path:
        return self.root / photo.path


def read(
    root: Path, labels: Sequence[str], progress: Progress = silent, decisions: Path | None = None
) -> PhotoFolder:
    """Reads a folder of photos; each is decoded completely.

    Args:
        root: `SESSION/TIME.png` with `TIME.json` beside it, a folder that has those in `photos/`, a single
            session, `TIME.png` with `TIME.json` without subfolders, or `CLASS/*`.
        labels: The run's labels; a photo of another class cannot be scored.
        progress: Called after every photo.
        decisions: A decisions.csv, whose classes replace those of the app or the folders.

    Raises:
        DataError: There is no such folder, no usable photo in it, or the decisions are damaged.
    """
    decided = decided_by.read(decisions) if decisions else {}
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "no such folder"
        raise DataError(
            f"{root}: {what}",
            "give a folder of photos: as pulled from the phone, or FOLDER/CLASS/*.jpg; or the app's zip",
        )
    if sessions := _sessions(root):
        root = sessions[0].parent
        listed, excluded = _of_the_app(root, sessions)
    elif any(re.match(record.FILE, path.with_suffix(".png").name) for path in root.glob("*.json")):
        listed, excluded = _of_the_app(root, [root])
    else:
        listed, excluded = _of_classes(root, labels)
    photos: list[Photo] = []
    seen: dict[str, str] = {}

    def inspect(photo: Photo) -> Photo | Excluded:
        path = root / photo.path
        try:
            facts, sha256 = decode.inspect(path), decode.digest(path)
        except PictureError as error:
            return Excluded(photo.path, photo.truth or "", "", error.reason)
        except OSError as error:
            return Excluded(photo.path, photo.truth or "", "", f"cannot be opened: {error.strerror}")
        truth = photo.truth
        if decisions and (decision := decided.get(sha256)):
            if decision.kind == LEAVE_OUT:
                reason = f"left out by {decisions}, line {decision.line}"
                return Excluded(photo.path, truth or "", sha256, reason)
            truth = decided_by.new_label(decision, labels, decisions) or truth
        if truth and truth not in labels:
            reason = f"its class {truth} is not one of the run's: {', '.join(labels)}"
            return Excluded(photo.path, truth, "", reason)
        return replace(photo, sha256=sha256, width=facts.width, height=facts.height, truth=truth)

    for done, photo in enumerate(parallel.ordered(inspect, listed), 1):
        if isinstance(photo, Photo) and photo.sha256 in seen:
            reason = f"the same picture as {seen[photo.sha256]}"
            photo = Excluded(photo.path, photo.truth or "", photo.sha256, reason)
        if isinstance(photo, Photo):
            seen[photo.sha256] = photo.path
            photos.append(photo)
        else:
            excluded.append(photo)
        progress("reading the photos", done, len(listed))
    excluded.sort(key=lambda entry: entry.path)
    if not photos:
        first = f"; the first: {excluded[0].path}: {excluded[0].reason}" if excluded else ""
        raise DataError(
            f"{root}: no usable photo among {len(excluded)} files{first}",
            "take photos with the app, or put pictures into one folder per class: FOLDER/CLASS/*.jpg",
        )
    return PhotoFolder(root, tuple(photos), tuple(excluded))


def _sessions(root: Path) -> list[Path]:
    """The app's session folders; empty if this is another kind of folder."""
    for places in ([root.resolve()], _listed(root), _listed(root / _APP_FOLDER)):
        sessions = [path for path in places if re.match(record.SESSION, path.name) and path.is_dir()]
        if sessions:
            return sessions
    return []


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be listed: {error.strerror}", "check your read permission"
        ) from error


def _of_the_app(root: Path, sessions: Sequence[Path]) -> tuple[list[Photo], list[Excluded]]:
    photos: list[Photo] = []
    excluded: list[Excluded] = []
    for folder in sessions:
        names = {path.name for path in _listed(folder)}
        for name in sorted(names):
            path = (folder / name).relative_to(root).as_posix()
            stem, _, ending = name.rpartition(".")
            reason = ""
            if ending == "png" and f"{stem}.json" not in names:
                reason = "it has no record: the app stopped before writing one"
            elif ending == "png":
                try:
                    noted = record.parse(
                        filetypes.contents(folder / f"{stem}.json").decode("utf-8", "replace")
                    )
                except DataError as error:
                    reason = error.message
                except OSError as error:
                    reason = f"its record cannot be read: {error.strerror}"
                else:
                    if noted.file == name and (folder == root or noted.session == folder.name):
                        photos.append(Photo(path, "", 0, 0, noted.session, _truth(noted), noted))
                    else:
                        reason = f"its record belongs to {noted.session}/{noted.file}"
            elif ending == "json" and f"{stem}.png" in names:
                continue  # read with its picture
            elif ending == "json":
                reason = "its picture is missing"
            else:
                reason = "neither a photo nor a record"
            if reason:
                excluded.append(Excluded(path, "", "", reason))
    return photos, excluded


def _truth(noted: Record) -> str | None:
    if noted.truth is None:
        return None
    label = noted.truth.label
    return OUT_OF_SCOPE if label is None else unicodedata.normalize("NFC", label)


def _of_classes(root: Path, labels: Sequence[str]) -> tuple[list[Photo], list[Excluded]]:
    layout = folders.walk(root)
    photos = []
    for entry in layout.candidates:
        none = entry.label == _NONE_FOLDER and _NONE_FOLDER not in labels
        photos.append(Photo(entry.path, "", 0, 0, "", OUT_OF_SCOPE if none else entry.label, None))
    return photos, list(layout.ignored)
