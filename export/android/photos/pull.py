"""The app's photos from the phone to this machine; nothing is changed or removed there.

The app never changes a picture, only what the user says that it shows: so what is here already
takes the phone's newer word, and what was deleted there stays here.
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

ON_THE_PHONE = f"{app.FILES}/photos"
_BY_HAND = (
    "in the app's list of photos, “Share all” sends pictures and records; put them into one folder "
    "here, then: python -m export photos FOLDER"
)
_INCOMING = ".incoming"


@dataclass(frozen=True)
class Pulled:
    """Where the photos lie now; how many files are new, and how many took a newer word."""

    folder: Path
    sessions: int
    new: int
    changed: int


def pull(device: Device, reporter: ProgressReporter) -> Pulled:
    """Copies every session of the app on a phone to `data/photos/SERIAL`.

    Raises:
        PhoneError: The app has no photos, or the phone is gone; repeating continues.
        AccessError: The phone keeps adb out of the app's folder; the hint says how it goes by hand.
        StorageError: The disk is full.
    """
    folder = runs.PULLED / re.sub(r"[^\w.-]+", "-", device.serial)
    incoming = folder / _INCOMING
    try:
        # What else may lie there is not the app's.
        sessions = [name for name in device.names(ON_THE_PHONE) if re.match(record.SESSION, name)]
        if not sessions:
            raise PhoneError(
                f"the app on {device.serial} has no photos that adb can see",
                f"take some with its shutter; where the app lists some, {_BY_HAND}",
            )
        new = changed = 0
        for done, session in enumerate(sessions, 1):
            # Beside first: a cable that is pulled leaves no half of a picture where photos lie.
            shutil.rmtree(incoming, ignore_errors=True)
            files.make_folder(incoming)
            device.pull(f"{ON_THE_PHONE}/{session}", incoming)
            for path in sorted((incoming / session).iterdir()):
                old, data = folder / session / path.name, path.read_bytes()
                there = old.is_file()
                if there and old.read_bytes() == data:
                    continue
                files.write_bytes(old, data)
                new, changed = new + (not there), changed + there
            reporter.progress("copying photos from the phone", done, len(sessions))
    except AccessError as error:
        raise AccessError(f"copying the photos: {error.message}", _BY_HAND) from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return Pulled(folder, len(sessions), new, changed)
