"""The program adb: found, run within a time, and what its failures mean in words.

Which phone it speaks to belongs to `choice`, what can be asked of one to `device`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import AccessError, PhoneError, ToolError, VignetteError

APT = "install it: sudo apt install adb"
ALLOW = "unlock it, answer “Allow USB debugging?” with yes, then repeat the command"
BY_HAND = "Android keeps adb out there on some phones; this part is done by hand"
AGAIN = "plug it in again, then repeat the command"
QUICK, SLOW = 20.0, 300.0

# What adb or the phone says of a failure: the words for it, what to do, and the kind of error.
_FAILURES: tuple[tuple[str, str, str, type[VignetteError]], ...] = (
    ("unauthorized", "it does not allow this computer", ALLOW, PhoneError),
    (
        "No space left on device|INSTALL_FAILED_INSUFFICIENT_STORAGE|not enough space",
        "the phone's storage is full",
        "delete something on the phone, then repeat the command",
        PhoneError,
    ),
    (
        "Permission denied|Operation not permitted",
        "the phone denies access",
        BY_HAND,
        AccessError,
    ),
    (
        "Read-only file system",
        "the phone's storage is read-only",
        "restart the phone, then repeat the command",
        PhoneError,
    ),
    (
        "cannot connect to daemon|failed to start daemon|smartsocket|cannot bind|failed to check server",
        "adb's own server does not start",
        "adb kill-server, then repeat the command; another program may hold its port",
        ToolError,
    ),
)


@dataclass(frozen=True)
class Answer:
    """What a command came to: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Its words in one line, for a message."""
        return _line(self.err) or _line(self.out) or f"exit code {self.code}"


def find() -> str:
    """The path of adb: the one on the path, else the one in the Android SDK.

    Raises:
        ToolError: There is none.
    """
    found = shutil.which("adb")
    for variable in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        if not found and os.environ.get(variable):
            found = shutil.which("adb", path=str(Path(os.environ[variable]) / "platform-tools"))
    if not found:
        raise ToolError("adb is missing, the program that speaks to phones", APT)
    return found


def run(words: Sequence[str], what: str, seconds: float) -> Answer:
    """What a command of adb comes to; whether its exit code is a failure is the caller's to say.

    Args:
        words: The program's path and its arguments.
        what: What it is for, in words, for the message.
        seconds: How long it may take.

    Raises:
        PhoneError: It took longer.
        ToolError: It could not be started.
    """
    try:
        # In a session of its own: Ctrl-C is for us, who clear the phone before we end.
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise PhoneError(
            f"{what}: the phone did not answer within {seconds:.0f} s",
            "unlock it and see whether it asks something; plug it in again, then repeat the command",
        ) from error
    except OSError as error:
        raise ToolError(f"{words[0]} cannot be started: {error.strerror}", APT) from error
    return Answer(
        done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    )


def failure(what: str, said: str, gone: str = "") -> VignetteError:
    """The error for a command that failed.

    Args:
        what: What it was for, in words.
        said: What adb or the phone said.
        gone: The serial of the phone, where it is no longer there.
    """
    for pattern, words, hint, kind in _FAILURES:
        if re.search(pattern, said):
            return kind(f"{what} failed: {words} ({said})", hint)
    if gone:
        return PhoneError(f"{what} failed: the phone {gone} is gone ({said})", AGAIN)
    return PhoneError(f"{what} failed: {said}", "mend what these words name, then repeat the command")


def _line(text: str) -> str:
    """Words in one line; what adb says about its own server and about speed is left out."""
    lines = (line.strip() for line in text.splitlines())
    kept = [line for line in lines if line and not re.search(r"^\* daemon|\d files? (?:pushed|pulled)", line)]
    return "; ".join(kept[:4])
