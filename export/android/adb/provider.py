"""What the app hands to adb: one file of its benchmark, in whichever way the phone allows.

First `content read`, then `content query`, then the file in the app's folder, which many phones since
Android 11 keep from adb. The app's provider demands android.permission.DUMP, which adb's shell holds. This
relies on: `content` reads and queries on every Android that the app runs on (8 or newer), ends with exit
code 0 even if it fails, and names the Java exception.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from export.android.adb import app
from export.android.adb.device import Device
from pipeline.core.errors import AccessError
from pipeline.core.progress import ProgressReporter

_AUTHORITY = f"{app.PACKAGE}.benchmark"
_FOLDER = f"{app.FILES}/benchmark"
_BY_HAND = (
    "measure by hand: on the phone, open the app's menu, Benchmark, Start; share the file with this "
    "computer, then: python -m export benchmark --replay FILE"
)
_WHAT = "reading the benchmark on the phone"
# What `content` says where there is no such file; the app may also end just now.
_NOTHING = r"FileNotFoundException|DeadObjectException|^No result found"
# What it says otherwise, and what that means.
_REFUSALS = (
    (r"Could not find provider", "the app on the phone is too old"),
    (r"SecurityException|Permission Denial", "the phone does not let adb ask the app"),
    (r"Unsupported|not found|inaccessible|No such file", "this version of Android lacks the command"),
)


@dataclass
class _RefusedError(Exception):
    """A way is closed, and why."""

    why: str


@dataclass
class BenchmarkFile:
    """A file of the app's benchmark.

    Attributes:
        device: The phone.
        name: The file's name.
        reporter: Is told which way is closed, and which one is tried instead.
    """

    device: Device
    name: str
    reporter: ProgressReporter
    _way: int = 0

    def read(self) -> str | None:
        """Its text; None if it does not exist (yet).

        Raises:
            AccessError: Every way is closed.
            PhoneError: The phone was disconnected.
        """
        ways = self._ways()
        while True:
            title, read = ways[self._way]
            try:
                return read()
            except _RefusedError as refused:
                if self._way == len(ways) - 1:
                    raise AccessError(
                        f"the phone does not hand over the results of the benchmark: {refused.why}", _BY_HAND
                    ) from refused
                self._way += 1
                self.reporter.warn(f"{title} failed: {refused.why}; trying {ways[self._way][0]}")

    def remove(self) -> None:
        """Removes it, in the way in which it could be read.

        Raises:
            PhoneError: The phone was disconnected.
            AccessError: The phone denies it.
        """
        if self._way < len(self._ways()) - 1:
            self.device.check(f"content delete --uri {self._uri}", "removing the benchmark's file")
        else:
            self.device.remove([f"{_FOLDER}/{self.name}"], _FOLDER)

    def _ways(self) -> list[tuple[str, Callable[[], str | None]]]:
        """In the order in which they are tried."""
        return [
            ("content read", self._read),
            ("content query", self._query),
            ("the app's folder", self._from_folder),
        ]

    @property
    def _uri(self) -> str:
        return shlex.quote(f"content://{_AUTHORITY}/{self.name}")

    def _content(self, words: str) -> str | None:
        done = self.device.shell(f"content {words}", _WHAT)
        # Whatever the document says must not be taken for what the command says.
        if re.match(r"\s*(?:Row: 0 json=)?\{", done.out):
            return done.out
        said = f"{done.out}\n{done.err}"
        if re.search(_NOTHING, said, re.MULTILINE):
            return None
        meaning = next((words for pattern, words in _REFUSALS if re.search(pattern, said)), "")
        raise _RefusedError(f"{meaning} ({done.message})" if meaning else done.message)

    def _read(self) -> str | None:
        return self._content(f"read --uri {self._uri}")

    def _query(self) -> str | None:
        row = self._content(f"query --uri {self._uri} --projection json")
        return None if row is None else row.strip().removeprefix("Row: 0 json=")

    def _from_folder(self) -> str | None:
        done = self.device.shell(f"cat {shlex.quote(f'{_FOLDER}/{self.name}')}", _WHAT)
        if not done.code:
            return done.out
        if "No such file" in done.err:
            return None
        raise _RefusedError(f"the phone keeps it from adb ({done.message})")
