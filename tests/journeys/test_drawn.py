from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.core import runs, stages
from tests.support import verbs
from tests.support.journey import journey
from tests.support.verbs import verb


@pytest.mark.slow
@pytest.mark.skipif(
    Path(os.environ.get("VIGNETTE_PICTURES") or "-").is_dir(),
    reason="flowers5 and trashnet are here and make the same journey",
)
def test_a_folder_of_drawn_pictures_becomes_a_compared_int8_file(tmp_path):
    drawn = verb(
        "pipeline", "draw", "pictures", "--train", 40, "--test", 20, "--size", "320x180", cwd=tmp_path
    )
    verbs.fine(drawn)
    said = journey(
        tmp_path, "pictures", "train.preset=fast", "augment.views=1", "augment.flip=false", "train.epochs=30"
    )
    assert said["evaluate"]["out_of_fold"]["n"] == 120
    assert said["evaluate"]["out_of_fold"]["accuracy"] > 0.6
    assert said["evaluate"]["held_out"]["accuracy"] > 0.6
    assert said["export"]["n"] == 60
    frame = runs.Run(tmp_path / runs.RUNS / "pictures").read_json(stages.FRAME)
    assert (frame["width"], frame["height"]) == (224, 128)
