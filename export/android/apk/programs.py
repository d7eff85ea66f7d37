"""Runs the JDK and other external programs; every failure is a ToolError.

`toolchain` knows which programs and jars there are.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pipeline.core.errors import ToolError

JDK = 17  # the oldest supported version
APT = "sudo apt install default-jdk-headless maven"
# Short-lived programs start faster with these, and use one core only.
JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


def missing_programs() -> list[str]:
    """What has to be installed before an APK can be built; empty if nothing is missing."""
    missing = [f"a JDK ({JDK} or later)"] if _jdk_version() < JDK else []
    if not os.environ.get("ANDROID_HOME") and not shutil.which("mvn"):
        missing.append("Maven")
    return missing


def java(program: str) -> str:
    """The path of a program of the JDK.

    Raises:
        ToolError: There is no JDK, or it is too old. The message names Maven too if that is missing.
    """
    missing = missing_programs()
    if missing:
        raise ToolError(f"building the APK needs {' and '.join(missing)}", APT)
    return _jdk_program(program) or program


def run(*command: object, what: str, environment: Mapping[str, str] | None = None) -> str:
    """Runs a program that has to succeed; the arguments are those of `call`.

    Returns:
        Its standard output.

    Raises:
        ToolError: It failed or could not be started.
    """
    return require_success(call(*command, what=what, environment=environment), what)


def call(
    *command: object, what: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program.

    Args:
        command: The program and its arguments.
        what: What it is for, for the message.
        environment: Added to the environment of this process.

    Raises:
        ToolError: It could not be started.
    """
    arguments = [str(word) for word in command]
    try:
        return subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, **(environment or {})},
        )
    except OSError as error:
        raise ToolError(f"{what}: {arguments[0]} cannot be started: {error.strerror}", APT) from error


def require_success(done: subprocess.CompletedProcess[str], what: str) -> str:
    """The standard output of a program that has to have succeeded.

    Raises:
        ToolError: It failed; the message quotes its first lines.
    """
    if done.returncode:
        output = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise ToolError(
            f"{what} failed: " + "\n".join(output[:12] or [f"exit code {done.returncode}"]),
            "fix this, then run the command again",
        )
    return done.stdout


def _jdk_program(program: str) -> str | None:
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / program).is_file():
        return str(Path(home) / "bin" / program)
    return shutil.which(program)


def jdk_home() -> Path:
    """The folder of the JDK whose javac is used."""
    return Path(java("javac")).resolve().parents[1]


def _jdk_version() -> int:
    """The version of javac, because a runtime alone cannot compile; 0 if there is none."""
    javac = _jdk_program("javac")
    return _version(javac, Path(javac).stat().st_mtime_ns) if javac else 0


@cache
def _version(javac: str, _changed: int) -> int:
    first, second, *_ = (*numbers(run(javac, "-version", what="asking javac for its version")), 0, 0)
    return second if first == 1 else first


def numbers(text: str) -> tuple[int, ...]:
    """The integers in a text such as a version."""
    return tuple(int(number) for number in re.findall(r"\d+", text))
