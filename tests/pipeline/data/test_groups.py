"""Which pictures stay together, and what their groups are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.data import groups
from pipeline.data.dataset import Table
from pipeline.data.pictures import Picture, Pictures


def test_pairs_that_share_a_member_form_one_group_named_by_the_least():
    pairs = [("b", "c"), ("c", "a"), ("e", "f")]
    expected = {"a": "a", "b": "a", "c": "a", "d": "d", "e": "e", "f": "e"}
    assert groups.connected("abcdef", pairs) == expected


def test_near_duplicates_are_named_by_their_content():
    """The split is drawn from this name: another one would draw another split for the same pictures."""
    rows = [
        Picture("a/1.jpg", "a", "", "", "22", 8, 8, near_duplicates="22"),
        Picture("a/2.jpg", "a", "", "", "11", 8, 8, near_duplicates="22"),
        Picture("a/3.jpg", "a", "", "", "33", 8, 8),
    ]
    found = groups.GroupNames(Table(Path(), ("a",), Pictures(rows), ()))
    assert [*map(found.of, rows)] == ["sha256:11", "sha256:11", "sha256:33"]


def test_groups_are_numbered_in_the_order_of_their_names():
    rows = [
        Picture("a/1.jpg", "a", "", "", "22", near_duplicates="22"),
        Picture("a/2.jpg", "a", "ü", "", "11"),
        Picture("a/3.jpg", "a", "", "", "33"),
        Picture("a/4.jpg", "a", "b", "", "44"),
        Picture("a/5.jpg", "a", "ü", "", "55"),
        Picture("a/6.jpg", "a", "", "", "66", near_duplicates="22"),
        Picture("a/7.jpg", "a", "", "", "33"),
    ]
    pictures = Pictures(rows)
    found = groups.GroupNames(Table(Path(), ("a",), pictures, ()))
    numbers = found.numbers(pictures)
    assert numbers.tolist() == [2, 1, 3, 0, 1, 2, 3]
    np.testing.assert_array_equal(numbers, np.unique([*map(found.of, rows)], return_inverse=True)[1])
    assert found.numbers(Pictures()).shape == (0,)
    assert found.numbers(pictures[3:4]).tolist() == [0]
    assert found.numbers(pictures[2:3]).tolist() == [0]
