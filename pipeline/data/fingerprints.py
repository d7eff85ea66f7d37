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
from pipeline.core.remote_cache import Place
from pipeline.core.shards import Shard
from pipeline.data.file_hashes import FileHashes, state_of
from pipeline.images import borders
from pipeline.images.decode import Facts

VERSION = 2
LIBRARIES = ("ImageHash", "pi-heif", "pillow", "numpy", "scipy")
_HASH_SIDE = 16
VIEW_SIDE = 48
_TINY_SIDE = 16
# What each hash of a picture covers: all of it, the inside of its bars, that mirrored, and its
# middle, which is what a slightly cropped copy shows.
WHOLE, INSIDE, MIRRORED, MIDDLE = range(4)
_MIDDLE_SHARE = 0.93
_HASHED = 64
# Bars and borders of larger pictures are measured on a smaller copy.
_MEASURED = 1024
_REMARKS = 240
# So many new ones are found by a dictionary before all are sorted again.
_RECENT = 4096
_FILES = "files.bin"

# Small and read for all pictures; "V", not "S": numpy strips trailing zero bytes from strings.
FACTS = np.dtype(
    [
        ("sha256", "V32"),
        ("width", "<u4"),
        ("height", "<u4"),
        ("file_format", "S8"),
        ("mode", "S8"),
        ("quality", "u1"),
        ("turned", "?"),
        ("frames", "<u2"),
        ("remarks", f"S{_REMARKS}"),
        ("bars", "<f4", (4,)),  # depth over the side, top, bottom, left, right
        ("border", "<f4", (4,)),  # the same for strips of any one colour
        ("border_colour", "u1", (4, 3)),
        ("contrast", "<f4"),  # standard deviation of brightness, in levels of 0 to 255
        ("flat", "<f4"),  # share of the picture that its commonest colour covers
        ("hashes", "u1", (4, _HASH_SIDE**2 // 8)),
    ]
)
# Large, and read for a few.
VIEWS = np.dtype(
    [
        ("whole", "u1", (VIEW_SIDE, VIEW_SIDE)),  # brightness
        ("inside", "u1", (VIEW_SIDE, VIEW_SIDE)),
        ("tiny", "u1", (_TINY_SIDE, _TINY_SIDE, 3)),  # colours of the whole
        ("histogram", "u1", (64,)),  # of 4 x 4 x 4 colours, in 255ths
    ]
)


def draw(pixels: np.ndarray, facts: Facts, sha256: str) -> tuple[np.ndarray, np.ndarray]:
    """The fingerprint of one picture.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).
        facts: What decoding it revealed.
        sha256: Of its bytes.

    Returns:
        One record of `FACTS` and one of `VIEWS`, shape (1,) each.
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
    row["remarks"] = "; ".join(facts.remarks).encode()[:_REMARKS]
    row["bars"], row["border"] = np.array(astuple(found)) / sides, np.array(astuple(strips)) / sides
    row["border_colour"] = colours
    row["contrast"] = grey.std()
    row["flat"] = np.bincount(codes.ravel()).max() / codes.size
    row["hashes"] = _hashes(small, core)
    views["whole"] = np.asarray(small.convert("L").resize((VIEW_SIDE, VIEW_SIDE), Image.Resampling.BILINEAR))
    views["inside"] = np.asarray(core.convert("L").resize((VIEW_SIDE, VIEW_SIDE), Image.Resampling.BILINEAR))
    views["tiny"] = np.asarray(small.resize((_TINY_SIDE, _TINY_SIDE), Image.Resampling.BILINEAR))
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
    return np.stack([np.packbits(imagehash.phash(image, _HASH_SIDE).hash) for image in images])


class Fingerprints:
    """The fingerprints in the cache, from `open_cache`; other processes wait while it is held.

    Attributes:
        hashes: The sha256 of the files that were read.
    """

    def __init__(self, folder: Path) -> None:
        self._facts, self._views = folder / "facts.bin", folder / "views.bin"
        self._count = min(_count(self._facts, FACTS), _count(self._views, VIEWS))
        self.hashes = FileHashes(folder / _FILES)
        self._index()

    def __len__(self) -> int:
        return self._count

    def get(self, sha256: str) -> np.void | None:
        """The facts of a picture, one record of `FACTS`, or None if it has no fingerprint yet."""
        row = self._row(bytes.fromhex(sha256))
        if row >= len(self._stored):
            self._stored = self._rows_of(FACTS, self._facts)
        return self._stored[row] if row >= 0 else None

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
        return self._taken(FACTS, self._facts, sha256s, names)

    def views(self, sha256s: Sequence[str], names: Sequence[str] = VIEWS.names or ()) -> np.ndarray:
        """These small views of pictures that all have a fingerprint, shape (n,)."""
        return self._taken(VIEWS, self._views, sha256s, names)

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
        for path, records in ((self._views, views[places]), (self._facts, rows[places])):
            files.append(path, records.tobytes(), self._count * records.itemsize)
        self._recent.update(zip(new, range(self._count, self._count + len(new)), strict=True))
        self._count += len(new)
        if len(self._recent) > max(_RECENT, len(self._known) // 8):
            self._index()

    def add_all(self, folder: Path) -> None:
        """Adds the fingerprints and hashes in another folder; raises StorageError."""
        other = Fingerprints(folder)
        for begin in range(0, len(other), _RECENT):
            self.add(*(kept[begin : begin + _RECENT] for kept in other.records()))
        self.hashes.add_all(folder / _FILES)

    def records(self) -> tuple[np.ndarray, np.ndarray]:
        """All of them: records of `FACTS` and of `VIEWS`, on disk, shape (n,) each."""
        return self._rows_of(FACTS, self._facts), self._rows_of(VIEWS, self._views)

    def _index(self) -> None:
        self._recent: dict[bytes, int] = {}
        self._stored = self._rows_of(FACTS, self._facts)
        self._known = DigestIndex(self._stored["sha256"])

    def _row(self, sha256: bytes) -> int:
        at = self._recent.get(sha256)
        return self._known.row(sha256) if at is None else at

    def _rows_of(self, kind: np.dtype, path: Path) -> np.ndarray:
        if not self._count:
            return np.zeros(0, kind)
        return np.asarray(np.memmap(path, kind, "r", shape=(self._count,)))

    def _taken(self, kind: np.dtype, path: Path, sha256s: Iterable[str], names: Sequence[str]) -> np.ndarray:
        stored = self._rows_of(kind, path)
        rows = np.fromiter((self._row(bytes.fromhex(sha256)) for sha256 in sha256s), np.int64)
        taken = np.zeros(len(rows), [(name, kind[name]) for name in names])
        for name in names:
            taken[name] = stored[name][rows]
        return taken


def _recipe() -> Recipe:
    return Recipe("fingerprints", VERSION, {}, {}, LIBRARIES)


def known() -> Fingerprints:
    """The fingerprints in the cache at this moment, for reading; other processes may be adding some."""
    return Fingerprints(runs.CACHE / _recipe().key)


@contextmanager
def open_cache(warn: Callable[[str], object] = unheard) -> Iterator[Fingerprints]:
    """The fingerprints in `data/cache`, those of finished shards included.

    Waits while another process holds them; `warn` is told which one.

    Raises:
        RunError: A shard was made by other versions.
        StorageError: The folder cannot be written.
    """
    folder = runs.CACHE / _recipe().key
    files.make_folder(folder)
    with locks.waiting_for(folder, warn), _written(Fingerprints(folder)) as cache:
        shards.take_in(_recipe(), cache.add_all, warn)
        yield cache


@contextmanager
def open_shard(shard: Shard, warn: Callable[[str], object] = unheard) -> Iterator[Fingerprints]:
    """The fingerprints of a shard, until the cache takes them in; as `open_cache`."""
    with shards.making(_recipe(), shard, warn) as folder, _written(Fingerprints(folder)) as cache:
        yield cache


@contextmanager
def _written(cache: Fingerprints) -> Iterator[Fingerprints]:
    try:
        yield cache
    finally:
        cache.hashes.write()


def _count(path: Path, kind: np.dtype) -> int:
    return path.stat().st_size // kind.itemsize if path.is_file() else 0
