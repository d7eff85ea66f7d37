from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from pipeline.core.packages import ROOT

# Freed blocks of 8 MB between others that stay: glibc raises its threshold at the first, and keeps the next.
_HOLES = """
import contextlib, sys
from pipeline.core import memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def holes():
    for _ in range(2):
        blocks = [bytearray(b"x") * (8 << 20) for _ in range(20)]
        del blocks[::2]
        del blocks[:-1]
        kept.append(blocks)

kept, before = [], resident()
with memory.given_back() if sys.argv[1] == "given back" else contextlib.nullcontext():
    holes()
print((resident() - before) >> 20)
"""


def _left(way: str) -> int:
    """MB that are not given back."""
    # Dask sets glibc's parameters for the processes that it starts.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", _HOLES, way], cwd=ROOT, env=plain, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="needs glibc")
def test_freed_blocks_leave_no_holes():
    assert _left("given back") < 20
    assert _left("kept") > 60
