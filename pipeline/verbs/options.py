"""The options that several verbs take, worded once."""

from __future__ import annotations

from typing import Annotated

import typer

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
RunName = Annotated[str | None, typer.Argument(metavar="RUN", help="A run's name; default: the newest.")]
