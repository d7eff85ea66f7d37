"""One picture for people: the frame, and what each model looks at, side by side.

What counts stays as it is, the rest is veiled in grey, and the strongest cell is framed: readable
without colours. The three panels are, from the left: the picture as the models see it, Grad-CAM
of the Keras model, occlusion of the file.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

_GAP = 4
_VEIL = (96, 96, 96)
_STRONGEST = 0.82  # of the veil, where nothing was looked at
_QUALITY = 82


def draw(frame: np.ndarray, maps: list[np.ndarray]) -> bytes:
    """A JPEG.

    Args:
        frame: RGB, uint8, shape (height, width, 3).
        maps: Of any shape (rows, columns), 0 and up.
    """
    height, width = frame.shape[:2]
    sheet = Image.new("RGB", ((width + _GAP) * (1 + len(maps)) - _GAP, height), (255, 255, 255))
    for number, panel in enumerate([Image.fromarray(frame), *(veiled(frame, cells) for cells in maps)]):
        sheet.paste(panel, (number * (width + _GAP), 0))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def veiled(frame: np.ndarray, cells: np.ndarray) -> Image.Image:
    """The frame, veiled where a map is low; without heat it is veiled all over."""
    height, width = frame.shape[:2]
    top = float(cells.max())
    heat = Image.fromarray((cells / top if top > 0 else cells).astype(np.float32))
    smooth = np.asarray(heat.resize((width, height), Image.Resampling.BICUBIC)).clip(0, 1)[..., None]
    veil = _STRONGEST * (1 - smooth)
    panel = Image.fromarray((frame * (1 - veil) + np.array(_VEIL) * veil).round().astype(np.uint8))
    if top > 0:
        row, column = np.unravel_index(int(cells.argmax()), cells.shape)
        high, wide = height / cells.shape[0], width / cells.shape[1]
        box = [column * wide, row * high, (column + 1) * wide - 1, (row + 1) * high - 1]
        pen = ImageDraw.Draw(panel)
        pen.rectangle(box, outline=(0, 0, 0), width=3)
        pen.rectangle([box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1], outline=(255, 255, 255), width=1)
    return panel
