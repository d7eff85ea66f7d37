"""What the cache of fingerprints holds of each picture: a record of facts, and one of small views."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.core.record_file import intact

HASH_SIDE = 16
VIEW_SIDE = 48
TINY_SIDE = 16
REMARKS = 240

# Small and read for all pictures; "V", not "S": numpy strips trailing zero bytes from strings.
FACTS = np.dtype(
    [
        ("sha256", "V32"),
        ("width", "<u4"),
        ("height", "<u4"),
        ("file_format", "S8"),
        ("mode", "S8"),
        ("quality", "u1"),
        ("turned", "?"),
        ("frames", "<u2"),
        ("remarks", f"S{REMARKS}"),
        ("bars", "<f4", (4,)),  # depth over the side, top, bottom, left, right
        ("border", "<f4", (4,)),  # the same for strips of any one colour
        ("border_colour", "u1", (4, 3)),
        ("contrast", "<f4"),  # standard deviation of brightness, in levels of 0 to 255
        ("flat", "<f4"),  # share of the picture that its commonest colour covers
        ("hashes", "u1", (4, HASH_SIDE**2 // 8)),
        ("crc32", "<u4"),
    ]
)
# Large, read for a few, and only then checked.
VIEWS = np.dtype(
    [
        ("sha256", "V32"),
        ("whole", "u1", (VIEW_SIDE, VIEW_SIDE)),  # brightness
        ("inside", "u1", (VIEW_SIDE, VIEW_SIDE)),
        ("tiny", "u1", (TINY_SIDE, TINY_SIDE, 3)),  # colours of the whole
        ("histogram", "u1", (64,)),  # of 4 x 4 x 4 colours, in 255ths
        ("crc32", "<u4"),
    ]
)


def taken(stored: np.ndarray, rows: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Some fields of some records, shape (n,)."""
    found = np.zeros(len(rows), [(name, stored.dtype[name]) for name in names])
    for name in names:
        found[name] = stored[name][rows]
    return found


def named(views: np.ndarray, facts: np.ndarray) -> np.ndarray:
    """A copy of views that says whose they are."""
    copied = views.copy()
    copied["sha256"] = facts["sha256"]
    return copied


def sound(facts: np.ndarray, views: np.ndarray) -> np.ndarray:
    """Whether each picture's facts and views are intact and belong together; bool, shape (n,)."""
    return intact(facts) & intact(views) & (facts["sha256"] == views["sha256"])
