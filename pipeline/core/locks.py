"""Locks on folders: one process at a time, also of several machines that share the folder.

They are flock locks, which end with their process however it ends: a killed command leaves none behind. On
NFS Linux hands them to the server, so that machines see each other's, unless the folder was mounted with
`nolock` or `local_lock`. A file system without locks is refused.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pipeline.core import files
from pipeline.core.errors import RunError, StorageError, storage_error
from pipeline.core.progress import unheard

LOCK = ".lock"
_MOMENT_S = 1.0
_NONE_HERE = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextmanager
def locked(folder: Path, hint: str, warn: Callable[[str], object] | None = None) -> Iterator[None]:
    """Locks a run's folder for this process, and deletes temporary files that killed processes left.

    Args:
        folder: It is made if it is missing.
        hint: What to do if another process holds the lock.
        warn: Told which process; this one then waits.

    Raises:
        RunError: Another process, named in the message, holds the lock, and `warn` is not given.
        StorageError: The folder cannot be written or locked.
    """
    new = not folder.exists()
    files.make_folder(folder)
    path = folder / LOCK
    with _open_lock(path) as file:
        if warn is not None:
            _wait(file, path, warn)
        elif not _take(file, path):
            raise RunError(f"{folder} is in use by process {_holder(file)}", hint)
        _name_holder(file, path)
        files.sweep(folder)
        try:
            yield
        finally:
            # A command that is refused before it makes anything leaves no folder behind.
            if new and [entry.name for entry in folder.iterdir()] == [LOCK]:
                path.unlink()
                folder.rmdir()


@contextmanager
def waiting_for(folder: Path, warn: Callable[[str], object] = unheard) -> Iterator[None]:
    """Locks a folder, waiting while another process holds it.

    Args:
        folder: It exists.
        warn: Told which process it waits for.

    Raises:
        StorageError: The folder cannot be written or locked.
    """
    path = folder / LOCK
    with _open_lock(path) as file:
        _wait(file, path, warn)
        _name_holder(file, path)
        yield


@contextmanager
def if_free(folder: Path) -> Iterator[str]:
    """Locks a folder unless another process holds it; yields that process, or an empty string.

    Raises:
        StorageError: The folder cannot be written or locked.
    """
    path = folder / LOCK
    with _open_lock(path) as file:
        if _take(file, path):
            _name_holder(file, path)
            yield ""
        else:
            yield _holder(file)


def _open_lock(path: Path) -> TextIO:
    try:
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise storage_error(path, error) from error


def _take(file: TextIO, path: Path, *, wait: bool = False) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NONE_HERE:
            raise storage_error(path, error) from error
        raise StorageError(
            f"{path.parent}: the file system has no locks ({error.strerror})",
            "work in a folder on a local disk, or mount this one with locks (NFS: without nolock)",
        ) from error
    return True


def _wait(file: TextIO, path: Path, warn: Callable[[str], object]) -> None:
    begin = time.monotonic()
    while not _take(file, path):
        # Workers often hold a lock for a moment, which nobody needs to know.
        if time.monotonic() - begin > _MOMENT_S:
            warn(f"waiting for process {_holder(file)}, which is using {path.parent}")
            _take(file, path, wait=True)
            return
        time.sleep(_MOMENT_S / 20)


def _holder(file: TextIO) -> str:
    """The process that holds a lock, as it described itself."""
    file.seek(0)
    return file.read().strip() or "unknown"


def _name_holder(file: TextIO, path: Path) -> None:
    """Writes this process's name into a lock it has just taken."""
    try:
        file.truncate(0)
        file.write(f"{os.getpid()} on {platform.node()} ({' '.join(sys.argv[:3])})")
        file.flush()
    except OSError as error:
        raise storage_error(path, error) from error
