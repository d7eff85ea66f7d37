"""Reads files in object stores and on web servers, through any protocol of fsspec.

Credentials are those of the environment, as each store's own library finds them. fsspec is optional
(requirements-tables.txt) and loaded with the first address. `remote_cache` keeps what was read.
"""

from __future__ import annotations

import errno
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from types import ModuleType
from typing import Any, TypeVar

from pipeline.core import parallel
from pipeline.core.errors import DataError, NetworkError
from pipeline.core.progress import unheard
from pipeline.core.remote_errors import bucket_of, denied, gone, transient
from pipeline.core.remote_identity import Identity, identity_of

T = TypeVar("T")

INSTALL = "pip install -r requirements-tables.txt"
# Requests at a time: they wait for the network, not for a core.
CONNECTIONS = 16
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
# Of the web, :: may be part of a server's number or of a name.
_CHAINED = re.compile(r"(?!https?://)[A-Za-z][A-Za-z0-9+.-]*(?:://.*::|::.*://)", re.IGNORECASE)
_PASSWORD = re.compile(r"[^/]*://[^/@]*:[^/@]*@")
_TRIES = 5
_FIRST_WAIT_S = 0.5
# So many files in a row without an answer: the store is down, not a file damaged.
_DOWN = 8
# In so small a part of a folder, files are asked for one by one.
_FEW = 3
_WEB = ("http", "https")

_LATER = "check the connection and the credentials, then run the command again: what was read is kept"


def is_remote(path: str) -> bool:
    """Whether a path is an address, such as `s3://bucket/a.jpg`, and not that of a local file."""
    return _ADDRESS.match(path) is not None


def file_name(path: str) -> str:
    """The name of the file that a path or an address leads to."""
    address = path.partition("?")[0] if _protocol(path) in _WEB else path
    return address.rpartition("/")[2]


def is_chained(path: str) -> bool:
    """Whether fsspec takes a path for several file systems, such as `zip://a.jpg::s3://bucket/all.zip`."""
    return _CHAINED.match(path) is not None


def has_password(address: str) -> bool:
    """Whether an address contains a password."""
    return _PASSWORD.match(address) is not None


class Stores:
    """Object stores and web servers; safe with threads.

    Args:
        warn: Told, from any thread, that many requests had to be repeated.
    """

    def __init__(self, warn: Callable[[str], object] = unheard) -> None:
        self._warn = warn
        self._lock = threading.Lock()
        self._stores: dict[str, Any] = {}
        self._repeated = 0
        self._lost: Counter[str] = Counter()

    def read(self, address: str, size: int = -1) -> bytes:
        """The bytes of a file.

        Args:
            address: Of the file.
            size: As the server told it, in bytes. If fewer come, and the file is still larger, the connection
                was cut.

        Raises:
            FileNotFoundError: There is none.
            PermissionError: The server refuses it.
            OSError: The server refuses it for another reason, or answers no attempt.
            NetworkError: The server has not answered for many files in a row.
            DataError: Credentials or a package are missing.
        """

        def whole(store: Any, path: str) -> bytes:
            data: bytes = store.cat_file(path)
            if len(data) < size and len(data) < (present := identity_of(store.info(path)).size):
                raise OSError(f"only {len(data):,} of {present:,} bytes came")
            return data

        return self._ask(address, whole)

    def identify(self, address: str) -> Identity:
        """The identity of a file, in one request.

        Raises:
            OSError: As `read`.
            NetworkError: As `read`.
            DataError: As `read`.
        """
        return identity_of(self._ask(address, lambda store, path: store.info(path)))

    def identities(
        self, addresses: Iterable[str], *, one_by_one: bool = True
    ) -> dict[str, Identity | OSError]:
        """The identity of many files, or why there is none; folders of object stores are listed.

        Args:
            addresses: Of files.
            one_by_one: Ask for each file where nothing can be listed, as on web servers.

        Returns:
            By address; without those that no answer came for, or that were not asked for.

        Raises:
            NetworkError: A store does not answer.
            DataError: There is no such bucket, or it may not be read; or as `read`.
        """
        found: dict[str, Identity | OSError] = {}
        folders: dict[str, list[str]] = defaultdict(list)
        for address in addresses:
            folders[address.rpartition("/")[0]].append(address)
        alone: list[str] = []
        many: list[tuple[str, list[str]]] = []
        for folder, own in folders.items():
            if _protocol(folder) in _WEB:
                alone += own * one_by_one
            elif len(own) <= _FEW:
                alone += own
            else:
                many.append((folder, own))
        lists = parallel.ordered(lambda row: self._list(*row), many, CONNECTIONS)
        for (_, own), listed in zip(many, lists, strict=True):
            found |= listed or {}
            alone += own if listed is None else []
        for address, answer in zip(
            alone, parallel.ordered(self._identity_or_error, alone, CONNECTIONS), strict=True
        ):
            if answer is not None:
                found[address] = answer
        self._check_buckets(found)
        return found

    def _list(self, folder: str, wanted: Sequence[str]) -> dict[str, Identity | OSError] | None:
        """The identities in one folder; None if it may not be listed, but files in it may be read."""
        strip = self._fsspec.core.strip_protocol
        try:
            entries = self._ask(f"{folder}/", lambda store, path: store.ls(path, detail=True))
        except FileNotFoundError:
            entries = []
        except PermissionError:
            some = wanted[:: len(wanted) // _FEW][:_FEW]
            if all(isinstance(self._identity_or_error(one), PermissionError) for one in some):
                raise denied(folder) from None
            return None
        except OSError as error:
            raise NetworkError(f"{folder}/ cannot be listed: {error.strerror}", _LATER) from error
        known = {entry["name"].lstrip("/"): entry for entry in entries if entry["type"] == "file"}
        listed: dict[str, Identity | OSError] = {}
        for address in wanted:
            entry = known.get(strip(address).lstrip("/"))
            listed[address] = identity_of(entry) if entry else gone(address)
        return listed

    def _identity_or_error(self, address: str) -> Identity | OSError | None:
        try:
            return self.identify(address)
        except OSError as error:
            return None if error.errno == errno.EIO else error

    def _check_buckets(self, found: Mapping[str, Identity | OSError]) -> None:
        """Makes one error of a bucket in which nothing can be read."""
        buckets: dict[str, list[Identity | OSError]] = defaultdict(list)
        for address, answer in found.items():
            buckets[bucket_of(address)].append(answer)
        for bucket, answers in buckets.items():
            # A web server has no say about all of its pictures.
            if _protocol(bucket) in _WEB:
                continue
            if all(isinstance(answer, PermissionError) for answer in answers):
                raise denied(bucket)
            nothing = all(isinstance(answer, FileNotFoundError) for answer in answers)
            if nothing and not self._ask(bucket, lambda store, path: store.exists(path)):
                raise DataError(
                    f"{bucket}: there is no such bucket, or the credentials do not reach it",
                    "check its name in the table, and the region and the credentials in the environment",
                )

    def _ask(self, address: str, request: Callable[[Any, str], T]) -> T:
        """A request's answer; repeats it while the server is busy or the connection fails."""
        store, path = self._store_of(address)
        bucket, reason = bucket_of(address), ""
        for attempt in range(_TRIES):
            if self._lost[bucket] >= _DOWN:
                raise NetworkError(f"{bucket} has stopped answering", _LATER)
            if attempt:
                self._say_repeated(bucket, reason)
                time.sleep(_FIRST_WAIT_S * 2 ** (attempt - 1))
            try:
                answer = request(store, path)
            except Exception as error:
                reason = transient(address, error)
            else:
                self._lost[bucket] = 0
                return answer
        with self._lock:
            self._lost[bucket] += 1
        raise OSError(errno.EIO, f"no answer in {_TRIES} attempts ({reason})", address)

    def _say_repeated(self, bucket: str, reason: str) -> None:
        with self._lock:
            self._repeated += 1
            count = self._repeated
        if count >= 10 and str(count).strip("0") == "1":
            self._warn(f"{bucket}: {count:,} requests had to be repeated (the last: {reason})")

    def _store_of(self, address: str) -> tuple[Any, str]:
        bucket = bucket_of(address)
        with self._lock:
            if bucket not in self._stores:
                self._stores[bucket] = self._open_store(address)
        return self._stores[bucket], self._fsspec.core.strip_protocol(address)

    def _open_store(self, address: str) -> Any:
        protocol = _protocol(address)
        options: dict[str, Any] = {"use_listings_cache": False}
        if protocol in ("s3", "s3a"):
            # Otherwise each file takes two requests.
            options["max_concurrency"] = 1
        try:
            if protocol in _WEB:
                import aiohttp

                options["client_kwargs"] = {
                    "timeout": aiohttp.ClientTimeout(sock_connect=10, sock_read=30),
                    "trust_env": True,
                }
            return self._fsspec.core.url_to_fs(address, **options)[0]
        except ImportError as error:
            raise DataError(
                f"{address}: {protocol}:// needs another package: {error}",
                f"install it; for s3:// and https://, {INSTALL}",
            ) from error
        except ValueError as error:
            raise DataError(
                f"{address} cannot be opened: {error}", "use s3://, gs://, https:// or a path"
            ) from error
        except OSError as error:
            raise DataError(
                f"{address} cannot be opened: {error}", "check the address and the settings of its store"
            ) from error

    @cached_property
    def _fsspec(self) -> ModuleType:
        try:
            import fsspec.core
        except ImportError as error:
            raise DataError("pictures at an address need the package fsspec", INSTALL) from error
        return fsspec


def _protocol(address: str) -> str:
    return address.partition("://")[0].lower()
