"""How long a user waits for the first answer of the command line.

Measured: `python -m pipeline --help` in a new process, median of many. Reference: `python -c
pass`, which is Python alone. Expected: under 0.6 s, without loading TensorFlow, which another
process checks in `sys.modules`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Figure

TURNS = 15
LIMIT_S = 0.6
_LOADED = """
import runpy, sys
sys.argv = ["pipeline", "--help"]
try:
    runpy.run_module("pipeline", run_name="__main__")
except SystemExit:
    pass
print("tensorflow" in sys.modules)
"""


def run(_folder: Path) -> list[Figure]:
    """The one figure of this module."""
    ways = {
        "help": lambda: measure.seconds(lambda: _python("-m", "pipeline", "--help")),
        "pass": lambda: measure.seconds(lambda: _python("-c", "pass")),
    }
    spreads = measure.in_turns(ways, TURNS)
    loaded = _python("-c", _LOADED).splitlines()[-1] == "True"
    return [
        Figure(
            f"`python -m pipeline --help`, TensorFlow {'LOADED' if loaded else 'not loaded'}",
            spreads["help"].text("{:.2f} s"),
            "`python -c pass` " + spreads["pass"].text("{:.2f} s"),
            spreads["help"].per(spreads["pass"]).text("{:.0f}×"),
            f"< {LIMIT_S} s, without TensorFlow",
            spreads["help"].median < LIMIT_S and not loaded,
        )
    ]


def _python(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=measure.ROOT, capture_output=True, text=True, check=True).stdout
