from __future__ import annotations

import pytest

from tests.support.journey import int8_of, journey


@pytest.mark.slow
def test_trashnet_keeps_its_own_split_and_reaches_its_score(real_pictures, tmp_path):
    source = real_pictures / "trashnet"
    said = journey(tmp_path, str(source), "seed=0")
    given = sum(1 for path in (source / "test").glob("*/*") if path.is_file())
    assert said["export"]["n"] == given - 1  # one picture that stands under another label in train/
    assert int8_of(said)["accuracy"] >= 0.85
