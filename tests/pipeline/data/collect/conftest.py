"""A YouTube on this machine, and a guard that nothing goes elsewhere."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.verbs import call, sets
from tests.support.youtube import YouTube


@pytest.fixture(autouse=True)
def _no_test_leaves_this_machine(monkeypatch):
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX and (not isinstance(address, tuple) or address[0] != "127.0.0.1"):
            raise AssertionError(f"a test wanted to reach {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def youtube(tmp_path_factory) -> Iterator[YouTube]:
    """The server, without channels."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl, which makes the certificate of the YouTube on this machine")
    server = YouTube(tmp_path_factory.getbasetemp())
    yield server
    server.close()


@pytest.fixture
def configure(tmp_path) -> Callable[..., Path]:
    """`configure("@alpha", "@beta")`: a configuration of these channels, labels without the @."""

    def write(*handles: str) -> Path:
        lines = ["[data]", 'pictures = "data/pictures/thumbnails"']
        for handle in handles:
            lines += [
                "[[channels]]",
                f'channel = "{handle}"',
                f'label = "{handle.strip("@").replace("/", "-")}"',
            ]
        path = tmp_path / "channels.toml"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    return write


@pytest.fixture
def collect(capfd, tmp_path, youtube, configure) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`collect("@alpha", "--json", train=20)`: the verb on these channels, with these settings."""

    def run(
        *words: str, train: int = 8, test: int = 4, **settings: object
    ) -> subprocess.CompletedProcess[str]:
        path = configure(*(word for word in words if word.startswith("@")))
        options = [word for word in words if not word.startswith("@")]
        given = youtube.settings(train=train, test=test, **settings)
        return call(capfd, "pipeline", "collect", path, *sets(given), *options, cwd=tmp_path)

    return run
