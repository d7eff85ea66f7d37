"""Child processes for files of unknown origin: a crash, hang or leak ends only the child.

The child begins by limiting itself. What it does with a file is up to the caller.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from pipeline.core.packages import ROOT

MEMORY = 3_000_000_000  # bytes of address space; the libraries alone take a third of it


def command(module: str, *arguments: object) -> list[str]:
    """The command that runs one of this package's modules, without the working directory on its path."""
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def environment() -> dict[str, str]:
    """The environment of a child; PYTHONPATH is this package's folder only."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def memory_for(path: Path) -> int:
    """The bytes of memory that a child may use for a model file."""
    return MEMORY + 4 * path.stat().st_size


def limit(most_bytes: int, seconds: int | None = None) -> None:
    """Limits this process permanently: address space, processor time if given, no core dumps."""
    limits = [(resource.RLIMIT_AS, most_bytes), (resource.RLIMIT_CORE, 0)]
    if seconds is not None:
        limits.append((resource.RLIMIT_CPU, seconds))
    for kind, most in limits:
        with suppress(ValueError, OSError):  # macOS does not enforce all of them
            resource.setrlimit(kind, (most, most))
