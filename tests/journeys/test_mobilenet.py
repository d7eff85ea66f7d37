from __future__ import annotations

import json
import shutil

import pytest

from tests.support import verbs
from tests.support.verbs import verb


@pytest.mark.slow
def test_mobilenet_from_a_weights_file_trains_the_reference_recipe(real_weights, tmp_path):
    """Offline, with the weights from a file, by the ready configuration."""
    drawn = verb(
        "pipeline", "draw", "pictures", "--train", 15, "--test", 5, "--size", "320x180", cwd=tmp_path
    )
    assert "60 pictures of 3 invented channels in pictures" in verbs.fine(drawn)
    shutil.copy(verbs.ROOT / "configs" / "thumbnails.toml", tmp_path)
    weights = next(real_weights.glob("*_1.0_224_no_top.weights.h5"))
    settings = ("data.pictures=pictures", f"model.weights={weights}", "augment.views=1")
    said = json.loads(
        verbs.fine(
            verb("pipeline", "train", "thumbnails.toml", *verbs.sets(settings), "--json", cwd=tmp_path)
        )
    )
    assert said["training"]["trainable_parameters"] == 128_403
    assert said["training"]["frozen_parameters"] == 2_257_984
    assert said["out_of_fold"]["chosen_epoch"] == 30
