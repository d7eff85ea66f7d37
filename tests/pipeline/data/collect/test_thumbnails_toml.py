"""The ready configuration, whole: three channels, 600 + 90 pictures, and a training on them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.core import config as configuration
from pipeline.core import runs, stages
from tests.support.collected import agree, files_of
from tests.support.verbs import ROOT, fine, forked, sets, verb
from tests.support.youtube import Channel, videos

CONFIG = ROOT / "configs" / "thumbnails.toml"


@pytest.mark.slow
def test_the_reference_recipe_collects_600_and_90_pictures_and_trains_on_them(youtube, tmp_path):
    channels = configuration.load(CONFIG).channels
    for letter, channel in zip("ABC", channels, strict=True):
        youtube.channels[channel.channel] = Channel(channel.channel, videos(letter, 400))
        # Some without the largest size, and some without any.
        youtube.sizes |= {f"{letter}{n:010d}": ["sddefault.jpg"] for n in range(200, 400, 25)}
        youtube.sizes |= {f"{letter}{n:010d}": [] for n in (399, 333, 190)}
    command = ("pipeline", "collect", CONFIG, *sets(youtube.settings()), "--json")
    found = json.loads(fine(verb(*command, cwd=tmp_path)))
    assert [(one["train"], one["test"], len(one["missing"])) for one in found["classes"]] == [
        (200, 30, 3)
    ] * 3
    assert all(
        entry["reason"] == "HTTP 404 for every size" for one in found["classes"] for entry in one["missing"]
    )
    assert found["requests"] == len(youtube.asked)
    agree(tmp_path)
    for channel in channels:
        assert min(files_of(tmp_path, "train", channel.label)) > max(
            files_of(tmp_path, "test", channel.label)
        )

    weights = Path(os.environ.get("VIGNETTE_WEIGHTS", "")) / "mobilenet_v2_1.0_224_no_top.weights.h5"
    source = weights if weights.is_file() else "none"
    # Fewer views and epochs, and a small frame: what is asserted depends on none of them.
    settings = sets((f"model.weights={source}", "augment.views=1", "model.input=64x64", "train.epochs=5"))
    said = json.loads(fine(forked("pipeline", "train", CONFIG, *settings, "--json", cwd=tmp_path)))
    assert said["run"] == "thumbnails"
    assert said["out_of_fold"]["n"] == 600
    run = runs.Run(tmp_path / runs.RUNS / "thumbnails")
    sides = [row["side"] for row in run.read_csv(stages.SPLIT)]
    assert (sides.count("train"), sides.count("held_out")) == (600, 90)
    assert "collect" not in run.path(stages.CONFIG).read_text("utf-8")
    assert "127.0.0.1" not in run.path(stages.CONFIG).read_text("utf-8")
