"""A fake phone with Android 15 that speaks adb's protocol: storage, a shell and the camera app.

Its storage is a folder. Its shell is `sh` (Android's mksh and toybox if they are installed), with `am`, `pm`,
`dumpsys` and the like as small programs. Tests set what goes wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from export.android.adb import app
from tests.support.fake_adbd import Connection

# The phone's programs; each reads the folder $PHONE.
_PROGRAMS = {
    "getprop": 'cat "$PHONE/properties/$1" 2>/dev/null || echo',
    "dumpsys": 'cat "$PHONE/services/$1" 2>/dev/null || echo "Can\'t find service: $1"',
    "settings": '[ "$1 $2" = "get global" ] && { cat "$PHONE/settings/$3" 2>/dev/null || echo null; }',
    "pidof": 'cat "$PHONE/processes/$1" 2>/dev/null',
    "logcat": 'cat "$PHONE/crashes"',
    "pm": '[ "$1" = path ] && [ -f "$PHONE/data/app/base.apk" ] && echo "package:$PHONE/data/app/base.apk"',
    "run-as": 'echo "run-as: package not debuggable: $1" >&2; exit 1',
    # Ends with 0 whatever happens, as Android's does.
    "content": """
name=${3##*/} authority=${3#content://}
file=$PHONE/sdcard/Android/data/org.vignette.demo/files/benchmark/$name
fail() {
    echo "Error while accessing provider:${authority%%/*}" >&2
    echo "$1" >&2
    exit 0
}
[ "$1" != "${LACKS:-}" ] || { echo "usage: adb shell content [subcommand] [options]"
    echo; echo "[ERROR] Unsupported operation: $1"; exit 0; }
[ -f "$PHONE/data/app/base.apk" ] ||
    fail "java.lang.IllegalStateException: Could not find provider: ${authority%%/*}"
[ -z "${FORBIDS:-}" ] || fail "java.lang.SecurityException: Permission Denial: opening provider \
org.vignette.demo.benchmark.BenchmarkProvider from (null) requires android.permission.DUMP"
case $1 in
read) [ -f "$file" ] || fail "java.io.FileNotFoundException: /$name"
    /bin/cat "$file" ;;
query) [ "$4 $5" = "--projection json" ] || exit 2
    [ -f "$file" ] || { echo "No result found."; exit 0; }
    echo "Row: 0 json=$(/bin/cat "$file")" ;;
delete) /bin/rm -f "$file" ;;
esac""",
    # The phone handles the intent when the shell has finished.
    "am": """
case $1 in
start)
    [ "$3" = android.intent.action.VIEW ] || [ -f "$PHONE/data/app/base.apk" ] ||
        { echo "Error type 3"; echo "Error: Activity class {$4} does not exist."; exit 1; }
    echo "Starting: Intent { act=$6 cmp=$4 }"
    printf '%s\\0' "$@" > "$PHONE/intents/$$" ;;
force-stop)
    rm -f "$PHONE/processes/$2"
    printf '%s\\0' "$@" > "$PHONE/intents/$$" ;;
esac""",
}
_APPLETS = (
    "cat",
    "ls",
    "rm",
    "rmdir",
    "mkdir",
    "grep",
    "head",
    "sha256sum",
    "sleep",
    "printf",
    "echo",
    "test",
    "[",
)
# Programs that touch files are refused what the sync service is refused.
_GUARD = """case $* in
*"${{DENIED:-//}}"*) echo "{name}: $PHONE/…: Permission denied" >&2; exit 1 ;;
esac
exec {program} "$@\""""
BATTERY = """Current Battery Service state:
  AC powered: {ac}
  USB powered: true
  Wireless powered: false
  level: {level}
  scale: 100
  temperature: {tenths}
"""
THERMAL = "IsStatusOverride: false\nThermal Status: {status}\n"


class FakePhone:
    """One phone on a port of the loopback interface.

    Attributes:
        root: The folder with its storage and state.
        state: `device`, `unauthorized` or `offline`.
        refusal: What `pm install` answers instead of Success.
        denied: A pattern; files whose path matches can be neither read nor written. Android 15 keeps the
            folders of apps from adb.
        lacks: The operation that its program `content` does not know; `content` for no such program.
        forbids: Whether it refuses adb's shell the app's provider.
        log: Every request.
        reversed: The ports of the phone that lead to the computer's, as adb names both.
        intents: Called with the words of each `am`.
    """

    model = "Fake_Phone"

    def __init__(self, state: str = "device") -> None:
        self.root = Path(tempfile.mkdtemp(prefix="phone-"))
        self.state = state
        self.refusal = ""
        self.denied = "Android/data"
        self.lacks = ""
        self.forbids = False
        self.log: list[str] = []
        self.reversed: dict[str, str] = {}
        self.triggers: list[tuple[str, Callable[[], None]]] = []
        self.intents: Callable[[list[str]], None] = lambda words: None
        self.port = 0
        for folder in ("bin", "properties", "services", "settings", "processes", "intents", "data/app"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "crashes").touch()
        self.files = self.place(app.FILES)
        self.place("/sdcard/Download").mkdir(parents=True)
        self.place("/sdcard/Download/somebody's own.txt").write_text("keep me")
        self._programs()
        self.properties = {"ro.product.model": "Fake Phone", "ro.build.version.sdk": "34"}
        for name, value in self.properties.items():
            (self.root / "properties" / name).write_text(value + "\n")
        self.feels(celsius=30.1)
        self.shows()
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        self._transport: Connection | None = None
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.plug_in()

    @property
    def serial(self) -> str:
        return f"127.0.0.1:{self.port}"

    # What tests do to it.

    def feels(
        self, celsius: float = 30.1, status: int | None = 0, level: int = 80, *, charger: bool = False
    ) -> None:
        """Sets the battery's temperature and level, and the thermal status (None for an Android without)."""
        services = self.root / "services"
        battery = BATTERY.format(ac=str(charger).lower(), level=level, tenths=round(celsius * 10))
        (services / "battery").write_text(battery)
        if status is None:
            (services / "thermalservice").unlink(missing_ok=True)
        else:
            (services / "thermalservice").write_text(THERMAL.format(status=status))

    def shows(
        self, *, awake: bool = True, locked: bool = False, airplane: bool = True, saver: bool = False
    ) -> None:
        """Sets screen, lock, airplane mode and battery saver."""
        (self.root / "services/power").write_text(f"  mWakefulness={'Awake' if awake else 'Asleep'}\n")
        (self.root / "services/window").write_text(
            f"    KeyguardServiceDelegate\n      showing={str(locked).lower()}\n"
        )
        (self.root / "settings/airplane_mode_on").write_text(f"{int(airplane)}\n")
        (self.root / "settings/low_power").write_text(f"{int(saver)}\n")

    def when(self, pattern: str, action: Callable[[], None]) -> None:
        """Calls an action at the first request that matches a pattern."""
        self.triggers.append((pattern, action))

    def plug_in(self) -> None:
        """Listens on the same port as before."""

        async def listen() -> None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

        asyncio.run_coroutine_threadsafe(listen(), self._loop).result(5)

    def pull_cable(self) -> None:
        """Breaks every connection and accepts no other."""

        self.reversed.clear()

        async def close() -> None:
            if self._server:
                self._server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(5)

    def fetch(self, port: int, path: str = "/", host: str = "localhost") -> bytes:
        """What the phone's browser gets from a port of its own: the whole answer over http."""
        transport, service = self._transport, self.reversed.get(f"tcp:{port}")
        if not transport or not service:
            raise ConnectionRefusedError(f"nothing listens on {port} of the phone")
        asked = f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode()
        return asyncio.run_coroutine_threadsafe(transport.request(service, asked), self._loop).result(20)

    def close(self) -> None:
        """Stops the phone and removes its folder."""
        with contextlib.suppress(TimeoutError):
            self.pull_cable()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def contents(self) -> dict[str, bytes]:
        """Every file in its shared storage."""
        shared = self.root / "sdcard"
        return {
            path.relative_to(shared).as_posix(): path.read_bytes()
            for path in sorted(shared.rglob("*"))
            if path.is_file()
        }

    def asked(self, pattern: str) -> list[str]:
        """What was asked of it that matches."""
        return [line for line in self.log if re.search(pattern, line)]

    # What adbd asks of it.

    def place(self, name: str) -> Path:
        """Where a path of the phone lies on this machine."""
        return self.root / name.removeprefix("/").removeprefix(str(self.root).removeprefix("/") + "/")

    def happens(self, what: str) -> None:
        self.log.append(what)
        for trigger in list(self.triggers):
            if re.search(trigger[0], what):
                self.triggers.remove(trigger)
                trigger[1]()

    def denies(self, name: str) -> bool:
        return bool(self.denied and re.search(self.denied, name))

    def shell(self, command: str) -> subprocess.CompletedProcess[bytes]:
        self.happens(f"shell {command}")
        if self.lacks == "content":
            (self.root / "bin/content").unlink(missing_ok=True)
        done = subprocess.run(
            [shutil.which("mksh") or "/bin/sh", "-c", command.replace("/sdcard", f"{self.root}/sdcard")],
            env={
                "PATH": f"{self.root}/bin",
                "PHONE": str(self.root),
                "LC_ALL": "C",
                "DENIED": self.denied,
                "LACKS": self.lacks,
                "FORBIDS": "1" if self.forbids else "",
            },
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
        )
        for intent in sorted((self.root / "intents").iterdir()):
            words = intent.read_bytes().decode().split("\0")[:-1]
            intent.unlink()
            self.intents(words)
        root = str(self.root).encode()
        done.stderr = done.stderr.replace(root, b"")
        return done

    def reverse(self, words: str) -> bytes:
        """Changes or lists the ports that lead to the computer."""
        self.happens(f"reverse {words}")
        kind, _, ports = words.partition(":")
        if kind == "list-forward":
            listed = "".join(f"host-0 {here} {there}\n" for here, there in self.reversed.items()).encode()
            return b"%04x" % len(listed) + listed
        if kind == "forward":
            here, _, there = ports.partition(";")
            self.reversed[here] = there
        elif self.reversed.pop(ports, None) is None:
            reason = f"listener '{ports}' not found".encode()
            return b"FAIL%04x" % len(reason) + reason
        return b"OKAY"

    def store(self, name: str, data: bytes) -> str:
        """Writes a file that was pushed; gives the reason where it cannot."""
        if self.denies(name):
            return "couldn't create file: Permission denied"
        path = self.place(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return ""

    def install(self, data: bytes) -> bytes:
        self.happens(f"install {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")
        if self.refusal:
            return f"Failure [{self.refusal}]\n".encode()
        (self.root / "data/app/base.apk").write_bytes(data)
        return b"Success\n"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        try:
            self._transport = Connection(self, reader, writer)
            await self._transport.serve()
        finally:
            self._connections.discard(task)

    def _programs(self) -> None:
        for name, script in _PROGRAMS.items():
            path = self.root / "bin" / name
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        toybox = shutil.which("toybox")
        for name in _APPLETS:
            program = toybox if toybox and name not in ("[", "echo", "printf", "test") else shutil.which(name)
            if program and name in ("cat", "ls", "rm", "rmdir", "mkdir"):
                path = self.root / "bin" / name
                words = f"{program} {name}" if program == toybox else program
                path.write_text(f"#!/bin/sh\n{_GUARD.format(name=name, program=words)}\n")
                path.chmod(0o755)
            elif program:
                (self.root / "bin" / name).symlink_to(program)
