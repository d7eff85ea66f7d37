"""What a person sees of a picture on a sheet."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pipeline.core.size import Size
from pipeline.data.audit import contact_sheets
from pipeline.images.letterbox import letterbox, on_pattern


def test_bars_in_a_picture_are_told_from_what_surrounds_it(tmp_path):
    for level in (0, 127, 255):
        pixels = np.full((90, 160, 3), 80, np.uint8)
        pixels[:20] = pixels[-20:] = level
        Image.fromarray(pixels).save(tmp_path / "a.png")
        cell, _, _ = contact_sheets._cell(("a", tmp_path / "a.png"))
        assert cell.shape == (160, 160, 3)
        np.testing.assert_array_equal(cell[35:125], pixels)
        for row in (0, 34, 125, 159):
            assert len(np.unique(cell[row])) == 2
            assert np.abs(cell[row].astype(int) - level).min() > 20


def test_the_pattern_changes_nothing_inside(draw):
    for width, height in ((160, 90), (30, 200), (64, 64), (1, 500)):
        frame = Size(96, 64)
        picture = draw(width, height)
        black, shown = letterbox(picture, frame), on_pattern(picture, frame)
        inside = letterbox(np.full_like(picture, 255), frame) == 255
        np.testing.assert_array_equal(shown[inside], black[inside])
        assert set(np.unique(shown[~inside])) <= {150, 200}
