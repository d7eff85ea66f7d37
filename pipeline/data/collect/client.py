"""A patient yt-dlp: it pauses between requests, retries busy servers, and stops at sign-in pages.

Every request of a collection, for lists and for pictures, goes through `Client.urlopen`. Loads yt-dlp;
import late.
"""

from __future__ import annotations

import io
import re
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yt_dlp
from yt_dlp.networking import Request, Response
from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, ProxyError, TransportError

from pipeline.core import filetypes
from pipeline.core.channels import Collect
from pipeline.core.errors import ConfigError, NetworkError
from pipeline.core.progress import ProgressReporter
from pipeline.data.collect.manifest import shown

# Nobody waits at a terminal for longer than this; running the command again continues later.
_LONGEST_WAIT_S = 120
_LONG_S = 15
LARGEST_BYTES = 32_000_000
CONTINUES = "run the command again later: it continues where it stopped"
_TOO_MANY = 429
_BUSY = (_TOO_MANY, 500, 502, 503, 504)


class GaveUpError(Exception):
    """A request that failed as often as the settings allow. Not a yt-dlp error, which it would retry."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Client(yt_dlp.YoutubeDL):
    """yt-dlp with pauses and retries. Responses are read in full here, so that partial ones are retried."""

    def __init__(self, settings: Collect, reporter: ProgressReporter) -> None:
        self._settings, self._reporter = settings, reporter
        self._free_at = 0.0
        self.requests = 0
        options = {
            "extract_flat": "in_playlist",
            "skip_download": True,
            "cachedir": False,
            "logger": _Mute(),
            "noprogress": True,
            "socket_timeout": settings.timeout_s,
            "nocheckcertificate": not settings.check_certificates,
            "proxy": settings.proxy or None,
            # In memory, so that the user's file is never written to.
            "cookiefile": _cookies(settings.cookies),
            # Retries a page that came without its list once; urlopen handles busy servers.
            "extractor_retries": 1,
            # Without this, a list whose next page is missing simply ends.
            "extractor_args": {"youtube": {"raise_incomplete_data": ["1"], "lang": ["en"]}},
        }
        super().__init__(options, auto_init=False)  # pyright: ignore[reportArgumentType]

    def urlopen(self, req: Any) -> Any:
        """Sends a request when its turn comes, and retries as often as the settings allow.

        Raises:
            HTTPError: Retrying would not help, as with 404.
            GaveUpError: Every attempt failed.
            NetworkError: The server limits requests or requires sign-in.
        """
        request: Any = Request(req) if isinstance(req, str) else req
        settings, reason, status = self._settings, "", 0
        for attempt in range(settings.tries):
            self._until(self._free_at)
            wait = min(settings.back_off_s * 2**attempt, _LONGEST_WAIT_S)
            self.requests += 1
            try:
                return self._whole(super().urlopen(request.copy()))
            except HTTPError as error:
                status, reason = error.status, f"HTTP {error.status}"
                if error.redirect_loop or status not in _BUSY:
                    raise HTTPError(self._whole(error.response), error.redirect_loop) from error
                with error.response:
                    _stop_at_wall(error.response.url)
                wait = max(wait, _retry_after(error.response.headers.get("Retry-After")))
            except CertificateVerifyError as error:
                raise NetworkError(
                    f"the certificate of {urlsplit(request.url).hostname} cannot be trusted: {words(error)}",
                    "check this machine's clock and proxy; if a proxy you trust intercepts TLS: "
                    "--set collect.check_certificates=false",
                ) from error
            except TransportError as error:
                status, reason = 0, words(error)
            finally:
                self._free_at = time.monotonic() + settings.pause_s
            if attempt + 1 < settings.tries:
                self._wait(wait, status)
        if status == _TOO_MANY:
            raise NetworkError("YouTube keeps asking to slow down (HTTP 429)", CONTINUES)
        raise GaveUpError(f"{reason}, {settings.tries} times" if settings.tries > 1 else reason)

    def _whole(self, response: Response) -> Response:
        """The response with its body in memory."""
        parts, size = [], 0
        with response:
            _stop_at_wall(response.url)
            while part := response.read(1 << 16):
                parts.append(part)
                size += len(part)
                if size > LARGEST_BYTES:
                    raise TransportError(f"more than {LARGEST_BYTES:,} bytes")
        return Response(io.BytesIO(b"".join(parts)), response.url, dict(response.headers), response.status)

    def _wait(self, seconds: float, status: int) -> None:
        if seconds > _LONGEST_WAIT_S:
            raise NetworkError(
                f"YouTube asks to wait {seconds / 60:.0f} minutes (HTTP {status})",
                "run the command again after that: it continues where it stopped",
            )
        if status == _TOO_MANY:
            self._reporter.warn(f"YouTube asks to slow down (HTTP 429); waiting {seconds:.0f} s")
        elif seconds >= _LONG_S:
            self._reporter.warn(
                f"{f'YouTube is busy (HTTP {status})' if status else 'no answer'}; waiting {seconds:.0f} s"
            )
        self._free_at = max(self._free_at, time.monotonic() + seconds)

    def _until(self, moment: float) -> None:
        if (seconds := moment - time.monotonic()) > 0:
            time.sleep(seconds)


def _stop_at_wall(address: str) -> None:
    """Stops everything if a response came from a sign-in or CAPTCHA page."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if host.startswith(("accounts.google.", "consent.")) or parts.path.startswith("/sorry/"):
        raise wall(f"it redirects to {host}")


def wall(reason: str) -> NetworkError:
    """The error for a page that requires an account or a CAPTCHA."""
    return NetworkError(
        f"YouTube requires sign-in or a CAPTCHA: {reason}",
        "wait a few hours or use another network, then run the command again: it continues where it stopped; "
        "cookies from a signed-in browser may help, at your account's risk: --set collect.cookies=FILE",
    )


def _retry_after(asked: str | None) -> float:
    """Seconds to wait, from a header with seconds or a date; 0 without one."""
    if not asked:
        return 0.0
    if asked.strip().isdecimal():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return 0.0


def _cookies(path: str) -> io.StringIO | None:
    if not path:
        return None
    hint = "export them in Netscape format, as yt-dlp's documentation explains"
    try:
        text = filetypes.contents(Path(path).expanduser()).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"collect.cookies: {path} cannot be read: {why}", hint) from error
    if not re.match(r"#( Netscape)? HTTP Cookie File", text):
        raise ConfigError(f"collect.cookies: {path} does not begin with # Netscape HTTP Cookie File", hint)
    return io.StringIO(text)


def words(error: BaseException) -> str:
    """A library's message on one line, without passwords, colours and its own class names."""
    text = getattr(error, "orig_msg", None) or str(error)
    if isinstance(error, TransportError) and re.search(r"timed? ?out", text, re.IGNORECASE):
        return "no answer in time"
    text = re.sub(r"\x1b\[[\d;]*m", "", text)
    text = re.sub(r"://[^/\s]*@", "://***@", text)
    if system := re.search(r"\[Errno -?\d+\] ([\w ,]+)", text):
        text = system[1]
    for noise in (
        r"^ERROR: (\[[^\]]*\] (\S+: )?)?",
        r"\[SSL: \w+\] ?",
        r" ?\(_ssl\.c:\d+\)",
        r" ?\(caused by .*",
        r"; please report this issue.*",
    ):
        text = re.sub(noise, "", text, flags=re.DOTALL)
    text = shown(" ".join(text.split()))
    return f"the proxy does not answer: {text}" if isinstance(error, ProxyError) else text


class _Mute:
    """Discards yt-dlp's output: what matters becomes an error, or the reason for a missing picture."""

    def debug(self, _text: str) -> None:
        pass

    info = warning = error = debug
