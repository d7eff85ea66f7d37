"""The table that a run keeps: as it was saved, or an error."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest

from pipeline.core import stages
from pipeline.core.errors import DataError, RunError
from pipeline.data import stored_table
from pipeline.data.dataset import scan
from pipeline.data.folders import Excluded
from pipeline.data.pictures import Pictures
from tests.support.tables import table_file


@pytest.mark.parametrize(
    "name",
    [
        "a,b.png",
        'quote".png',
        "line\nbreak.png",
        "return\rhere.png",
        "a;b 'c'.png",
        "tab\t.png",
        "日本.png",
        " .png",
    ],
)
def test_a_table_comes_back_as_it_was_saved(two, run, name):
    try:
        shutil.copy(two / "cat/000.png", two / "cat" / name)
        (two / "dog" / name.replace(".png", ".txt")).write_text("x", "utf-8")
    except OSError:
        pytest.skip("the file system allows no such name")
    table = scan(two)
    stored_table.save(run, table)
    assert f"cat/{name}" in {p.path for p in table.pictures}
    assert stored_table.load(run, two) == table
    assert stored_table.load(run, two).key == table.key


def test_a_file_name_that_is_no_unicode_is_no_accident(two, run):
    try:
        shutil.copy(two / "cat/000.png", os.fsencode(two / "cat") + b"/caf\xe9.png")
    except OSError:
        pytest.skip("the file system allows no such name")
    table = scan(two)
    assert len(table.pictures) + len(table.excluded) == 10
    assert table.key
    stored_table.save(run, table)
    assert stored_table.load(run, two) == table


def test_a_table_of_a_csv_comes_back_as_it_was_saved(two, run):
    path = table_file(two, "path,label,group,split\ncat/000.png,cat,g 1,train\ndog/000.png,dog,,test\n")
    table = scan(path)
    stored_table.save(run, table)
    assert stored_table.load(run, path) == table


def test_files_left_out_by_the_version_before_are_read(two, run):
    (two / "cat" / "notes.txt").write_text("x", "utf-8")
    stored_table.save(run, scan(two))
    path = run.path(stages.EXCLUDED)
    path.write_text("path,label,sha256,reason\ncat/notes.txt,cat,,not a picture\n", "utf-8")
    assert stored_table.load(run, two).excluded == (Excluded("cat/notes.txt", "cat", "", "not a picture"),)


def test_a_table_of_the_version_before_is_read(two, run):
    table = scan(table_file(two, "path,label,split\ncat/000.png,cat,train\ndog/000.png,dog,test\n"))
    table = replace(table, pictures=Pictures(p._replace(near_duplicates=p.sha256) for p in table.pictures))
    stored_table.save(run, table)
    path = run.path(stages.PICTURES)
    header, rows = path.read_text("utf-8").split("\n", 1)
    header = header.replace("given_split", "given").replace("near_duplicates", "twins")
    path.write_text(f"{header}\n{rows}", "utf-8")
    assert {"given", "twins"} <= {*header.split(",")}
    assert stored_table.load(run, two).pictures == table.pictures


def test_a_missing_or_damaged_table_is_a_run_error(two, run):
    with pytest.raises(RunError, match=r"pictures\.csv is missing") as caught:
        stored_table.load(run, two)
    assert caught.value.exit_code == 1
    stored_table.save(run, scan(two))
    path = run.path(stages.PICTURES)
    path.write_text(path.read_text("utf-8")[:-20], "utf-8")
    with pytest.raises(RunError, match=r"pictures\.csv is damaged"):
        stored_table.load(run, two)


def test_check_unchanged_names_what_was_changed_or_removed(two):
    table = scan(two)
    stored_table.check_unchanged(table, table.pictures)
    shutil.copy(two / "cat/001.png", two / "cat/000.png")
    with pytest.raises(DataError, match=r"cat/000\.png has changed since the training") as caught:
        stored_table.check_unchanged(table, table.pictures)
    assert caught.value.hint == "train again to see what changed"
    stored_table.check_unchanged(table, table.pictures[1:])
    (two / "cat/000.png").unlink()
    with pytest.raises(DataError, match=r"cat/000\.png: No such file"):
        stored_table.check_unchanged(table, table.pictures)
