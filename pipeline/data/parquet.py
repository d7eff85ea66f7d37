"""The rows of a table of pictures in Parquet, read a batch at a time by pyarrow, which is optional."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.core import filetypes
from pipeline.core.errors import DataError
from pipeline.core.remote import INSTALL

_MAGIC = b"PAR1"
_BATCH = 65_536  # rows


def is_parquet(path: Path) -> bool:
    """Whether a file is in Parquet, by its first bytes, or claims to be by its name."""
    try:
        return filetypes.head(path).startswith(_MAGIC) or path.suffix.lower() == ".parquet"
    except OSError:
        return False


def rows(
    path: Path, required: frozenset[str], optional: frozenset[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a table, each with its place, such as `row 3`; other columns are not read.

    Args:
        path: The file.
        required: Columns that have text in every row.
        optional: Columns that may be missing, as their values may; these are empty.

    Raises:
        DataError: A column or a value is missing or no text; the file is damaged; pyarrow is missing.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise DataError(f"{path}: Parquet needs the package pyarrow", INSTALL) from error
    try:
        with parquet.ParquetFile(path) as file:
            columns = _columns(path, file.schema_arrow.names, required, optional)
            number = 0
            for batch in file.iter_batches(_BATCH, columns=list(columns.values())):
                cells = {name: _texts(path, name, batch.column(own), number) for name, own in columns.items()}
                for at in range(batch.num_rows):
                    number += 1
                    values = dict.fromkeys(required | optional, "")
                    values |= {name: (texts[at] or "").strip() for name, texts in cells.items()}
                    for name in sorted(required):
                        if not values[name]:
                            raise DataError(
                                f"{path}, row {number}: {name} is empty", "give every row a path and a label"
                            )
                    yield f"row {number}", values
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} cannot be read as Parquet: {words}", "write it again") from error


def _columns(
    path: Path, names: list[str], required: frozenset[str], optional: frozenset[str]
) -> dict[str, str]:
    """The wanted columns that the file has, with their names there."""
    found: dict[str, str] = {}
    for name in names:
        known = name.strip().casefold()
        if known in found:
            raise DataError(f"{path}: there are two columns called {known}", "keep one of them")
        if known in required | optional:
            found[known] = name
    if not found.keys() >= required:
        raise DataError(
            f"{path}: the columns must be path and label, and optionally group and split. "
            f"Received: {', '.join(names) or 'nothing'}",
            "rename the columns; others are ignored",
        )
    return found


def _texts(path: Path, name: str, column: Any, before: int) -> list[str | None]:
    """The values of a column of a batch that begins after so many rows."""
    values = column.to_pylist()
    wrong = next((at for at, value in enumerate(values) if not isinstance(value, str | None)), None)
    if wrong is not None:
        raise DataError(
            f"{path}, row {before + wrong + 1}: {name} must be text. "
            f"Received: {values[wrong]!r} ({column.type})",
            f"convert the column {name} to strings",
        )
    return values
