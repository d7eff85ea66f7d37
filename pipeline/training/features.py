"""Backbone features of every view of every picture, computed once and cached.

A store is one file of fixed-size records, appended as pictures are done: a killed process loses at most
one record, and records with a wrong checksum are recomputed. Stores are keyed by their recipe, shared
between runs, and may be deleted at any time.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import files, parallel, runs, stages
from pipeline.core.config import Config
from pipeline.core.errors import DataError, PictureError, RunError, storage_error
from pipeline.core.progress import Progress, silent, unheard
from pipeline.core.quiet import quiet
from pipeline.core.recipes import Recipe
from pipeline.core.size import Size
from pipeline.data import dataset
from pipeline.data.dataset import Picture, Table
from pipeline.images.views import all_views, view_settings
from pipeline.tflite import convert as tflite
from pipeline.tflite import interpreter as litert
from pipeline.training import backbones

PLAIN = 0
LIBRARIES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "pillow", "pi-heif")
# Of the record file; its features are the same in every version.
_LAYOUT = 2
_INFO = "store.json"
_RECORDS = "records.bin"


@dataclass(frozen=True)
class Store:
    """The features of some pictures, memory-mapped.

    Attributes:
        records: A memory-mapped array with the fields `sha256` (bytes), `features` and `crc32`.
        rows: The record of each picture, in the requested order.
    """

    records: np.ndarray
    rows: np.ndarray

    @property
    def views(self) -> int:
        """The number of views: the plain one and the random ones."""
        return self.records.dtype["features"].shape[0]

    @property
    def width(self) -> int:
        """The number of features per view."""
        return self.records.dtype["features"].shape[1]

    def take(self, pictures: np.ndarray, views: np.ndarray | int = PLAIN) -> np.ndarray:
        """Features, float32, shape (pictures, width).

        Args:
            pictures: Their positions in the requested order.
            views: The view of each, or one for all; 0 is the plain one.
        """
        return self.records["features"][self.rows[pictures], views]


def recipe(config: Config, frame: Size, layer: str = backbones.POOLED) -> Recipe:
    """The recipe of a configuration's features, apart from the pictures.

    Raises:
        WeightsError: The weights file is missing.
    """
    return stages.recipe(
        "features",
        {"weights": backbones.weights_key(config.model)},
        settings(config, frame, layer),
        LIBRARIES,
    )


def settings(config: Config, frame: Size, layer: str = backbones.POOLED) -> dict[str, Any]:
    """The part of the configuration that features depend on, for recipes."""
    return {
        "backbone": config.model.backbone,
        "alpha": config.model.alpha,
        "frame": str(frame),
        "layer": layer,
        "augment": view_settings(config.augment),
        "seed": config.seed,
    }


def compute(
    config: Config,
    frame: Size,
    table: Table,
    wanted: Sequence[Picture],
    progress: Progress = silent,
    layer: str = backbones.POOLED,
    warn: Callable[[str], object] = unheard,
) -> Store:
    """The features of pictures, from the cache or computed now.

    Args:
        config: Names the backbone, the random views and the seed.
        frame: The model's frame.
        table: The pictures' table, for their paths.
        wanted: The pictures, in the order of the Store's rows.
        progress: Called as pictures are done.
        layer: The backbone layer whose flattened output is kept.
        warn: Told of damaged records, and of another process that holds the cache.

    Raises:
        DataError: A picture has changed or can no longer be read.
        WeightsError: The backbone's weights are unavailable.
        StorageError: The disk is full.
    """
    made = recipe(config, frame, layer)
    folder = runs.CACHE / made.key
    files.make_folder(folder)
    with files.waiting_for(folder, warn):
        known = _open(folder)
        places = _places(known)
        if known is not None and len(places) < len(known):
            damaged = len(known) - len(places)
            warn(
                f"{damaged} of {len(known)} records in the cache {folder} are damaged and will be recomputed"
            )
            _keep(folder, known, places.values())
            known = _open(folder)
            places = _places(known)
        missing = list({p.sha256: p for p in wanted if bytes.fromhex(p.sha256) not in places}.values())
        if missing:
            data = _backbone(made, folder, config, frame, layer, progress)
            _compute_missing(folder, data, config, frame, table, missing, progress)
            known = _open(folder)
            places = _places(known)
    try:
        rows = np.array([places[bytes.fromhex(p.sha256)] for p in wanted], np.int64)
    except KeyError as error:
        raise RunError(
            f"{folder}: the feature cache is damaged", "delete it and run the command again"
        ) from error
    if known is None:
        raise RunError(
            f"{folder}: the feature cache is empty", "delete this folder and run the command again"
        )
    return Store(known, rows)


def _dtype(views: int, width: int) -> np.dtype:
    # "V32", not "S32": numpy strips trailing zero bytes from strings.
    return np.dtype([("sha256", "V32"), ("features", "<f4", (views, width)), ("crc32", "<u4")])


def _info(views: int, width: int) -> dict[str, int]:
    return {"layout": _LAYOUT, "views": views, "width": width}


def _open(folder: Path) -> np.ndarray | None:
    """The complete records of a store; None if it is empty or of another layout."""
    path = folder / _RECORDS
    try:
        info = runs.Run(folder).read_json(_INFO)
        if info != _info(info["views"], info["width"]):
            return None
        dtype = _dtype(info["views"], info["width"])
        count = path.stat().st_size // dtype.itemsize
        return np.memmap(path, dtype, "r", shape=(count,)) if count else None
    except (RunError, OSError, KeyError, TypeError, ValueError, OverflowError):
        return None


def _places(records: np.ndarray | None) -> dict[bytes, int]:
    """The row of each picture whose record is intact."""
    rows = enumerate(() if records is None else records)
    return {row["sha256"].tobytes(): at for at, row in rows if int(row["crc32"]) == _checksum(row)}


def _keep(folder: Path, records: np.ndarray, rows: Iterable[int]) -> None:
    """Rewrites the record file with only these rows."""
    with files.replacing(folder / _RECORDS, durable=False) as path, path.open("wb") as file:
        for row in rows:
            file.write(records[row].tobytes())


def _checksum(record: np.void) -> int:
    return zlib.crc32(record.tobytes()[:-4])


def _backbone(
    made: Recipe, folder: Path, config: Config, frame: Size, layer: str, progress: Progress
) -> bytes:
    store, path = runs.Run(folder), folder / stages.BACKBONE

    def build() -> None:
        progress("converting the backbone for feature extraction", 0, 1)
        with quiet():
            import keras

            network = backbones.build(config.model, frame, config.seed)
            kept = keras.layers.Flatten(name="kept")(network.get_layer(layer).output)
            extractor = keras.Model(network.input, kept)
        files.write_bytes(path, tflite.convert(extractor))
        progress("converting the backbone for feature extraction", 1, 1)

    store.make(made, build)
    return path.read_bytes()


def _compute_missing(
    folder: Path,
    data: bytes,
    config: Config,
    frame: Size,
    table: Table,
    missing: Sequence[Picture],
    progress: Progress,
) -> None:
    interpreters = litert.Interpreters(data)

    def features(picture: Picture) -> np.ndarray:
        dataset.check_unchanged(table, [picture])
        path = table.file(picture)
        try:
            frames = all_views(path, picture.sha256, config, frame)
        except (PictureError, OSError) as error:
            raise DataError(f"{path} can no longer be read: {error}", "run the command again") from error
        with interpreters.one() as interpreter:
            return np.stack([interpreter.answer(view) for view in frames])

    path = folder / _RECORDS
    stage = f"features of {len(missing)} pictures, {1 + config.augment.views} views each"
    for done, (picture, rows) in enumerate(zip(missing, parallel.ordered(features, missing), strict=True), 1):
        if done == 1 and not _is_of(folder, rows.shape):
            path.unlink(missing_ok=True)
            files.write_json(folder / _INFO, _info(*rows.shape))
        record = np.zeros(1, _dtype(*rows.shape))
        record["sha256"], record["features"] = np.void(bytes.fromhex(picture.sha256)), rows
        record["crc32"] = _checksum(record[0])
        _append_record(path, record.tobytes())
        progress(stage, done, len(missing))


def _is_of(folder: Path, shape: tuple[int, ...]) -> bool:
    """Whether a store's records have this layout and shape."""
    try:
        return runs.Run(folder).read_json(_INFO) == _info(*shape)
    except RunError:
        return False


def _append_record(path: Path, record: bytes) -> None:
    """Appends a record, first truncating a partial one left by a killed process."""
    try:
        with path.open("ab") as file:
            end = file.tell()
            if end % len(record):
                file.truncate(end - end % len(record))
            file.write(record)
    except OSError as error:
        raise storage_error(path, error) from error
