"""Where a picture lies: a local file, or an address whose file is kept in a bounded cache.

The cache is a folder of files named after address and identity, so a file that changes on the server is read
again. One whose identity proves nothing is read again after each look at it. Several processes may share the
folder. An open file stays readable after it is deleted, so nothing is locked while pictures are read.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

from pipeline.core import files, filetypes, locks, parallel, runs
from pipeline.core.progress import unheard
from pipeline.core.remote import CONNECTIONS, Stores, is_remote
from pipeline.core.remote_identity import Identity
from pipeline.core.sections import REMOTE_CACHE_GB

T = TypeVar("T")
_File: TypeAlias = io.BufferedReader | io.BytesIO

_LARGE = 32_000_000  # bytes
_ABANDONED_S = 3600
# Above one share of its bound, the least recently used files go until another is reached. Between two looks
# at the folder, one process adds at most the third share: so two together stay within the bound.
_FULL, _TIDY, _UNSEEN = 0.9, 0.8, 0.05


class RemoteCache:
    """Remote files, kept in `data/cache/remote` and read again only if they change; safe with threads.

    Args:
        limit_gb: Of the folder, in 10⁹ bytes.
        warn: Told, from any thread, that many requests had to be repeated.
    """

    def __init__(self, limit_gb: float = REMOTE_CACHE_GB, warn: Callable[[str], object] = unheard) -> None:
        self._limit = limit_gb * 1e9
        self._stores = Stores(warn)
        self._folder = runs.CACHE / "remote"
        self._lock, self._one_large = threading.Lock(), threading.Lock()
        self._unseen = 0
        self._known: dict[str, Identity | OSError] = {}
        # What `look` has seen of these files does not prove that the copy is still the same.
        self._unproven: set[str] = set()
        self._kept: dict[str, str] | None = None

    def look(self, paths: Iterable[str], *, one_by_one: bool = True) -> dict[str, Identity | OSError]:
        """The present identity of files at addresses, as `Stores.identities`; other paths are passed over.

        From now on, these files are opened in that state.

        Raises:
            NetworkError: A store does not answer.
            DataError: As `Stores.identities`.
        """
        found = self._stores.identities(filter(is_remote, paths), one_by_one=one_by_one)
        self._known |= found
        self._unproven |= {
            address
            for address, identity in found.items()
            if isinstance(identity, Identity) and not identity.proves
        }
        return found

    def identity(self, address: str) -> Identity | None:
        """What `look` has seen of a file; None if it has not, or the file cannot be read."""
        known = self._known.get(address)
        return None if isinstance(known, OSError) else known

    def open(self, address: str) -> _File:
        """Opens a file, from the cache if it is there.

        Unless `look` has seen it, any state in the cache will do.

        Raises:
            OSError: It cannot be read, as `Stores.read`, or is too large for a picture.
            NetworkError: The store does not answer.
            DataError: As `Stores.read`.
            StorageError: The disk is full.
        """
        identity = self._known.get(address)
        if isinstance(identity, OSError):
            raise type(identity)(*identity.args)
        if self._kept is None:
            self._begin()
        name = _name(address, identity) if identity else self._any_state(address)
        if name and address not in self._unproven and (file := self._open_kept(name, identity)):
            return file
        identity = identity or self._stores.identify(address)
        if identity.size > filetypes.MAX_PICTURE:
            limit = f"the limit is {filetypes.MAX_PICTURE:,}"
            raise OSError(errno.EFBIG, f"{identity.size:,} bytes, {limit}", address)
        # Files are read whole, many at a time; large ones one after the other.
        with self._one_large if identity.size > _LARGE else nullcontext():
            data = self._stores.read(address, identity.size)
        self._keep(_name(address, identity), data)
        self._unproven.discard(address)
        return io.BytesIO(data)

    def _begin(self) -> None:
        with self._lock:
            if self._folder.is_dir():
                self._tidy()
            self._kept = {path.name.partition("-")[0]: path.name for _, _, path in sorted(self._files())}

    def _any_state(self, address: str) -> str:
        return (self._kept or {}).get(_name(address), "")

    def _open_kept(self, name: str, identity: Identity | None) -> io.BufferedReader | None:
        try:
            file = (self._folder / name).open("rb")
        except FileNotFoundError:
            return None
        # After a power cut, a file may be shorter than it was written.
        if identity and identity.size not in (-1, os.fstat(file.fileno()).st_size):
            file.close()
            return None
        with suppress(OSError):
            os.utime(self._folder / name)
        return file

    def _keep(self, name: str, data: bytes) -> None:
        files.write_bytes(self._folder / name, data, durable=False)
        with self._lock:
            if self._kept is not None:
                self._kept[name.partition("-")[0]] = name
            self._unseen += len(data)
            if self._unseen >= _UNSEEN * self._limit:
                self._tidy()
                self._unseen = 0

    def _tidy(self) -> None:
        """Deletes the least recently used files if the folder is nearly full."""
        with locks.waiting_for(self._folder):
            everything = sorted(self._files())
            total = sum(size for _, size, _ in everything)
            most = (_TIDY if total > _FULL * self._limit else 1) * self._limit
            for used, size, path in everything:
                abandoned = path.name.startswith(files.TEMPORARY) and used < time.time() - _ABANDONED_S
                if abandoned or (total > most and not path.name.startswith(files.TEMPORARY)):
                    path.unlink(missing_ok=True)
                    total -= size

    def _files(self) -> list[tuple[float, int, Path]]:
        """The moment of last use, the size in bytes and the path of every file."""
        found = []
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # another process has just deleted it
                    state = entry.stat()
                    if entry.name != locks.LOCK:
                        found.append((state.st_mtime, state.st_size, Path(entry.path)))
        return found


@dataclass(frozen=True)
class Remote:
    """A file at an address; as text, the address."""

    address: str
    cache: RemoteCache = field(compare=False, repr=False)

    def __str__(self) -> str:
        return self.address

    def open(self) -> _File:
        """Opens it, as `RemoteCache.open`."""
        return self.cache.open(self.address)


Place: TypeAlias = Path | Remote


def opened(place: Place) -> _File:
    """Opens a file for reading.

    Raises:
        OSError: It cannot be opened, or is a folder, pipe or device.
        NetworkError: As `RemoteCache.open`.
        DataError: As `RemoteCache.open`.
        StorageError: As `RemoteCache.open`.
    """
    if isinstance(place, Remote):
        return place.open()
    filetypes.size_of(place)  # refuses pipes, which may never end
    return place.open("rb")


def locate(root: Path, path: str, cache: RemoteCache) -> Place:
    """Where a picture lies.

    Args:
        root: Of its data set.
        path: Relative to the root, absolute, or an address.
        cache: For what lies at an address.
    """
    return Remote(path, cache) if is_remote(path) else root / path


def fetched_ahead(items: Sequence[T], place: Callable[[T], Place]) -> Iterable[T]:
    """The items in their order, each once its file is local; remote files are read ahead, by many threads.

    Args:
        items: Of any kind.
        place: Where an item's file lies. What cannot be read is yielded, too: opening it tells why.
    """
    if not any(isinstance(place(item), Remote) for item in items):
        return items

    def fetch(item: T) -> T:
        where = place(item)
        if isinstance(where, Remote):
            with suppress(OSError):
                where.open().close()
        return item

    return parallel.ordered(fetch, items, CONNECTIONS)


def _name(address: str, identity: Identity | None = None) -> str:
    """A file's name in the cache; without an identity, how the names of all its states begin."""
    start = hashlib.sha256(address.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    if identity is None:
        return start
    return f"{start}-{hashlib.sha256(f'{identity.size}/{identity.tag}'.encode()).hexdigest()[:16]}"
