"""A table of pictures: Parquet, which `parquet` reads, or CSV as people and spreadsheets write it.

Delimiter: comma, semicolon, tab or bar, whichever makes the first line name `path` and `label`.
Encoding: the byte order mark's, or the first that fits of UTF-16, UTF-8, Windows-1252, Latin-1.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipeline.core import filetypes, remote
from pipeline.core.errors import DataError
from pipeline.core.remote_cache import RemoteCache
from pipeline.data import folders, parquet
from pipeline.data.folders import SIDES, Layout, Note, NoteKind
from pipeline.data.pictures import Picture, Pictures

_DELIMITERS = (",", ";", "\t", "|")
_REQUIRED, _OPTIONAL = frozenset(("path", "label")), frozenset(("group", "split"))
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_NAMES = {"cp1252": "Windows-1252", "latin-1": "Latin-1"}


def layout_of(source: Path, cache: RemoteCache | None = None) -> Layout:
    """The files of a data set that may be pictures, and those that are not; `cache` opens remote ones."""
    if source.is_dir():
        return folders.walk(source)
    if source.is_file():
        return replace(read(source), cache=cache or RemoteCache())
    what = "neither a folder of pictures nor a table" if source.exists() else "no such folder of pictures"
    raise DataError(f"{source}: {what}", "put the pictures there, one folder per class, or set data.pictures")


def read(path: Path) -> Layout:
    """The rows of a table with the columns path and label, and optionally group and split.

    Raises:
        DataError: A row is wrong; the message names its line and how it was read.
    """
    notes: list[Note] = []
    rows = parquet.rows(path, _REQUIRED, _OPTIONAL) if parquet.is_parquet(path) else _csv(path, notes)
    backslashes: list[tuple[str, str]] = []

    def listed() -> Iterator[Picture]:
        for place, values in rows:
            where = f"{path}, {place}"
            _check_text(where, values)
            name, part = values["path"], folders.part_of(values["split"])
            if values["split"] and not part:
                raise DataError(f"{where}: split must be train, val or test. Received: {values['split']}")
            if not remote.is_remote(name):
                if "\\" in name and not os.path.lexists(path.parent / name):
                    backslashes.append((f"{place}: {name} is", name.replace("\\", "/")))
                    name = backslashes[-1][1]
                name = PurePosixPath(name).as_posix()
            _check_path(where, path.parent, name, values["path"])
            yield Picture(name, unicodedata.normalize("NFC", values["label"]), values["group"], part)

    candidates = Pictures(listed())
    splits = {*candidates.each("given_split")}
    if "test" in splits and "" in splits:
        raise DataError(
            f"{path}: some rows have a split and some have none", "fill in the column, or remove it"
        )
    for row, name in enumerate(candidates.paths()):
        if candidates.row(name) != row:
            raise DataError(f"{path}: {name} is listed twice", "keep one row for each picture")
    sides = SIDES if "test" in splits else dict.fromkeys(SIDES, "")
    files = Pictures(entry._replace(given_split=sides.get(entry.given_split, "")) for entry in candidates)
    if backslashes:
        names = tuple(PurePosixPath(name).as_posix() for _, name in backslashes)
        notes.append(Note(NoteKind.BACKSLASHES, " ".join(backslashes[0]), names))
    return Layout(path.parent, files, (), tuple(notes))


def _check_text(where: str, values: dict[str, str]) -> None:
    """Refuses NUL characters, which Parquet may hold; raises DataError."""
    wrong = sorted(name for name, value in values.items() if "\0" in value)
    if wrong:
        raise DataError(
            f"{where}: {wrong[0]} has a NUL character in it. Received: {values[wrong[0]]!r}",
            "write the table again without it",
        )


def _check_path(where: str, root: Path, name: str, received: str) -> None:
    """Refuses what names no picture, or one that another row may name otherwise: rows are told apart by path.

    Raises:
        DataError: The path has `..` or a drive, or the address is chained or has a password.
    """
    if remote.is_chained(received):
        raise DataError(
            f"{where}: an address must have no :: in it; chained addresses are not read",
            "unpack the archive and name the pictures that were in it; rename files with :: in their names",
        )
    if remote.is_remote(name):
        if remote.has_password(name):
            raise DataError(
                f"{where}: an address must have no password in it, which runs and reports would show",
                "set it in the environment, as the store's own tools expect",
            )
    elif ".." in PurePosixPath(name).parts or re.match(r"[A-Za-z]:/", name):
        raise DataError(
            f"{where}: a path must be relative to the table and stay below it, or absolute, or an address "
            f"such as s3://bucket/a.jpg. Received: {received}",
            f"write it from {root} or from / on, without ..",
        )


def _csv(path: Path, notes: list[Note]) -> Iterator[tuple[str, dict[str, str]]]:
    """The values of each row by column, with its place, such as `line 3`; may add a note."""
    text, encoding = _text(path)
    rows = _rows(path, text)
    header, columns = _header(path, rows)
    if encoding in _NAMES:
        notes.append(_encoding_note(text, encoding))
    for line, cells in rows:
        yield f"line {line}", _values(f"{path}, line {line}", cells, columns, header)


def _text(path: Path) -> tuple[str, str]:
    """The text of the table, and the name of its encoding."""
    if kind := filetypes.archive(path):
        raise filetypes.archive_error(path, kind)
    try:
        data = filetypes.contents(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}", "use a table (.csv)") from error
    marked = [encoding for mark, encoding in _MARKS.items() if data.startswith(mark)]
    # In UTF-16 without a mark, every other byte of plain letters is zero.
    odd, even = data[1::2].count(0), data[::2].count(0)
    guessed = ["utf-16-le" if odd > even else "utf-16-be"] if 4 * (odd + even) > len(data) else []
    for encoding in (*marked, *guessed, "utf-8", *_NAMES):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text, encoding
    raise DataError(f"{path}: binary data, not a table", "save it as “CSV UTF-8”")


def _encoding_note(text: str, encoding: str) -> Note:
    lines = enumerate(text.splitlines(), 1)
    number, line = next((number, line) for number, line in lines if not line.isascii())
    return Note(NoteKind.ENCODING, f"read as {_NAMES[encoding]}: line {number} says “{line.strip()}”")


def _rows(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """The cells of all rows, each with the number of its last line; the first row is the header."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    declared = re.fullmatch(r'"?sep=(.)"?', first.strip(" "), re.IGNORECASE)
    if declared:
        # How Excel declares the delimiter; the header is the next line.
        second = [line for line in text.splitlines() if line.strip()][1:2]
        delimiter = declared[1] if second else ","
    else:
        fitting = [mark for mark in _DELIMITERS if set(_headings(_split(first, mark))) >= _REQUIRED]
        delimiter = max(fitting or _DELIMITERS, key=lambda mark: len(_split(first, mark)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num + 1}: {error}", "look for a missing closing quote"
        ) from error
    return [(line, row) for line, row in rows if any(cell.strip() for cell in row)][1 if declared else 0 :]


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []


def _headings(cells: Sequence[str]) -> list[str]:
    names = [cell.strip().casefold() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _header(path: Path, rows: list[tuple[int, list[str]]]) -> tuple[list[str], dict[str, int]]:
    """Removes the first row; returns its headings, and the place of each column."""
    names = _headings(rows[0][1]) if rows else []
    columns = {name: place for place, name in enumerate(names)}
    if not columns.keys() >= _REQUIRED or columns.keys() - _REQUIRED - _OPTIONAL or len(columns) < len(names):
        raise DataError(
            f"{path}: the columns must be path and label, and optionally group and split. "
            f"Received: {', '.join(names or ['nothing'])}",
            "correct the first line of the table; commas, semicolons or tabs separate the columns",
        )
    rows.pop(0)
    return names, columns


def _values(where: str, cells: list[str], columns: dict[str, int], header: list[str]) -> dict[str, str]:
    cells = [cell.strip() for cell in cells]
    while len(cells) > len(header) and not cells[-1]:
        cells.pop()
    values = dict.fromkeys(_REQUIRED | _OPTIONAL, "")
    values |= {name: cells[place] for name, place in columns.items() if place < len(cells)}
    if len(cells) > len(header) or not values["path"] or not values["label"]:
        cells_read = ", ".join(
            f"{name} {cell!r}" for name, cell in zip([*header, *["?"] * len(cells)], cells, strict=False)
        )
        raise DataError(
            f"{where}: every row needs a path and a label, and no more columns than the first. "
            f"Read as: {cells_read[:200]}",
            "quote values that contain the delimiter",
        )
    return values
