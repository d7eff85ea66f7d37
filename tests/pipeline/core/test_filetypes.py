from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from pipeline.core import filetypes
from pipeline.core.filetypes import ENDINGS, contents, head, picture_format, size_of


@pytest.mark.parametrize("kind", [name for name in ENDINGS if name != "HEIF"])
def test_what_pillow_writes_is_known_by_its_first_bytes(kind):
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind)
    assert picture_format(file.getvalue()[: filetypes.HEAD]) == kind


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x14ftypavis\0\0\0\0avif", "AVIF"),
        (b"\0\0\0\x14ftypisom\0\0\0\0mp42", ""),
        (b"BM are the first letters of a note", ""),
        (b"<html><svg></svg></html>", ""),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg xmlns='x'/>", "SVG"),
        (b"RIFF\0\0\0\0WAVE", ""),
        (b"", ""),
    ],
)
def test_look_alikes_are_told_apart(first, kind):
    assert picture_format(first) == kind


@pytest.mark.parametrize("look", [head, size_of, contents])
def test_pipes_and_devices_are_refused_without_opening_them(tmp_path, look):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="a pipe or a device, not a regular file"):
            look(path)
    with pytest.raises(IsADirectoryError):
        look(tmp_path)


def test_what_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(filetypes.MAX_TEXT + 1)
    with pytest.raises(OSError, match="64,000,001 bytes exceed the limit of 64,000,000"):
        contents(tmp_path / "large")


def test_help_loads_no_decoder_of_heic():
    code = (
        "import sys; sys.argv = ['pipeline', '--help']; import runpy\n"
        "try: runpy.run_module('pipeline', run_name='__main__')\n"
        "finally: print([name for name in sys.modules if 'heif' in name], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr.endswith("[]\n")
