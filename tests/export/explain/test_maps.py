from __future__ import annotations

import io

import numpy as np
from PIL import Image

from export.explain import maps, occlusion


def test_a_panel_keeps_what_counts_and_veils_the_rest(draw):
    frame = draw(224, 128, 1)
    cells = np.zeros((4, 7))
    cells[1, 5] = 0.3
    panel = np.asarray(occlusion.veiled(frame, cells)).astype(int)
    away = np.abs(panel - frame).mean(-1)
    assert away[48, 176] < 3  # the middle of the strongest cell
    grey = np.abs(panel[100:, :60] - 96).mean()
    assert grey < np.abs(frame[100:, :60].astype(int) - 96).mean() * 0.3


def test_the_strongest_cell_is_framed():
    cells = np.zeros((4, 7))
    cells[1, 2] = 1
    panel = np.asarray(occlusion.veiled(np.full((128, 224, 3), 90, np.uint8), cells))
    rows, columns = np.nonzero((panel == 255).all(-1))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (33, 62, 65, 94)


def test_a_map_without_heat_is_veiled_all_over():
    frame = np.full((64, 64, 3), 255, np.uint8)
    panel = np.asarray(occlusion.veiled(frame, np.zeros((4, 4))))
    assert len(np.unique(panel)) == 1
    assert panel.max() < 140


def test_the_three_panels_are_one_small_jpeg(draw):
    frame = draw(224, 128, 2)
    data = maps.draw(frame, [np.ones((4, 7)), np.ones((4, 7))])
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == ("JPEG", (3 * 224 + 2 * 4, 128))
    assert len(data) < 60_000
