from __future__ import annotations

import pytest

from benchmarks import compensation
from benchmarks.compensation import Score
from tests.support import verbs


def test_the_row_tells_both_and_whether_the_compensated_file_is_no_worse():
    near, far = Score(0.9, 0.99, 0.01), Score(0.91, 0.97, 0.04)
    row = compensation.figure("flowers", 1200, far, near)
    assert row.met
    assert row.row() == (
        "| int8 against Keras, flowers, n = 1,200 held out, compensated | accuracy 0.900, agreement 0.990, "
        "|Δp| 0.0100 | plain: accuracy 0.910, agreement 0.970, |Δp| 0.0400 | |Δp| 0.25× | "
        "|Δp| no larger | yes |"
    )
    assert compensation.figure("flowers", 1200, near, far).met is False


@pytest.mark.slow
def test_a_run_is_compared_and_nothing_is_written(tmp_path_factory, tmp_path):
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    before = verbs.stamps(place / verbs.RUN)
    said = verbs.fine(verbs.forked("benchmarks.compensation", "pictures", cwd=place))
    assert said.splitlines()[2].startswith("| int8 against Keras, pictures, n = 36 held out, ")
    assert verbs.stamps(place / verbs.RUN) == before
