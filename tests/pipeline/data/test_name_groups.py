from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.sections import Data
from pipeline.data import name_groups
from pipeline.data.dataset import Table
from pipeline.data.folders import NoteKind
from pipeline.data.pictures import Picture, Pictures


@pytest.mark.parametrize(
    ("pattern", "path", "group"),
    [
        ("roboflow", "train/rose/rose_12_jpg.rf.0b3c9d.jpg", "rose_12_jpg"),
        ("roboflow", "test/rose/rose_12_jpg.rf.ffe1.jpg", "rose_12_jpg"),
        ("roboflow", "rose/rose_12.jpg", ""),
        ("frames", "cat/visit3_frame_0012.jpg", "visit3"),
        ("frames", "cat/visit3-Frame12.png", "visit3"),
        ("frames", "cat/clip.frm0004_small.png", "clip"),
        ("frames", "cat/picture_frame.jpg", ""),
        ("frames", "cat/IMG_0004.jpg", ""),
        ("bursts", "a/IMG_20240131_154502_003.jpg", "20240131_154502"),
        ("bursts", "a/20240131_154502(1).jpg", "20240131_154502"),
        ("bursts", "a/PXL_20240131_154502123.jpg", "20240131_154502"),
        ("bursts", "a/00000IMG_00003_BURST20240131154502123_COVER.jpg", "BURST20240131154502"),
        ("bursts", "a/DSC_0001.jpg", ""),
        (r"^(.+)-\d+$", "a/b/tray 4-12.jpeg", "tray 4"),
        (r"^(x)?(\d+)$", "a/12.jpg", ""),
    ],
)
def test_a_name_tells_its_group_whatever_its_folder(pattern, path, group):
    assert name_groups.group_of(path, Data(pictures="p", group_pattern=pattern).group_pattern) == group


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "a regular expression: missing )"),
        (r"\d+$", "a regular expression with a group in parentheses, or roboflow, frames, bursts"),
        ("robofow", "or roboflow, frames, bursts"),
    ],
)
def test_a_pattern_without_a_group_is_refused(pattern, words):
    with pytest.raises(ValueError, match="group_pattern") as refused:
        Data(pictures="p", group_pattern=pattern)
    assert words in str(refused.value)


def table(*rows: tuple[str, str]) -> Table:
    pictures = Pictures(Picture(path, "a", group, "", path, 9, 9) for path, group in rows)
    return Table(Path("root"), ("a",), pictures, ())


def test_groups_of_the_data_set_go_before_those_of_names():
    given = table(("a/x-1.png", ""), ("a/x-2.png", "own"), ("a/y.png", ""), ("a/z-1.png", ""))
    found = name_groups.apply(given, r"^(.+)-\d$")
    assert [picture.group for picture in found.pictures] == ["x", "own", "", "z"]
    (note,) = found.notes
    assert note.kind is NoteKind.NAMED_GROUPS
    assert note.detail == r"^(.+)-\d$: 2 groups from 3 of 4 file names, the largest of 2 pictures"
    assert note.pictures == ("a/x-1.png", "a/x-2.png", "a/z-1.png")
    assert name_groups.apply(given, "") is given


def test_a_pattern_that_finds_nothing_is_noted():
    found = name_groups.apply(table(("a/x.png", "")), "frames")
    assert found.notes[0].kind is NoteKind.NO_NAMED_GROUPS
    assert found.notes[0].detail == "frames: 0 groups from 0 of 1 file names"


def names(*groups: str) -> list[str]:
    return [f"a/{group}_frame_{number}.png" for group in groups for number in range(4)]


def test_a_recipe_is_proposed_when_near_duplicates_agree_with_it():
    paths = [*names("v1", "v2"), "a/alone.png"]
    pairs = [(paths[0], paths[1]), (paths[1], paths[2]), (paths[4], paths[7])]
    assert name_groups.proposal(paths, pairs) == ("frames", [paths[:4], paths[4:8]])
    # Too few pairs, or pairs across the groups, say nothing.
    assert name_groups.proposal(paths, pairs[:2]) is None
    assert name_groups.proposal(paths, [*pairs, (paths[0], paths[4])]) is None
    assert name_groups.proposal(["a/1.png", "a/2.png"], [("a/1.png", "a/2.png")] * 5) is None
