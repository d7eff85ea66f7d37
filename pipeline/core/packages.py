"""The message for a missing package, usually because Vignette's own environment is not in use.

Imports the standard library only: anything else may be what is missing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[2]  # the checkout
_OWN = ("pipeline", "export")


def refuse(error: ModuleNotFoundError) -> NoReturn:
    """Ends the process with one line and exit code 2.

    Raises:
        ModuleNotFoundError: The module is Vignette's own, so this is a bug.
    """
    name = (error.name or "").partition(".")[0]
    if name in _OWN:
        raise error
    command = ROOT / ".venv/bin/vignette"
    print(
        f"error: {sys.executable} has no {name}, which Vignette needs: run make setup in {ROOT}, "
        f"then use {command} or {command.with_name('python')} -m …",
        file=sys.stderr,
    )
    raise SystemExit(2) from None
