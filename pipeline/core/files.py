"""Atomic file writes and file digests.

File names belong to `runs`, file contents to `documents`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.core.errors import storage_error

# How the names of files begin that are being written.
TEMPORARY = ".vignette."


def digest(path: Path) -> str:
    """The sha256 of a file; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


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
    return path.with_name(f"{TEMPORARY}{_writer()}.{path.name}")


def _writer() -> int:
    """A number of this thread that no other has, in any process of any machine that shares the folder."""
    machine = zlib.crc32(platform.node().encode())
    return (machine << 32 | os.getpid()) << 32 | threading.get_native_id()


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


def append(path: Path, data: bytes, end: int | None = None) -> None:
    """Appends to a file; raises StorageError.

    Args:
        path: The file; made if it is missing.
        data: What to append.
        end: Where what is whole ends, in bytes: what a killed process left after it is cut off.
    """
    try:
        with path.open("ab") as file:
            if end is not None and file.tell() != end:
                file.truncate(end)
            file.write(data)
    except OSError as error:
        raise storage_error(path, error) from error


def sweep(folder: Path) -> None:
    """Deletes temporary files left by killed processes; only for the holder of the folder's lock."""
    for path in folder.rglob(f"{TEMPORARY}*.*"):
        if path.is_file() and path.name.removeprefix(TEMPORARY).split(".")[0].isdigit():
            path.unlink(missing_ok=True)
