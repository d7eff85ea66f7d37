"""What a JPEG's header reveals: its quality, and the memory that decoding takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image


def quality_of(tables: Mapping[int, Sequence[int]]) -> int:
    """The quality, 1 to 100, whose libjpeg tables are closest; 0 without tables.

    Args:
        tables: Quantization tables by number, 64 entries each; the first is for luma.
    """
    if not tables:
        return 0
    total = sum(next(iter(tables.values())))
    return 1 + int(np.abs(_TABLE_SUMS - total).argmin())


_ANNEX_K = """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"""


def _table_sums() -> np.ndarray:
    """The sums of libjpeg's luma table for qualities 1 to 100, from Annex K of ITU-T T.81."""
    annex_k = np.array([int(entry) for entry in _ANNEX_K.split()])
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.clip((annex_k * scale[:, None] + 50) // 100, 1, 255).sum(1)


_TABLE_SUMS = _table_sums()


def coefficients(image: Image.Image) -> int:
    """The bytes that decoding needs besides the pixels, at any scale.

    For a JPEG in several scans, libjpeg keeps all coefficients until the last one: two bytes per sample
    of each component. A single scan needs none.

    Args:
        image: Opened by Pillow, not yet decoded.
    """
    if _first_scan(image) == getattr(image, "layers", 0) and not image.info.get("progressive"):
        return 0
    parts = [(across, down) for _, across, down, _ in getattr(image, "layer", ())]
    most = max((across for across, _ in parts), default=1) * max((down for _, down in parts), default=1)
    return 2 * image.width * image.height * sum(across * down for across, down in parts) // max(1, most)


def _first_scan(image: Image.Image) -> int:
    """The number of components in a JPEG's first scan; 0 if its markers are malformed."""
    file = image.fp
    if file is None:
        return 0
    file.seek(2)
    while len(header := file.read(4)) == 4 and header[0] == 0xFF:
        if header[1] == 0xDA:
            return file.read(1)[0]
        file.seek(int.from_bytes(header[2:]) - 2, 1)
    return 0
