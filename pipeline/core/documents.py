"""Parses JSON, CSV and arrays: complete and in the expected form, or a `DocumentError`.

The caller says which file it was and what to do about it.
"""

from __future__ import annotations

import csv
import io
import json
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError


class DocumentError(ValueError):
    """What is wrong with a document."""


class Document(BaseModel):
    """A JSON document that a stage writes: frozen, with types checked and never converted.

    Unknown keys, from a later version, are ignored; a key with a default may be missing.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


Form = TypeVar("Form", bound=Document)


def document_of(data: bytes | str, form: type[Form]) -> Form:
    """The document that a JSON text holds.

    Raises:
        DocumentError: It is not JSON, or not of this form.
    """
    value = object_of(data)
    try:
        return form.model_validate_json(json.dumps(value))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DocumentError(f"{place}: {first['msg']}" if place else first["msg"]) from error


def json_of(data: bytes | str) -> Any:
    """The value of a JSON text; bytes are decoded as UTF-8.

    Raises:
        DocumentError: It is not JSON, or too deeply nested.
    """
    try:
        return json.loads(data.decode("utf-8") if isinstance(data, bytes) else data, parse_constant=_refuse)
    except RecursionError as error:
        raise DocumentError("nested too deeply") from error
    except ValueError as error:
        raise DocumentError(str(error)) from error


def object_of(data: bytes | str, keys: Collection[str] = ()) -> dict[str, Any]:
    """The JSON object that a text holds.

    Args:
        data: As for `json_of`.
        keys: Keys it must have.

    Raises:
        DocumentError: It is not a JSON object, or a key is missing.
    """
    value = json_of(data)
    if not isinstance(value, dict):
        raise DocumentError("expected an object")
    if lacking := [key for key in keys if key not in value]:
        raise DocumentError(f"it lacks {', '.join(sorted(lacking))}")
    return value


class Rows:
    """The rows of a CSV file, by column: read anew by every pass, so that they are never all in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[dict[str, str]]:
        rows = self._rows()
        columns = next(rows, [])
        for row in rows:
            if len(row) not in (0, len(columns)):
                raise DocumentError("a row is incomplete")
            if row:
                yield dict(zip(columns, row, strict=True))

    @property
    def columns(self) -> Sequence[str]:
        return next(self._rows(), [])

    def _rows(self) -> Iterator[list[str]]:
        # io.StringIO would take 4 bytes for each character.
        return csv.reader(io.TextIOWrapper(io.BytesIO(self._data), "utf-8", newline=""), strict=True)


def rows_of(data: bytes, columns: Collection[str] = ()) -> Rows:
    """The rows of a CSV text in UTF-8.

    Raises:
        DocumentError: It is not CSV, a row is incomplete, or a column is missing.
    """
    try:
        rows = Rows(data)
        deque(rows, 0)  # reads them all
        present = rows.columns
    except DocumentError:
        raise
    except (ValueError, csv.Error) as error:
        raise DocumentError(str(error)) from error
    if lacking := [column for column in columns if column not in present]:
        raise DocumentError(f"it lacks the column {', '.join(lacking)}")
    return rows


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[Any]], end: str = "\n") -> bytes:
    """A CSV file in UTF-8, with a heading; its lines end with `end`."""
    data = io.BytesIO()
    text = io.TextIOWrapper(data, "utf-8", newline="")
    writer = csv.writer(text, lineterminator=end)
    writer.writerow(columns)
    writer.writerows(rows)
    text.flush()
    return data.getvalue()


def arrays_of(data: bytes, names: Collection[str] = ()) -> dict[str, np.ndarray]:
    """The arrays of an .npz file.

    Args:
        data: The file.
        names: Arrays it must have, all of one length.

    Raises:
        DocumentError: It is not an .npz file, or an array is missing or of another length.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = dict(file)
    except Exception as error:  # zipfile, zlib, struct and numpy each raise their own
        raise DocumentError(str(error) or type(error).__name__) from error
    if lacking := [name for name in names if name not in arrays]:
        raise DocumentError(f"it lacks {', '.join(lacking)}")
    if len({arrays[name].shape[:1] for name in names}) > 1:
        raise DocumentError("its arrays differ in length")
    return arrays


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a number")
