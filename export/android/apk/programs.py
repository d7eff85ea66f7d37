"""Programs from outside, run with one kind of error: the JDK's, and whatever it runs.

Which programs and jars there are belongs to `toolchain`.
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

JDK = 17  # the oldest that will do
APT = "sudo apt install default-jdk-headless maven"
# Short-lived programs start faster so, and leave the other core alone.
JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


def missing_programs() -> list[str]:
    """What has to be installed before an APK can be built, in words; empty where all is there."""
    missing = [f"a JDK ({JDK} or later)"] if _jdk_version() < JDK else []
    if not os.environ.get("ANDROID_HOME") and not shutil.which("mvn"):
        missing.append("Maven")
    return missing


def java(program: str) -> str:
    """The path of a program of the JDK.

    Raises:
        ToolError: No JDK, or one that is too old; Maven is named where it is missing too.
    """
    missing = missing_programs()
    if missing:
        raise ToolError(f"building the APK needs {' and '.join(missing)}, which this machine lacks", APT)
    return _jdk_program(program) or program


def run(*command: object, what: str, environment: Mapping[str, str] | None = None) -> str:
    """What a program prints.

    Args:
        command: The program and its arguments.
        what: What it was for, for the message.
        environment: Added to this process' own.

    Raises:
        ToolError: It failed, or could not be started; the first lines that it said are in the message.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, **(environment or {})},
        )
    except OSError as error:
        raise ToolError(f"{what}: {words[0]} cannot be started: {error.strerror}", APT) from error
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise ToolError(
            f"{what} failed: " + "\n".join(said[:12] or [f"exit code {done.returncode}"]),
            "mend what these words name, then repeat the command",
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
    """Of javac, since a runtime alone does not compile; 0 without one."""
    javac = _jdk_program("javac")
    return _version(javac, Path(javac).stat().st_mtime_ns) if javac else 0


@cache
def _version(javac: str, _changed: int) -> int:
    said = run(javac, "-version", what="asking javac for its version")
    first, second, *_ = (*numbers(said), 0, 0)
    return second if first == 1 else first


def numbers(text: str) -> tuple[int, ...]:
    """The whole numbers in a text, such as a version."""
    return tuple(int(number) for number in re.findall(r"\d+", text))
