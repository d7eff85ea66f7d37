"""The table of a run's pictures as files, pictures.csv and excluded.csv, and whether they are still those."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

from pipeline.core import documents, files, runs, stages
from pipeline.core.errors import DataError, RunError
from pipeline.core.remote_cache import RemoteCache
from pipeline.core.runs import Run
from pipeline.data.dataset import Table
from pipeline.data.folders import Excluded, ExclusionKind
from pipeline.data.pictures import Picture, Pictures
from pipeline.images import decode

# Columns of pictures.csv as the version before called them.
_OLD_COLUMNS = {"given": "given_split", "twins": "near_duplicates"}


def save(run: Run, table: Table) -> None:
    """Writes the table into the run."""
    files.write_bytes(run.path(stages.PICTURES), _to_csv(Picture._fields, table.pictures))
    files.write_bytes(
        run.path(stages.EXCLUDED), _to_csv([column.name for column in fields(Excluded)], table.excluded)
    )


def load(run: Run, source: Path, remote: RemoteCache | None = None) -> Table:
    """The table that `save` wrote.

    Args:
        run: Where it is.
        source: The folder or the table that it was made from.
        remote: The cache of pictures at addresses.

    Raises:
        RunError: It is missing or damaged.
    """
    try:
        rows = run.read_csv(stages.PICTURES)
        names = [_OLD_COLUMNS.get(name, name) for name in rows.columns]
        pictures = Pictures(_picture(dict(zip(names, row.values(), strict=True))) for row in rows)
        excluded = [_excluded(row) for row in run.read_csv(stages.EXCLUDED)]
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{run.path(stages.PICTURES)} is damaged: {error}", f"recreate it: {runs.training_command(run)}"
        ) from error
    labels = tuple(sorted({*pictures.labels()}))
    return Table(root_of(source), labels, pictures, tuple(excluded), cache=remote or RemoteCache())


def root_of(source: Path) -> Path:
    """What the paths of a folder or a table of pictures are relative to; it may be gone."""
    return source.parent if source.is_file() or source.suffix.lower() in (".csv", ".parquet") else source


def check_unchanged(table: Table, rows: Iterable[Picture]) -> None:
    """Checks that files are still those that the run was made from.

    Raises:
        DataError: One was changed or removed.
    """
    for picture in rows:
        path = table.file(picture)
        try:
            same = decode.digest(path) == picture.sha256
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}", "train again to see what changed") from error
        if not same:
            raise DataError(f"{path} has changed since the training", "train again to see what changed")


def _picture(row: dict[str, str]) -> Picture:
    return Picture(**{**row, "width": int(row["width"]), "height": int(row["height"])})


def _excluded(row: dict[str, str]) -> Excluded:
    return Excluded(**{**row, "kind": ExclusionKind(row.get("kind", ""))})


def _to_csv(columns: Sequence[str], rows: Iterable[Picture] | Iterable[Excluded]) -> bytes:
    return documents.csv_of(columns, ([getattr(row, name) for name in columns] for row in rows), "\r\n")
