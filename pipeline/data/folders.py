"""Which files a data set is made of: folders of classes, or a table, which `tables` reads.

Decodes none of them; only where a name is no picture's are a file's first bytes looked at.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.core import filetypes
from pipeline.core.errors import DataError
from pipeline.images import decode

# Where pictures of a part of a given split belong.
SIDES = {"train": "train", "val": "train", "test": "held_out"}
_NAMES = re.compile(
    r"(?:(?P<train>train|training)|(?P<val>val|valid|validation)|(?P<test>test|testing))"
    r"(?:[ _-]?(?:set|data|images|pictures))?"
)
_BY_NAME = (*decode.SUFFIXES, *filetypes.OTHER_ENDINGS)


@dataclass(frozen=True)
class Excluded:
    """A file that is not used, and why.

    Attributes:
        sha256: Empty where the file was not read.
        kind: `unreadable`, `other_format` or `passed_over`; empty where it is left out for its label.
    """

    path: str
    label: str
    sha256: str
    reason: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be a picture, before it is opened; the fields are those of `dataset.Picture`."""

    path: str
    label: str
    group: str = ""
    given: str = ""


@dataclass(frozen=True)
class Note:
    """How something was understood that could be meant otherwise.

    Attributes:
        kind: What it is about.
        detail: What was understood, with the line if it is one of a table.
        pictures: Those concerned, by path.
    """

    kind: Literal["nested", "splits", "encoding", "backslashes"]
    detail: str = ""
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """The files of a data set.

    Attributes:
        root: What their paths are relative to.
        found: Those that may be pictures.
        ignored: Those that are passed over.
        notes: What the user should know of how they were understood.
    """

    root: Path
    found: tuple[Found, ...]
    ignored: tuple[Excluded, ...] = ()
    notes: tuple[Note, ...] = ()


def part_of(name: str) -> str:
    """`train`, `val` or `test` where a name is a usual one for that part of a split, in any case."""
    match = _NAMES.fullmatch(name.strip().casefold())
    return match.lastgroup or "" if match else ""


def walk(root: Path) -> Layout:
    """The files of `FOLDER/CLASS/**`, or of `FOLDER/{train,val,test}/CLASS/**`.

    Raises:
        DataError: A class is empty, a folder cannot be listed, or a split is not whole.
    """
    top = _entries(root)
    folders = [entry for entry in top if _is_folder(entry)]
    parts = {e.name: part_of(e.name) for e in folders if part_of(e.name) and _holds_classes(e)}
    classes = [(entry, "") for entry in folders]
    notes: list[Note] = []
    ignored = [_loose(root, entry) for entry in top if _is_picture_by_name(entry)]
    if parts and len(parts) == len(folders) and "train" not in parts.values():
        names = " and ".join(f"{name}/" for name in parts)
        raise DataError(
            f"{root}: {names} look like parts of a split, but there is no train/",
            "name the folder with the training pictures train, or give one of these folders alone",
        )
    if "train" in parts.values():
        # Without test/, val/ joins train/ and the held-out set is drawn as usual.
        sides = SIDES if "test" in parts.values() else dict.fromkeys(SIDES, "")
        notes.append(Note("splits", ", ".join(f"{name}/ is {part}" for name, part in parts.items())))
        classes = []
        for folder in folders:
            if folder.name in parts:
                inside = _entries(Path(folder.path))
                side = sides[parts[folder.name]]
                classes += [(entry, side) for entry in inside if _is_folder(entry)]
                ignored += [_loose(root, entry) for entry in inside if _is_picture_by_name(entry)]
            else:
                ignored += _beside_a_split(root, folder)
    found: list[Found] = []
    nested: list[str] = []
    for folder, side in classes:
        label = unicodedata.normalize("NFC", folder.name)
        if _shown(label) != label:
            raise DataError(f"{root}: the class name {_shown(label)} is not UTF-8", "rename the folder")
        before = len(found)
        for entry, depth in _below(Path(folder.path)):
            name = Path(entry.path).relative_to(root).as_posix()
            if reason := _passed_over(entry, name):
                ignored.append(Excluded(_shown(name), label, "", reason, "passed_over"))
                continue
            found.append(Found(name, label, "", side))
            if depth:
                nested.append(name)
        if len(found) == before:
            raise DataError(
                f"{folder.path}: class {label} is empty",
                f"add pictures to it, or move the folder out of {root}",
            )
    notes += [Note("nested", pictures=tuple(nested))] if nested else []
    return Layout(root, tuple(found), tuple(ignored), tuple(notes))


def anything(root: Path) -> Layout:
    """Every picture below a folder that `walk` makes no sense of; its label is the first folder, if any."""
    found: list[Found] = []
    for path in sorted(root.rglob("*")):
        below = path.relative_to(root)
        name = below.as_posix()
        seen = not any(part.startswith(".") for part in below.parts) and _shown(name) == name
        if seen and path.suffix.lower() in _BY_NAME and path.is_file():
            label = unicodedata.normalize("NFC", below.parts[0]) if len(below.parts) > 1 else ""
            found.append(Found(name, label))
    return Layout(root, tuple(found))


def _entries(folder: Path, *, hidden: bool = False) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            kept = [entry for entry in entries if hidden or not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be listed: {error.strerror}", "give yourself the right to read it"
        ) from error
    return sorted(kept, key=lambda entry: entry.name)


def _below(folder: Path) -> Iterator[tuple[os.DirEntry[str], int]]:
    """What is in a folder and the folders in it, with its depth; no folder twice, whatever the links say.

    Folders come only where they are not entered: hidden ones, and those that were there before.
    """
    seen = {(state := folder.stat()).st_dev: {state.st_ino}}
    waiting = [(folder, 0)]
    while waiting:
        place, depth = waiting.pop()
        for entry in _entries(place, hidden=True):
            if not _is_folder(entry):
                yield entry, depth
                continue
            state = entry.stat()
            known = seen.setdefault(state.st_dev, set())
            if entry.name.startswith(".") or state.st_ino in known or _shown(entry.name) != entry.name:
                yield entry, depth
            else:
                known.add(state.st_ino)
                waiting.append((Path(entry.path), depth + 1))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _holds_classes(folder: os.DirEntry[str]) -> bool:
    """Whether a folder holds folders and no picture, as a part of a split does and a class does not."""
    inside = _entries(Path(folder.path))
    return any(_is_folder(entry) for entry in inside) and not any(map(_is_picture_by_name, inside))


def _beside_a_split(root: Path, folder: os.DirEntry[str]) -> list[Excluded]:
    name = Path(folder.path).relative_to(root).as_posix()
    pictures_inside = [entry for entry, _ in _below(Path(folder.path)) if _is_picture_by_name(entry)]
    if pictures_inside and not part_of(folder.name):
        raise DataError(
            f"{root}: {_shown(name)}/ stands beside train/, val/ or test/, but is no part of a split",
            "move it into one of these folders if it is a class, or out of the data set",
        )
    if pictures_inside:
        return [_loose(root, entry) for entry in pictures_inside]
    return [Excluded(_shown(name), "", "", "a folder without pictures", "passed_over")]


def _is_picture_by_name(entry: os.DirEntry[str]) -> bool:
    hidden = entry.name.startswith(".")
    return not hidden and Path(entry.name).suffix.lower() in _BY_NAME and _is_file(entry)


def _loose(root: Path, entry: os.DirEntry[str]) -> Excluded:
    name = _shown(Path(entry.path).relative_to(root).as_posix())
    return Excluded(name, "", "", "a picture beside the class folders has no class", "passed_over")


def _passed_over(entry: os.DirEntry[str], name: str) -> str:
    """Why something inside a class is no picture of it; empty where it may be one."""
    ending = Path(entry.name).suffix
    if _shown(name) != name:
        return "its name is not UTF-8; rename it"
    if _is_folder(entry):
        return "a hidden folder" if entry.name.startswith(".") else "a folder that is read at another place"
    if entry.name.startswith("."):
        return "a hidden file"
    # A link that leads nowhere stays: it is counted among the pictures that cannot be opened.
    if not _is_file(entry) and Path(entry.path).exists():
        return "not a regular file, but a pipe or a device"
    if ending.lower() in _BY_NAME or _is_picture_by_content(Path(entry.path)):
        return ""
    return f"not a picture, by its name and its first bytes ({ending or 'no ending'})"


def _is_picture_by_content(path: Path) -> bool:
    try:
        kind = filetypes.picture_format(filetypes.head(path))
    except OSError:
        return False
    # Cameras' raw files begin as a TIFF does.
    return kind in decode.FORMATS and kind != "TIFF"


def _shown(name: str) -> str:
    """A path as text that can be written; equal to the path itself where that is UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
