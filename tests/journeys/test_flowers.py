from __future__ import annotations

import pytest

from tests.support.journey import int8_of, journey


@pytest.mark.slow
def test_flowers_reach_their_scores(real_pictures, tmp_path):
    # One view of each picture instead of four, which trashnet has: the scores hold, in half the time.
    said = journey(tmp_path, str(real_pictures / "flowers5"), "seed=0", "augment.views=1")
    assert said["evaluate"]["out_of_fold"]["accuracy"] >= 0.92
    assert int8_of(said)["accuracy"] >= 0.91
    assert said["export"]["verdict"] == "passed"
