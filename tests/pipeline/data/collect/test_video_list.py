from __future__ import annotations

import pytest

from pipeline.core.errors import DataError, UsageError
from pipeline.data.collect.video_list import Wanted, read

ONE, TWO = "A0000000001", "A0000000002"


@pytest.fixture
def listed(tmp_path):
    def write(text: str, **more: str) -> list[Wanted]:
        path = tmp_path / "list.txt"
        path.write_bytes(text.encode())
        return read(path, **more)

    return write


def test_lines_say_video_label_and_split(listed):
    found = listed(f'{ONE},cook,train\r\n# a comment\n\n"https://youtu.be/{TWO}", "build" ,test\n')
    assert found == [Wanted(ONE, "cook", "train", 1), Wanted(TWO, "build", "test", 2)]


def test_what_lines_do_not_say_is_given_for_all(listed):
    assert listed(f"{ONE}\n{TWO},build,test\n", label="cook", split="train") == [
        Wanted(ONE, "cook", "train", 1),
        Wanted(TWO, "build", "test", 2),
    ]


def test_a_video_that_stands_there_twice_is_one(listed):
    assert listed(f"{ONE},cook\nhttps://youtu.be/{ONE},cook\n") == [Wanted(ONE, "cook", "", 1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lists no videos"),
        ("# nothing\n", "lists no videos"),
        (
            "rubbish,cook\n",
            "line 1: expected VIDEO, VIDEO,LABEL or VIDEO,LABEL,SPLIT. Received: rubbish,cook",
        ),
        (f"{ONE},cook,train,more\n", "line 1: expected VIDEO"),
        (f"{ONE},cook\n../../x,cook\n", "line 2: expected VIDEO"),
        ("\x1b[31m,cook\n", "Received: ?[31m,cook"),
        (f"{ONE}\n", "line 1: no label: a label is one folder name"),
        (f"{ONE},../cook\n", "line 1: ../cook: a label is one folder name"),
        (f"{ONE},cook,val\n", "line 1: the split must be train or test. Received: val"),
        (f"{ONE},cook,train\n{TWO},cook\n", "some videos have a split and some have none"),
        (f"{ONE},cook,train\n{ONE},cook,test\n", f"line 2: {ONE} is already on the other side of the split"),
    ],
)
def test_a_wrong_line_is_named(listed, text, said):
    with pytest.raises(DataError) as caught:
        listed(text)
    assert said in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file or directory"):
        read(tmp_path / "nothing.txt")
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="cannot be read: it is not UTF-8"):
        read(tmp_path / "list.txt")


def test_a_label_or_a_split_for_all_must_be_one(listed):
    with pytest.raises(UsageError, match=r"--label '\.\./x' cannot be a folder name"):
        listed(ONE, label="../x")
    with pytest.raises(UsageError, match="--split val: expected train or test"):
        listed(ONE, label="cook", split="val")
