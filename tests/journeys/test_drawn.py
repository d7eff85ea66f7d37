from __future__ import annotations

import pytest

from pipeline.core import runs, stages
from tests.support import verbs
from tests.support.journey import int8_of, journey
from tests.support.verbs import verb


@pytest.mark.slow
def test_a_folder_of_drawn_pictures_becomes_a_compared_int8_file(tmp_path):
    drawn = verb(
        "pipeline", "draw", "pictures", "--train", 40, "--test", 20, "--size", "320x180", cwd=tmp_path
    )
    assert "180 pictures of 3 invented channels in pictures" in verbs.fine(drawn)
    said = journey(tmp_path, "pictures", "augment.views=1", "augment.flip=false", "train.epochs=30")
    assert said["evaluate"]["out_of_fold"]["n"] == 120
    assert said["evaluate"]["out_of_fold"]["accuracy"] > 0.6
    assert said["evaluate"]["held_out"]["accuracy"] > 0.6
    assert said["export"]["n"] == 60
    assert [row["model"] for row in said["export"]["targets"]] == [
        "float32",
        "float16",
        "dynamic_range",
        "int8",
    ]
    assert said["export"]["targets"][0]["agreement"] == 1
    int8 = int8_of(said)
    assert int8["verdict"] != "failed", int8["broken"]
    # A quarter of float32, give or take the graph around the weights.
    float32 = said["export"]["targets"][0]
    assert int8["size_bytes"] < 0.32 * float32["size_bytes"]
    run = runs.Run(tmp_path / runs.RUNS / "pictures")
    assert run.read_json(stages.FRAME)["width"] == 224
    assert run.read_json(stages.FRAME)["height"] == 128
    for file in [name for part in said.values() for name in part["files"]]:
        assert (tmp_path / file).is_file()
