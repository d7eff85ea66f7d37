from __future__ import annotations

import ctypes
import errno
import subprocess
import sys

import numpy as np
import pytest

from pipeline.core import memory, runs
from pipeline.core.errors import StorageError
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
    done = subprocess.run(
        [sys.executable, "-c", _HOLES, way], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="needs glibc")
def test_freed_blocks_leave_no_holes():
    assert _left("given back") < 20
    assert _left("kept") > 60


def test_a_large_array_is_a_file_that_nobody_sees(workplace, monkeypatch):
    small = memory.zeros((2, 3))
    monkeypatch.setattr(memory, "_ON_DISK", 20)
    large = memory.zeros((2, 3))
    assert (type(small), type(large)) == (np.ndarray, np.memmap)
    assert large.dtype == np.float32
    large[1] = 7
    np.testing.assert_array_equal(large, [[0, 0, 0], [7, 7, 7]])
    assert list(runs.CACHE.iterdir()) == []


def test_a_large_array_without_room_is_refused(workplace, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(memory, "_ON_DISK", 0)
    monkeypatch.setattr(memory.np, "memmap", full)
    with pytest.raises(StorageError, match="No space left on device"):
        memory.zeros((2, 3))
