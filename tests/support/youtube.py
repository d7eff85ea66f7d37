"""A YouTube on this machine: a proxy that ends TLS itself and plays the pages that are asked for.

yt-dlp gets it as its proxy and is told not to check certificates; nothing else is changed. Every
request is in `asked`, so a test can show that nothing went elsewhere.
"""

from __future__ import annotations

import io
import json
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image

PAGE = 30
SIZES = {"maxresdefault": (1280, 720), "sddefault": (640, 480), "hqdefault": (480, 360)}


@dataclass
class Reply:
    """What is sent; with `half` the connection ends in the middle, with `after` it comes late."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    half: bool = False
    after: float = 0.0


@dataclass
class Channel:
    """A channel: its videos as (id, title), newest first."""

    handle: str
    videos: list[tuple[str, str]]
    shorts: list[tuple[str, str]] = field(default_factory=list)
    title: str = "A channel"

    @property
    def id(self) -> str:
        return "UC" + re.sub(r"\W", "_", self.handle)[:22].ljust(22, "x")


def videos(letter: str, count: int, first: int = 0) -> list[tuple[str, str]]:
    """`count` videos with ids made of a letter and a number, the highest number newest."""
    numbers = range(first + count - 1, first - 1, -1)
    return [(f"{letter}{number:010d}", f"Video {number} of {letter}") for number in numbers]


@lru_cache(maxsize=4000)
def picture(video: str, width: int, height: int, form: str = "JPEG") -> bytes:
    """A picture that is different for every video and alike within a channel; 16:9, bars in 4:3."""
    numbers = np.random.default_rng(list(video.encode()))
    hue = np.random.default_rng(ord(video[0])).integers(60, 200, 3)
    blocks = np.clip(hue + numbers.integers(-50, 50, (9, 16, 1)), 40, 255).astype(np.uint8)
    inner = Image.fromarray(blocks).resize((width, width * 9 // 16), Image.Resampling.NEAREST)
    image = Image.new("RGB", (width, height))
    image.paste(inner, (0, (height - inner.height) // 2))
    file = io.BytesIO()
    image.save(file, form, quality=80)
    return file.getvalue()


@lru_cache
def placeholder() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (120, 90), (136, 136, 136)).save(file, "JPEG")
    return file.getvalue()


class YouTube:
    """The server. Change `channels`, `sizes` and `faults` before a test asks.

    Attributes:
        channels: By handle.
        sizes: Which thumbnails a video has, where it lacks some; by id.
        faults: What is answered instead, by host and path; replies are used up in turn, a last one
            that is no list stays for ever.
        asked: `host/path` of everything that was asked for, in order.
        before: Called with the number of the request, from 1, before it is answered.
    """

    def __init__(self, folder: Path) -> None:
        self.channels: dict[str, Channel] = {}
        self.sizes: dict[str, Sequence[str]] = {}
        self.faults: dict[str, list[Reply] | Reply] = {}
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.cookies: list[str] = []
        self.open_at_once = 0
        self.before: Callable[[int], None] = lambda number: None
        self._lists: dict[str, list[Any]] = {}
        self._lock = threading.Lock()
        self._busy = 0
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate(folder))
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.youtube = self  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def proxy(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def settings(self, **more: object) -> list[str]:
        """The settings that lead here, without pauses."""
        values = {"proxy": self.proxy, "check_certificates": False, "pause_s": 0, "back_off_s": 0, **more}
        return [f"collect.{key}={json.dumps(value)}" for key, value in values.items()]

    def thumbnails(self) -> list[str]:
        """The pictures that were asked for, as `ID/NAME`."""
        found = (re.fullmatch(r"i\.ytimg\.com/vi\w*/(.+)", address) for address in self.asked)
        return [match[1] for match in found if match]

    def answer(self, host: str, path: str, body: bytes, headers: Any) -> Reply:
        with self._lock:
            self._busy += 1
            self.open_at_once = max(self.open_at_once, self._busy)
            self.asked.append(host + path)
            number = len(self.asked)
            self.cookies += headers.get_all("Cookie", [])
            fault = self.faults.get(host + path)
            if isinstance(fault, list):
                fault = fault.pop(0) if fault else None
        self.before(number)
        try:
            if fault is not None:
                time.sleep(fault.after)
                return fault
            if host == "i.ytimg.com":
                return self._thumbnail(path)
            if host == "www.youtube.com":
                return self._page(path, body)
            # Whoever is led elsewhere finds a page that looks fine.
            return Reply(b"<html>Who are you?</html>", 429 if "sorry" in path else 200)
        finally:
            with self._lock:
                self._busy -= 1

    def _thumbnail(self, path: str) -> Reply:
        match = re.fullmatch(r"/(vi|vi_webp)/([\w-]{11})/(\w+)\.(jpg|webp)", path)
        if match:
            kind, video, name, ending = match.groups()
            there = self.sizes.get(video, [f"{size}.jpg" for size in SIZES])
            if f"{name}.{ending}" in there and (kind == "vi") == (ending == "jpg"):
                form = "JPEG" if ending == "jpg" else "WEBP"
                return Reply(picture(video, *SIZES[name], form), headers={"Content-Type": "image/jpeg"})
        return Reply(placeholder(), 404, {"Content-Type": "image/jpeg"})

    def _page(self, path: str, body: bytes) -> Reply:
        parts = urlsplit(path)
        if parts.path == "/youtubei/v1/browse":
            asked = json.loads(body)
            if asked.get("browseId", "").startswith("VLUU"):
                return _json(self._uploads(asked["browseId"][4:]))
            return _json(
                {
                    "onResponseReceivedActions": [
                        {
                            "appendContinuationItemsAction": {
                                "continuationItems": self._more(asked["continuation"])
                            }
                        }
                    ]
                }
            )
        if parts.path == "/playlist":
            data = self._uploads(parse_qs(parts.query)["list"][0][2:])
            return _html(data)
        match = re.fullmatch(r"/(@[^/]+)/(videos|shorts|featured)", parts.path)
        channel = self.channels.get(match[1]) if match else None
        if match is None or channel is None:
            return Reply(b"{}" if "youtubei" in path else b"<html>404 Not Found</html>", 404)
        tab = match[2]
        if tab == "shorts":
            items = [_short(*video) for video in channel.shorts]
        else:
            items = [_video(*video) for video in channel.videos]
        grid = {"richGridRenderer": {"contents": self._listed(f"{channel.handle}/{tab}", items)}}
        return _html(
            {
                "contents": {
                    "twoColumnBrowseResultsRenderer": {
                        "tabs": [
                            {
                                "tabRenderer": {
                                    "selected": True,
                                    "title": tab.title(),
                                    "endpoint": {
                                        "commandMetadata": {
                                            "webCommandMetadata": {"url": f"/{channel.handle}/{tab}"}
                                        }
                                    },
                                    "content": grid,
                                }
                            }
                        ]
                    }
                },
                "metadata": {"channelMetadataRenderer": {"title": channel.title, "externalId": channel.id}},
            }
        )

    def _uploads(self, rest: str) -> dict[str, Any]:
        channel = next(one for one in self.channels.values() if one.id == f"UC{rest}")
        mixed = sorted([*channel.videos, *channel.shorts], key=lambda video: video[0][1:], reverse=True)
        rows = [
            {"playlistVideoRenderer": {"videoId": name, "title": {"runs": [{"text": title}]}}}
            for name, title in mixed
        ]
        inside = {"playlistVideoListRenderer": {"contents": self._listed(f"UU{rest}", rows)}}
        tab = {
            "content": {
                "sectionListRenderer": {"contents": [{"itemSectionRenderer": {"contents": [inside]}}]}
            }
        }
        return {
            "contents": {
                "twoColumnBrowseResultsRenderer": {"tabs": [{"tabRenderer": {"selected": True, **tab}}]}
            },
            "metadata": {"playlistMetadataRenderer": {"title": "Uploads"}},
        }

    def _listed(self, name: str, items: list[Any]) -> list[Any]:
        self._lists[name] = items
        return self._more(f"{name}#0")

    def _more(self, token: str) -> list[Any]:
        name, start = token.rsplit("#", 1)
        end = int(start) + PAGE
        items = self._lists[name][int(start) : end]
        if end < len(self._lists[name]):
            command = {"continuationCommand": {"token": f"{name}#{end}"}}
            items = [*items, {"continuationItemRenderer": {"continuationEndpoint": command}}]
        return items


def _video(name: str, title: str) -> dict[str, Any]:
    return {
        "richItemRenderer": {
            "content": {
                "lockupViewModel": {
                    "contentId": name,
                    "contentType": "LOCKUP_CONTENT_TYPE_VIDEO",
                    "metadata": {"lockupMetadataViewModel": {"title": {"content": title}}},
                }
            }
        }
    }


def _short(name: str, title: str) -> dict[str, Any]:
    return {
        "richItemRenderer": {
            "content": {
                "shortsLockupViewModel": {
                    "entityId": f"shorts-shelf-item-{name}",
                    "onTap": {"innertubeCommand": {"reelWatchEndpoint": {"videoId": name}}},
                    "overlayMetadata": {"primaryText": {"content": title}},
                }
            }
        }
    }


def alert(text: str) -> Reply:
    """A page on which YouTube says why it shows nothing."""
    return _html({"alerts": [{"alertRenderer": {"type": "ERROR", "text": {"simpleText": text}}}]})


def _html(data: object) -> Reply:
    text = f"<html><script>var ytInitialData = {json.dumps(data)};</script></html>"
    return Reply(text.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


def _json(data: object) -> Reply:
    return Reply(json.dumps(data).encode(), headers={"Content-Type": "application/json"})


def certificate(folder: Path) -> Path:
    """A key and a certificate that nobody signed, in one file."""
    path = folder / "loopback.pem"
    if not path.exists():
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-nodes", "-days", "2", "-subj", "/CN=loopback", "-keyout", "-", "-out", "-"]
        done = subprocess.run(command, capture_output=True, check=True)
        path.write_bytes(done.stdout)
    return path


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a client that hangs up early, as one that gives up does: stderr is the client's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host = ""
    disable_nagle_algorithm = True

    def do_CONNECT(self) -> None:
        self.host = self.path.rsplit(":", 1)[0]
        self.send_response(200)
        self.end_headers()
        youtube: YouTube = self.server.youtube  # type: ignore[attr-defined]
        try:
            self.connection = youtube.tls.wrap_socket(self.connection, server_side=True)
        except OSError:
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False

    def do_GET(self) -> None:
        youtube: YouTube = self.server.youtube  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply = youtube.answer(self.host or "plain", self.path.split("&", 1)[0], body, self.headers)
        try:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body[: len(reply.body) // 2] if reply.half else reply.body)
        except OSError:
            self.close_connection = True
        if reply.half:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    do_POST = do_GET  # noqa: N815

    def finish(self) -> None:
        super().finish()
        self.rfile.close()
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass


def counted(names: Sequence[str]) -> dict[str, int]:
    """How often each stands there."""
    found: dict[str, int] = defaultdict(int)
    for name in names:
        found[name] += 1
    return dict(found)
