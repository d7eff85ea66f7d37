"""One phone: its shell, its files, its apps. Every call has a timeout."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from export.android.adb import program
from export.android.adb.program import Answer
from pipeline.core import files
from pipeline.core.errors import VignetteError

_EXIT = "vignette-exit:"


class Device:
    """One phone.

    Every method raises PhoneError if the phone was disconnected or does not answer in time, and AccessError
    if it denies access.

    Args:
        adb: The program's path.
        serial: The phone's serial number, as `adb devices` lists it.
    """

    def __init__(self, adb: str, serial: str) -> None:
        self.adb, self.serial = adb, serial

    def shell(self, command: str, what: str, seconds: float = program.QUICK) -> Answer:
        """Runs a command line in the phone's shell.

        The exit code is part of the output, so that a command that failed can be told from a phone that was
        disconnected, whatever the versions of adb.

        Args:
            command: For sh; the caller quotes paths.
            what: What it is for, for the message.
            seconds: The timeout.
        """
        line = f"{{ {command}\n}}; code=$?; echo; echo {_EXIT}$code"
        done = self._adb("shell", "-n", line, what=what, seconds=seconds)
        output, marker, code = done.out.replace("\r\n", "\n").rpartition(f"\n{_EXIT}")
        if not marker:
            # adb may exit with 0 here.
            raise self._failure(what, done.message if done.err else "the connection broke")
        return Answer(int(code), output, done.err)

    def check(self, command: str, what: str, seconds: float = program.QUICK) -> str:
        """Runs a command that has to succeed; the arguments are those of `shell`.

        Returns:
            What it prints.


        Raises:
            PhoneError: It failed.
        """
        done = self.shell(command, what, seconds)
        if done.code:
            raise self._failure(what, done.message)
        return done.out

    def names(self, folder: str) -> list[str]:
        """The sorted names in a folder; empty if it does not exist."""
        quoted = shlex.quote(folder)
        listed = self.check(f"if [ -d {quoted} ]; then ls -1A {quoted}; fi", f"reading {folder}")
        return sorted(line for line in listed.splitlines() if line)

    def pull(self, remote: str, local: Path, seconds: float = program.SLOW) -> None:
        """Copies a file or a whole folder from the phone.

        Args:
            remote: Its path on the phone.
            local: The name of the new file; for a folder, an existing folder to put it into.
            seconds: The timeout.

        Raises:
            PhoneError: It does not exist.
            StorageError: The folder for it cannot be created.
        """
        files.make_folder(local.parent)
        self._copy("pull", remote, str(local), what=f"copying {remote} from the phone", seconds=seconds)

    def remove(self, paths: Iterable[str], below: str) -> None:
        """Removes files and folders, if they exist.

        Args:
            paths: What to remove.
            below: The folder that they must be in.

        Raises:
            ValueError: A path is somewhere else; that is a bug.
        """
        inside = below.rstrip("/") + "/"
        kept = list(paths)
        for path in kept:
            if (
                not path.removeprefix(inside).strip("/")
                or not path.startswith(inside)
                or ".." in path.split("/")
            ):
                raise ValueError(f"{path} is not below {below}")
        if kept:
            self.check(f"rm -rf {' '.join(map(shlex.quote, kept))}", f"removing files in {below}")

    def install(self, apk: Path, seconds: float = program.SLOW) -> str:
        """Installs an app, or updates it and keeps its data.

        Returns:
            An empty text, or why Android refused, e.g. `INSTALL_FAILED_OLDER_SDK`.
        """
        what = f"installing {apk}"
        done = self._adb("install", "-r", str(apk), what=what, seconds=seconds)
        if done.code == 0 and re.search(r"^Success$", done.out, re.MULTILINE):
            return ""
        refused = re.search(r"INSTALL_\w+(?:: [^\]\n]*)?", f"{done.err}\n{done.out}")
        if not refused:
            raise self._failure(what, done.message)
        return refused[0]

    def open_port(self, port: int) -> None:
        """Lets programs on the phone reach a port of this computer under the same number."""
        what = f"opening port {port} on the phone"
        done = self._adb("reverse", f"tcp:{port}", f"tcp:{port}", what=what, seconds=program.QUICK)
        if done.code:
            raise self._failure(what, done.message)

    def close_port(self, port: int) -> None:
        """Takes `open_port` back; does nothing if the phone does not have it."""
        what = f"closing port {port} on the phone"
        opened = self._adb("reverse", "--list", what=what, seconds=program.QUICK)
        if not opened.code and f"tcp:{port}" not in opened.out.split():
            return
        done = self._adb("reverse", "--remove", f"tcp:{port}", what=what, seconds=program.QUICK)
        if done.code:
            raise self._failure(what, done.message)

    def property(self, name: str) -> str:
        """A system property such as `ro.product.model`; empty if it is not set."""
        return self.check(f"getprop {shlex.quote(name)}", f"reading {name}").strip()

    def _copy(self, *words: str, what: str, seconds: float) -> None:
        done = self._adb(*words, what=what, seconds=seconds)
        if done.code:
            raise self._failure(what, done.message)

    def _failure(self, what: str, message: str) -> VignetteError:
        """The error for a failed command; checks whether the phone is there, since adb often does not say."""
        state = self._adb("get-state", what=what, seconds=program.QUICK).out.strip()
        return program.failure(what, message, gone="" if state == "device" else self.serial)

    def _adb(self, *words: str, what: str, seconds: float) -> Answer:
        return program.run([self.adb, "-s", self.serial, *words], what, seconds)
