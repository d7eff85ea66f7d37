"""Copies the app's photos from the phone; nothing there is changed or removed.

The app never changes a picture, only its label, so a file that is here already is replaced by the phone's.
A photo that was deleted on the phone stays here.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from export.android.adb import app
from export.android.adb.device import Device
from export.android.photos import record
from pipeline.core import files, runs
from pipeline.core.errors import AccessError, PhoneError
from pipeline.core.progress import ProgressReporter

_ON_PHONE = f"{app.FILES}/photos"
_BY_HAND = (
    "in the app's list of photos, choose “Share all” and send the zip to this computer, "
    "then: python -m export photos FILE.zip"
)
_INCOMING = ".incoming"


@dataclass(frozen=True)
class Pulled:
    """The folder with the photos, and how many files in it are new or were replaced."""

    folder: Path
    sessions: int
    new: int
    changed: int


def pull(device: Device, reporter: ProgressReporter) -> Pulled:
    """Copies every session of the app on a phone to `data/photos/SERIAL`.

    Raises:
        PhoneError: The app has no photos, or the phone was disconnected; repeat to continue.
        AccessError: The phone denies adb access to the app's folder; the hint says how to do it by hand.
        StorageError: The disk is full.
    """
    folder = runs.PULLED / re.sub(r"[^\w.-]+", "-", device.serial)
    incoming = folder / _INCOMING
    try:
        # Other folders there are not the app's.
        sessions = [name for name in device.names(_ON_PHONE) if re.match(record.SESSION, name)]
        if not sessions:
            raise PhoneError(
                f"adb sees no photos of the app on {device.serial}",
                f"take some with the app; if the app lists photos, {_BY_HAND}",
            )
        new = changed = 0
        for done, session in enumerate(sessions, 1):
            # Copied to another folder first, so that an unplugged cable never leaves half a picture.
            shutil.rmtree(incoming, ignore_errors=True)
            files.make_folder(incoming)
            device.pull(f"{_ON_PHONE}/{session}", incoming)
            for path in sorted((incoming / session).iterdir()):
                old = folder / session / path.name
                there = old.is_file()
                written = update(old, path.read_bytes())
                new, changed = new + (written and not there), changed + (written and there)
            reporter.progress("copying photos from the phone", done, len(sessions))
    except AccessError as error:
        raise AccessError(f"copying the photos: {error.message}", _BY_HAND) from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return Pulled(folder, len(sessions), new, changed)


def update(path: Path, data: bytes) -> bool:
    """Writes a file unless it holds these bytes already; whether it did. Raises StorageError."""
    if path.is_file() and path.read_bytes() == data:
        return False
    files.write_bytes(path, data)
    return True
