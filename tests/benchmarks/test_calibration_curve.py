from __future__ import annotations

import pytest

from benchmarks import calibration_curve
from benchmarks.calibration_curve import Point
from tests.support import verbs
from tests.support.verbs import RUN


@pytest.mark.slow
def test_a_curve_is_judged_on_training_pictures_that_calibrate_no_file(tmp_path_factory, tmp_path):
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    before = verbs.stamps(place / RUN)
    said = verbs.fine(verbs.forked("benchmarks.calibration_curve", "pictures", cwd=place))
    assert "agreement with Keras on 42 training pictures that calibrate none of the files" in said
    rows = [line.split("|")[1:4] for line in said.splitlines() if line.startswith("| ")][2:]
    assert [int(row[0]) for row in rows] == [10, 30]
    for _, agreement, interval in rows:
        low, high = map(float, interval.split("to"))
        assert low <= float(agreement) <= high
    assert verbs.stamps(place / RUN) == before


def test_enough_are_the_fewest_that_cannot_be_told_from_the_best():
    points = [
        Point(10, 0.90, (0.86, 0.93), 0.1),
        Point(30, 0.97, (0.94, 0.98), 0.1),
        Point(100, 0.99, (0.97, 1.0), 0.1),
    ]
    assert calibration_curve.enough(points) == 30
