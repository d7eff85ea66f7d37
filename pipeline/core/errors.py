"""Every error a user can meet: one tree; each has a message, a hint and an exit code.

    VignetteError                1  failed
    ├── UsageError               2  the command line makes no sense
    ├── ConfigError              2  a configuration key or value
    ├── DataError                2  the folder of pictures, the table, the split
    │   ├── PictureError         2  one picture; callers that read many skip and list it
    │   │   └── FormatError      2  its format is not supported
    │   └── BundleError          2  model, labels and contract do not match
    ├── WeightsError             1  pretrained weights are unavailable or do not fit
    ├── RunError                 1  the folder of a run: missing, locked, incomplete
    ├── StorageError             1  disk full, no permission
    ├── ConversionError          1  a .tflite cannot be made, or is wrong
    ├── ToolError                1  an external program is missing or failed
    ├── NetworkError             1  a server is unreachable or refused
    ├── PhoneError               1  the phone is missing, not ready, or failed
    │   └── AccessError          1  the phone denies access to a folder
    └── GateError                3  a gate or a check failed

Library code raises these; only the command line prints. Any other exception is a bug and keeps
its traceback.
"""

from __future__ import annotations

import errno
from pathlib import Path


class VignetteError(Exception):
    """An expected failure.

    Args:
        message: What went wrong, with the file, line or key.
        hint: What to do about it.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(VignetteError):
    exit_code = 2


class ConfigError(VignetteError):
    exit_code = 2


class DataError(VignetteError):
    exit_code = 2


class PictureError(DataError):
    """A picture that cannot be used.

    Args:
        reason: What is wrong with it.
        path: The file or its address, if there is one; the message puts it before the reason.
    """

    def __init__(self, reason: str, path: object = None) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.reason = reason


class FormatError(PictureError):
    pass


class BundleError(DataError):
    pass


class WeightsError(VignetteError):
    pass


class RunError(VignetteError):
    pass


class StorageError(VignetteError):
    pass


class ConversionError(VignetteError):
    pass


class ToolError(VignetteError):
    pass


class NetworkError(VignetteError):
    pass


class PhoneError(VignetteError):
    pass


class AccessError(PhoneError):
    pass


class GateError(VignetteError):
    exit_code = 3


_STORAGE_HINTS = {
    errno.ENOSPC: "free some disk space, then run the command again: it continues where it stopped",
    errno.EDQUOT: "free some of your disk quota, then run the command again",
    errno.EFBIG: "the file size limit was reached (ulimit -f); raise it and try again",
    errno.EACCES: "check your write permission, or choose another folder",
    errno.EPERM: "check your write permission, or choose another folder",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOTDIR: "a part of this path is a file, not a folder; choose another folder",
    errno.EISDIR: "a folder is in the way of a file; move it",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def storage_error(path: Path, error: OSError) -> StorageError:
    """A StorageError that says why a file could not be written.

    Args:
        path: The file as the user knows it, not a temporary name.
        error: The system's error; one raised by a library may have no errno.
    """
    reason = error.strerror or str(error) or type(error).__name__
    hint = _STORAGE_HINTS.get(error.errno or 0, "fix this, then run the command again")
    return StorageError(f"cannot write {path}: {reason}", hint)
