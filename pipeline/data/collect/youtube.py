"""Requests to YouTube: a channel's list, and the bytes at an address. One request at a time.

The page of a video is never requested: of yt-dlp's extractors, only the one for lists is loaded. `client`
pauses between requests. Loads yt-dlp; import late.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from yt_dlp.extractor.youtube import YoutubeTabIE
from yt_dlp.globals import plugin_dirs
from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import HTTPError, RequestError
from yt_dlp.utils import YoutubeDLError

from pipeline.core.channels import Collect
from pipeline.core.errors import DataError, NetworkError, ToolError
from pipeline.core.progress import ProgressReporter
from pipeline.data.collect.client import CONTINUES, Client, GaveUpError, wall, words
from pipeline.data.collect.manifest import title_of
from pipeline.data.collect.thumbnails import Fetched

_GONE = (404, 410)
_SIGN_IN = re.compile(r"sign ?in|log ?in|not a (bot|robot)|captcha|unusual traffic|consent", re.IGNORECASE)
_NO_CHANNEL = re.compile(r"does not exist|HTTP Error 404|terminated|not available|removed", re.IGNORECASE)
_NO_TAB = re.compile(r"does not have an? (\w+) tab")


@dataclass(frozen=True)
class Video:
    """An entry of a list; id and title are as received."""

    id: str
    title: str


@dataclass(frozen=True)
class Listing:
    """A channel's list, newest first; more pages are requested as the videos are consumed."""

    channel_id: str
    videos: Iterator[Video]


class Session:
    """One connection to YouTube; `requests` counts the requests.

    Args:
        settings: Pauses, retries, proxy, cookies and certificates.
        reporter: Warned when the server asks the collector to wait.

    Raises:
        ConfigError: The cookies file cannot be used.
    """

    def __init__(self, settings: Collect, reporter: ProgressReporter) -> None:
        plugin_dirs.value = []  # ignores plug-ins that the user installed for yt-dlp
        self._settings = settings
        self._ydl = Client(settings, reporter)
        self._ydl.add_info_extractor(YoutubeTabIE())  # pyright: ignore[reportArgumentType]

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._ydl.close()

    @property
    def requests(self) -> int:
        return self._ydl.requests

    def get(self, address: str) -> Fetched:
        """The bytes at an address.

        Raises:
            NetworkError: YouTube limits requests or requires sign-in, so going on is pointless.
        """
        try:
            response = self._ydl.urlopen(Request(address, headers={"Accept": "image/jpeg,image/*;q=0.8"}))
        except GaveUpError as error:
            return Fetched(reason=error.reason, silent=True)
        except HTTPError as error:
            if error.redirect_loop:
                return Fetched(reason="a redirect loop")
            return Fetched(reason=f"HTTP {error.status}", lasting=error.status in _GONE)
        except RequestError as error:
            return Fetched(reason=words(error), silent=True)
        return Fetched(response.read())

    def list(self, address: str) -> Listing:
        """A channel's list; its first page is requested now.

        Raises:
            DataError: There is no such channel, or it has no such list.
            NetworkError: YouTube cannot be reached, limits requests, or requires sign-in.
            ToolError: The page is not what yt-dlp expects.
        """
        with _explained(address):
            info: Any = self._ydl.extract_info(address, download=False, process=False)
            for _ in range(5):
                # A channel that has moved; only lists are followed.
                if not info or info.get("_type") not in ("url", "url_transparent"):
                    break
                info = self._ydl.extract_info(info["url"], download=False, process=False, ie_key="YoutubeTab")
        if not info or info.get("entries") is None:
            raise ToolError(f"{address}: yt-dlp found no list there", "check the address in a browser")
        return Listing(info.get("channel_id") or "", _videos(iter(info["entries"]), address))


def _videos(entries: Iterator[Any], address: str) -> Iterator[Video]:
    """The videos of a list; other entries, such as playlists, are skipped."""
    while True:
        with _explained(address):
            entry = next(entries, None)
        if entry is None:
            return
        if entry.get("ie_key") == "Youtube":
            yield Video(str(entry.get("id")), title_of(entry.get("title")))


@contextmanager
def _explained(address: str) -> Iterator[None]:
    """Turns what goes wrong inside yt-dlp while a list is read into one of the project's errors."""
    try:
        yield
    except GaveUpError as error:
        raise NetworkError(
            f"{address} cannot be read: {error.reason}",
            "check the network and the proxy (collect.proxy, or HTTPS_PROXY in the environment); "
            + CONTINUES,
        ) from error
    except (YoutubeDLError, RequestError) as error:
        raise _explain(address, words(error)) from error


def _explain(address: str, message: str) -> DataError | NetworkError | ToolError:
    if _SIGN_IN.search(message):
        return wall(message)
    if tab := _NO_TAB.search(message):
        return DataError(
            f"{address}: this channel has no {tab[1]}",
            "use another of its lists, such as @handle/shorts, or all uploads: --set collect.shorts=true",
        )
    if _NO_CHANNEL.search(message):
        return DataError(
            f"{address}: there is no such channel ({message})",
            "open the channel in a browser and copy the handle from its address into [[channels]]",
        )
    if "HTTP Error 403" in message:
        return NetworkError(f"{address}: YouTube refuses to answer (HTTP 403)", CONTINUES)
    return ToolError(
        f"{address}: yt-dlp cannot read this list: {message}",
        "YouTube changes from time to time; try a newer yt-dlp: python -m pip install --upgrade yt-dlp",
    )
