from __future__ import annotations

import numpy as np
import pytest

from export.explain import border
from export.explain.explanation import Border
from pipeline.core.size import Size

ROW = Border(share=0.5, share_gradcam=0.5, area=0.4, kept_without=True, kept_alone=False)
CARRIED = ROW.model_copy(update={"kept_without": False, "kept_alone": True})


def test_the_border_is_the_bars_and_a_tenth_of_the_picture_on_each_side():
    found = border.mask(1600, 800, Size(200, 200))
    expected = np.ones((200, 200), bool)
    expected[50 + 10 : 150 - 10, 20:180] = False
    np.testing.assert_array_equal(found, expected)


def test_a_picture_without_bars_has_a_border_of_a_tenth():
    assert border.mask(224, 128, Size(224, 128)).mean() == pytest.approx(1 - (180 * 102) / (224 * 128))


def test_covering_hides_the_border_and_leaving_it_alone_hides_the_rest():
    frame = np.full((20, 20, 3), 200, np.uint8)
    edge = border.mask(20, 20, Size(20, 20))
    frame[edge] = 10
    assert (border.covered(frame, edge) == 200).all()
    only = border.alone(frame, edge)
    assert (only[edge] == 10).all()
    assert (only[~edge] == 127).all()
    assert (frame[edge] == 10).all()  # what was given is left alone


def test_the_share_of_even_heat_is_the_share_of_the_area():
    edge = border.mask(224, 128, Size(224, 128))
    assert border.share(np.ones((4, 7)), edge) == pytest.approx(edge.mean())


def test_heat_in_the_middle_is_not_on_the_border():
    cells = np.zeros((7, 7))
    cells[3, 3] = 2
    assert border.share(cells, border.mask(224, 224, Size(224, 224))) == 0


def test_a_map_without_heat_has_no_share():
    assert border.share(np.zeros((7, 7)), border.mask(1, 1, Size(224, 224))) is None


@pytest.mark.parametrize(
    ("carried", "of", "alarm"),
    [(10, 10, True), (5, 10, True), (3, 10, False), (1, 1, False), (4, 4, False), (0, 0, False)],
)
def test_the_alarm_needs_more_than_a_fifth_for_sure(carried, of, alarm):
    rows = [CARRIED] * carried + [ROW] * (of - carried)
    found = border.of_class("<b>", rows, [str(number) for number in range(of)])
    assert found.alarm is alarm
    assert found.carried == carried
    assert found.sentence.startswith(f"in {carried} of {of} pictures answered <b>,") is alarm


def test_ten_pictures_of_one_burst_raise_no_alarm():
    assert not border.of_class("<b>", [CARRIED] * 10, ["burst"] * 10).alarm
