"""The phone's end of adb's protocol: a small adbd on loopback that the real adb connects to.

Speaks CNXN, AUTH, OPEN, OKAY, WRTE and CLSE; the services shell (v2), exec:cmd package install, reverse
(forward, killforward, list-forward), and sync (STAT, LIST, SEND, RECV). A `fake_phone.FakePhone` answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.fake_phone import FakePhone

VERSION, MAX_DATA = 0x01000001, 256 * 1024
_TOKEN, _SIGNATURE, _KEY = 1, 2, 3


def _command(name: str) -> int:
    return int.from_bytes(name.encode(), "little")


CNXN, AUTH, OPEN, OKAY, WRTE, CLSE = map(_command, ("CNXN", "AUTH", "OPEN", "OKAY", "WRTE", "CLSE"))


class Connection:
    """One transport: whatever adb's server sends to this phone."""

    def __init__(self, phone: FakePhone, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.phone, self.reader, self.writer = phone, reader, writer
        self.streams: dict[int, Stream] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.lock = asyncio.Lock()
        self.last = 0
        self.most = MAX_DATA

    async def request(self, service: str, data: bytes) -> bytes:
        """What a service of the computer, such as `tcp:PORT`, answers to a program on the phone."""
        self.last += 1
        stream = self.streams[self.last] = Stream(self, self.last, 0)
        await self.send(OPEN, stream.local, 0, service.encode() + b"\0")
        await stream.taken.acquire()
        await stream.write(data)
        answer = b""
        while (part := await stream.arrived.get()) is not None:
            answer += part
        return answer

    async def send(self, command: int, first: int, second: int, data: bytes = b"") -> None:
        head = struct.pack(
            "<6I", command, first, second, len(data), sum(data) & 0xFFFFFFFF, command ^ 0xFFFFFFFF
        )
        async with self.lock:
            self.writer.write(head + data)
            await self.writer.drain()

    async def serve(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = struct.unpack("<6I", await self.reader.readexactly(24))
                await self._take(*head[:3], await self.reader.readexactly(head[3]))
        for task in self.tasks:
            task.cancel()
        self.writer.close()

    async def _take(self, command: int, first: int, second: int, data: bytes) -> None:
        if command == CNXN:
            self.most = min(second, MAX_DATA)
            if self.phone.state == "unauthorized":
                await self.send(AUTH, _TOKEN, 0, os.urandom(20))
            elif self.phone.state != "offline":
                banner = f"device::ro.product.model={self.phone.model};features=shell_v2,cmd"
                await self.send(CNXN, VERSION, MAX_DATA, banner.encode())
        elif command == AUTH and first == _SIGNATURE:
            # No key is known; adb sends one next, and a real phone would ask its user about it.
            await self.send(AUTH, _TOKEN, 0, os.urandom(20))
        elif command == OPEN:
            self.last += 1
            stream = self.streams[self.last] = Stream(self, self.last, first)
            task = asyncio.ensure_future(stream.serve(data.rstrip(b"\0").decode()))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        elif command == WRTE and second in self.streams:
            self.streams[second].feed(data)
            await self.send(OKAY, second, first)
        elif command == OKAY and second in self.streams:
            self.streams[second].remote = first
            self.streams[second].taken.release()
        elif command == CLSE and second in self.streams:
            self.streams.pop(second).feed(None)


class Stream:
    """One service that adb opened."""

    def __init__(self, connection: Connection, local: int, remote: int) -> None:
        self.connection, self.local, self.remote = connection, local, remote
        self.phone = connection.phone
        self.arrived: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.taken = asyncio.Semaphore(0)
        self.held = b""

    def feed(self, data: bytes | None) -> None:
        self.arrived.put_nowait(data)

    async def read(self, count: int) -> bytes:
        while len(self.held) < count:
            data = await self.arrived.get()
            if data is None:
                raise EOFError
            self.held += data
        data, self.held = self.held[:count], self.held[count:]
        return data

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), self.connection.most):
            part = data[start : start + self.connection.most]
            await self.connection.send(WRTE, self.local, self.remote, part)
            await self.taken.acquire()

    async def serve(self, service: str) -> None:
        await self.connection.send(OKAY, self.local, self.remote)
        with contextlib.suppress(EOFError, ConnectionError):
            if match := re.match(r"shell,v2[^:]*:(.*)", service, re.DOTALL):
                done = await asyncio.to_thread(self.phone.shell, match[1])
                for number, data in ((1, done.stdout), (2, done.stderr)):
                    if data:
                        await self.write(struct.pack("<BI", number, len(data)) + data)
                await self.write(struct.pack("<BIB", 3, 1, done.returncode))
            elif match := re.match(r"exec:cmd package '?install'?.* '?-S'? '?(\d+)'?", service):
                data = await self.read(int(match[1]))
                await self.write(await asyncio.to_thread(self.phone.install, data))
            elif service.startswith("reverse:"):
                await self.write(self.phone.reverse(service.removeprefix("reverse:")))
            elif service == "sync:":
                await self._sync()
        self.connection.streams.pop(self.local, None)
        with contextlib.suppress(ConnectionError):
            await self.connection.send(CLSE, self.local, self.remote)

    async def _sync(self) -> None:
        while True:
            kind, length = struct.unpack("<4sI", await self.read(8))
            if kind == b"QUIT":
                return
            name = (await self.read(length)).decode()
            await asyncio.to_thread(self.phone.happens, f"{kind.decode()} {name}")
            if kind == b"STAT":
                mode, size = _stat(self.phone.place(name))
                await self.write(struct.pack("<4s3I", b"STAT", mode, size, bool(mode)))
            elif kind == b"LIST":
                await self._list(self.phone.place(name))
            elif kind == b"SEND":
                await self._receive(name.rpartition(",")[0])
            elif kind == b"RECV":
                await self._send(name)
            else:
                await self._fail("unknown command")

    async def _list(self, folder: Path) -> None:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            mode, size = _stat(path)
            encoded = path.name.encode()
            await self.write(struct.pack("<4s4I", b"DENT", mode, size, 1, len(encoded)) + encoded)
        await self.write(struct.pack("<4s4I", b"DONE", 0, 0, 0, 0))

    async def _receive(self, name: str) -> None:
        data = b""
        while True:
            kind, length = struct.unpack("<4sI", await self.read(8))
            if kind == b"DONE":
                break
            data += await self.read(length)
        reason = await asyncio.to_thread(self.phone.store, name, data)
        if reason:
            await self._fail(reason)
        else:
            await self.write(b"OKAY" + struct.pack("<I", 0))

    async def _send(self, name: str) -> None:
        path = self.phone.place(name)
        if self.phone.denies(name):
            await self._fail("open failed: Permission denied")
            return
        if not path.is_file():
            await self._fail("open failed: No such file or directory")
            return
        data = path.read_bytes()
        for start in range(0, len(data), 65536):
            part = data[start : start + 65536]
            await self.write(b"DATA" + struct.pack("<I", len(part)) + part)
        await self.write(b"DONE" + struct.pack("<I", 0))

    async def _fail(self, reason: str) -> None:
        await self.write(b"FAIL" + struct.pack("<I", len(reason)) + reason.encode())


def _stat(path: Path) -> tuple[int, int]:
    """Mode and size of a file; zeros if it does not exist."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    if stat.S_ISDIR(found.st_mode):
        return 0o40755, 4096
    return 0o100644, found.st_size
