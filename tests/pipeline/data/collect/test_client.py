from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from yt_dlp.networking.exceptions import ProxyError, TransportError
from yt_dlp.utils import DownloadError

from pipeline.data.collect import client
from pipeline.data.collect.client import words


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, 0), ("", 0), ("7", 7), (" 120 ", 120), ("soon", 0), ("-5", 0), ("²", 0)]
)
def test_seconds_to_wait_are_read_and_nonsense_is_none(header, seconds):
    assert client._retry_after(header) == seconds


def test_a_date_to_wait_for_is_read():
    assert client._retry_after(formatdate(time.time() + 90)) == pytest.approx(90, abs=2)
    assert client._retry_after(formatdate(time.time() - 90)) == 0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            DownloadError("ERROR: [youtube:tab] @alpha: YouTube said: No. (caused by <HTTPError 404>)"),
            "YouTube said: No.",
        ),
        (DownloadError("\x1b[0;31mERROR:\x1b[0m plain; please report this issue on  x"), "plain"),
        (
            TransportError("<HTTPSConnection object at 0x7f>: Read timed out. (read timeout=1)"),
            "no answer in time",
        ),
        (
            TransportError("Failed to resolve 'x' ([Errno -2] Name or service not known)"),
            "Name or service not known",
        ),
        (
            ProxyError("http://me:secret@host:1 refused\n\u202etwice"),
            "the proxy does not answer: http://***@host:1 refused ?twice",
        ),
    ],
)
def test_what_libraries_say_becomes_one_plain_line(error, said):
    assert words(error) == said
