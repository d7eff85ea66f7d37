from __future__ import annotations

import pytest

from export.report.page import notes_html


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("one\ntwo\n\nthree", "<p>one\ntwo</p>\n<p>three</p>\n"),
        ("- a\n- b\n  goes on", "<ul>\n<li>a</li>\n<li>b\ngoes on</li>\n</ul>\n"),
        ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n"),
        ("# Title\n## Less", "<h4>Title</h4>\n<h5>Less</h5>\n"),
        ("*red* and `code`", "<p><em>red</em> and <code>code</code></p>\n"),
        ("<b>\r\n\r\ntext", "<p>&lt;b&gt;</p>\n<p>text</p>\n"),
    ],
)
def test_notes_are_markdown(text, expected):
    assert notes_html(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "![x](https://example.org/y.png)",
        "[x](https://example.org)",
        "<https://example.org>",
        "[x][y]\n\n[y]: https://example.org",
        "<script>alert(1)</script>",
        "<img src=x>",
        "[x](javascript:alert(1))",
    ],
)
def test_notes_refer_to_nothing_and_run_nothing(text):
    shown = notes_html(text)
    assert not any(tag in shown for tag in ("<a", "<img", "<script"))
    assert "href" not in shown
