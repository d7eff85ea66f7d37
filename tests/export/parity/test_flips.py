from __future__ import annotations

import colorsys

import numpy as np
from PIL import Image

from export.parity import flips
from tests.support.comparisons import LABELS, predictions, sure


def test_lost_answers_come_first_then_gained_then_those_that_stay_wrong():
    truth = np.array([0, 0, 0, 0])
    before, after = sure(np.array([1, 0, 1, 0])), sure(np.array([2, 1, 0, 0]))
    assert flips.order(predictions(before, truth), predictions(after, truth)).tolist() == [1, 2, 0]


def draw(path, count: int) -> list[int]:
    asked: list[int] = []

    def frame(place: int) -> np.ndarray:
        asked.append(place)
        return np.full((32, 56, 3), 90, np.uint8)

    truth = np.zeros(80, int)
    after = truth.copy()
    after[:count] = 1
    flips.draw(
        path,
        "one against other",
        predictions(sure(truth), truth),
        predictions(sure(after), truth),
        LABELS,
        frame,
    )
    return asked


def test_the_words_name_the_colours_that_are_drawn(tmp_path, monkeypatch):
    from pipeline.stats import plots

    sheet = {}
    monkeypatch.setattr(
        plots, "captioned_sheet", lambda path, title, cells, columns: sheet.update(title=title, cells=cells)
    )
    truth = np.array([0, 0, 0])
    before, after = sure(np.array([0, 1, 1])), sure(np.array([1, 0, 2]))
    flips.draw(
        tmp_path / "x.png",
        "a",
        predictions(before, truth),
        predictions(after, truth),
        LABELS,
        lambda at: None,
    )
    hues = {"red": (345, 15), "orange": (20, 45), "green": (90, 170)}
    for fate, (_, _, colour) in zip(("was lost", "was gained", "stayed wrong"), sheet["cells"], strict=True):
        red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
        names = [name for name, (low, high) in hues.items() if low <= hue * 360 <= high and saturation]
        assert f"{(names or ['grey'])[0]} {fate}" in sheet["title"]


def test_the_sheet_shows_at_most_36_changed_pictures(tmp_path):
    assert draw(tmp_path / "flips.png", 7) == list(range(7))
    assert draw(tmp_path / "many.png", 50) == list(range(36))
    with Image.open(tmp_path / "flips.png") as few, Image.open(tmp_path / "many.png") as sheet:
        assert sheet.size[0] == few.size[0]
        assert sheet.size[1] > 2 * few.size[1]


def test_the_same_flips_give_the_same_bytes_and_none_give_a_sheet_too(tmp_path):
    draw(tmp_path / "one.png", 3)
    draw(tmp_path / "two.png", 3)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert draw(tmp_path / "none.png", 0) == []
    assert (tmp_path / "none.png").stat().st_size > 1000
