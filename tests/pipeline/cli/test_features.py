"""`features` and `audit --shard`, as users run them on several machines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core import runs
from pipeline.data import fingerprints
from tests.support import verbs
from tests.support.verbs import call, fine, here, refused, sets

SETTINGS = sets()
FEATURES = ("pipeline", "features", "pictures", *SETTINGS)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("features")
    verbs.draw_pictures(place / "pictures", 12)
    return place


@pytest.fixture(scope="module")
def alone(pictures, tmp_path_factory) -> Path:
    """What one process makes of them."""
    place = shutil.copytree(pictures, tmp_path_factory.mktemp("alone"), dirs_exist_ok=True)
    assert "pictures" in fine(here(*FEATURES, cwd=place))
    return Path(place)


@pytest.fixture
def shared(pictures, tmp_path) -> Path:
    shutil.copytree(pictures, tmp_path, dirs_exist_ok=True)
    return tmp_path


def records(place: Path, name: str) -> list[bytes]:
    """The records of a cache's file, sorted."""
    (path,) = (place / runs.CACHE).glob(f"*/{name}")
    kinds = {"facts.bin": fingerprints.FACTS.itemsize, "views.bin": fingerprints.VIEWS.itemsize}
    data = path.read_bytes()
    if name == "records.bin":
        info = json.loads(path.with_name("store.json").read_text("utf-8"))
        kinds[name] = 32 + info["views"] * info["width"] * 4 + 4
    assert len(data) % kinds[name] == 0
    return sorted(data[at : at + kinds[name]] for at in range(0, len(data), kinds[name]))


@pytest.mark.slow
def test_shards_taken_in_are_what_one_process_makes(shared, alone):
    read = [fine(here("pipeline", "audit", "pictures", "--shard", f"{k}/3", cwd=shared)) for k in (3, 1, 2)]
    assert sum(int(line.split(": ")[1].split()[0]) for line in read) == 36
    for k in (2, 4, 1, 3):
        said = fine(here(*FEATURES, "--shard", f"{k}/4", cwd=shared))
        assert f"pictures computed in shard {k}/4" in said
    assert not list((shared / runs.CACHE).glob("*/records.bin"))
    fine(here(*FEATURES, cwd=shared))
    for name in ("facts.bin", "views.bin", "records.bin"):
        assert records(shared, name) == records(alone, name)
    assert not list((shared / runs.CACHE / "shards").rglob("*.bin"))


@pytest.mark.slow
def test_what_is_done_is_not_done_again_and_new_pictures_go_where_they_belong(shared):
    first = [computed(shared, k) for k in (1, 2)]
    assert sum(first) > 0
    assert [computed(shared, k) for k in (1, 2)] == [0, 0]
    fine(here(*FEATURES, cwd=shared))
    assert [computed(shared, k) for k in (1, 2)] == [0, 0]
    label = next(path for path in (shared / "pictures").iterdir() if path.is_dir())
    noise = np.random.default_rng(5)
    for number in range(6):
        pixels = noise.integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(label / f"new{number}.png")
    more = [computed(shared, k) for k in (1, 2)]
    assert 0 < sum(more) <= 6


def computed(place: Path, number: int) -> int:
    document = json.loads(here(*FEATURES, "--shard", f"{number}/2", "--json", cwd=place).stdout)
    (kind,) = document["features"]
    return kind["pictures"]


@pytest.mark.slow
def test_train_reads_the_features_that_shards_made(shared):
    for k in (1, 2):
        fine(here(*FEATURES, "--shard", f"{k}/2", cwd=shared))
    document = json.loads(here("pipeline", "train", "pictures", *SETTINGS, "--json", cwd=shared).stdout)
    assert document["out_of_fold"]["n"] > 0
    assert not list((shared / runs.CACHE / "shards").rglob("records.bin"))


@pytest.mark.parametrize("shard", ["5/4", ""])
def test_a_shard_that_is_no_fraction_is_refused(shared, capfd, shard):
    for verb in ("features", "audit"):
        refused(
            call(capfd, "pipeline", verb, "pictures", "--shard", shard, cwd=shared),
            2,
            f"--shard {shard}: expected a number and how many shards there are",
            "for example --shard 1/64, up to --shard 64/64",
        )


@pytest.mark.parametrize("verb", ["train", "features"])
def test_a_cluster_without_a_name_is_refused(shared, capfd, verb):
    refused(
        call(capfd, "pipeline", verb, "pictures", *SETTINGS, "--cluster", "", cwd=shared),
        2,
        "--cluster : expected local:NUMBER or the address of a scheduler",
        "for example --cluster local:8, or --cluster tls://HEAD:8786",
    )


def test_a_shard_of_a_cluster_is_refused_though_one_of_them_is_empty(shared, capfd):
    refused(
        call(capfd, *FEATURES, "--shard", "1/2", "--cluster", "", cwd=shared),
        2,
        "--shard and --cluster are both given",
        "omit --shard: a cluster does all of them",
    )


@pytest.mark.slow
def test_a_second_audit_of_a_shard_reads_nothing(shared, monkeypatch):
    from pipeline.data import file_hashes

    monkeypatch.setattr(file_hashes, "_SETTLED_NS", 0)
    verb = ("pipeline", "audit", "pictures", "--shard", "1/2", "--json")
    counts = [json.loads(here(*verb, cwd=shared).stdout)["read"] for _ in range(2)]
    assert counts[0] > 0 == counts[1]


@pytest.mark.slow
def test_fine_tuning_gets_the_features_of_the_middle_too(shared):
    settings = [*SETTINGS, "--set", "train.preset=balanced"]
    document = json.loads(here("pipeline", "features", "pictures", *settings, "--json", cwd=shared).stdout)
    kinds = {kind["layer"]: kind["views"] for kind in document["features"]}
    assert kinds["pooled"] == 2
    assert len(kinds) == 2
    assert max(kinds.values()) > 2
