"""The user's own notes.md as HTML: CommonMark without HTML, links and images."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

_LEVELS = 3  # the page's own headings above the notes


def html(text: str) -> Markup:
    """Notes as HTML that refers to nothing outside the page; markup of HTML is shown as it was typed."""
    markdown = MarkdownIt("commonmark", {"html": False}).disable(["autolink", "image", "link", "reference"])
    tokens = markdown.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + _LEVELS)}"
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704 - escaped above
