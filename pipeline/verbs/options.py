"""The options that several verbs take, worded once."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from pipeline.errors import UsageError

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
RunName = Annotated[str | None, typer.Argument(metavar="RUN", help="A run's name; default: the newest.")]
AllowUnreadable = Annotated[
    str | None,
    typer.Option(metavar="N%", help="Go on where up to so much of a class cannot be read; default 10%."),
]


def unreadable_setting(text: str | None) -> list[str]:
    """The setting that `--allow-unreadable` stands for; none where it was not given.

    Raises:
        UsageError: It is no percentage.
    """
    if text is None:
        return []
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?) ?%", text.strip())
    if not match or float(match[1]) > 100:
        raise UsageError(
            f"--allow-unreadable {text}: expected a percentage", "for example --allow-unreadable 25%"
        )
    return [f"data.allow_unreadable={round(float(match[1]) / 100, 6)}"]
