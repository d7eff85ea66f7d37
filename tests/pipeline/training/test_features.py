from __future__ import annotations

import errno
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.core import config as configuration
from pipeline.core import files, runs
from pipeline.core.config import Config
from pipeline.core.errors import DataError, StorageError, WeightsError
from pipeline.core.shards import Shard
from pipeline.core.size import Size
from pipeline.data import dataset
from pipeline.data.dataset import Table
from pipeline.images.letterbox import letterbox
from pipeline.images.views import all_views
from pipeline.tflite import convert as tflite
from pipeline.training import backbones, features, store
from pipeline.training.features import compute
from pipeline.training.store import PLAIN, Store

FRAME = Size(64, 32)


@pytest.fixture
def config(workplace) -> Config:
    return config_of()


def config_of(*settings: str) -> Config:
    return configuration.load(Path(), ["model.backbone=tiny", "augment.views=2", *settings])


@pytest.fixture
def table(workplace, make_data_set) -> Table:
    return dataset.scan(make_data_set(workplace / "pictures", {"cat": 5, "dog": 4}, suffix=".jpg"))


@pytest.fixture
def analysed(monkeypatch) -> list[str]:
    """The names of the files that are prepared for the backbone, as it happens."""
    names: list[str] = []
    all_views = features.all_views

    def note(path: Path, *arguments: object) -> np.ndarray:
        names.append(f"{path.parent.name}/{path.name}")
        return all_views(path, *arguments)

    monkeypatch.setattr(features, "all_views", note)
    return names


def folder_of(config: Config) -> Path:
    return runs.CACHE / features.recipe(config, FRAME).key


def everything(store: Store) -> np.ndarray:
    rows = np.arange(len(store.rows))
    return np.stack([store.take(rows, view) for view in range(store.views)], 1)


def test_features_are_those_of_the_backbone_on_every_view(config, table):
    store = compute(config, FRAME, table, table.pictures)
    network = backbones.build(config.model, FRAME, config.seed)
    for at, picture in enumerate(table.pictures):
        views = all_views(table.file(picture), picture.sha256, config, FRAME)
        expected = network(views.astype(np.float32), training=False).numpy()
        np.testing.assert_allclose(everything(store)[at], expected, atol=1e-4)
    assert (store.views, store.width) == (3, 32)


def test_the_plain_view_is_the_fully_decoded_letterboxed_picture(config, table):
    from pipeline.images import decode

    for picture in table.pictures:
        views = all_views(table.file(picture), picture.sha256, config, FRAME)
        assert (views.dtype, views.shape) == (np.uint8, (3, 32, 64, 3))
        np.testing.assert_array_equal(views[PLAIN], letterbox(decode.read(table.file(picture)), FRAME))


def test_views_differ_from_one_another(config, table):
    found = everything(compute(config, FRAME, table, table.pictures))
    for picture in found:
        assert len(np.unique(picture.round(5), axis=0)) == 3


def test_without_random_views_there_is_the_plain_one(workplace, table):
    config = config_of("augment.views=0")
    store = compute(config, FRAME, table, table.pictures)
    assert store.views == 1
    picture = table.pictures[0]
    assert len(all_views(table.file(picture), picture.sha256, config, FRAME)) == 1


def test_every_fourth_view_is_taken_from_a_photo_of_a_screen(config, table):
    seen = config_of("augment.screen=true", "augment.views=6")
    unseen = config_of("augment.views=6")
    picture = table.pictures[0]
    with_screen, without = (
        all_views(table.file(picture), picture.sha256, one, FRAME) for one in (seen, unseen)
    )
    differ = [not np.array_equal(one, other) for one, other in zip(with_screen, without, strict=True)]
    assert differ == [False, True, False, False, False, True, False]
    again = all_views(table.file(picture), picture.sha256, seen, FRAME)
    np.testing.assert_array_equal(again, with_screen)


def test_a_simulation_that_is_off_leaves_old_features_true():
    """Its key is not named, so that caches and runs made before it existed are still up to date."""
    assert "screen" not in features.recipe(config_of(), FRAME).settings["augment"]
    assert features.recipe(config_of("augment.screen=true"), FRAME).settings["augment"]["screen"] == [1, 4]


def test_the_store_counts_in_the_order_that_was_asked_for(config, table):
    forward = everything(compute(config, FRAME, table, table.pictures))
    backward = everything(compute(config, FRAME, table, table.pictures[::-1]))
    np.testing.assert_array_equal(backward, forward[::-1])
    some = [table.pictures[at] for at in (3, 0, 3)]
    np.testing.assert_array_equal(everything(compute(config, FRAME, table, some)), forward[[3, 0, 3]])


def test_each_picture_may_be_taken_in_another_view(config, table):
    store = compute(config, FRAME, table, table.pictures)
    whole = everything(store)
    found = store.take(np.array([4, 1, 0]), np.array([2, 0, 1]))
    np.testing.assert_array_equal(found, np.stack([whole[4, 2], whole[1, 0], whole[0, 1]]))


def test_a_large_store_is_shuffled_window_by_window(config, table, monkeypatch):
    found = compute(config, FRAME, table, table.pictures[::-1])
    everything, random = np.arange(9), np.random.default_rng(0)
    order = found.shuffled(everything, random)
    np.testing.assert_array_equal(order, np.random.default_rng(0).permutation(9))
    monkeypatch.setattr(store, "_WINDOW", 3 * found.records.dtype.itemsize)
    orders = [found.shuffled(everything, random) for _ in range(20)]
    for order in orders:
        assert sorted(order) == list(range(9))
        for rows in found.rows[order].reshape(3, 3):
            assert any(set(rows) == {(first + step) % 9 for step in range(3)} for first in range(9))
    assert len({tuple(order) for order in orders}) > 15


def test_nothing_is_computed_twice(config, table, analysed):
    first = everything(compute(config, FRAME, table, table.pictures))
    assert len(analysed) == 9
    again = everything(compute(config, FRAME, table, table.pictures))
    assert len(analysed) == 9
    np.testing.assert_array_equal(again, first)


def test_added_pictures_alone_are_computed(config, table, analysed, make_data_set):
    before = everything(compute(config, FRAME, table, table.pictures))
    analysed.clear()
    make_data_set(table.root, {"cat": 2}, suffix=".jpg", first_seed=500)
    more = dataset.scan(table.root)
    after = everything(compute(config, FRAME, more, more.pictures))
    assert sorted(analysed) == ["cat/500.jpg", "cat/501.jpg"]
    old = [at for at, p in enumerate(more.pictures) if p in table.pictures]
    np.testing.assert_array_equal(after[old], before)


def test_pictures_with_the_same_bytes_are_computed_once(config, table, analysed):
    shutil.copy(table.root / "cat/000.jpg", table.root / "dog/copy.jpg")
    twice = dataset.scan(table.root)
    found = everything(compute(config, FRAME, twice, twice.pictures))
    at = {p.path: n for n, p in enumerate(twice.pictures)}
    assert len(analysed) == 9
    np.testing.assert_array_equal(found[at["dog/copy.jpg"]], found[at["cat/000.jpg"]])


@pytest.mark.slow
def test_numbers_are_equal_again_after_the_cache_was_deleted(config, table):
    first = everything(compute(config, FRAME, table, table.pictures))
    shutil.rmtree(runs.CACHE)
    np.testing.assert_array_equal(everything(compute(config, FRAME, table, table.pictures)), first)


@pytest.mark.parametrize("garbage", [1, 100, 32 + 3 * 32 * 4 + 4 - 1])
@pytest.mark.slow
def test_half_a_record_of_a_killed_process_is_cut_off(config, table, analysed, garbage):
    whole = everything(compute(config, FRAME, table, table.pictures))
    shutil.rmtree(runs.CACHE)
    compute(config, FRAME, table, table.pictures[:4])
    path = folder_of(config) / "records.bin"
    with path.open("ab") as file:
        file.write(b"\x7f" * garbage)
    analysed.clear()
    np.testing.assert_array_equal(everything(compute(config, FRAME, table, table.pictures)), whole)
    assert len(analysed) == 5
    assert path.stat().st_size == 9 * (32 + 3 * 32 * 4 + 4)


def test_half_a_record_does_no_harm_where_nothing_is_missing(config, table):
    first = everything(compute(config, FRAME, table, table.pictures))
    with (folder_of(config) / "records.bin").open("ab") as file:
        file.write(b"\x7f" * 77)
    np.testing.assert_array_equal(everything(compute(config, FRAME, table, table.pictures)), first)


def test_an_interrupted_computation_goes_on_where_it_stopped(config, table, analysed):
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage.startswith("features") and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute(config, FRAME, table, table.pictures, interrupt)
    analysed.clear()
    compute(config, FRAME, table, table.pictures)
    assert len(analysed) == 6


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 16
    path.write_bytes(data)


@pytest.mark.parametrize("place", [3, 40, -2], ids=["its name", "a feature", "its checksum"])
def test_a_damaged_record_is_computed_again_alone_and_this_is_said(config, table, analysed, place):
    first = everything(compute(config, FRAME, table, table.pictures))
    path, said = folder_of(config) / "records.bin", []
    flip(path, 4 * (32 + 3 * 32 * 4 + 4) + place if place > 0 else place)
    analysed.clear()
    found = everything(compute(config, FRAME, table, table.pictures, warn=said.append))
    np.testing.assert_array_equal(found, first)
    assert len(analysed) == 1
    assert said == [f"1 of 9 records in the cache {folder_of(config)} are damaged and will be recomputed"]
    compute(config, FRAME, table, table.pictures, warn=said.append)
    assert len(said) == 1


def test_a_damaged_record_of_a_shard_is_computed_again_and_this_is_said(config, table, analysed):
    features.compute_shard(config, FRAME, table, table.pictures, Shard(1, 1))
    (path,) = runs.CACHE.glob("shards/*/*/records.bin")
    flip(path, 40)
    analysed.clear()
    said = []
    compute(config, FRAME, table, table.pictures, warn=said.append)
    assert len(analysed) == 1
    assert said == [f"1 of 9 records in the cache {path.parent} are damaged and will be recomputed"]


@pytest.mark.slow
def test_a_damaged_backbone_of_the_cache_computes_nothing(config, table):
    first = everything(compute(config, FRAME, table, table.pictures))
    path = folder_of(config) / "backbone.tflite"
    whole = path.read_bytes()
    flip(path, len(whole) // 2)
    (folder_of(config) / "records.bin").unlink()
    np.testing.assert_array_equal(everything(compute(config, FRAME, table, table.pictures)), first)
    assert path.read_bytes()[len(whole) // 2] == whole[len(whole) // 2]


def test_a_store_without_checksums_is_made_anew(config, table):
    """As an older version wrote it."""
    first = everything(compute(config, FRAME, table, table.pictures))
    files.write_json(folder_of(config) / "store.json", {"views": 3, "width": 32})
    np.testing.assert_array_equal(everything(compute(config, FRAME, table, table.pictures)), first)
    assert (folder_of(config) / "records.bin").stat().st_size == 9 * (32 + 3 * 32 * 4 + 4)


@pytest.mark.parametrize("name", ["store.json", "records.bin", "backbone.tflite"])
def test_any_file_of_the_cache_may_be_deleted(config, table, name):
    first = everything(compute(config, FRAME, table, table.pictures))
    (folder_of(config) / name).unlink()
    np.testing.assert_array_equal(everything(compute(config, FRAME, table, table.pictures)), first)


def test_a_damaged_description_of_the_store_is_made_anew(config, table):
    first = everything(compute(config, FRAME, table, table.pictures))
    (folder_of(config) / "store.json").write_text('{"views": ', "utf-8")
    np.testing.assert_array_equal(everything(compute(config, FRAME, table, table.pictures)), first)


@pytest.mark.parametrize(
    "setting",
    [
        "seed=1",
        "augment.views=3",
        "augment.rotation=0.2",
        "augment.flip=false",
        "augment.screen=true",
        "model.backbone=mobilenet_v2",
        "model.weights=imagenet",
    ],
)
def test_what_makes_other_features_has_another_store(workplace, setting):
    assert features.recipe(config_of(setting), FRAME).key != features.recipe(config_of(), FRAME).key
    assert features.recipe(config_of(), Size(32, 64)).key != features.recipe(config_of(), FRAME).key
    assert features.recipe(config_of(), FRAME, "conv1").key != features.recipe(config_of(), FRAME).key


@pytest.mark.parametrize("setting", ["head.l2=0.5", "train.folds=3", "data.held_out=0.3", "train.epochs=3"])
def test_what_changes_no_feature_shares_the_store(workplace, setting):
    assert features.recipe(config_of(setting), FRAME).key == features.recipe(config_of(), FRAME).key


@pytest.mark.slow
def test_another_layer_is_kept_flat(config, table):
    store = compute(config, FRAME, table, table.pictures[:2], layer="conv2")
    assert store.width == 4 * 8 * 32
    pooled = compute(config, FRAME, table, table.pictures[:2])
    maps = everything(store).reshape(2, 3, 32, 32)
    np.testing.assert_allclose(maps.mean(2), everything(pooled), atol=1e-4)


def test_contents_whose_hash_ends_in_zero_bytes_are_found(config, table, analysed, monkeypatch):

    monkeypatch.setattr("pipeline.data.stored_table.check_unchanged", lambda table, rows: None)

    odd = [p._replace(sha256=p.sha256[:58] + "000000") for p in table.pictures[:3]]
    compute(config, FRAME, table, odd)
    compute(config, FRAME, table, odd)
    assert len(analysed) == 3


def test_progress_counts_every_picture(config, table):
    seen = []
    compute(config, FRAME, table, table.pictures, lambda *step: seen.append(step))
    stage = "features of 9 pictures, 3 views each"
    assert [step for step in seen if step[0] == stage] == [(stage, n, 9) for n in range(1, 10)]


def test_a_picture_that_is_gone_or_broken_is_named(config, table):
    (table.root / "cat/002.jpg").unlink()
    with pytest.raises(DataError, match=r"cat/002\.jpg: No such file") as caught:
        compute(config, FRAME, table, table.pictures)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    (table.root / "cat/002.jpg").write_bytes(b"words")
    with pytest.raises(DataError, match=r"cat/002\.jpg has changed since the training"):
        compute(config, FRAME, table, table.pictures)


def test_a_picture_changed_meanwhile_is_not_taken_for_the_old_one(config, table):
    shutil.copy(table.root / "dog/001.jpg", table.root / "cat/002.jpg")
    with pytest.raises(DataError, match=r"cat/002\.jpg"):
        compute(config, FRAME, table, table.pictures)


def test_missing_weights_are_said(workplace, table):
    with pytest.raises(WeightsError, match="No such file"):
        compute(config_of("model.weights=gone.weights.h5"), FRAME, table, table.pictures)


def test_a_full_disk_is_said_and_what_was_done_is_kept(config, table, monkeypatch, analysed):
    append = store._append_record
    written = []

    def fill(path: Path, record: bytes) -> None:
        if len(written) == 4:
            with path.open("ab") as file:
                file.write(record[:50])
            raise StorageError("cannot write: No space left on device")
        written.append(1)
        append(path, record)

    monkeypatch.setattr(store, "_append_record", fill)
    with pytest.raises(StorageError):
        compute(config, FRAME, table, table.pictures)
    monkeypatch.setattr(store, "_append_record", append)
    analysed.clear()
    compute(config, FRAME, table, table.pictures)
    assert len(analysed) == 5


def test_the_backbone_is_converted_once(config, table, monkeypatch):
    compute(config, FRAME, table, table.pictures[:1])
    monkeypatch.setattr(tflite, "convert", lambda model: pytest.fail("it was converted again"))
    compute(config, FRAME, table, table.pictures)


@pytest.mark.slow
def test_fewer_depths_are_taken_from_the_cached_features_of_more(config, table, analysed):
    heads = {
        n: config.model_copy(update={"head": config.head.model_copy(update={"depths": n})}) for n in (1, 2, 3)
    }
    separate = everything(compute(heads[1], FRAME, table, table.pictures))
    shutil.rmtree(runs.CACHE)
    compute(heads[3], FRAME, table, table.pictures[2:])
    del analysed[:]
    for depths, widths in ((2, (32, 16)), (1, (32,))):
        found = compute(heads[depths], FRAME, table, table.pictures[2:])
        assert (found.depths, found.width) == (widths, sum(widths))
        assert everything(found).shape[2] == sum(widths)
        np.testing.assert_array_equal(everything(found)[..., :32], separate[2:])
    assert analysed == []
    # Where one is lacking, they are computed.
    np.testing.assert_array_equal(everything(compute(heads[1], FRAME, table, table.pictures)), separate)
    assert len(analysed) == len(table.pictures)


@pytest.mark.slow
def test_several_depths_are_one_vector_of_which_each_has_its_width(config, table):
    depths = config.model_copy(update={"head": config.head.model_copy(update={"depths": 3})})
    found = compute(depths, FRAME, table, table.pictures)
    assert found.depths == (32, 16, 8)
    top = compute(config, FRAME, table, table.pictures)
    assert top.depths == (32,)
    np.testing.assert_allclose(everything(found)[..., :32], everything(top), atol=1e-5)
    middle = compute(config, FRAME, table, table.pictures, layer="conv1")
    pooled = everything(middle).reshape(len(table.pictures), 3, -1, 16).mean(2)
    np.testing.assert_allclose(everything(found)[..., 32:48], pooled, atol=2e-3)


def test_middle_features_are_kept_with_half_the_bytes(config, table):
    middle = compute(config, FRAME, table, table.pictures, layer="conv1")
    assert middle.records.dtype["features"].base == np.float16
    assert middle.take(np.array([0])).dtype == np.float32


def test_a_large_array_is_a_file_that_nobody_sees(workplace, monkeypatch):
    small = store.zeros((2, 3))
    monkeypatch.setattr(store, "_ON_DISK", 20)
    large = store.zeros((2, 3))
    assert (type(small), type(large)) == (np.ndarray, np.memmap)
    assert large.dtype == np.float32
    large[1] = 7
    np.testing.assert_array_equal(large, [[0, 0, 0], [7, 7, 7]])
    assert list(runs.CACHE.iterdir()) == []


def test_a_large_array_without_room_is_refused(workplace, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "_ON_DISK", 0)
    monkeypatch.setattr(store.np, "memmap", full)
    with pytest.raises(StorageError, match="No space left on device"):
        store.zeros((2, 3))
