"""From pictures to an int8 file, by the real commands and with the real default backbone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline import runs
from tests.export import verbs
from tests.export.verbs import verb


def journey(place: Path, source: str, *settings: str) -> dict[str, dict[str, Any]]:
    """train, evaluate, export; what each said."""
    train = json.loads(
        verbs.fine(verb("pipeline", "train", source, *verbs.sets(settings), "--json", cwd=place))
    )
    evaluate = json.loads(verbs.fine(verb("pipeline", "evaluate", "--json", cwd=place)))
    export = json.loads(verbs.fine(verb("export", "tflite", "--json", cwd=place)))
    return {"train": train, "evaluate": evaluate, "export": export}


def int8_of(said: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return next(row for row in said["export"]["targets"] if row["model"] == "int8")


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
    assert run.read_json(runs.FRAME)["width"] == 224
    assert run.read_json(runs.FRAME)["height"] == 128
    for file in [name for part in said.values() for name in part["files"]]:
        assert (tmp_path / file).is_file()


@pytest.mark.slow
def test_flowers_reach_their_scores(real_pictures, tmp_path):
    said = journey(tmp_path, str(real_pictures / "flowers5"), "seed=0")
    assert said["evaluate"]["out_of_fold"]["accuracy"] >= 0.92
    assert int8_of(said)["accuracy"] >= 0.91
    assert said["export"]["verdict"] == "passed"


@pytest.mark.slow
def test_trashnet_keeps_its_own_split_and_reaches_its_score(real_pictures, tmp_path):
    source = real_pictures / "trashnet"
    said = journey(tmp_path, str(source), "seed=0")
    given = sum(1 for path in (source / "test").glob("*/*") if path.is_file())
    assert said["export"]["n"] == given - 1  # one picture that stands under another label in train/
    assert int8_of(said)["accuracy"] >= 0.85
    assert int8_of(said)["verdict"] != "failed"


@pytest.mark.slow
def test_mobilenet_from_a_weights_file_trains_the_reference_recipe(real_weights, tmp_path):
    """Offline, with the weights from a file, by the ready configuration."""
    drawn = verb(
        "pipeline", "draw", "pictures", "--train", 15, "--test", 5, "--size", "320x180", cwd=tmp_path
    )
    verbs.fine(drawn)
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
