"""The files of a data set in folders; `tables` reads data sets in a table.

Decodes no picture. Reads a file's first bytes only if its name is not a picture's.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pipeline.core import filetypes
from pipeline.core.errors import DataError
from pipeline.core.remote_cache import Place, RemoteCache, locate
from pipeline.data.pictures import Picture, Pictures
from pipeline.images import decode

# The side of the split for each part of a data set that comes with one.
SIDES = {"train": "train", "val": "train", "test": "held_out"}
_NAMES = re.compile(
    r"(?:(?P<train>train|training)|(?P<val>val|valid|validation)|(?P<test>test|testing))"
    r"(?:[ _-]?(?:set|data|images|pictures))?"
)
_BY_NAME = (*decode.SUFFIXES, *filetypes.OTHER_ENDINGS)


class ExclusionKind(StrEnum):
    """Why a file is not used; `LABEL` for a copy with another label."""

    LABEL = ""
    UNREADABLE = "unreadable"
    MISSING = "missing"
    OTHER_FORMAT = "other_format"
    PASSED_OVER = "passed_over"


class NoteKind(StrEnum):
    """What could be meant differently in a data set."""

    NESTED = "nested"
    SPLITS = "splits"
    ENCODING = "encoding"
    BACKSLASHES = "backslashes"
    NAMED_GROUPS = "named_groups"
    NO_NAMED_GROUPS = "no_named_groups"


@dataclass(frozen=True)
class Excluded:
    """A file that is not used.

    Attributes:
        path: As `pictures.Picture.path`.
        label: Its class; empty if it has none.
        sha256: Empty if the file was not read.
        reason: Why, in words.
        kind: The same as a kind.
    """

    path: str
    label: str
    sha256: str
    reason: str
    kind: ExclusionKind = ExclusionKind.LABEL


@dataclass(frozen=True)
class Note:
    """How something was read that could be meant differently.

    Attributes:
        kind: What it is about.
        detail: How it was read, with the line if it is one of a table.
        pictures: The paths concerned.
    """

    kind: NoteKind
    detail: str = ""
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """The files of a data set.

    Attributes:
        root: What their paths are relative to.
        candidates: Those that may be pictures; nothing is known of their content.
        ignored: The others.
        notes: How they were read, if that may be wrong.
        cache: Of those at addresses.
    """

    root: Path
    candidates: Pictures
    ignored: tuple[Excluded, ...] = ()
    notes: tuple[Note, ...] = ()
    cache: RemoteCache = field(default_factory=RemoteCache, compare=False)

    def place(self, entry: Picture) -> Place:
        """Where a file lies."""
        return locate(self.root, entry.path, self.cache)


def part_of(name: str) -> str:
    """`train`, `val` or `test` if a name is a usual one for that part of a split, in any case."""
    match = _NAMES.fullmatch(name.strip().casefold())
    return match.lastgroup or "" if match else ""


def walk(root: Path) -> Layout:
    """The files of `FOLDER/CLASS/**`, or of `FOLDER/{train,val,test}/CLASS/**`.

    Raises:
        DataError: A class is empty, a folder cannot be listed, or a split is incomplete.
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
            "rename the folder with the training pictures to train, or use one of these folders alone",
        )
    if "train" in parts.values():
        # Without test/, val/ joins train/ and the held-out set is drawn as usual.
        sides = SIDES if "test" in parts.values() else dict.fromkeys(SIDES, "")
        notes.append(Note(NoteKind.SPLITS, ", ".join(f"{name}/ is {part}" for name, part in parts.items())))
        classes = []
        for folder in folders:
            if folder.name in parts:
                inside = _entries(Path(folder.path))
                side = sides[parts[folder.name]]
                classes += [(entry, side) for entry in inside if _is_folder(entry)]
                ignored += [_loose(root, entry) for entry in inside if _is_picture_by_name(entry)]
            else:
                ignored += _beside_a_split(root, folder)
    nested: list[str] = []

    def found() -> Iterator[Picture]:
        for folder, side in classes:
            label, empty = unicodedata.normalize("NFC", folder.name), True
            if _shown(label) != label:
                raise DataError(f"{root}: the class name {_shown(label)} is not UTF-8", "rename the folder")
            for entry, depth in _below(Path(folder.path)):
                name = _name(root, entry)
                if reason := _passed_over(entry, name):
                    ignored.append(Excluded(_shown(name), label, "", reason, ExclusionKind.PASSED_OVER))
                    continue
                yield Picture(name, label, "", side)
                empty = False
                if depth:
                    nested.append(name)
            if empty:
                raise DataError(
                    f"{folder.path}: class {label} is empty",
                    f"add pictures to it, or move the folder out of {root}",
                )

    candidates = Pictures(found())
    notes += [Note(NoteKind.NESTED, pictures=tuple(nested))] if nested else []
    return Layout(root, candidates, tuple(ignored), tuple(notes))


def anything(root: Path) -> Layout:
    """Every picture below a folder, whatever its layout; its label is the first folder, if any.

    Raises:
        DataError: A folder cannot be listed.
    """
    named = ((_name(root, entry), entry) for entry, _ in _below(root))
    names = [name for name, entry in named if _is_picture_by_name(entry) and _shown(name) == name]
    # In the order of folders, not of letters: a/b comes before a-b.
    names.sort(key=lambda name: name.split("/"))
    return Layout(root, Pictures(Picture(name, _first_folder(name)) for name in names))


def _first_folder(name: str) -> str:
    first, slash, _ = name.partition("/")
    return unicodedata.normalize("NFC", first) if slash else ""


def _entries(folder: Path, *, hidden: bool = False) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            kept = [entry for entry in entries if hidden or not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be listed: {error.strerror}", "check your read permission"
        ) from error
    return sorted(kept, key=lambda entry: entry.name)


def _below(folder: Path) -> Iterator[tuple[os.DirEntry[str], int]]:
    """Everything below a folder, with its depth; links are followed, but no folder is visited twice.

    Folders are yielded only if they are not entered: hidden ones, and those visited before.
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
    """Whether a folder holds folders and no pictures, like a part of a split and unlike a class."""
    inside = _entries(Path(folder.path))
    return any(_is_folder(entry) for entry in inside) and not any(map(_is_picture_by_name, inside))


def _beside_a_split(root: Path, folder: os.DirEntry[str]) -> list[Excluded]:
    name = _name(root, folder)
    pictures_inside = [entry for entry, _ in _below(Path(folder.path)) if _is_picture_by_name(entry)]
    if pictures_inside and not part_of(folder.name):
        raise DataError(
            f"{root}: {_shown(name)}/ is next to train/, val/ or test/, but is not part of a split",
            "move it into one of these folders if it is a class, or out of the data set",
        )
    if pictures_inside:
        return [_loose(root, entry) for entry in pictures_inside]
    return [Excluded(_shown(name), "", "", "a folder without pictures", ExclusionKind.PASSED_OVER)]


def _is_picture_by_name(entry: os.DirEntry[str]) -> bool:
    hidden = entry.name.startswith(".")
    return not hidden and entry.name.lower().endswith(_BY_NAME) and _is_file(entry)


def _loose(root: Path, entry: os.DirEntry[str]) -> Excluded:
    name = _shown(_name(root, entry))
    return Excluded(name, "", "", "outside the class folders, so it has no class", ExclusionKind.PASSED_OVER)


def _passed_over(entry: os.DirEntry[str], name: str) -> str:
    """Why something inside a class folder is not a picture; empty if it may be one."""
    if _shown(name) != name:
        return "its name is not UTF-8; rename it"
    if _is_folder(entry):
        return "a hidden folder" if entry.name.startswith(".") else "a link to a folder that is already read"
    if entry.name.startswith("."):
        return "a hidden file"
    # A broken link stays: it counts as an unreadable picture.
    if not _is_file(entry) and Path(entry.path).exists():
        return "a pipe or a device, not a regular file"
    if entry.name.lower().endswith(_BY_NAME) or _is_picture_by_content(Path(entry.path)):
        return ""
    return f"not a picture by name or content ({Path(entry.name).suffix or 'no extension'})"


def _is_picture_by_content(path: Path) -> bool:
    try:
        kind = filetypes.picture_format(filetypes.head(path))
    except OSError:
        return False
    # Camera raw files start like a TIFF.
    return kind in decode.FORMATS and kind != "TIFF"


def _name(root: Path, entry: os.DirEntry[str]) -> str:
    """The path of something below a root, relative to it."""
    return entry.path.removeprefix(os.path.join(root, ""))  # noqa: PTH118  pathlib takes ten times as long


def _shown(name: str) -> str:
    """A path as printable text; the path itself if it is UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
