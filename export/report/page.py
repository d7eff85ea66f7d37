"""The page: one HTML file that refers to nothing outside itself.

Everything is autoescaped, since class names, paths and notes may contain anything. The page's security
policy allows no requests, and no script but `templates/script.js`.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
_LEVELS = 3  # the page's own headings above the notes


def render(view: Mapping[str, Any], labels: Sequence[str]) -> str:
    """The whole page.

    Args:
        view: What the templates show, by name.
        labels: The classes. Right-to-left ones are isolated, so that they do not reorder the numbers
            beside them.
    """
    script = (TEMPLATES / "script.js").read_text("utf-8")
    environment = _environment(tuple(labels))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return environment.get_template("report.html").render(
        **view,
        style=Markup((TEMPLATES / "style.css").read_text("utf-8")),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        script_hash=digest,
    )


@functools.cache
def _environment(labels: tuple[str, ...]) -> Environment:
    """The compiled templates, for these classes."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_isolating(labels),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "score": lambda value: "–" if value is None else f"{value:.3f}",
        "percent": lambda value: "–" if value is None else f"{value:.0%}",
        # No width means too few pictures for the resamples to differ, not certainty.
        "interval": lambda bounds: (
            f"{bounds[0]:.3f} to {bounds[1]:.3f}"
            if bounds and bounds[0] < bounds[1]
            else "–"
            if bounds
            else ""
        ),
        # A drop is shown as a change of the score: down is minus.
        "change": lambda drop: f"{-drop[1]:+z.3f} to {-drop[0]:+z.3f}" if drop else "",
        "count": lambda value: f"{value:,}",
    }
    return environment


def notes_html(text: str) -> Markup:
    """Notes as HTML that refers to nothing outside the page; markup of HTML is shown as it was typed."""
    markdown = MarkdownIt("commonmark", {"html": False}).disable(["autolink", "image", "link", "reference"])
    tokens = markdown.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + _LEVELS)}"
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704 - escaped above


def _isolating(labels: Sequence[str]) -> Callable[[Any], Any]:
    """A function that puts right-to-left names between Unicode's isolates (U+2068, U+2069)."""
    right_to_left = [
        label for label in labels if any(unicodedata.bidirectional(char) in ("R", "AL") for char in label)
    ]
    if not right_to_left:
        return lambda value: value
    names = re.compile("|".join(map(re.escape, sorted(right_to_left, key=len, reverse=True))))

    def isolated(value: Any) -> Any:
        if not isinstance(value, str) or isinstance(value, Markup) or value.startswith("data:"):
            return value
        return names.sub("\u2068\\g<0>\u2069", value)

    return isolated
