"""Packed pictures: what comes out is what went in."""

from __future__ import annotations

import tracemalloc

import pytest

from pipeline.data.pictures import Picture, Pictures

ROWS = [
    Picture("b/ü.jpg", "b", "", "", "22", 8, 9),
    Picture("a/1.jpg", "a", "g", "train", "11", 70_000, 1, "turned", "22", "relabel", "b"),
    Picture("a/0.jpg", "a", "g", "train", "", 0, 0, "turned", "22", "relabel", "b"),
]


def test_what_was_packed_comes_out():
    packed = Pictures(ROWS)
    assert [*packed] == ROWS
    assert [packed[at] for at in range(-3, 3)] == [*ROWS, *ROWS]
    assert [*packed[1:]] == ROWS[1:]
    assert [*packed[::-2]] == ROWS[::-2]
    assert len(packed) == 3
    assert ROWS[1] in packed
    assert not Pictures()
    with pytest.raises(IndexError):
        packed[3]


def test_fields_alone_are_those_of_the_pictures():
    packed = Pictures(ROWS)
    assert [*packed.paths()] == [row.path for row in ROWS]
    assert [*packed.labels()] == [row.label for row in ROWS]
    assert [packed.sha256(at) for at in range(3)] == [row.sha256 for row in ROWS]
    assert [*packed.sizes()] == [(8, 9), (70_000, 1), (0, 0)]
    for field in ("label", "group", "given_split", "remarks", "near_duplicates", "decision", "decided_label"):
        assert [*packed.each(field)] == [getattr(row, field) for row in ROWS]
    with pytest.raises(ValueError, match="not in tuple"):
        packed.each("path")


def test_equal_pictures_in_the_same_order_are_equal():
    assert Pictures(ROWS) == Pictures(iter(ROWS))
    assert Pictures(ROWS) != Pictures(reversed(ROWS))
    assert Pictures(ROWS) != Pictures(ROWS[:2])
    assert Pictures(ROWS) != tuple(ROWS)
    for field in Picture._fields:
        changed = ROWS[1]._replace(**{field: 9 if field in ("width", "height") else "other"})
        assert Pictures(ROWS) != Pictures([ROWS[0], changed, ROWS[2]])
        assert Pictures([changed]) != Pictures([ROWS[1]])


def test_pictures_are_found_by_path_in_any_order():
    packed = Pictures(ROWS)
    for pictures in (packed, packed.in_order()):
        assert [pictures.get(row.path) for row in ROWS] == ROWS
        assert pictures.at("a/1.jpg") == ROWS[1]
        assert pictures.get("a/2.jpg") is None
        with pytest.raises(KeyError):
            pictures.at("a/2.jpg")
        assert pictures.row("a") == -1
    assert [row.path for row in packed.in_order()] == ["a/0.jpg", "a/1.jpg", "b/ü.jpg"]
    assert packed.in_order().in_order() == packed.in_order()


def test_a_row_is_found_wherever_it_is_looked_for_first():
    packed = Pictures(ROWS)
    for likely in range(-2, 5):
        assert [packed.row(row.path, likely) for row in ROWS] == [0, 1, 2]
        assert packed.row("c", likely) == -1
    assert Pictures().row("c", 0) == -1


def test_paths_with_the_same_hash_are_told_apart(monkeypatch):
    monkeypatch.setattr("pipeline.data.pictures.hash", lambda path: 7, raising=False)
    assert [Pictures(ROWS).row(row.path) for row in ROWS] == [0, 1, 2]
    assert Pictures(ROWS).row("c") == -1


def test_a_picture_takes_less_than_150_bytes_with_its_index():
    n = 20_000
    tracemalloc.start()
    packed = Pictures(
        Picture(f"class{at % 9}/{at:08d}.jpg", f"class{at % 9}", "", "", f"{at:064x}", 640, 480)
        for at in range(n)
    )
    packed.row("")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / n < 150
