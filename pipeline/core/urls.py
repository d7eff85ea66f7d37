"""Turns what users call channels and classes into safe addresses and names.

Sends no request. Data from YouTube obeys the same rules: a file name is made from a well-formed id, and
from nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote, urlsplit

_TABS = ("videos", "shorts", "streams")
_HOSTS = ("youtube.com", "www.youtube.com", "m.youtube.com")
_VIDEO = re.compile(r"[A-Za-z0-9_-]{11}")
_HANDLE = re.compile(r"@[\w.·-]{3,60}")
_CHANNEL = re.compile(r"UC[A-Za-z0-9_-]{22}")
_OLD_NAME = re.compile(r"[\w.-]{1,60}")
_LONGEST_LABEL = 100


def is_video(text: object) -> bool:
    """Whether this is the id of a video: eleven letters, digits, `-` and `_`."""
    return isinstance(text, str) and _VIDEO.fullmatch(text) is not None


def channel_list(text: str, *, everything: bool = False) -> str | None:
    """The address of a channel's list, newest first.

    Args:
        text: `@handle`, a channel's id, or the address of a channel; if it names a list, as in
            `@handle/shorts` (or videos, or streams), that list.
        everything: Without a tab, the channel's front page, from which its uploads are found;
            otherwise its videos.

    Returns:
        An address at www.youtube.com, or None if the text names no channel.
    """
    if text.startswith("@"):
        path = text.removesuffix("/").split("/")
    elif _CHANNEL.fullmatch(text):
        path = ["channel", text]
    elif parts := _split(text):
        host, path = parts
        if host not in _HOSTS:
            return None
    else:
        return None
    kind = path[0] if path else ""
    if _HANDLE.fullmatch(kind):
        name, rest = kind, path[1:]
    elif kind == "channel" and len(path) > 1 and _CHANNEL.fullmatch(path[1]):
        name, rest = f"channel/{path[1]}", path[2:]
    elif kind in ("c", "user") and len(path) > 1 and _OLD_NAME.fullmatch(path[1]):
        name, rest = f"{kind}/{path[1]}", path[2:]
    else:
        return None
    if rest and (len(rest) > 1 or rest[0] not in (*_TABS, "featured")):
        return None
    tab = rest[0] if rest and rest[0] in _TABS else "featured" if everything else "videos"
    return f"https://www.youtube.com/{name}/{tab}"


def uploads(channel_id: str) -> str | None:
    """The address of all that a channel uploaded, newest first: videos, shorts and past live streams."""
    if not _CHANNEL.fullmatch(channel_id):
        return None
    return f"https://www.youtube.com/playlist?list=UU{channel_id[2:]}"


def is_label(text: str) -> bool:
    """Whether a class may have this name: one folder name that is valid on every system and printable."""
    return (
        0 < len(text.encode("utf-8", "replace")) <= _LONGEST_LABEL
        and text == text.strip()
        and not text.startswith(".")
        and text.lower() not in ("train", "val", "test")
        and not any(letter in '/\\<>:"|?*' or invisible(letter) for letter in text)
    )


def invisible(letter: str) -> bool:
    """Whether a character is invisible or changes how its neighbours are displayed."""
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _split(text: str) -> tuple[str, list[str]] | None:
    if any(invisible(letter) or letter.isspace() for letter in text):
        return None
    if not re.match(r"https?://", text):
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if "@" in parts.netloc or ":" in parts.netloc:
        return None
    path = [unquote(part) for part in parts.path.split("/") if part]
    return parts.netloc.lower(), path
