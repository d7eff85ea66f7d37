from __future__ import annotations

import numpy as np
import pytest

from export.explain import border, occlusion
from pipeline.core.errors import ConversionError
from pipeline.core.size import Size


class Looks:
    """Answers by the mean red of one region, as a file would."""

    def __init__(self, frame: Size, region: tuple[slice, slice], strength: float = 1.0):
        self.frame, self.region, self.strength, self.runs = frame, region, strength, 0

    def answer(self, frame):
        self.runs += 1
        red = self.strength * frame[self.region][..., 0].mean() / 255
        return np.array([1 - red, red], np.float32)


def picture(frame: Size, region) -> np.ndarray:
    pixels = np.zeros((frame.height, frame.width, 3), np.uint8)
    pixels[region] = (255, 0, 0)
    return pixels


@pytest.mark.parametrize(
    ("frame", "cells"),
    [
        (Size(224, 224), (7, 7)),
        (Size(224, 128), (4, 7)),
        (Size(64, 64), (4, 4)),
        (Size(1024, 1024), (10, 10)),
    ],
)
def test_cells_are_about_32_pixels_within_limits(frame, cells):
    assert occlusion.grid(frame) == cells


@pytest.mark.parametrize("corner", [(0, 0), (2, 3), (4, 4)])
def test_the_strongest_cells_are_those_that_the_answer_hangs_on(corner):
    frame = Size(224, 224)
    row, column = corner
    region = (slice(32 * row, 32 * (row + 3)), slice(32 * column, 32 * (column + 3)))
    model = Looks(frame, region)
    found = occlusion.occlude(model, picture(frame, region), border.mask(1, 1, frame))
    assert found.label == 1
    assert found.cells.shape == (7, 7)
    outside = found.cells.copy()
    outside[row : row + 3, column : column + 3] = 0
    assert found.cells[row + 1, column + 1] == found.cells.max() > outside.max()


def test_a_larger_patch_is_tried_where_a_small_one_shows_nothing():
    frame = Size(224, 224)
    everywhere = (slice(0, 224), slice(0, 224))
    strong, weak = Looks(frame, everywhere), Looks(frame, everywhere, 0.55)
    pixels = picture(frame, everywhere)
    pixels[::2] = 0
    edge = border.mask(1, 1, frame)
    assert occlusion.occlude(strong, pixels, edge).patch == 4
    assert strong.runs == 1 + 4**2 + 10**2 + 2
    assert occlusion.occlude(weak, pixels, edge).drop < 0.05


def test_a_patch_is_painted_in_the_colour_of_the_rest_of_the_picture():
    """A thing that fills most of the picture must not lend its colour to what covers it."""
    frame = Size(224, 224)
    region = (slice(32, 160), slice(32, 160))
    pixels = np.full((224, 224, 3), 40, np.uint8)
    pixels[region] = 240
    seen = []

    class Watches(Looks):
        def answer(self, picture):
            seen.append(picture)
            return np.array([0.5, 0.5], np.float32)

    occlusion.occlude(Watches(frame, region), pixels, np.zeros((224, 224), bool))
    covered = [one for one in seen if not (one == 240).any()]
    assert any((one == 40).all() for one in covered)


class CountsRed(Looks):
    """Answers by how many pixels are as red as can be; any paint takes some away."""

    def answer(self, frame):
        red = float((frame[..., 0] == 255).mean())
        return np.array([1 - red, red], np.float32)


def test_no_place_is_worth_more_for_being_in_a_corner():
    """An answer that hangs on all of the picture alike has a map that falls off to the edges."""
    frame = Size(224, 224)
    everywhere = (slice(0, 224), slice(0, 224))
    pixels = picture(frame, everywhere)
    pixels[::4] = 0
    found = occlusion.occlude(CountsRed(frame, everywhere), pixels, border.mask(1, 1, frame))
    assert found.patch == 2
    assert found.cells[0, 0] == pytest.approx(found.cells.min())
    assert found.cells[3, 3] == pytest.approx(found.cells.max())
    assert found.cells[0, 0] < found.cells[3, 3]


def test_what_the_border_means_is_asked_of_the_file_itself():
    frame = Size(224, 224)
    edge = border.mask(1, 1, frame)
    outer, inner = (slice(0, 22), slice(0, 224)), (slice(100, 124), slice(100, 124))
    on_border = occlusion.occlude(Looks(frame, outer), picture(frame, outer), edge)
    assert (on_border.kept_without, on_border.kept_alone) == (False, True)
    inside = occlusion.occlude(Looks(frame, inner), picture(frame, inner), edge)
    assert (inside.kept_without, inside.kept_alone) == (True, False)


def test_answers_that_are_not_numbers_are_not_explained(monkeypatch):
    """Else covering anything would seem to cost nothing."""
    frame = Size(224, 224)
    everywhere = (slice(0, 224), slice(0, 224))
    model = Looks(frame, everywhere)
    answer = model.answer
    monkeypatch.setattr(model, "answer", lambda pixels: answer(pixels) * np.nan)
    with pytest.raises(ConversionError, match="predicts numbers that are not finite"):
        occlusion.occlude(model, picture(frame, everywhere), border.mask(1, 1, frame))
