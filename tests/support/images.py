"""Pictures as files, and parts of such files."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms


def rgb_profile(**changes: bytes) -> bytes:
    """The sRGB profile under another name, with some tags of its table renamed."""
    data = bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data = data.replace("sRGB".encode("utf-16-be"), changes.pop("name", b"mine").decode().encode("utf-16-be"))
    (count,) = struct.unpack_from(">I", data, 128)
    table = bytearray(data)
    for at in range(132, 132 + 12 * count, 12):
        tag = bytes(data[at : at + 4])
        table[at : at + 4] = changes.get(tag.decode(), tag)
    return bytes(table)


SWAPPED = rgb_profile(rXYZ=b"gXYZ", gXYZ=b"rXYZ")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def save(path: Path, image: Image.Image | np.ndarray, **options) -> Path:
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path, **options)
    return path
