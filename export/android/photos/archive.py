"""Unpacks a zip of photos: what the app's “Share all” or try.html's “Save” wrote.

The files go to `data/photos/NAME/`, as those that `pull` copies. An archive comes from outside, so every
entry's name and size is checked before any byte is written.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path, PurePosixPath

from export.android.photos.pull import Pulled, update
from pipeline.core import filetypes, runs
from pipeline.core.errors import DataError
from pipeline.core.progress import ProgressReporter

# A photo takes less than a megabyte, and a picture hardly shrinks in a zip.
_MOST_FILE_BYTES = 64 << 20
_MOST_FILES = 100_000
_MOST_GROWTH = 50
# photos/SESSION/TIME.png
_MOST_PARTS = 3
_ENCRYPTED = 0x1
_UNSUITABLE = (
    "share the photos with the app's “Share all” again, or unpack the zip yourself and give the folder"
)


def unpack(archive: Path, reporter: ProgressReporter) -> Pulled:
    """Unpacks a zip into `data/photos/NAME`, where NAME is the zip's own; hidden files are skipped.

    A record that is there already is replaced by the zip's, since it may have been labelled since.

    Raises:
        DataError: It is no zip, is damaged, or an entry is hostile: a name that leads out of the folder, a
            size that no photo has. Nothing is written then, except the whole files before a damaged one.
        StorageError: The disk is full.
    """
    name = re.sub(r"[^\w.-]+", "-", archive.stem).strip(".") or "zip"
    folder = runs.PULLED / name
    new = changed = 0
    try:
        with zipfile.ZipFile(archive) as opened:
            files = [entry for entry in opened.infolist() if not entry.filename.endswith("/")]
            entries = [entry for entry in files if not _hidden(entry.filename.split("/"))]
            _check(archive, entries)
            for done, entry in enumerate(entries, 1):
                data, path = _read(archive, opened, entry), folder / entry.filename
                if path.suffix == ".png" and path.is_file() and path.read_bytes() != data:
                    raise _refusal(
                        archive,
                        entry,
                        f"a different picture from {path}, which already exists",
                        "the zip is from another phone: rename it, and its photos get a folder of their own",
                    )
                there = path.is_file()
                written = update(path, data)
                new, changed = new + (written and not there), changed + (written and there)
                reporter.progress("unpacking the photos", done, len(entries))
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{archive}: cannot be read as a zip: {error}", _UNSUITABLE) from error
    sessions = {PurePosixPath(entry.filename).parent for entry in entries}
    return Pulled(folder, len(sessions), new, changed)


def _hidden(parts: list[str]) -> bool:
    return parts[0] == "__MACOSX" or (parts[-1].startswith(".") and parts[-1] not in (".", ".."))


def _check(archive: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Refuses what no archive of photos has, by its directory alone."""
    if len(entries) > _MOST_FILES:
        raise DataError(f"{archive}: {len(entries):,} files; at most {_MOST_FILES:,} are read", _UNSUITABLE)
    seen: set[str] = set()
    for entry in entries:
        parts = entry.filename.split("/")
        if not 0 < len(parts) <= _MOST_PARTS or not all(map(_plain, parts)):
            raise _refusal(archive, entry, "its name leads out of the folder, or is not that of a photo")
        if entry.flag_bits & _ENCRYPTED:
            raise _refusal(archive, entry, "it is encrypted")
        if entry.file_size > _MOST_FILE_BYTES:
            raise _refusal(
                archive, entry, f"{entry.file_size:,} bytes; at most {_MOST_FILE_BYTES:,} are read"
            )
        if entry.filename in seen:
            raise _refusal(archive, entry, "it is in the zip twice")
        seen.add(entry.filename)
    total, packed = sum(entry.file_size for entry in entries), archive.stat().st_size
    if total > _MOST_GROWTH * packed:
        raise DataError(
            f"{archive}: its {packed:,} bytes would unpack to {total:,}, as no pictures do", _UNSUITABLE
        )


def _plain(part: str) -> bool:
    return bool(part) and not part.startswith(".") and not re.search(r"[\\:\x00-\x1f]", part)


def _read(archive: Path, opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    try:
        # Never more than the directory says, whatever the packed bytes hold.
        return opened.read(entry)
    except filetypes.ZIP_ERRORS as error:
        raise _refusal(archive, entry, f"it is damaged: {error}") from error


def _refusal(archive: Path, entry: zipfile.ZipInfo, reason: str, hint: str = _UNSUITABLE) -> DataError:
    return DataError(f"{archive}, entry {entry.filename!r}: {reason}", hint)
