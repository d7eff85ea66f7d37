"""What tests ask of scanned pictures, and tables that list them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.errors import DataError
from pipeline.data.dataset import Table, scan


def refused(source: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        scan(source)
    assert caught.value.exit_code == 2
    return caught.value


def table_file(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def reasons(table: Table) -> dict[str, str]:
    return {entry.path: entry.reason for entry in table.excluded}
