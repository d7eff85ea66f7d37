from __future__ import annotations

import pytest

from export.report.notes import Block, blocks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("one\ntwo\n\nthree", [Block("p", ["one two"]), Block("p", ["three"])]),
        ("- a\n- b\n  goes on\n* c", [Block("ul", ["a", "b goes on", "c"])]),
        ("1. a\n2) b", [Block("ol", ["a", "b"])]),
        ("- a\n1. b", [Block("ul", ["a"]), Block("ol", ["b"])]),
        ("## Title ##\ntext", [Block("h", ["Title"]), Block("p", ["text"])]),
        ("-no list\n#no heading", [Block("p", ["-no list #no heading"])]),
        ("- a\n\ntext", [Block("ul", ["a"]), Block("p", ["text"])]),
        ("<b>\r\n\r\n![x](y)", [Block("p", ["<b>"]), Block("p", ["![x](y)"])]),
    ],
)
def test_notes_become_blocks(text, expected):
    assert blocks(text) == expected
