"""The folder in which Maven builds the app for a JVM: one for all workers."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.core.packages import ROOT


@pytest.fixture(scope="module")
def jvm_target() -> Iterator[Path]:
    """`android_demo/jvm/target`, held for one file of tests: another worker waits until they are done."""
    target = ROOT / "android_demo/jvm/target"
    target.mkdir(exist_ok=True)
    with (target / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield target
