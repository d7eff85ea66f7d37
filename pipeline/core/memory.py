"""Memory that goes back to the system as soon as it is free, and large arrays that are files."""

from __future__ import annotations

import ctypes
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from pipeline.core import files, runs
from pipeline.core.errors import storage_error

# mallopt's parameter for the size from which each block is a mapping of its own, and its largest value.
_MMAP_THRESHOLD = -3
_LARGE, _LARGEST = 2 << 20, 32 << 20
# From here on an array is a file.
_ON_DISK = 64 << 20


@contextmanager
def given_back() -> Iterator[None]:
    """While this holds, arrays of over 2 MB leave no holes behind when they are freed.

    glibc otherwise keeps blocks of up to 32 MB for the next ones. Where those are of many sizes, the holes
    add up. Other C libraries are left alone.
    """
    _set_threshold(_LARGE)
    try:
        yield
    finally:
        _set_threshold(_LARGEST)


def _set_threshold(size: int) -> None:
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_MMAP_THRESHOLD, size)


def zeros(shape: tuple[int, ...]) -> np.ndarray:
    """An array of float32, shape `shape`; if it is large, a file below the cache that ends with the process.

    Raises:
        StorageError: The disk is full.
    """
    if 4 * math.prod(shape) <= _ON_DISK:
        return np.zeros(shape, np.float32)
    files.make_folder(runs.CACHE)
    try:
        with tempfile.TemporaryFile(dir=runs.CACHE) as file:
            return np.memmap(file, np.float32, "w+", shape=shape)
    except OSError as error:
        raise storage_error(runs.CACHE, error) from error
