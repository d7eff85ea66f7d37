"""Backbone features of every view of every picture, computed once and cached.

Stores are keyed by their recipe, shared between runs, and may be deleted at any time. A killed process
loses at most one record, and damaged records are recomputed; their file is in `store`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import files, locks, parallel, record_file, runs, shards, stages
from pipeline.core.config import Config
from pipeline.core.digests import digest_array
from pipeline.core.errors import DataError, PictureError, RunError
from pipeline.core.progress import Progress, silent, unheard
from pipeline.core.quiet import quiet
from pipeline.core.recipes import Recipe
from pipeline.core.remote_cache import fetched_ahead
from pipeline.core.shards import Shard
from pipeline.core.size import Size
from pipeline.data import stored_table
from pipeline.data.dataset import Table
from pipeline.data.pictures import Picture, Pictures
from pipeline.images.views import all_views, view_settings
from pipeline.tflite import convert as tflite
from pipeline.tflite import interpreter as litert
from pipeline.tflite import schema
from pipeline.training import backbones, store

LIBRARIES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "pillow", "pi-heif")


def recipe(
    config: Config, frame: Size, layer: str = backbones.POOLED, classifier: Path | None = None
) -> Recipe:
    """The recipe of a configuration's features, apart from the pictures.

    Raises:
        WeightsError: The weights file is missing.
    """
    return stages.recipe(
        "features",
        {"weights": files.digest(classifier) if classifier else backbones.weights_key(config.model)},
        settings(config, frame, layer),
        LIBRARIES,
    )


def settings(config: Config, frame: Size, layer: str = backbones.POOLED) -> dict[str, Any]:
    """The part of the configuration that features depend on, for recipes."""
    blocks = backbones.pooled_blocks(config.model, config.head) if layer == backbones.POOLED else ()
    return {
        "backbone": config.model.backbone,
        "alpha": config.model.alpha,
        "frame": str(frame),
        "layer": layer,
        # Not named where there are none, so that features of the top alone stay what they were.
        **({"blocks": list(blocks)} if blocks else {}),
        "augment": view_settings(config.augment),
        "seed": config.seed,
    }


def stage(config: Config, count: int) -> str:
    """What computing so many is called, for the progress."""
    return f"features of {count} pictures, {1 + config.augment.views} views each"


def compute(
    config: Config,
    frame: Size,
    table: Table,
    wanted: Sequence[Picture],
    progress: Progress = silent,
    layer: str = backbones.POOLED,
    warn: Callable[[str], object] = unheard,
    classifier: Path | None = None,
) -> store.Store:
    """The features of pictures, from the cache or computed now.

    Args:
        config: Names the backbone, the random views and the seed.
        frame: The model's frame.
        table: The pictures' table, for their paths.
        wanted: The pictures, in the order of the Store's rows.
        progress: Called as pictures are done.
        layer: The backbone layer whose flattened output is kept, as float16; of `POOLED`, every depth
            that the head sees, as float32.
        warn: Told of damaged records, and of another process that holds the cache.
        classifier: A run's model, whose backbone is used in place of the configured one.

    Raises:
        DataError: A picture has changed or can no longer be read.
        WeightsError: The backbone's weights are unavailable.
        StorageError: The disk is full.
        RunError: The cache is damaged or empty.
    """
    made = recipe(config, frame, layer, classifier)
    folder = runs.CACHE / made.key
    files.make_folder(folder)
    with locks.waiting_for(folder, warn):
        known = _taken_in(made, folder, warn)
        rows = store.index_of(known).rows(bytes.fromhex(p.sha256) for p in wanted)
        missing = _first_of_each(p for p, row in zip(wanted, rows, strict=True) if row < 0)
        if missing and layer == backbones.POOLED and not classifier:
            deeper = _deeper(config, frame, wanted)
            if deeper:
                return deeper
        if missing:
            data = _backbone(made, folder, config, frame, layer, progress, classifier)
            _compute_missing(folder, data, config, frame, layer, table, missing, progress)
            known = store.open_records(folder)
            rows = store.index_of(known).rows(bytes.fromhex(p.sha256) for p in wanted)
    if len(rows) and rows.min() < 0:
        raise RunError(f"{folder}: the feature cache is damaged", "delete it and run the command again")
    layout = store.layout_of(folder)
    if known is None or layout is None:
        raise RunError(
            f"{folder}: the feature cache is empty", "delete this folder and run the command again"
        )
    return store.Store(known, rows, layout.depths)


def lacking(
    config: Config,
    frame: Size,
    wanted: Sequence[Picture],
    progress: Progress = silent,
    layer: str = backbones.POOLED,
    warn: Callable[[str], object] = unheard,
) -> int:
    """How many pictures `compute` would have to compute; what `compute_shard` needs for them is made.

    The arguments are those of `compute`; raises the same errors.
    """
    made = recipe(config, frame, layer)
    folder = runs.CACHE / made.key
    files.make_folder(folder)
    with locks.waiting_for(folder, warn):
        index = store.index_of(_taken_in(made, folder, warn))
        missing = _first_of_each(p for p in wanted if index.row(bytes.fromhex(p.sha256)) < 0)
        if not missing or (layer == backbones.POOLED and _deeper(config, frame, wanted)):
            return 0
        _backbone(made, folder, config, frame, layer, progress)
    return len(missing)


def compute_shard(
    config: Config,
    frame: Size,
    table: Table,
    wanted: Sequence[Picture],
    shard: Shard,
    progress: Progress = silent,
    layer: str = backbones.POOLED,
    warn: Callable[[str], object] = unheard,
) -> int:
    """Computes the features of the pictures of a shard; returns how many were missing.

    `compute` takes them into the cache. The arguments are those of `compute`; raises the same errors, and
    RunError if the shard was begun with other versions or weights.
    """
    made = recipe(config, frame, layer)
    folder = runs.CACHE / made.key
    files.make_folder(folder)
    mine = Pictures(p for p in wanted if shard.holds(bytes.fromhex(p.sha256)))
    with shards.making(made, shard, warn) as own:
        known = [store.index_of(store.open_records(place)) for place in (folder, own)]
        missing = _first_of_each(
            p for p in mine if all(index.row(bytes.fromhex(p.sha256)) < 0 for index in known)
        )
        if missing:
            with locks.waiting_for(folder, warn):
                data = _backbone(made, folder, config, frame, layer, progress)
            _compute_missing(own, data, config, frame, layer, table, missing, progress)
    return len(missing)


def _taken_in(made: Recipe, folder: Path, warn: Callable[[str], object]) -> np.ndarray | None:
    """The records of a cache, once it has taken in finished shards and lost what is damaged."""
    shards.take_in(made, lambda shard: store.add_all(folder, shard, warn), warn)
    known = store.open_records(folder)
    sound = record_file.intact(known) if known is not None else np.ones(0, bool)
    record_file.tell(sound, folder, warn)
    if known is not None and not sound.all():
        store.keep(folder, known, np.flatnonzero(sound))
        known = store.open_records(folder)
    return known


def _first_of_each(pictures: Iterable[Picture]) -> Pictures:
    """One picture of each content."""
    packed = Pictures(pictures)
    contents = digest_array(packed.sha256(row) for row in range(len(packed)))
    return Pictures(packed[row] for row in np.sort(np.unique(contents, return_index=True)[1]).tolist())


def _deeper(config: Config, frame: Size, wanted: Sequence[Picture]) -> store.Store | None:
    """The same features among those of more depths, which begin with them; None if they are not cached."""
    own = 1 + len(backbones.pooled_blocks(config.model, config.head))
    for depths in range(own + 1, 2 + len(backbones.BACKBONES[config.model.backbone].blocks)):
        head = config.head.model_copy(update={"depths": depths})
        folder = runs.CACHE / recipe(config.model_copy(update={"head": head}), frame).key
        known, layout = store.open_records(folder), store.layout_of(folder)
        if known is None or layout is None or not record_file.intact(known).all():
            continue
        rows = store.index_of(known).rows(bytes.fromhex(p.sha256) for p in wanted)
        if rows.min() >= 0:
            return store.Store(known, rows, layout.depths[:own])
    return None


def _backbone(
    made: Recipe,
    folder: Path,
    config: Config,
    frame: Size,
    layer: str,
    progress: Progress,
    classifier: Path | None = None,
) -> bytes:
    cache, path = runs.Run(folder), folder / stages.BACKBONE

    def build() -> None:
        progress("converting the backbone for feature extraction", 0, 1)
        with quiet():
            import keras

            from pipeline.training import classifier as classifiers

            if classifier:
                network = backbones.of_classifier(classifiers.load(classifier))
            else:
                pooled = layer == backbones.POOLED
                blocks = backbones.pooled_blocks(config.model, config.head) if pooled else ()
                network = backbones.build(config.model, frame, config.seed, blocks)
            output = network.output if layer == backbones.POOLED else network.get_layer(layer).output
            kept = keras.layers.Flatten(name="kept")(output)
            extractor = keras.Model(network.input, kept)
        files.write_bytes(path, tflite.convert(extractor))
        progress("converting the backbone for feature extraction", 1, 1)

    cache.make(made, build)
    return path.read_bytes()


def _compute_missing(
    folder: Path,
    data: bytes,
    config: Config,
    frame: Size,
    layer: str,
    table: Table,
    missing: Sequence[Picture],
    progress: Progress,
) -> None:
    interpreters = litert.Interpreters(data)

    def features(picture: Picture) -> np.ndarray:
        stored_table.check_unchanged(table, [picture])
        path = table.file(picture)
        try:
            frames = all_views(path, picture.sha256, config, frame)
        except (PictureError, OSError) as error:
            raise DataError(f"{path} can no longer be read: {error}", "run the command again") from error
        with interpreters.one() as interpreter:
            return np.stack([interpreter.answer(view) for view in frames])

    number = store.FLOAT32 if layer == backbones.POOLED else store.FLOAT16
    layout: store.Layout | None = None
    computed = parallel.ordered(features, fetched_ahead(missing, table.file))
    for done, (picture, rows) in enumerate(zip(missing, computed, strict=True), 1):
        if layout is None:
            layout = store.Layout(len(rows), schema.joined_widths(data) or rows.shape[1:], number)
            store.begin(folder, layout)
        store.append(folder, layout, picture.sha256, rows)
        progress(stage(config, len(missing)), done, len(missing))
