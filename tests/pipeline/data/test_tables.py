"""Pictures from a table: forms of spreadsheets, and what is refused, with the line."""

from __future__ import annotations

import os
import shutil

import pytest

from pipeline.data.dataset import scan
from tests.support.tables import reasons, refused, table_file


def test_a_table_names_pictures_labels_groups_and_splits(two):
    lines = ["path,label,group,split", "dog/000.png,hound,g1,test", "dog/001.png,hound,,train"]
    lines += ["cat/000.png, cat ,g1,train", "cat/001.png,cat,,val", '"cat/002.png","cat","",test']
    table = scan(table_file(two, "\n".join(lines)))
    assert table.root == two
    assert [(p.path, p.label, p.group, p.given_split) for p in table.pictures] == [
        ("cat/000.png", "cat", "g1", "train"),
        ("cat/001.png", "cat", "", "train"),
        ("cat/002.png", "cat", "", "held_out"),
        ("dog/000.png", "hound", "g1", "held_out"),
        ("dog/001.png", "hound", "", "train"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_out_of_a_spreadsheet_is_read(two, encoding, end):
    text = end.join(["path,label", "cat/000.png,Kätzchen", "dog/000.png,犬", ""])
    assert scan(table_file(two, text, encoding)).labels == ("Kätzchen", "犬")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["file,label", "a.png,cat"], "the columns must be path and label"),
        (["path label", "a.png cat"], "Received: path label"),
        (["path,label,", "a.png,cat,x"], "Read as: path 'a.png', label 'cat', ? 'x'"),
        (["path,label,Label", "a.png,cat,dog"], "Received: path, label, label"),
        (["path;label", "a.png,cat"], "line 2: every row needs a path and a label"),
        (["path,label", "C:\\cats\\a.png,cat"], "line 2: a path must be relative to the table"),
        (["path,label", "a\0.png,cat"], "binary data, not a table"),
        (["path,label,mood", "a.png,cat,good"], "Received: path, label, mood"),
        ([], "Received: nothing"),
        (["path,label", "cat/000.png,cat", "cat/001.png"], "line 3: every row needs a path and a label"),
        (["path,label", ",cat"], "line 2: every row needs a path and a label"),
        (["path,label", "cat/000.png,"], "line 2: every row needs a path and a label"),
        (["path,label", "cat/000.png,cat,extra"], "line 2: every row needs a path and a label, and no more"),
        (
            ["path,label,split", "a.png,cat,train", "b.png,cat,dev"],
            "line 3: split must be train, val or test.",
        ),
        (["path,label", "../a.png,cat"], "line 2: a path must be relative to the table and stay below it"),
        (["path,label", "/pictures/../a.png,cat"], "line 2: a path must be relative to the table"),
        (["path,label", "s3://me:secret@a/b.png,cat"], "line 2: an address must have no password in it"),
        (
            ["path,label", "a.png,cat", "zip://b.png::file:///x/z.zip,cat"],
            "line 3: an address must have no ::",
        ),
        (["path,label", "simplecache::s3://b/a.png,cat"], "line 2: an address must have no :: in it"),
        (["path,label,split", "a.png,cat,test", "b.png,cat,"], "some rows have a split and some have none"),
        (["path,label", "a.png,cat", "a.png,dog"], "a.png is listed twice"),
        (["path,label", "cat/000.png,cat"], "only one class, cat"),
        (["path,label"], "no pictures found"),
        (["path,label", '"cat/000.png,cat', "dog/000.png,dog"], "every row needs a path and a label"),
        (["path,label", 'cat/000.png,"cat', "dog/000.png,dog"], "control character"),
        (["path,label", 'cat/000.png,"' + "x" * 200_000], "table.csv"),
    ],
    ids=lambda value: value if isinstance(value, str) else "|".join(value)[:40],
)
def test_a_wrong_table_is_refused_with_the_line(two, rows, message):
    error = refused(table_file(two, "\n".join(rows)))
    assert message in error.message
    assert "table.csv" in error.message


def test_chained_addresses_are_refused_with_what_to_do_instead(two):
    error = refused(table_file(two, "path,label\nzip://b.png::/x/z.zip,cat\n"))
    assert error.hint.startswith("unpack the archive and name the pictures that were in it")


EXCEL = [
    ("utf-8-sig", ","),  # “CSV UTF-8”
    ("cp1252", ";"),  # “CSV” of Windows in much of Europe
    ("utf-16", "\t"),  # “Unicode Text”
    ("utf-16-le", ","),
    ("utf-16-be", ";"),
    ("latin-1", "\t"),
    ("utf-8", "|"),
]


@pytest.mark.parametrize(("encoding", "mark"), EXCEL)
def test_a_table_is_read_in_every_form_of_a_spreadsheet(two, encoding, mark):
    lines = ["Path,LABEL , Group,,", "cat\\000.png, Kätzchen,g1,,", 'dog/000.png, "Hündin",,,', ",,,,", ""]
    text = "\r\n".join(lines).replace(",", mark)
    path = two / "table.txt"
    path.write_bytes(text.encode(encoding))
    table = scan(path)
    assert [(p.path, p.label, p.group) for p in table.pictures] == [
        ("cat/000.png", "Kätzchen", "g1"),
        ("dog/000.png", "Hündin", ""),
    ]


def test_excels_own_line_with_the_delimiter_is_no_row(two):
    text = "sep=;\r\npath;label\r\ncat/000.png;one, two\r\ndog/000.png;three\r\n"
    assert scan(table_file(two, text)).labels == ("one, two", "three")


def test_what_was_understood_of_an_ambiguous_table_is_said_with_the_line(two):
    text = "path,label\ndog/000.png,dog\ncat\\000.png,Kätzchen\n"
    notes = {note.kind: note for note in scan(table_file(two, text, "cp1252")).notes}
    assert notes["encoding"].detail == "read as Windows-1252: line 3 says “cat\\000.png,Kätzchen”"
    assert notes["backslashes"].detail == "line 3: cat\\000.png is cat/000.png"
    assert notes["backslashes"].pictures == ("cat/000.png",)


def test_a_backslash_that_is_part_of_a_name_stays(two):
    shutil.copy(two / "cat/000.png", two / "cat\\000.png")
    table = scan(table_file(two, "path,label\ncat\\000.png,cat\ndog/000.png,dog\n"))
    assert table.pictures[0].path == "cat\\000.png"
    assert table.notes == ()


def test_splits_of_a_table_have_any_usual_name(two):
    rows = [
        "cat/000.png,cat,Train",
        "cat/001.png,cat,VALID",
        "dog/000.png,dog,training",
        "dog/001.png,dog,Testing",
    ]
    table = scan(table_file(two, "\n".join(["path,label,split", *rows])))
    assert [p.given_split for p in table.pictures] == ["train", "train", "train", "held_out"]


def test_a_picture_that_the_table_names_and_nobody_has_is_listed(two):
    rows = [f"cat/{i:03d}.png,cat" for i in range(4)] + [f"dog/{i:03d}.png,dog" for i in range(5)]
    copies = [f"more/{i}.png,cat" for i in range(10)]
    (two / "more").mkdir()
    for i in range(9):
        shutil.copy(two / "cat/000.png", two / f"more/{i}.png")
    table = scan(table_file(two, "\n".join(["path,label", *rows, *copies])))
    assert reasons(table) == {"more/9.png": "cannot be opened: No such file or directory"}


def test_a_pipe_or_a_device_in_a_table_is_listed(two):
    os.mkfifo(two / "pipe.jpg")
    rows = [f"{label}/{number:03d}.png,{label}" for label in ("cat", "dog") for number in range(4)]
    rows += [f"dog/{number:03d}.png,cat" for number in range(4, 5)]
    path = table_file(two, "\n".join(["path,label", *rows, "pipe.jpg,dog"]))
    assert scan(path, allowed=0.5).excluded[0].reason == (
        "cannot be opened: a pipe or a device, not a regular file"
    )


def test_paths_that_lead_nowhere_are_to_be_corrected_not_saved_again(two):
    rows = [f"pictures/{label}/{number:03d}.png,{label}" for label in ("cat", "dog") for number in range(4)]
    error = refused(table_file(two, "\n".join(["path,label", *rows])))
    assert "pictures/cat/000.png: cannot be opened: No such file or directory" in error.message
    assert error.hint == (
        f"correct their paths, which are relative to {two}, or continue without them: --allow-unreadable 100%"
    )
