"""Packs the kept screens of the app without changing a pixel: python -m tests.support.app_goldens FOLDER.

Robolectric's PNG files are large; most screens have few colours, which a palette holds.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image


def pack(data: bytes) -> bytes:
    """A PNG of the same pixels, at most as large."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    colours = picture.getcolors(256)
    small = picture.quantize(len(colours), dither=Image.Dither.NONE) if colours else picture
    if small.convert("RGB").tobytes() != picture.tobytes():
        small = picture
    packed = io.BytesIO()
    small.save(packed, "PNG", optimize=True)
    return min(packed.getvalue(), data, key=len)


def main(folder: Path) -> None:
    for path in sorted(folder.glob("*.png")):
        path.write_bytes(pack(path.read_bytes()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
