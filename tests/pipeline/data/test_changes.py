"""What changed in a folder or a table since it was last looked at."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from pipeline.data import changes, file_hashes, fingerprints
from pipeline.data.dataset import scan
from pipeline.images import decode


def test_compare_counts_what_was_added_removed_and_changed(two, make_data_set):
    before = scan(two)
    assert str(changes.compare(before, scan(two))) == ""
    make_data_set(two, {"cat": 2}, first_seed=700)
    (two / "dog/000.png").unlink()
    shutil.copy(two / "cat/700.png", two / "dog/001.png")
    change = changes.compare(before, scan(two))
    assert change == changes.Change(added=2, removed=1, changed=1)
    assert str(change) == "2 added, 1 removed, 1 changed"


def test_a_picture_in_another_class_or_under_another_name_is_neither_added_nor_removed(two):
    before = scan(two)
    (two / "cat/000.png").rename(two / "dog/from-cat.png")
    (two / "cat/001.png").rename(two / "cat/renamed.png")
    assert str(changes.compare(before, scan(two))) == "1 relabelled, 1 renamed"


def test_rows_of_a_table_that_were_edited_are_told_apart(two):
    table = two / "table.csv"
    rows = [f"{path.relative_to(two).as_posix()},{path.parent.name},a" for path in sorted(two.rglob("*.png"))]
    table.write_text("\n".join(["path,label,group", *rows]), "utf-8")
    before = scan(table)
    rows[0], rows[1] = rows[0].replace(",cat,", ",dog,"), rows[1].replace(",a", ",b")
    table.write_text("\n".join(["path,label,group", *rows]), "utf-8")
    assert str(changes.compare(before, scan(table))) == "1 relabelled, 1 regrouped"
    moment = table.stat().st_mtime
    assert str(changes.changed_since(before, table, moment)) == "1 relabelled, 1 regrouped"


def test_what_changed_since_a_moment_is_found_by_reading_newer_files_alone(two, monkeypatch):
    before, moment = scan(two), (two / "cat/000.png").stat().st_mtime + 60
    assert not changes.changed_since(before, two, moment)
    shutil.copy(two / "cat/000.png", two / "cat/001.png")
    os.utime(two / "cat/001.png", (moment + 1, moment + 1))
    os.utime(two / "dog/001.png", (moment + 1, moment + 1))
    (two / "dog/000.png").rename(two / "cat/from-dog.png")
    read = []
    digest = decode.digest
    monkeypatch.setattr(decode, "digest", lambda path: read.append(path.name) or digest(path))
    assert str(changes.changed_since(before, two, moment)) == "1 changed, 1 relabelled"
    assert sorted(read) == ["001.png", "001.png", "from-dog.png"]


@pytest.mark.parametrize("read_before", [True, False])
def test_pictures_that_trade_places_are_noticed_although_their_times_stay(
    two, workplace, monkeypatch, read_before
):
    monkeypatch.setattr(file_hashes, "_SETTLED_NS", 0)
    with fingerprints.open_cache() as cache:
        before = scan(two, cache=cache if read_before else None)
    time.sleep(0.05)
    # A run that was copied has a table that is newer than any file.
    moment = time.time() + 3600 * read_before
    time.sleep(0.05)
    one, other, spare = two / "cat/000.png", two / "dog/000.png", two / "spare"
    for source, target in ((one, spare), (other, one), (spare, other)):
        source.rename(target)
    assert str(changes.changed_since(before, two, moment)) == "2 changed"
