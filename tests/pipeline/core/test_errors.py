from __future__ import annotations

import errno
import inspect
import os
import re
from pathlib import Path

import pytest

from pipeline.core import errors

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.VignetteError) and kind.__module__ == errors.__name__
]
EXIT_CODES = {
    "VignetteError": 1,
    "UsageError": 2,
    "ConfigError": 2,
    "DataError": 2,
    "PictureError": 2,
    "FormatError": 2,
    "BundleError": 2,
    "WeightsError": 1,
    "RunError": 1,
    "StorageError": 1,
    "ConversionError": 1,
    "ToolError": 1,
    "NetworkError": 1,
    "PhoneError": 1,
    "AccessError": 1,
    "GateError": 3,
}


def test_every_error_has_the_exit_code_of_its_kind():
    assert {kind.__name__: kind.exit_code for kind in KINDS} == EXIT_CODES


def test_the_map_at_the_head_of_the_file_is_true():
    drawn = dict(re.findall(r"(\w+Error)\s+(\d)  ", errors.__doc__))
    assert {name: int(code) for name, code in drawn.items()} == EXIT_CODES


def test_an_error_keeps_its_message_and_hint():
    error = errors.DataError("what is wrong", "what to do")
    assert (str(error), error.message, error.hint) == ("what is wrong", "what is wrong", "what to do")
    assert errors.RunError("alone").hint == ""


def test_a_broken_picture_is_caught_with_the_errors_of_the_data():
    assert issubclass(errors.PictureError, errors.DataError)


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some disk space, then run the command again: it continues where it stopped"),
        (errno.EDQUOT, "quota"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EACCES, "check your write permission"),
        (errno.EPERM, "check your write permission"),
        (errno.EROFS, "read-only"),
        (errno.ENOTDIR, "a part of this path is a file"),
        (errno.EISDIR, "a folder is in the way of a file"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.EIO, "fix this, then run the command again"),
    ],
)
def test_a_failed_write_names_the_file_the_reason_and_the_remedy(number, hint):
    error = errors.storage_error(Path("data/x.json"), OSError(number, os.strerror(number)))
    assert error.message == f"cannot write data/x.json: {os.strerror(number)}"
    assert hint in error.hint
    assert error.exit_code == 1


def test_a_failed_write_without_a_number_still_says_something():
    assert errors.storage_error(Path("x"), OSError("h5 says no")).message == "cannot write x: h5 says no"
    assert errors.storage_error(Path("x"), OSError()).message == "cannot write x: OSError"
