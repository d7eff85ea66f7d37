"""The runtime inside the app: the archives of TensorFlow Lite or LiteRT, and what they can run.

Both have the same classes, `org.tensorflow.lite`.
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
from pipeline.core import filetypes
from pipeline.core.errors import GateError, ToolError, UsageError

# The classes that the app uses; LiteRT splits them over two archives.
CLASSES = ("org/tensorflow/lite/Interpreter.class", "org/tensorflow/lite/InterpreterApi.class")
ARM64 = "lib/arm64-v8a/libtensorflowlite_jni.so"


@dataclass(frozen=True)
class Runtime:
    """A runtime's archives, opened.

    Attributes:
        name: For messages, e.g. `tensorflow-lite 2.16.1`.
        version: The version in the native library; empty if there is none.
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
        UsageError: It has no library for one of the processors.
    """
    entries = [versions["tensorflow_lite"], versions["tensorflow_lite_api"]]
    archives = maven.fetch([toolchain.coordinate(entry, "aar") for entry in entries], cache)
    _, artifact, version = entries[0].split(":")
    return open_archives(archives, versions["abis"].split(","), f"{artifact} {version}")


def open_archives(archives: Sequence[Path], abis: Sequence[str], name: str = "") -> Runtime:
    """The runtime in a set of Android archives.

    Args:
        archives: .aar files.
        abis: The processors that the app supports, e.g. `arm64-v8a`.
        name: For messages; default: the names of the files.

    Raises:
        UsageError: A file is not an archive, or classes or libraries are missing.
    """
    jars, held, libraries = [], set(), {}
    for path in archives:
        try:
            with zipfile.ZipFile(path) as archive:
                jars.append(archive.read("classes.jar"))
                held.update(zipfile.ZipFile(io.BytesIO(jars[-1])).namelist())
                for entry in sorted(archive.namelist()):
                    match = re.fullmatch(r"jni/([^/]+)/([^/]+\.so)", entry)
                    if match and match[1] in abis:
                        libraries[f"lib/{match[1]}/{match[2]}"] = archive.read(entry)
        except filetypes.ZIP_ERRORS as error:
            raise UsageError(
                f"{path} is not an Android archive: {error}", "--runtime takes LiteRT's .aar files"
            ) from error
    files = ", ".join(path.name for path in archives)
    absent = [entry for entry in CLASSES if entry not in held]
    if absent:
        raise UsageError(
            f"{files} lacks {', '.join(e.removesuffix('.class').replace('/', '.') for e in absent)}",
            "LiteRT splits its classes over two archives: give both litert and litert-api",
        )
    without = [abi for abi in abis if not any(path.startswith(f"lib/{abi}/") for path in libraries)]
    if without:
        raise UsageError(
            f"{files} has no library for {', '.join(without)}", "the app needs one for each processor"
        )
    name = name or " + ".join(path.stem for path in archives)
    return Runtime(name, _version(libraries), tuple(jars), libraries)


def library_inside(apk: Path) -> bytes | None:
    """An app's native library for arm64; None if there is no such app, or it has none.

    Raises:
        ToolError: The file is not an APK.
    """
    try:
        with zipfile.ZipFile(apk) as archive:
            return archive.read(ARM64)
    except (FileNotFoundError, KeyError):
        return None
    except filetypes.ZIP_ERRORS as error:
        raise ToolError(f"{apk} cannot be read: {error}", "build it again: python -m export apk") from error


def require(operators: Sequence[Operator], runtime: str, model: str) -> None:
    """Refuses a model that the runtime cannot run.

    Args:
        operators: What `operators.compare` returned.
        runtime: The runtime's name, for the message.
        model: The file's name, for the message.

    Raises:
        GateError: The runtime does not know an operator, or only an older version of it.
    """
    beyond = [operator for operator in operators if operator.fits is False]
    if beyond:
        listed = ", ".join(
            f"{op.name} version {op.model} ({f'supported up to {op.runtime}' if op.runtime else 'unknown'})"
            for op in beyond
        )
        raise GateError(
            f"{runtime} inside the app cannot run {model}: {listed}",
            "use the int8 file, or a newer runtime: --runtime litert.aar --runtime litert-api.aar",
        )


def _version(libraries: Mapping[str, bytes]) -> str:
    """The only version number that every native library contains as a string."""
    numbers = [set(re.findall(rb"\0(\d+\.\d+\.\d+)(?=\0)", data)) for data in libraries.values()]
    common = set.intersection(*numbers) if numbers else set()
    return common.pop().decode() if len(common) == 1 else ""
