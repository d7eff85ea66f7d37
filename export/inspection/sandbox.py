"""Processes that handle files of unknown origin: a crash, a hang or a leak ends that process only.

The child sets its own limits, as its first act. What it does with a file belongs to the caller.
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
    """The command of a child: one of this package's modules, without the working directory on its path."""
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def environment() -> dict[str, str]:
    """The environment of a child, which finds this package and nothing else beside it."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def memory_for(path: Path) -> int:
    """The bytes that a child may take for a model file."""
    return MEMORY + 4 * path.stat().st_size


def limit(most_bytes: int, seconds: int | None = None) -> None:
    """Limits this process for good: address space, processor time if given, and no core dumps."""
    limits = [(resource.RLIMIT_AS, most_bytes), (resource.RLIMIT_CORE, 0)]
    if seconds is not None:
        limits.append((resource.RLIMIT_CPU, seconds))
    for kind, most in limits:
        with suppress(ValueError, OSError):  # macOS does not enforce all of them
            resource.setrlimit(kind, (most, most))
