"""Which photos there are, and what the user says that they show.

Reads a folder as the app writes it, `SESSION/TIME.png` with `TIME.json` beside, the same files in
one heap, as its share sheet gives them, or any `CLASS/*` folder of pictures. Whatever cannot be
used is kept with the reason.
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
from pipeline.data import folders as layouts
from pipeline.data.folders import Excluded
from pipeline.images import decode

# The truth of a photo that shows none of the classes; no label is empty.
OUT_OF_SCOPE = ""
# The folder for such photos in a CLASS/* folder, unless a class is called so.
NONE_FOLDER = "none"
INSIDE_THE_APP = "photos"


@dataclass(frozen=True)
class Photo:
    """One photo.

    Attributes:
        path: Relative to the folder, with `/`.
        sha256: Of the file's bytes.
        width: Of the upright picture, in pixels.
        height: Of the upright picture, in pixels.
        session: The photos that were taken together; empty where nobody knows.
        truth: A label, `OUT_OF_SCOPE`, or None where nobody has said.
        record: What the app noted; None for a picture that is not the app's.
    """

    path: str
    sha256: str
    width: int
    height: int
    session: str
    truth: str | None
    record: Record | None


@dataclass(frozen=True)
class Photos:
    """All photos of a folder, by path; those that cannot be used, with the reason."""

    root: Path
    photos: tuple[Photo, ...]
    excluded: tuple[Excluded, ...]

    def file(self, photo: Photo) -> Path:
        return self.root / photo.path


def read(root: Path, labels: Sequence[str], progress: Progress = silent) -> Photos:
    """The photos of a folder; every one is decoded wholly.

    Args:
        root: `SESSION/TIME.png` with `TIME.json` beside, a folder that holds those in `photos/`, one
            session alone, `TIME.png` with `TIME.json` in one heap, or `CLASS/*`.
        labels: The run's; a photo of another class cannot be scored.
        progress: Called as photos are looked at.

    Raises:
        DataError: No such folder, or no photo in it that can be used.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "no such folder"
        raise DataError(
            f"{root}: {what}",
            "give the folder with the photos: as pulled from the phone, or FOLDER/CLASS/*.jpg",
        )
    if sessions := _sessions(root):
        root = sessions[0].parent
        found, excluded = _of_the_app(root, sessions)
    elif any(re.match(record.FILE, path.with_suffix(".png").name) for path in root.glob("*.json")):
        found, excluded = _of_the_app(root, [root])
    else:
        found, excluded = _of_classes(root, labels)
    photos: list[Photo] = []
    seen: dict[str, str] = {}

    def look(photo: Photo) -> Photo | Excluded:
        path = root / photo.path
        label = photo.truth or ""
        if photo.truth and photo.truth not in labels:
            reason = f"its class {photo.truth} is none of the run's: {', '.join(labels)}"
            return Excluded(photo.path, label, "", reason)
        try:
            facts = decode.inspect(path)
            return replace(photo, sha256=decode.digest(path), width=facts.width, height=facts.height)
        except PictureError as error:
            return Excluded(photo.path, label, "", error.message.removeprefix(f"{path}: "))
        except OSError as error:
            return Excluded(photo.path, label, "", f"cannot be opened: {error.strerror}")

    for done, photo in enumerate(parallel.ordered(look, found), 1):
        if isinstance(photo, Photo) and photo.sha256 in seen:
            reason = f"the same picture as {seen[photo.sha256]}"
            photo = Excluded(photo.path, photo.truth or "", photo.sha256, reason)
        if isinstance(photo, Photo):
            seen[photo.sha256] = photo.path
            photos.append(photo)
        else:
            excluded.append(photo)
        progress("looking at the photos", done, len(found))
    excluded.sort(key=lambda entry: entry.path)
    if not photos:
        first = f"; the first: {excluded[0].path}: {excluded[0].reason}" if excluded else ""
        raise DataError(
            f"{root}: no photo that can be used among {len(excluded)} files{first}",
            "take some with the app's shutter, or put pictures into one folder per class: FOLDER/CLASS/*.jpg",
        )
    return Photos(root, tuple(photos), tuple(excluded))


def _sessions(root: Path) -> list[Path]:
    """The folders of the app's sessions; none where the folder is of another kind."""
    for places in ([root.resolve()], _listed(root), _listed(root / INSIDE_THE_APP)):
        found = [path for path in places if re.match(record.SESSION, path.name) and path.is_dir()]
        if found:
            return found
    return []


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be listed: {error.strerror}", "give yourself the right to read it"
        ) from error


def _of_the_app(root: Path, folders: Sequence[Path]) -> tuple[list[Photo], list[Excluded]]:
    found: list[Photo] = []
    excluded: list[Excluded] = []
    for folder in folders:
        names = {path.name for path in _listed(folder)}
        for name in sorted(names):
            path = (folder / name).relative_to(root).as_posix()
            stem, _, ending = name.rpartition(".")
            reason = ""
            if ending == "png" and f"{stem}.json" not in names:
                reason = "it has no record: the app was ended before it wrote one"
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
                        found.append(Photo(path, "", 0, 0, noted.session, _truth(noted), noted))
                    else:
                        reason = f"its record is that of {noted.session}/{noted.file}"
            elif ending == "json" and f"{stem}.png" in names:
                continue  # looked at with its picture
            elif ending == "json":
                reason = "its picture is missing"
            else:
                reason = "neither a photo nor its record"
            if reason:
                excluded.append(Excluded(path, "", "", reason))
    return found, excluded


def _truth(noted: Record) -> str | None:
    if noted.truth is None:
        return None
    label = noted.truth.label
    return OUT_OF_SCOPE if label is None else unicodedata.normalize("NFC", label)


def _of_classes(root: Path, labels: Sequence[str]) -> tuple[list[Photo], list[Excluded]]:
    layout = layouts.walk(root)
    found = []
    for entry in layout.found:
        none = entry.label == NONE_FOLDER and NONE_FOLDER not in labels
        found.append(Photo(entry.path, "", 0, 0, "", OUT_OF_SCOPE if none else entry.label, None))
    return found, list(layout.ignored)
