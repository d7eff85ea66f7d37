from __future__ import annotations

import builtins
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from pipeline.core.errors import DataError
from pipeline.data import tables
from pipeline.data.pictures import Picture, Pictures

ROWS = {
    "path": [f"{label}/{number}.jpg" for label in ("cat", "dog") for number in range(50)],
    "label": ["cat"] * 50 + ["dog"] * 50,
    "group": [f"g{number // 3}" for number in range(100)],
    "split": ["train"] * 40 + ["test"] * 10 + ["train"] * 40 + ["test"] * 10,
}


def write(path: Path, columns: dict[str, object], **options: object) -> Path:
    parquet.write_table(pa.table(columns), path, **options)
    return path


def written_as_csv(path: Path) -> Path:
    lines = [",".join(row) for row in zip(*ROWS.values(), strict=True)]
    path.write_text("\n".join([",".join(ROWS), *lines]), "utf-8")
    return path


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        tables.read(path)
    assert caught.value.exit_code == 2
    return caught.value.message.removeprefix(str(path))


def test_parquet_gives_the_same_pictures_as_csv(tmp_path):
    made = write(tmp_path / "table.parquet", ROWS, row_group_size=7)
    assert parquet.ParquetFile(made).num_row_groups == 15
    assert tables.read(made) == tables.read(written_as_csv(tmp_path / "table.csv"))


def test_files_are_told_by_their_first_bytes_whatever_they_are_called(tmp_path):
    made = write(tmp_path / "table.txt", ROWS)
    assert len(tables.read(made).candidates) == 100


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int32(), pa.large_string()),
    ],
    ids=str,
)
def test_text_of_any_encoding_is_read(tmp_path, kind):
    columns = {name: pa.array(values).cast(pa.string()) for name, values in ROWS.items()}
    own = {name: column.dictionary_encode() for name, column in columns.items()}
    cast = {
        name: (own if pa.types.is_dictionary(kind) else columns)[name].cast(
            pa.dictionary(pa.int32(), kind.value_type) if pa.types.is_dictionary(kind) else kind
        )
        for name in ROWS
    }
    made = write(tmp_path / "table.parquet", cast, row_group_size=33)
    assert tables.read(made) == tables.read(written_as_csv(tmp_path / "table.csv"))


def test_other_columns_are_not_read(tmp_path, monkeypatch):
    made = write(tmp_path / "table.parquet", {**ROWS, "embedding": [[0.5] * 100] * 100, "id": range(100)})
    asked = []
    reading = parquet.ParquetFile.iter_batches

    def watched(self, *arguments, **options):
        asked.append(options["columns"])
        return reading(self, *arguments, **options)

    monkeypatch.setattr(parquet.ParquetFile, "iter_batches", watched)
    assert len(tables.read(made).candidates) == 100
    assert asked == [["path", "label", "group", "split"]]


def test_names_of_columns_may_be_written_in_any_case(tmp_path):
    made = write(tmp_path / "table.parquet", {"Path ": ["a.jpg"], "LABEL": ["cat"]})
    assert tables.read(made).candidates == Pictures([Picture("a.jpg", "cat")])


def test_group_and_split_may_be_missing_in_the_file_or_in_rows(tmp_path):
    columns = {
        "path": ["a.jpg", "b.jpg"],
        "label": ["cat", "dog"],
        "group": [None, "g"],
        "split": pa.nulls(2),
    }
    made = write(tmp_path / "table.parquet", columns)
    assert tables.read(made).candidates == Pictures([Picture("a.jpg", "cat"), Picture("b.jpg", "dog", "g")])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": ["x"] * 90 + [None] * 10}, ", row 91: label is empty"),
        ({"path": [" "] + ["x"] * 99}, ", row 1: path is empty"),
        ({"path": pa.nulls(100)}, ", row 1: path is empty"),
        ({"label": [None, *range(99)]}, ", row 2: label must be text. Received: 0 (int64)"),
        ({"path": [b"x"] * 100}, ", row 1: path must be text. Received: b'x' (binary)"),
        ({"group": [None] * 60 + [1.5] * 40}, ", row 61: group must be text. Received: 1.5 (double)"),
        (
            {"label": pa.array([7] * 100).dictionary_encode()},
            ", row 1: label must be text. Received: 7 (int64)",
        ),
        (
            {"label": [["cat"]] * 100},
            ", row 1: label must be text. Received: ['cat'] (list<element: string>)",
        ),
        ({"split": ["train"] * 99 + ["dev"]}, ", row 100: split must be train, val or test. Received: dev"),
        ({"path": ["x"] * 99 + ["../x"]}, ", row 100: a path must be relative to the table"),
        (
            {"path": ["x"] * 49 + ["cat/\0.jpg"] + ["y"] * 50},
            ", row 50: path has a NUL character in it. Received: 'cat/\\x00.jpg'",
        ),
        (
            {"path": ["x"] * 99 + ["s3://bucket/\0.jpg"]},
            ", row 100: path has a NUL character in it. Received: 's3://bucket/\\x00.jpg'",
        ),
        ({"label": ["cat\0"] * 100}, ", row 1: label has a NUL character in it. Received: 'cat\\x00'"),
        ({"group": ["\0"] * 100}, ", row 1: group has a NUL character in it. Received: '\\x00'"),
        ({"split": ["test\0"] * 100}, ", row 1: split has a NUL character in it. Received: 'test\\x00'"),
        ({"path": ["x"] * 100}, ": x is listed twice"),
        ({"Label": ["x"] * 100}, ": there are two columns called label"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_value_is_refused_with_its_row(tmp_path, columns, message):
    made = write(tmp_path / "table.parquet", {**ROWS, **columns}, row_group_size=16)
    assert refused(made).startswith(message)


def test_missing_columns_are_named(tmp_path):
    made = write(tmp_path / "table.parquet", {"file": ["a.jpg"], "label": ["cat"]})
    message = ": the columns must be path and label, and optionally group and split. Received: file, label"
    assert refused(made) == message


def test_a_damaged_file_is_refused(tmp_path):
    made = write(tmp_path / "table.parquet", ROWS)
    data = made.read_bytes()
    for bad in (data[:-20], b"PAR1", b"path,label\n", data[:200] + bytes(300) + data[500:]):
        made.write_bytes(bad)
        assert refused(made).startswith(" cannot be read as Parquet: ")


def test_without_pyarrow_one_line_says_what_to_install(tmp_path, monkeypatch):
    made = write(tmp_path / "table.parquet", ROWS)
    importing = builtins.__import__

    def without(name, *arguments, **options):
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(name)
        return importing(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match="Parquet needs the package pyarrow") as caught:
        tables.read(made)
    assert caught.value.hint == "pip install -r requirements-tables.txt"


@pytest.mark.slow
def test_a_long_table_is_read_a_part_at_a_time(tmp_path):
    """A column beside the wanted ones, and one row group at a time: less memory than the file has bytes."""
    count, path = 100_000, tmp_path / "table.parquet"
    schema = pa.schema({"path": pa.string(), "label": pa.string(), "thumbnail": pa.binary()})
    with parquet.ParquetWriter(path, schema, compression="none") as writer:
        for start in range(0, count, 20_000):
            rows = range(start, start + 20_000)
            columns = {
                "path": [f"s3://bucket/{row}.jpg" for row in rows],
                "label": [f"class {row % 10}" for row in rows],
                "thumbnail": [row.to_bytes(4, "big") * 250 for row in rows],
            }
            writer.write_table(pa.table(columns, schema))
    assert path.stat().st_size > 100_000_000
    pool = pa.default_memory_pool()
    before = pool.max_memory()
    layout = tables.read(path)
    assert len(layout.candidates) == count
    assert layout.candidates[-1] == Picture("s3://bucket/99999.jpg", "class 9")
    assert pool.max_memory() <= max(before, 20_000_000)
