from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support import verbs
from tests.support.verbs import forked, here, verb


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
            forked("pipeline", "train", "thumbnails.toml", *verbs.sets(settings), "--json", cwd=tmp_path)
        )
    )
    assert said["training"]["trainable_parameters"] == 128_403
    assert said["training"]["frozen_parameters"] == 2_257_984
    assert said["out_of_fold"]["chosen_epoch"] == 30


# The head alone learns nothing at this rate, so that fine-tuning has something to gain.
_GAINS = (
    "train.preset=balanced",
    "model.backbone=mobilenet_v2",
    "model.alpha=0.35",
    "model.input=96x64",
    "head.kind=dense",
    "head.units=32",
    "augment.views=1",
    "train.folds=2",
    "train.epochs=2",
    "train.learning_rate=0.0000001",
    "train.batch_size=8",
    "data.held_out=0.4",
    "export.calibration_pictures=32",
    "gate.min_agreement=0.8",
    "gate.max_drop=0.2",
    "gate.max_coverage_drop=0.3",
    "gate.max_f1_drop=0.2",
)


@pytest.mark.slow
def test_a_fine_tuned_mobilenet_goes_through_every_verb(real_weights, tmp_path):
    verbs.draw_pictures(tmp_path / "pictures", 40)
    weights = next(real_weights.glob("*_0.35_224_no_top.weights.h5"))
    settings = verbs.sets((*_GAINS, f"model.weights={weights}"))

    def said(module: str, *arguments: object) -> str:
        return verbs.fine(here(module, *arguments, cwd=tmp_path))

    fast = json.loads(said("pipeline", "train", "pictures", *settings, "--preset", "fast", "--json"))
    tuned = json.loads(said("pipeline", "train", "pictures", *settings, "--json"))
    assert tuned["out_of_fold"]["accuracy"] > fast["out_of_fold"]["accuracy"] + 0.2
    evaluation = json.loads(said("pipeline", "evaluate", "--json"))
    assert evaluation["held_out"]["accuracy"] > 0.7
    targets = json.loads(said("export", "tflite", "--json"))["targets"]
    assert [row["model"] for row in targets] == ["float32", "float16", "dynamic_range", "int8"]
    assert [row["verdict"] for row in targets].count("failed") == 0
    for command in ("verify", "passport", "explain --limit 10", "simulate", "photos pictures"):
        assert "the fast model" not in said("export", *command.split())
    answers = json.loads(said("export", "predict", "pictures", "--json"))
    right = [row["label"] == Path(row["path"]).parent.name for row in answers["pictures"]]
    assert sum(right) > 0.7 * len(right)
    said("export", "report")
    assert "mobilenet_v2" in (tmp_path / verbs.RUN / "report.html").read_text("utf-8")
