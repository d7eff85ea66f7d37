"""The page over http, on this computer and by `adb reverse` on a phone, where it then gets a camera.

Browsers open the camera of a phone only to pages from https or from the phone itself. Only the loopback
interface is listened on.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from export.android.adb.device import Device
from pipeline.core.errors import PhoneError, ToolError
from pipeline.core.progress import ProgressReporter

# The same one each time, because browsers remember the camera's permission by it.
PORT = 8017
_LOOPBACK = "127.0.0.1"


class _Handler(BaseHTTPRequestHandler):
    """Answers `/` with the page as it is now."""

    def __init__(self, page: Path, *arguments: Any) -> None:
        self.page = page
        super().__init__(*arguments)

    def do_GET(self) -> None:
        port = self.connection.getsockname()[1]
        # Another name that resolves to this computer is how a web site would read what is served here.
        if self.headers.get("Host") not in (f"localhost:{port}", f"{_LOOPBACK}:{port}"):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
        elif self.path != "/" or not self.page.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            data = self.page.read_bytes()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing about requests."""


def listen(page: Path) -> ThreadingHTTPServer:
    """A server of the page on port 8017, or on a free one if that is taken; it is not running yet.

    Raises:
        ToolError: The system allows no server.
    """
    for port in (PORT, 0):
        try:
            return ThreadingHTTPServer((_LOOPBACK, port), partial(_Handler, page))
        except OSError as error:
            if not port or error.errno != errno.EADDRINUSE:
                raise ToolError(
                    f"the page cannot be served on {_LOOPBACK}: {error.strerror}",
                    "open the file itself; that needs no server",
                ) from error
    raise AssertionError


def url(server: ThreadingHTTPServer) -> str:
    """What to open, on this computer as on the phone."""
    return f"http://localhost:{server.server_address[1]}"


@contextmanager
def on_phone(device: Device, server: ThreadingHTTPServer, reporter: ProgressReporter) -> Iterator[None]:
    """Makes the server reachable from a phone, until the end, and opens the page in its browser.

    Raises:
        PhoneError: The phone was disconnected or refuses.
    """
    port = int(server.server_address[1])
    try:
        device.open_port(port)
        view = f"am start -a android.intent.action.VIEW -d {url(server)}"
        device.shell(view, "opening the page on the phone")
        reporter.say("phone", f"{device.serial}: its browser should show {url(server)} now")
        yield
    finally:
        try:
            device.close_port(port)
        except PhoneError as error:
            reporter.warn(error.message)
