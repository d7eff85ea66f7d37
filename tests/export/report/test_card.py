from __future__ import annotations

import pytest

from export.report.card import escaped


@pytest.mark.parametrize(
    "text",
    [
        '<script>alert(1)</script> & "x"',
        "قطة",
        "*bold* _slanted_ `code`",
        "[link](javascript:alert(1))",
        "![picture](x)",
        "a | b",
        "# title",
        "- entry",
        "1. entry",
        "back\\slash",
        "&amp; &lt;",
        "<!-- gone -->",
        "~~struck~~",
        "two\nlines",
    ],
)
def test_markdown_shows_a_name_as_it_is(text):
    """The judge is a Markdown parser: nothing but text may come out, and the same text."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    (inline,) = [token for token in parser.parse(escaped(text)) if token.type == "inline"]
    assert {child.type for child in inline.children} <= {"text", "text_special"}
    assert "".join(child.content for child in inline.children) == " ".join(text.split())
    blocks = [token.type for token in parser.parse(escaped(text))]
    assert blocks == ["paragraph_open", "inline", "paragraph_close"]


def test_a_name_stays_in_its_cell_of_a_table():
    from markdown_it import MarkdownIt

    html = (
        MarkdownIt("commonmark")
        .enable("table")
        .render(f"| a | b |\n| --- | --- |\n| {escaped('x | y')} | z |\n")
    )
    assert "<td>x | y</td>" in html
    assert html.count("<td>") == 2
