"""One phone: its shell, its files, its apps. Every call ends within a time.

What is asked of a phone, and what in its storage belongs to whom, is the callers' to know.
"""

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
_NOT_THERE = 44


class Device:
    """One phone.

    Every method raises PhoneError when the phone is gone or does not answer in time, and
    AccessError where it denies access.

    Args:
        adb: The program's path.
        serial: Which phone, as `adb devices` lists it.
    """

    def __init__(self, adb: str, serial: str) -> None:
        self.adb, self.serial = adb, serial

    def shell(self, command: str, what: str, seconds: float = program.QUICK) -> Answer:
        """What a command line comes to in the phone's own shell.

        Its exit code travels in its output: so a command that failed there is told from a phone
        that went away, whatever version of adb is at either end.

        Args:
            command: For sh; paths in it are quoted by the caller.
            what: What it is for, in words, for the message.
            seconds: How long it may take.
        """
        told = f"{{ {command}\n}}; code=$?; echo; echo {_EXIT}$code"
        done = self._adb("shell", "-n", told, what=what, seconds=seconds)
        said, marker, code = done.out.replace("\r\n", "\n").rpartition(f"\n{_EXIT}")
        if not marker:
            # adb may well call that a success.
            raise self._failure(what, done.said if done.err else "the connection broke")
        return Answer(int(code), said, done.err)

    def check(self, command: str, what: str, seconds: float = program.QUICK) -> str:
        """What a command prints that has to succeed; the arguments are those of `shell`.

        Raises:
            PhoneError: It failed.
        """
        done = self.shell(command, what, seconds)
        if done.code:
            raise self._failure(what, done.said)
        return done.out

    def read(self, path: str) -> str | None:
        """The text of a file; None where there is none."""
        what, quoted = f"reading {path}", shlex.quote(path)
        # Looked for only after it could not be read: the app may remove it in between.
        done = self.shell(
            f"cat {quoted} || if [ -e {quoted} ]; then (exit 1); else (exit {_NOT_THERE}); fi", what
        )
        if done.code == _NOT_THERE:
            return None
        if done.code:
            raise self._failure(what, done.said)
        return done.out

    def names(self, folder: str) -> list[str]:
        """What lies in a folder, in order; nothing where there is no such folder."""
        quoted = shlex.quote(folder)
        listed = self.check(f"if [ -d {quoted} ]; then ls -1A {quoted}; fi", f"reading {folder}")
        return sorted(line for line in listed.splitlines() if line)

    def push(self, local: Path, remote: str, seconds: float = program.SLOW) -> None:
        """Copies a file to the phone; folders that are missing there are made.

        Raises:
            PhoneError: The phone's storage is full.
        """
        self._copy("push", str(local), remote, what=f"copying {local} to the phone", seconds=seconds)

    def pull(self, remote: str, local: Path, seconds: float = program.SLOW) -> None:
        """Copies a file, or a folder with all that is in it, from the phone.

        Args:
            remote: On the phone.
            local: A file's new name; for a folder, a folder that is there: it is put inside.
            seconds: How long it may take.

        Raises:
            PhoneError: It is not there.
            StorageError: The folder for it cannot be made.
        """
        files.make_folder(local.parent)
        self._copy("pull", remote, str(local), what=f"copying {remote} from the phone", seconds=seconds)

    def remove(self, paths: Iterable[str], below: str) -> None:
        """Removes files and folders; what is not there is no error.

        Args:
            paths: What to remove.
            below: Where they lie; nothing else is ever removed.

        Raises:
            ValueError: A path lies elsewhere: a mistake in this program.
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
            Nothing; or why Android refused, e.g. `INSTALL_FAILED_OLDER_SDK`, with what follows it.
        """
        what = f"installing {apk}"
        done = self._adb("install", "-r", str(apk), what=what, seconds=seconds)
        if done.code == 0 and re.search(r"^Success$", done.out, re.MULTILINE):
            return ""
        refused = re.search(r"INSTALL_\w+(?:: [^\]\n]*)?", f"{done.err}\n{done.out}")
        if not refused:
            raise self._failure(what, done.said)
        return refused[0]

    def property(self, name: str) -> str:
        """A system property such as `ro.product.model`; empty where the phone has none."""
        return self.check(f"getprop {shlex.quote(name)}", f"asking for {name}").strip()

    def _copy(self, *words: str, what: str, seconds: float) -> None:
        done = self._adb(*words, what=what, seconds=seconds)
        if done.code:
            raise self._failure(what, done.said)

    def _failure(self, what: str, said: str) -> VignetteError:
        """The error for a command that failed; adb's words often leave open whether the phone is there."""
        state = self._adb("get-state", what=what, seconds=program.QUICK).out.strip()
        return program.failure(what, said, gone="" if state == "device" else self.serial)

    def _adb(self, *words: str, what: str, seconds: float) -> Answer:
        return program.run([self.adb, "-s", self.serial, *words], what, seconds)
