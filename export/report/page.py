"""The page: one HTML file that refers to nothing outside itself.

Autoescaping is on for everything, since class names, paths and notes are anyone's text. The
security policy in the page lets no script run but the one of `templates/script.js`, and nothing
be fetched.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_FOLDER = Path(__file__).parent / "templates"


def render(view: Mapping[str, Any]) -> str:
    """The whole page.

    Args:
        view: What the templates show, by name.
    """
    script = (_FOLDER / "script.js").read_text("utf-8")
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "score": lambda value: "–" if value is None else f"{value:.3f}",
        "percent": lambda value: "–" if value is None else f"{value:.0%}",
        "interval": lambda bounds: f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else "",
        "count": lambda value: f"{value:,}",
    }
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return environment.get_template("report.html").render(
        **view,
        style=Markup((_FOLDER / "style.css").read_text("utf-8")),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        script_hash=digest,
    )
