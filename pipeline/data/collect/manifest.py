"""What became of every video: one line each in `manifest.jsonl`, beside the pictures.

The manifest is always complete: it is written to a temporary file and renamed. Newer rows go to a journal,
line by line, so a killed process loses at most the line it was writing; the next process merges the
journal. Titles come from strangers: they are data, never file names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pipeline.core import documents, files
from pipeline.core.errors import DataError, storage_error
from pipeline.core.urls import invisible, is_label, is_video

NAME = "manifest.jsonl"
_JOURNAL = ".manifest.journal"
SPLITS = ("", "train", "test")
_LONGEST = 300


@dataclass(frozen=True)
class Row:
    """One video of one class.

    Attributes:
        id: The video's id.
        label: The class.
        split: `train`, `test`, or empty without a split.
        channel: The list that it was found in.
        position: In that list when it was found, from 1, newest first.
        title: As in the list, cut to 300 characters.
        file: Relative to the picture folder, with `/`; empty if there is no picture.
        variant: Which of YouTube's thumbnails it is, e.g. `maxresdefault.jpg`.
        width: Of the stored picture, in pixels; 0 if there is none.
        height: Likewise.
        cut: Black rows that were cut off above, and again below.
        sha256: Of the file.
        when: Date and time in UTC, ISO 8601.
        reason: Why there is no picture; empty if there is one.
        lasting: Whether retrying is pointless: YouTube says that there is none.
    """

    id: str
    label: str
    split: str
    channel: str
    position: int
    title: str
    file: str = ""
    variant: str = ""
    width: int = 0
    height: int = 0
    cut: int = 0
    sha256: str = ""
    when: str = ""
    reason: str = ""
    lasting: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Identifies a row: a video may be in the lists of two classes."""
        return self.label, self.id


class Manifest:
    """The rows of one folder of pictures, by label and id, in the order in which they were added.

    Args:
        folder: The picture folder. Whoever opens a manifest holds the folder's lock.

    Raises:
        DataError: The file is not a manifest.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path, self._journal = folder / NAME, folder / _JOURNAL
        self._rows: dict[tuple[str, str], Row] = {}
        self._labels: dict[str, None] = {}
        for path in (self._path, self._journal):
            for row in _read(path, torn=path == self._journal):
                self._take(row)
        self.save()

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self._rows.values()))

    def get(self, label: str, video: str) -> Row | None:
        return self._rows.get((label, video))

    def labels_of(self, video: str) -> list[str]:
        """The classes that have a picture of this video."""
        rows = (self.get(label, video) for label in self._labels)
        return [row.label for row in rows if row and row.file]

    def add(self, row: Row) -> None:
        """Records what became of a video, replacing an earlier row; a kill after this loses nothing."""
        self._take(row)
        try:
            with self._journal.open("ab") as file:
                file.write(_line(row))
        except OSError as error:
            raise storage_error(self._path, error) from error

    def _take(self, row: Row) -> None:
        self._rows[row.key] = row
        self._labels[row.label] = None

    def save(self) -> None:
        """Writes the manifest, sorted, if it is out of date, and deletes the journal."""
        text = b"".join(_line(row) for row in _sorted(self._rows.values()))
        if text and not (self._path.is_file() and self._path.read_bytes() == text):
            files.write_bytes(self._path, text)
        try:
            self._journal.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(self._journal, error) from error


def shown(text: str) -> str:
    """Text from strangers on one line of a terminal; invisible and control characters become `?`."""
    return "".join("?" if invisible(letter) else letter for letter in text[:_LONGEST])


def title_of(text: object) -> str:
    """A title as it is stored: at most 300 characters."""
    title = text if isinstance(text, str) else ""
    return title if len(title) <= _LONGEST else title[: _LONGEST - 1] + "…"


def _sorted(rows: Iterable[Row]) -> list[Row]:
    """By class and channel, held-out rows last, then in list order."""
    return sorted(rows, key=lambda row: (row.label, row.channel, row.split != "train", row.position, row.id))


def _line(row: Row) -> bytes:
    text = json.dumps(asdict(row), ensure_ascii=False)
    if not text.isprintable():
        # Letters stay readable; invisible and text-reversing characters are escaped.
        text = "".join(_escaped(letter) if invisible(letter) else letter for letter in text)
    return f"{text}\n".encode()


def _escaped(letter: str) -> str:
    return json.dumps(letter)[1:-1]


def _read(path: Path, *, torn: bool) -> Iterator[Row]:
    """The rows of a file; with `torn`, an unfinished last line is dropped."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(path, error) from error
    lines = data.split(b"\n")
    if torn:
        # The line that was being written when the process was killed; its picture is fetched again.
        lines = lines[:-1]
    for number, line in enumerate(lines, 1):
        if line:
            yield _parse(line, f"{path}, line {number}")


def _parse(line: bytes, where: str) -> Row:
    try:
        value: Any = documents.json_of(line)
        known = {field.name: field.type for field in fields(Row)}
        if not isinstance(value, dict) or value.keys() != known.keys():
            raise ValueError(f"the keys must be {', '.join(known)}")
        for name, kind in known.items():
            if type(value[name]).__name__ != kind:
                raise ValueError(f"{name} must be of type {kind}")
        row = Row(**value)
        names = (
            "",
            *(Path(row.split, row.label, row.id + ending).as_posix() for ending in (".jpg", ".webp")),
        )
        # A manifest may come from a stranger: its paths must stay below the folder.
        if not is_label(row.label) or row.split not in SPLITS or (row.file and not is_video(row.id)):
            raise ValueError("the id, the label or the split cannot be part of a file name")
        if row.file not in names:
            raise ValueError("file must be SPLIT/LABEL/ID.jpg or .webp")
        return row
    except ValueError as error:
        raise DataError(
            f"{where} is not a manifest row: {error}",
            "restore an earlier copy, or move the file away to collect everything again",
        ) from error
