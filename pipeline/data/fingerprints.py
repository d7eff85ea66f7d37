"""The fingerprint of every picture: facts, hashes and a few small views, by sha256.

Fingerprints are made from the one decode that every picture needs anyway, and cached, so that repeating an
audit opens no picture. `near_duplicates` compares them, `audit` and `shortcuts` draw conclusions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.core import files, locks, runs, shards
from pipeline.core.digests import DigestIndex
from pipeline.core.progress import unheard
from pipeline.core.recipes import Recipe
from pipeline.core.record_file import RecordFile, intact, tell
from pipeline.core.remote_cache import Place
from pipeline.core.shards import Shard
from pipeline.data.file_hashes import FileHashes, state_of
from pipeline.data.fingerprint_records import (
    FACTS,
    HASH_SIDE,
    REMARKS,
    TINY_SIDE,
    VIEW_SIDE,
    VIEWS,
    named,
    sound,
    taken,
)
from pipeline.images import borders
from pipeline.images.decode import Facts

VERSION = 3
LIBRARIES = ("ImageHash", "pi-heif", "pillow", "numpy", "scipy")
# What each hash of a picture covers: all of it, the inside of its bars, that mirrored, and its
# middle, which is what a slightly cropped copy shows.
WHOLE, INSIDE, MIRRORED, MIDDLE = range(4)
_MIDDLE_SHARE = 0.93
_HASHED = 64
# Bars and borders of larger pictures are measured on a smaller copy.
_MEASURED = 1024
# So many new ones are found by a dictionary before all are sorted again.
_RECENT = 4096
_FILES = "files.bin"


def draw(pixels: np.ndarray, facts: Facts, sha256: str) -> tuple[np.ndarray, np.ndarray]:
    """The fingerprint of one picture.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).
        facts: What decoding it revealed.
        sha256: Of its bytes.

    Returns:
        One record of `FACTS` and one of `VIEWS`, shape (1,) each; without checksums.
    """
    row, views = np.zeros(1, FACTS), np.zeros(1, VIEWS)
    shrink = max(1, max(pixels.shape[:2]) // _MEASURED)
    image = Image.fromarray(pixels)
    image = image.reduce(shrink) if shrink > 1 else image
    measured = np.asarray(image)
    height, width = measured.shape[:2]
    found = borders.bars(measured)
    inside = Image.fromarray(found.inside(measured)) if found else image
    strips, colours = borders.border(measured)
    small = image.resize((_HASHED, _HASHED), Image.Resampling.BILINEAR)
    core = inside.resize((_HASHED, _HASHED), Image.Resampling.BILINEAR) if found else small
    grey = np.asarray(small.convert("L"))
    # In sixteenths, so that noise and JPEG do not turn a plain background into many colours.
    coarse = (np.asarray(small).astype(np.uint16) + 8 >> 4).clip(0, 15)
    codes = coarse[..., 0] * 256 + coarse[..., 1] * 16 + coarse[..., 2]
    buckets = np.asarray(small) >> 6
    histogram = np.bincount(
        (buckets[..., 0] * 16 + buckets[..., 1] * 4 + buckets[..., 2]).ravel(), minlength=64
    )
    sides = np.array([height, height, width, width], np.float32)

    row["sha256"] = np.void(bytes.fromhex(sha256))
    row["width"], row["height"], row["quality"] = facts.width, facts.height, facts.quality
    row["file_format"], row["mode"] = facts.file_format.encode(), facts.mode.encode()
    row["turned"], row["frames"] = facts.turned, min(facts.frames, 65535)
    row["remarks"] = "; ".join(facts.remarks).encode()[:REMARKS]
    row["bars"], row["border"] = np.array(astuple(found)) / sides, np.array(astuple(strips)) / sides
    row["border_colour"] = colours
    row["contrast"] = grey.std()
    row["flat"] = np.bincount(codes.ravel()).max() / codes.size
    row["hashes"] = _hashes(small, core)
    views["whole"] = np.asarray(small.convert("L").resize((VIEW_SIDE, VIEW_SIDE), Image.Resampling.BILINEAR))
    views["inside"] = np.asarray(core.convert("L").resize((VIEW_SIDE, VIEW_SIDE), Image.Resampling.BILINEAR))
    views["tiny"] = np.asarray(small.resize((TINY_SIDE, TINY_SIDE), Image.Resampling.BILINEAR))
    views["histogram"] = np.round(histogram * 255 / histogram.sum())
    return row, views


def _hashes(whole: Image.Image, inside: Image.Image) -> np.ndarray:
    import imagehash

    edge = _HASHED * (1 - _MIDDLE_SHARE) / 2
    middle = inside.resize(
        (_HASHED, _HASHED), Image.Resampling.BILINEAR, (edge, edge, _HASHED - edge, _HASHED - edge)
    )
    mirrored = inside.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    images = (whole, inside, mirrored, middle)
    return np.stack([np.packbits(imagehash.phash(image, HASH_SIDE).hash) for image in images])


class Fingerprints:
    """The fingerprints in the cache, from `open_cache`; other processes wait while it is held.

    Args:
        folder: Where they are.
        warn: Told of damaged ones.

    Attributes:
        hashes: The sha256 of the files that were read.
    """

    def __init__(self, folder: Path, warn: Callable[[str], object] = unheard) -> None:
        self._folder, self._warn = folder, warn
        self._facts = RecordFile(folder / "facts.bin", FACTS)
        self._views = RecordFile(folder / "views.bin", VIEWS)
        self._count = min(self._facts.count(), self._views.count())
        self.hashes = FileHashes(folder / _FILES)
        self._told = False
        self._index()

    def __len__(self) -> int:
        return self._count

    def get(self, sha256: str) -> np.void | None:
        """The facts of a picture, one record of `FACTS`, or None if it has no fingerprint yet."""
        row = self._row(bytes.fromhex(sha256))
        return self._facts.rows(self._count)[row] if row >= 0 else None

    def sha256_of(self, place: Place) -> str:
        """The sha256 of a file that has not changed since it was read; empty otherwise."""
        try:
            state = state_of(place)
        except OSError:
            return ""
        return (self.hashes.get(place, state) if state else None) or ""

    def knows(self, place: Place) -> bool:
        """Whether there is a fingerprint of a file that has not changed since it was read."""
        sha256 = self.sha256_of(place)
        return bool(sha256) and self.get(sha256) is not None

    def facts(self, sha256s: Iterable[str], names: Sequence[str] = FACTS.names or ()) -> np.ndarray:
        """These facts of pictures that all have a fingerprint, shape (n,)."""
        return taken(self._facts.rows(self._count), self._rows(sha256s), names)

    def views(
        self,
        sha256s: Sequence[str],
        again: Callable[[str], np.ndarray],
        names: Sequence[str] = VIEWS.names or (),
    ) -> np.ndarray:
        """These small views of pictures that all have a fingerprint, shape (n,).

        Args:
            sha256s: The pictures.
            again: Makes the record of `VIEWS` of one where it is damaged, shape (1,).
            names: The fields.

        Raises:
            StorageError: The disk is full.
            DataError: From `again`.
        """
        rows, (facts, views) = self._rows(sha256s), self.records()
        for row, sha256 in zip(rows.tolist(), sha256s, strict=True):
            if not sound(facts[row : row + 1], views[row : row + 1]).all():
                if not self._told:
                    tell(sound(facts, views), self._folder, self._warn)
                self._told = True
                self._views.put(named(again(sha256), facts[row : row + 1]), row)
        return taken(views, rows, names)

    def add(self, rows: np.ndarray, views: np.ndarray) -> None:
        """Stores fingerprints made by `draw`, shape (n,) each, except those that are there already.

        Raises:
            StorageError: The disk is full.
        """
        new = {key: at for at, key in enumerate(rows["sha256"].tolist()) if self._row(key) < 0}
        if not new:
            return
        places = list(new.values())
        # The views first: a fingerprint counts once both are complete.
        self._views.append(named(views[places], rows[places]), self._count)
        self._facts.append(rows[places], self._count)
        self._recent.update(zip(new, range(self._count, self._count + len(new)), strict=True))
        self._count += len(new)
        if len(self._recent) > max(_RECENT, len(self._known) // 8):
            self._index()

    def add_all(self, folder: Path) -> None:
        """Adds the intact fingerprints and the hashes in another folder; raises StorageError."""
        facts, views = Fingerprints(folder).records()
        good = sound(facts, views)
        tell(good, folder, self._warn)
        kept = np.flatnonzero(good)
        for begin in range(0, len(kept), _RECENT):
            rows = kept[begin : begin + _RECENT]
            self.add(facts[rows], views[rows])
        self.hashes.add_all(folder / _FILES)

    def drop_damaged(self) -> None:
        """Forgets pictures whose facts are damaged, so that they are read again; raises StorageError."""
        good = intact(self._facts.rows(self._count))
        tell(good, self._folder, self._warn)
        if not good.all():
            kept = np.flatnonzero(good)
            # A process that is killed between the two leaves views of others, which `views` notices.
            self._facts.keep(kept)
            self._views.keep(kept)
            self._count = len(kept)
            self._index()

    def records(self) -> tuple[np.ndarray, np.ndarray]:
        """All of them: records of `FACTS` and of `VIEWS`, on disk, shape (n,) each."""
        return self._facts.rows(self._count), self._views.rows(self._count)

    def _index(self) -> None:
        self._recent: dict[bytes, int] = {}
        self._known = DigestIndex(self._facts.rows(self._count)["sha256"])

    def _row(self, sha256: bytes) -> int:
        at = self._recent.get(sha256)
        return self._known.row(sha256) if at is None else at

    def _rows(self, sha256s: Iterable[str]) -> np.ndarray:
        return np.fromiter((self._row(bytes.fromhex(sha256)) for sha256 in sha256s), np.int64)


def _recipe() -> Recipe:
    return Recipe("fingerprints", VERSION, {}, {}, LIBRARIES)


def known() -> Fingerprints:
    """The fingerprints in the cache at this moment, for reading; other processes may be adding some."""
    return Fingerprints(runs.CACHE / _recipe().key)


@contextmanager
def open_cache(warn: Callable[[str], object] = unheard) -> Iterator[Fingerprints]:
    """The fingerprints in `data/cache`, those of finished shards included.

    Waits while another process holds them; `warn` is told which one, and of damaged ones.

    Raises:
        RunError: A shard was made by other versions.
        StorageError: The folder cannot be written.
    """
    folder = runs.CACHE / _recipe().key
    files.make_folder(folder)
    with locks.waiting_for(folder, warn), _opened(folder, warn) as cache:
        shards.take_in(_recipe(), cache.add_all, warn)
        yield cache


@contextmanager
def open_shard(shard: Shard, warn: Callable[[str], object] = unheard) -> Iterator[Fingerprints]:
    """The fingerprints of a shard, until the cache takes them in; as `open_cache`."""
    with shards.making(_recipe(), shard, warn) as folder, _opened(folder, warn) as cache:
        yield cache


@contextmanager
def _opened(folder: Path, warn: Callable[[str], object]) -> Iterator[Fingerprints]:
    cache = Fingerprints(folder, warn)
    cache.drop_damaged()
    try:
        yield cache
    finally:
        cache.hashes.write()
