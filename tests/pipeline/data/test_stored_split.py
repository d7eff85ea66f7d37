"""The split that a run keeps: deleted, damaged, without its note, or of an earlier version."""

from __future__ import annotations

import json

import pytest

from pipeline.core import stages
from pipeline.core.errors import DataError, RunError
from pipeline.data import splits
from tests.support.splits import picture, random_table, sides, singles, table_of


def test_an_unchanged_split_is_not_written_again(draw_split, run):
    table = random_table(1)
    draw_split(table)
    path = run.path(stages.SPLIT)
    before = path.stat()
    draw_split(table)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


def test_what_was_written_is_what_is_loaded(draw_split, run):
    table = random_table(2)
    split = draw_split(table)
    loaded = splits.load(run, table)
    assert sides(loaded) == sides(split)
    assert (loaded.train_key, loaded.held_out_key) == (split.train_key, split.held_out_key)
    assert loaded == split


def test_loading_needs_a_split_that_names_every_picture(draw_split, run):
    table = table_of(*singles(a=20, b=20))
    with pytest.raises(RunError, match=r"split\.csv is missing") as missing:
        splits.load(run, table)
    assert "python -m pipeline train" in missing.value.hint
    draw_split(table)
    more = table_of(*table.pictures, picture("a/new.png"))
    with pytest.raises(DataError, match=r"a/new\.png is not in the split") as new:
        splits.load(run, more)
    assert new.value.hint == "train again: that adds new pictures"


def test_nothing_is_written_for_a_split_that_is_refused(draw_split, run):
    with pytest.raises(DataError):
        draw_split(table_of(*singles(a=30, b=5)))
    assert not run.path(stages.SPLIT).exists()


def test_a_deleted_split_is_drawn_the_same_again(draw_split, run):
    table = random_table(3)
    before = sides(draw_split(table))
    text = run.path(stages.SPLIT).read_bytes()
    run.path(stages.SPLIT).unlink()
    assert sides(draw_split(table)) == before
    assert run.path(stages.SPLIT).read_bytes() == text


@pytest.mark.parametrize("added_before", [True, False])
def test_a_deleted_split_is_not_drawn_again_once_pictures_were_added(draw_split, run, added_before):
    table = table_of(*singles(a=40, b=40))
    more = table_of(*table.pictures, picture("a/new.png"))
    draw_split(table)
    if added_before:
        draw_split(more)
    run.path(stages.SPLIT).unlink()
    with pytest.raises(DataError, match=r"split\.csv is gone, and pictures were added") as caught:
        draw_split(more)
    assert "would not be comparable" in caught.value.message
    assert "--resplit" in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_lost_note_about_the_split_moves_nobody(draw_split, run):
    rows = singles(a=40, b=40)
    before = sides(draw_split(table_of(*rows)))
    run.path("recipes", "split.json").unlink()
    after = sides(draw_split(table_of(*rows, *(picture(f"{c}/{i}new.png") for c in "ab" for i in range(20)))))
    assert {path: after[path] for path in before} == before


def test_a_lost_note_does_not_keep_folds_of_another_number(draw_split, run):
    table = table_of(*singles(a=60, b=60))
    before = draw_split(table)
    run.path("recipes", "split.json").unlink()
    after = draw_split(table, "train.folds=3")
    assert set(after.folds) == {0, 1, 2}
    assert after.held_out == before.held_out


def test_another_number_of_folds_does_not_draw_a_deleted_split_anew_once_pictures_were_added(draw_split, run):
    table = table_of(*singles(a=40, b=40))
    draw_split(table)
    run.path(stages.SPLIT).unlink()
    with pytest.raises(DataError, match=r"split\.csv is gone, and pictures were added"):
        draw_split(table_of(*table.pictures, picture("a/new.png")), "train.folds=3")


def test_a_split_drawn_by_an_earlier_version_does_not_move(draw_split, run):
    table = table_of(*singles(a=40, b=40))
    draw_split(table)
    path, note = run.path(stages.SPLIT), run.path("recipes", "split.json")
    # As another rule of dealing drew it: the two classes trade their places.
    text = path.read_text("utf-8")
    places = {line.split(",")[0]: line.split(",")[2:] for line in text.splitlines()[1:]}
    other = {"a": "b", "b": "a"}
    traded = [
        ",".join([name, sha256, *places[other[name[0]] + name[1:]]])
        for name, sha256, *_ in (line.split(",") for line in text.splitlines()[1:])
    ]
    path.write_text("\n".join([text.splitlines()[0], *traded]) + "\n", "utf-8")
    earlier = json.loads(note.read_text("utf-8")) | {"version": 1, "key": "x", "files": {}}
    note.write_text(json.dumps(earlier), "utf-8")
    old = sides(splits.load(run, table))
    assert sides(draw_split(table)) == old
    more = table_of(*table.pictures, picture("a/new.png"))
    after = sides(draw_split(more))
    assert {name: after[name] for name in old} == old
    path.unlink()
    with pytest.raises(DataError, match=r"split\.csv is gone, and"):
        draw_split(table)


def test_a_deleted_split_of_an_earlier_version_is_not_drawn_by_other_rules(draw_split, run):
    table = table_of(*singles(a=40, b=40))
    draw_split(table)
    note = run.path("recipes", "split.json")
    note.write_text(json.dumps(json.loads(note.read_text("utf-8")) | {"version": 1}), "utf-8")
    run.path(stages.SPLIT).unlink()
    with pytest.raises(DataError, match="an earlier version of Vignette drew it") as caught:
        draw_split(table)
    assert "--resplit" in caught.value.hint


def test_a_lost_note_is_written_again_as_it_was(draw_split, run):
    """As after a signal between the two: the split can still be deleted and drawn again."""
    table = random_table(4)
    before = sides(draw_split(table))
    note = run.path("recipes", "split.json")
    text = note.read_bytes()
    note.unlink()
    draw_split(table)
    assert note.read_bytes() == text
    run.path(stages.SPLIT).unlink()
    assert sides(draw_split(table)) == before


def test_a_lost_note_of_a_split_that_grew_does_not_call_it_newly_drawn(draw_split, run):
    table = table_of(*singles(a=40, b=40))
    draw_split(table)
    more = table_of(*table.pictures, *(picture(f"a/{i}new.png") for i in range(20)))
    draw_split(more)
    run.path("recipes", "split.json").unlink()
    draw_split(more)
    run.path(stages.SPLIT).unlink()
    with pytest.raises(DataError, match=r"split\.csv is gone"):
        draw_split(more)


def test_a_damaged_split_is_said(draw_split, run):
    table = table_of(*singles(a=40, b=40))
    draw_split(table)
    path = run.path(stages.SPLIT)
    path.write_text(path.read_text("utf-8")[:-30], "utf-8")
    with pytest.raises(RunError, match=r"split\.csv is damaged"):
        draw_split(table)


def test_copies_that_were_given_on_both_sides_are_loaded_as_they_were_written(draw_split, run):
    rows = [
        *(p._replace(given_split="train") for p in singles(a=20, b=20)),
        picture("a/copy.png", content="same", given_split="train"),
        *(picture(f"{label}/t{i}.png", label, given_split="held_out") for label in "ab" for i in range(4)),
        picture("a/t9.png", content="same", given_split="held_out"),
    ]
    table = table_of(*rows)
    split = draw_split(table)
    assert split.shared_groups == 1
    assert sides(splits.load(run, table)) == sides(split)
    assert sides(draw_split(table)) == sides(split)
    assert len(split.held_out) == 9
