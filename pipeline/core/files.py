"""Atomic file writes, file digests, and folder locks.

File names belong to `runs`, file contents to `documents`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from pipeline.core.errors import RunError, storage_error
from pipeline.core.progress import unheard

LOCK = ".lock"
_TEMPORARY = ".vignette."


def digest(path: Path) -> str:
    """The sha256 of a file; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@contextmanager
def locked(folder: Path, hint: str) -> Iterator[None]:
    """Locks a run's folder for this process, and deletes temporary files that killed processes left.

    Raises:
        RunError: Another process, named in the message, holds the lock.
    """
    new = not folder.exists()
    make_folder(folder)
    path = folder / LOCK
    with _open_lock(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"{folder} is in use by process {_holder(file)}", hint) from None
        _name_holder(file, path)
        _sweep(folder)
        try:
            yield
        finally:
            # A command that is refused before it makes anything leaves no folder behind.
            if new and [entry.name for entry in folder.iterdir()] == [LOCK]:
                path.unlink()
                folder.rmdir()


@contextmanager
def waiting_for(folder: Path, warn: Callable[[str], object] = unheard) -> Iterator[None]:
    """Locks a cache folder, waiting while another process holds it.

    Args:
        folder: In the cache.
        warn: Told which process it waits for.

    Raises:
        StorageError: The folder cannot be written.
    """
    path = folder / LOCK
    with _open_lock(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            warn(f"waiting for process {_holder(file)}, which is using the cache {folder}")
            fcntl.flock(file, fcntl.LOCK_EX)
        _name_holder(file, path)
        yield


def _open_lock(path: Path) -> TextIO:
    try:
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise storage_error(path, error) from error


def _holder(file: TextIO) -> str:
    """The process that holds a lock, as it described itself."""
    file.seek(0)
    return file.read().strip() or "unknown"


def _name_holder(file: TextIO, path: Path) -> None:
    """Writes this process's name into a lock it has just taken."""
    try:
        file.truncate(0)
        file.write(f"{os.getpid()} ({' '.join(sys.argv[:3])})")
        file.flush()
    except OSError as error:
        raise storage_error(path, error) from error


def make_folder(path: Path) -> None:
    """Makes a folder and its parents.

    Raises:
        StorageError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error


def temporary_beside(path: Path) -> Path:
    """The temporary name for a file being written; leftovers of killed processes are deleted."""
    # Libraries pick a format by the suffix, so the temporary name keeps it.
    return path.with_name(f"{_TEMPORARY}{os.getpid()}.{path.name}")


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Replaces a file atomically: write to the yielded path, which then takes the place of `path`.

    Args:
        path: The file to replace.
        durable: Survive a power cut too; unnecessary where a digest elsewhere would reveal the loss.

    Raises:
        StorageError: It cannot be written; `path` is unchanged.
    """
    make_folder(path.parent)
    beside = temporary_beside(path)
    try:
        yield beside
        if durable:
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        beside.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Writes a file atomically; raises StorageError. `durable` as in `replacing`."""
    with replacing(path, durable=durable) as beside:
        beside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 file atomically; raises StorageError."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Writes indented JSON atomically; raises ValueError for NaN and infinity."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _sweep(folder: Path) -> None:
    """Deletes temporary files left by killed processes; only the lock's holder may call this."""
    for path in folder.rglob(f"{_TEMPORARY}*.*"):
        if path.is_file() and path.name.removeprefix(_TEMPORARY).split(".")[0].isdigit():
            path.unlink(missing_ok=True)
