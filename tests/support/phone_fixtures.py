"""The real adb with its own server on loopback, and fake phones that are connected to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.fake_phone import FakePhone


def adb(*words: str) -> str:
    """The output of the real adb."""
    done = subprocess.run(["adb", *words], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout + done.stderr


def plug_in_again(phone: FakePhone) -> None:
    """Reconnects a phone and waits until adb sees it."""
    phone.plug_in()
    for _ in range(50):
        adb("disconnect", phone.serial)
        adb("connect", phone.serial)
        if adb("-s", phone.serial, "get-state").strip() == "device":
            return
        time.sleep(0.1)
    pytest.fail(f"adb does not see {phone.serial} again: {adb('devices')}")


def free_port() -> int:
    """A free port that neither other workers nor the system will choose."""
    # Below the ephemeral ports; the first candidate depends on the process id.
    for number in range(200):
        port = 10_000 + (os.getpid() * 7 + number) % 20_000
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    pytest.fail("no port is free for adb")


@pytest.fixture(scope="session")
def adb_variables(tmp_path_factory) -> Iterator[dict[str, str]]:
    """The environment of a separate adb server and key; the server is stopped after the tests."""
    if not shutil.which("adb"):
        pytest.skip("needs adb: sudo apt install adb")
    home = tmp_path_factory.mktemp("adb")
    variables = {
        "HOME": str(home),
        "ANDROID_USER_HOME": str(home / ".android"),
        "ANDROID_ADB_SERVER_PORT": str(free_port()),
        # No search for emulators, and none in the network.
        "ADB_LOCAL_TRANSPORT_MAX_PORT": "5553",
        "ADB_MDNS": "0",
        "ADB_MDNS_AUTO_CONNECT": "0",
    }
    environment = {**os.environ, **variables}
    subprocess.run(["adb", "start-server"], env=environment, capture_output=True, timeout=20, check=True)
    yield variables
    subprocess.run(["adb", "kill-server"], env=environment, capture_output=True, timeout=20, check=False)


@pytest.fixture
def own_adb(adb_variables, monkeypatch) -> None:
    """Uses that server, to which no phone is connected, in this process and its children."""
    for name, value in adb_variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    listed = adb("devices").partition("List of devices attached")[2].strip()
    if listed:
        pytest.skip(f"a real phone is connected, which is left alone: {listed}")


@pytest.fixture
def connect_phone(own_adb) -> Iterator[Callable[..., FakePhone]]:
    """`connect_phone(state="device")`: a fake phone that adb sees, in that state."""
    made: list[FakePhone] = []
    waiting: list[subprocess.Popen[bytes]] = []

    def connect(state: str = "device") -> FakePhone:
        phone = FakePhone(state)
        made.append(phone)
        if state == "offline":
            # `adb connect` would wait ten seconds for an answer, but lists the phone at once.
            waiting.append(subprocess.Popen(["adb", "connect", phone.serial], stdout=subprocess.DEVNULL))
        else:
            adb("connect", phone.serial)
        return phone

    yield connect
    for process in waiting:
        process.kill()
        process.wait()
    for phone in made:
        phone.close()
    adb("disconnect")


@pytest.fixture
def phone(connect_phone) -> FakePhone:
    """One fake phone, ready."""
    return connect_phone()


@pytest.fixture
def no_adb(tmp_path, monkeypatch) -> Path:
    """A machine without adb: PATH is an empty folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        monkeypatch.delenv(name, raising=False)
    return folder
