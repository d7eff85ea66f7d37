"""Which pictures stay together, and what their groups are called."""

from __future__ import annotations

from pathlib import Path

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
