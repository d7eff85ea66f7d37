"""The runtime inside the app: TensorFlow Lite's archives, or LiteRT's, and what they can run.

The classes are `org.tensorflow.lite` in both. Tables of operator versions lie in
`operator_versions/`, one a version of the runtime.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from export.android.apk import maven, toolchain
from export.model_file.operators import Operator
from pipeline.core.errors import GateError, UsageError

# What the app's code needs; LiteRT divides them over two archives.
CLASSES = ("org/tensorflow/lite/Interpreter.class", "org/tensorflow/lite/InterpreterApi.class")


@dataclass(frozen=True)
class Runtime:
    """A runtime's archives, opened.

    Attributes:
        name: In words, e.g. `tensorflow-lite 2.16.1`.
        version: As the native library says it; empty if it does not.
        classes: The `classes.jar` of every archive, in order.
        libraries: Native libraries by their path in the APK, e.g. `lib/arm64-v8a/libx.so`.
    """

    name: str
    version: str
    classes: tuple[bytes, ...]
    libraries: Mapping[str, bytes]


def pinned(versions: Mapping[str, str], cache: Path) -> Runtime:
    """The runtime that `versions.properties` pins.

    Raises:
        ToolError: Maven could not fetch it.
        UsageError: It has no library for one of the ABIs.
    """
    entries = [versions["tensorflow_lite"], versions["tensorflow_lite_api"]]
    archives = maven.fetch([toolchain.coordinate(entry, "aar") for entry in entries], cache)
    _, artifact, version = entries[0].split(":")
    return open_archives(archives, versions["abis"].split(","), f"{artifact} {version}")


def open_archives(archives: Sequence[Path], abis: Sequence[str], name: str = "") -> Runtime:
    """The runtime in a set of Android archives.

    Args:
        archives: .aar files.
        abis: The processors that the app is for, e.g. `arm64-v8a`.
        name: In words; from the names of the files without it.

    Raises:
        UsageError: A file is no archive, or classes or libraries are missing.
    """
    jars, libraries = [], {}
    for path in archives:
        try:
            with zipfile.ZipFile(path) as archive:
                jars.append(archive.read("classes.jar"))
                for entry in sorted(archive.namelist()):
                    match = re.fullmatch(r"jni/([^/]+)/([^/]+\.so)", entry)
                    if match and match[1] in abis:
                        libraries[f"lib/{match[1]}/{match[2]}"] = archive.read(entry)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise UsageError(
                f"{path} is no Android archive: {error}", "--runtime takes LiteRT's .aar files"
            ) from error
    files = ", ".join(path.name for path in archives)
    held = {entry for jar in jars for entry in zipfile.ZipFile(io.BytesIO(jar)).namelist()}
    absent = [entry for entry in CLASSES if entry not in held]
    if absent:
        raise UsageError(
            f"{files} lacks {', '.join(e.removesuffix('.class').replace('/', '.') for e in absent)}",
            "LiteRT divides its classes over two archives, litert and litert-api: give both",
        )
    without = [abi for abi in abis if not any(path.startswith(f"lib/{abi}/") for path in libraries)]
    if without:
        raise UsageError(f"{files} has no library for {', '.join(without)}", "the app needs one for each ABI")
    name = name or " + ".join(path.stem for path in archives)
    return Runtime(name, _version(libraries), tuple(jars), libraries)


def require(operators: Sequence[Operator], runtime: str, model: str) -> None:
    """Refuses a model that the runtime cannot run.

    Args:
        operators: From `compare`.
        runtime: Its name, for the message.
        model: The file's name, for the message.

    Raises:
        GateError: An operator is newer than the runtime's, or unknown to it.
    """
    beyond = [operator for operator in operators if operator.fits is False]
    if beyond:
        words = ", ".join(
            f"{op.name} version {op.model} ({f'runs up to {op.runtime}' if op.runtime else 'unknown to it'})"
            for op in beyond
        )
        raise GateError(
            f"{runtime} inside the app cannot run {model}: {words}",
            "use the int8 file, or put a newer runtime inside: --runtime litert.aar --runtime litert-api.aar",
        )


def _version(libraries: Mapping[str, bytes]) -> str:
    """The one version number that stands as a string of its own in every native library."""
    found = [set(re.findall(rb"\0(\d+\.\d+\.\d+)(?=\0)", data)) for data in libraries.values()]
    common = set.intersection(*found) if found else set()
    return common.pop().decode() if len(common) == 1 else ""
