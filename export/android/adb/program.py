"""Runs adb with a timeout and explains its failures."""

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
ALLOW = "unlock it, confirm “Allow USB debugging?”, then run the command again"
DENIED = "some phones deny adb access there; do this step by hand"
AGAIN = "plug it in again, then run the command again"
QUICK, SLOW = 20.0, 300.0

# The output of adb or the phone on a failure; what it means, what to do, and the kind of error.
_FAILURES: tuple[tuple[str, str, str, type[VignetteError]], ...] = (
    ("unauthorized", "it has not allowed this computer", ALLOW, PhoneError),
    (
        "No space left on device|INSTALL_FAILED_INSUFFICIENT_STORAGE|not enough space",
        "the phone's storage is full",
        "free some space on the phone, then run the command again",
        PhoneError,
    ),
    (
        "Permission denied|Operation not permitted",
        "the phone denies access",
        DENIED,
        AccessError,
    ),
    (
        "Read-only file system",
        "the phone's storage is read-only",
        "restart the phone, then run the command again",
        PhoneError,
    ),
    (
        "cannot connect to daemon|failed to start daemon|smartsocket|cannot bind|failed to check server",
        "adb's server does not start",
        "run adb kill-server, then run the command again; another program may be using its port",
        ToolError,
    ),
)


@dataclass(frozen=True)
class Answer:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """Its output in one line, for a message."""
        return _line(self.err) or _line(self.out) or f"exit code {self.code}"


def find() -> str:
    """The path of adb, from PATH or else from the Android SDK.

    Raises:
        ToolError: It is missing.
    """
    path = shutil.which("adb")
    for variable in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        if not path and os.environ.get(variable):
            path = shutil.which("adb", path=str(Path(os.environ[variable]) / "platform-tools"))
    if not path:
        raise ToolError("adb, the program that talks to Android phones, is not installed", APT)
    return path


def run(words: Sequence[str], what: str, seconds: float) -> Answer:
    """Runs adb; the caller decides whether the exit code is a failure.

    Args:
        words: The program's path and its arguments.
        what: What it is for, for the message.
        seconds: The timeout.

    Raises:
        PhoneError: It timed out.
        ToolError: It could not be started.
    """
    try:
        # In a session of its own, so that Ctrl-C reaches only us: the phone has to be cleaned up first.
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
            "unlock it and check for a dialog; plug it in again, then run the command again",
        ) from error
    except OSError as error:
        raise ToolError(f"{words[0]} cannot be started: {error.strerror}", APT) from error
    return Answer(
        done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    )


def failure(what: str, message: str, gone: str = "") -> VignetteError:
    """The error for a failed command.

    Args:
        what: What it was for.
        message: The output of adb or the phone.
        gone: The phone's serial number if it was disconnected.
    """
    for pattern, meaning, hint, kind in _FAILURES:
        if re.search(pattern, message):
            return kind(f"{what} failed: {meaning} ({message})", hint)
    if gone:
        return PhoneError(f"{what} failed: the phone {gone} was disconnected ({message})", AGAIN)
    return PhoneError(f"{what} failed: {message}", "fix this, then run the command again")


def _line(text: str) -> str:
    """A text in one line, without what adb says about its server and about speed."""
    lines = (line.strip() for line in text.splitlines())
    kept = [line for line in lines if line and not re.search(r"^\* daemon|\d files? (?:pushed|pulled)", line)]
    return "; ".join(kept[:4])
