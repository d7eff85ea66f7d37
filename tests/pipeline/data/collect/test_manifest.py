from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pipeline.core.errors import DataError
from pipeline.data.collect.manifest import NAME, Manifest, Row, shown, title_of

JOURNAL = ".manifest.journal"
ROW = Row("A0000000001", "alpha", "train", "https://www.youtube.com/@alpha", 1, "One")


def test_what_was_added_is_there_again_and_sorted(tmp_path):
    rows = [
        replace(ROW, id="A0000000009", position=9, split="test"),
        replace(ROW, label="beta"),
        replace(ROW, id="A0000000002", position=2),
        ROW,
    ]
    book = Manifest(tmp_path)
    for row in rows:
        book.add(row)
    book.save()
    assert list(Manifest(tmp_path)) == [ROW, rows[2], rows[0], rows[1]]
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME]


def test_a_later_note_takes_the_place_of_an_earlier_one(tmp_path):
    book = Manifest(tmp_path)
    book.add(replace(ROW, reason="HTTP 500"))
    book.add(replace(ROW, file="train/alpha/A0000000001.jpg"))
    assert book.get("alpha", ROW.id).reason == ""
    assert book.labels_of(ROW.id) == ["alpha"]
    assert len(list(Manifest(tmp_path))) == 1


def test_nothing_is_written_where_nothing_changed(tmp_path):
    book = Manifest(tmp_path)
    book.save()
    assert list(tmp_path.iterdir()) == []
    book.add(ROW)
    book.save()
    before = (tmp_path / NAME).stat().st_mtime_ns
    Manifest(tmp_path).save()
    assert (tmp_path / NAME).stat().st_mtime_ns == before


@pytest.mark.parametrize("left", range(0, 240, 7))
def test_a_line_that_a_kill_tore_is_dropped_and_no_other(tmp_path, left):
    book = Manifest(tmp_path)
    book.add(ROW)
    book.add(replace(ROW, id="A0000000002"))
    data = (tmp_path / JOURNAL).read_bytes()
    first = data.index(b"\n") + 1
    (tmp_path / JOURNAL).write_bytes(data[: first + left])
    again = Manifest(tmp_path)
    assert list(again) == [ROW]
    assert (tmp_path / NAME).read_text("utf-8").count("\n") == 1
    assert not (tmp_path / JOURNAL).exists()


HOSTILE = [
    "a\nb\r",
    "\u202eab\u2066",
    "\x1b[31m",
    "\ud800x",
    "\u2028",
    "\U000e0041",
    "\x00",
    '"\\',
    "日本 é 🎉",
]


@pytest.mark.parametrize("title", HOSTILE, ids=ascii)
def test_a_title_is_one_line_of_harmless_letters_and_comes_back_as_it_was(tmp_path, title):
    book = Manifest(tmp_path)
    book.add(replace(ROW, title=title))
    book.save()
    text = (tmp_path / NAME).read_text("utf-8")
    assert text.count("\n") == 1
    assert text.rstrip("\n").isprintable()
    assert json.loads(text)["title"] == title
    assert Manifest(tmp_path).get("alpha", ROW.id).title == title
    assert shown(title).isprintable()


def test_titles_are_cut_at_300_characters():
    assert title_of("x" * 300) == "x" * 300
    assert title_of("x" * 301) == "x" * 299 + "…"
    assert title_of(None) == title_of(7) == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not json", "Expecting value"),
        ("[]", "the keys must be id, label, split"),
        ('{"id": "A"}', "the keys must be id, label, split"),
        ("WIDTH", "width must be of type int"),
        ("LASTING", "lasting must be of type bool"),
        ("FILE", "file must be SPLIT/LABEL/ID.jpg or .webp"),
        ("LABEL", "the id, the label or the split cannot be part of a file name"),
        ("SPLIT", "the id, the label or the split cannot be part of a file name"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path, line, said):
    book = Manifest(tmp_path)
    book.add(ROW)
    book.save()
    good = (tmp_path / NAME).read_text("utf-8")
    line = {
        "WIDTH": good.replace('"width": 0', '"width": "0"'),
        "LASTING": good.replace("false", "0"),
        "FILE": good.replace('"file": ""', '"file": "../../precious.jpg"'),
        "LABEL": good.replace('"alpha"', '"../../alpha"'),
        "SPLIT": good.replace('"train"', '".."'),
    }.get(line, line)
    (tmp_path / NAME).write_text(good + line.rstrip("\n") + "\n", "utf-8")
    with pytest.raises(DataError) as caught:
        Manifest(tmp_path)
    assert caught.value.message.startswith(f"{tmp_path / NAME}, line 2 is not a manifest row: {said}")
    assert "restore an earlier copy" in caught.value.hint
