"""Which files a data set is made of: folders of classes, or a table. Opens none of them."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline import pictures
from pipeline.errors import DataError

GIVEN = {"train": "train", "val": "train", "test": "held_out"}
OTHER_PICTURES = (".heic", ".heif", ".avif", ".tif", ".tiff", ".jp2", ".jxl", ".dng", ".svg", ".ico")


@dataclass(frozen=True)
class LeftOut:
    """A file that is not used, and why. `sha256` is empty where it was not read."""

    path: str
    label: str
    sha256: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be a picture, before it is opened; the fields are those of `dataset.Picture`."""

    path: str
    label: str
    group: str = ""
    given: str = ""


def walk(root: Path) -> tuple[list[Found], list[LeftOut]]:
    """The files of `FOLDER/CLASS/*` or `FOLDER/{train,val,test}/CLASS/*`, and those that are passed over.

    Raises:
        DataError: A class is empty, or a folder cannot be listed.
    """
    entries = _entries(root)
    folders = [path for path in entries if path.is_dir()]
    names = {folder.name for folder in folders}
    parts = [(folder, "") for folder in folders]
    if names <= GIVEN.keys() and "train" in names and len(names) > 1:
        # Without test/, val/ joins train/ and the held-out set is drawn as usual.
        given = GIVEN if "test" in names else dict.fromkeys(GIVEN, "")
        inside = [(path, given[folder.name]) for folder in folders for path in _entries(folder)]
        parts = [(path, side) for path, side in inside if path.is_dir()]
        entries += [path for path, _ in inside]
    found: list[Found] = []
    ignored = [
        LeftOut(_shown(path.relative_to(root)), "", "", "a picture beside the class folders has no class")
        for path in entries
        if path.is_file() and path.suffix.lower() in pictures.SUFFIXES + OTHER_PICTURES
    ]
    for folder, given_side in parts:
        label = unicodedata.normalize("NFC", folder.name)
        if _shown(Path(label)) != label:
            raise DataError(f"{root}: the class name {_shown(Path(label))} is not UTF-8", "rename the folder")
        before = len(found)
        for path in _entries(folder, hidden=True):
            name = path.relative_to(root).as_posix()
            if _shown(path.relative_to(root)) != name:
                reason = "its name is not UTF-8; rename it"
                ignored.append(LeftOut(_shown(path.relative_to(root)), label, "", reason))
            elif path.is_dir():
                ignored.append(
                    LeftOut(name, label, "", "a folder inside a class; only FOLDER/CLASS/* is read")
                )
            elif path.suffix.lower() in pictures.SUFFIXES + OTHER_PICTURES and not path.name.startswith("."):
                found.append(Found(name, label, "", given_side))
            else:
                ignored.append(
                    LeftOut(name, label, "", f"not a picture by its name ({path.suffix or 'no ending'})")
                )
        if len(found) == before:
            raise DataError(f"{folder}: class {label} is empty", "add pictures to it, or remove the folder")
    return found, ignored


def anything(root: Path) -> list[Found]:
    """Every picture below a folder that `walk` makes no sense of; its label is the first folder, if any."""
    found: list[Found] = []
    for path in sorted(root.rglob("*")):
        below = path.relative_to(root)
        name = below.as_posix()
        seen = not any(part.startswith(".") for part in below.parts) and _shown(below) == name
        if seen and path.suffix.lower() in pictures.SUFFIXES + OTHER_PICTURES and path.is_file():
            label = unicodedata.normalize("NFC", below.parts[0]) if len(below.parts) > 1 else ""
            found.append(Found(name, label))
    return found


def _entries(folder: Path, *, hidden: bool = False) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if hidden or not path.name.startswith("."))
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be listed: {error.strerror}", "give yourself the right to read it"
        ) from error


def _shown(path: Path) -> str:
    """A path as text that can be written; equal to the path itself where that is UTF-8."""
    return path.as_posix().encode("utf-8", "backslashreplace").decode("utf-8")


def read_csv(path: Path) -> list[Found]:
    """The rows of a table with the columns path and label and, if wanted, group and split.

    Raises:
        DataError: A row is wrong; the message names its line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a UTF-8 table: {error}") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num + 1}: {error}", "look for a quote that is not closed"
        ) from error
    columns = set(reader.fieldnames or ())
    if not {"path", "label"} <= columns or columns - {"path", "label", "group", "split"}:
        raise DataError(
            f"{path}: the columns must be path and label and, if wanted, group and split. "
            f"Received: {', '.join(reader.fieldnames or ['nothing'])}",
            "mend the first line of the table",
        )
    found: list[Found] = []
    splits: set[str] = set()
    for line, row in rows:
        where = f"{path}, line {line}"
        name, label = (row["path"] or "").strip(), (row["label"] or "").strip()
        split = (row.get("split") or "").strip()
        if None in row or not name or not label:
            raise DataError(
                f"{where}: every row needs a path and a label, and no more columns than the first"
            )
        if split not in ("", *GIVEN):
            raise DataError(f"{where}: split must be train, val or test. Received: {split}")
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DataError(f"{where}: paths are relative to the table and stay below it. Received: {name}")
        splits.add(split)
        label = unicodedata.normalize("NFC", label)
        found.append(Found(name, label, (row.get("group") or "").strip(), split))
    if "test" in splits and "" in splits:
        raise DataError(
            f"{path}: some rows have a split and some have none", "fill the column, or leave it out"
        )
    twice = [name for name, count in Counter(entry.path for entry in found).items() if count > 1]
    if twice:
        raise DataError(f"{path}: {twice[0]} stands in it twice", "keep one row for each picture")
    given = GIVEN if "test" in splits else dict.fromkeys(GIVEN, "")
    return [Found(f.path, f.label, f.group, given.get(f.given, "")) for f in found]
