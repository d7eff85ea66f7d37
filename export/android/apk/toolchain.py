"""The programs that build the APK, from an Android SDK or fetched by Maven.

If ANDROID_HOME is set, the SDK's aapt2, D8, android.jar and apksig are used. Otherwise Maven resolves
the artifacts that `android_demo/versions.properties` pins, with strict checksums. `build` and
`signature` run them.
"""

from __future__ import annotations

import os
import platform
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from export import app_versions
from export.android.apk import maven, programs
from pipeline.core import files, runs
from pipeline.core.errors import ToolError, UsageError

CACHE = runs.CACHE / "android"


@dataclass(frozen=True)
class Toolchain:
    """The programs and jars of a build.

    Attributes:
        origin: Where they come from, as a phrase.
        aapt2: Compiles and links resources.
        android: The Android classes and resources that the app is compiled against.
        libraries: Where D8 looks up library classes.
        d8: The jar with `com.android.tools.r8.D8`.
        apksig: The jar with `com.android.apksig`.
    """

    origin: str
    aapt2: Path
    android: Path
    libraries: tuple[Path, ...]
    d8: Path
    apksig: Path


def coordinate(entry: str, kind: str = "jar") -> str:
    """Inserts the file type into `group:artifact:version`, where Maven expects it."""
    group, artifact, version = entry.split(":")
    return f"{group}:{artifact}:{kind}:{version}"


def find(versions: Mapping[str, str], cache: Path = CACHE) -> Toolchain:
    """Finds the SDK's toolchain if ANDROID_HOME is set, else fetches the pinned one.

    Args:
        versions: The entries of `versions.properties`.
        cache: A folder for unpacked programs.

    Raises:
        ToolError: Something is missing.
        UsageError: ANDROID_HOME is not a usable SDK.
    """
    sdk = os.environ.get("ANDROID_HOME")
    programs.java("javac")
    return _from_sdk(Path(sdk), versions) if sdk else _from_maven(versions, cache)


def _from_sdk(sdk: Path, versions: Mapping[str, str]) -> Toolchain:
    level = int(versions["compile_sdk"])
    hint = (
        f"sdkmanager 'build-tools;{level}.0.0' 'platforms;android-{level}', "
        "or unset ANDROID_HOME to build with pinned artifacts"
    )
    needed = ("aapt2", "lib/d8.jar", "lib/apksigner.jar")
    installed = sorted((sdk / "build-tools").glob("*/"), key=lambda folder: programs.numbers(folder.name))
    tools = next(
        (folder for folder in reversed(installed) if all((folder / n).is_file() for n in needed)), None
    )
    if tools is None:
        raise UsageError(f"ANDROID_HOME={sdk} has no build-tools with {', '.join(needed)}", hint)
    android = sdk / "platforms" / f"android-{level}" / "android.jar"
    if not android.is_file():
        raise UsageError(f"ANDROID_HOME={sdk} has no platforms/android-{level}/android.jar", hint)
    return Toolchain(
        origin=f"Android SDK: build-tools {tools.name}, platform {level}",
        aapt2=tools / "aapt2",
        android=android,
        libraries=(android,),
        d8=tools / "lib/d8.jar",
        apksig=tools / "lib/apksigner.jar",
    )


def _from_maven(versions: Mapping[str, str], cache: Path) -> Toolchain:
    artifacts = [coordinate(versions[name]) for name in app_versions.PINNED]
    jars = dict(zip(app_versions.PINNED, maven.fetch(artifacts, cache), strict=True))
    unpacked = cache / versions["apktool_lib"].replace(":", "-")
    aapt2 = _unpack(jars["apktool_lib"], _aapt2_inside(), unpacked / "aapt2")
    pinned = ", ".join(":".join(versions[name].split(":")[1:]) for name in app_versions.PINNED)
    return Toolchain(
        origin=f"Maven: {pinned}",
        aapt2=aapt2,
        android=jars["android_all"],
        # android-all does not contain java.*, so that comes from the JDK.
        libraries=(jars["android_all"], programs.jdk_home()),
        d8=jars["r8"],
        apksig=jars["apksig"],
    )


def _aapt2_inside() -> str:
    folder = {
        ("Linux", "x86_64"): "linux",
        ("Darwin", "x86_64"): "macosx",
        ("Darwin", "arm64"): "macosx",
    }.get((platform.system(), platform.machine()))
    if folder is None:
        raise ToolError(
            f"there is no pinned aapt2 for {platform.system()} on {platform.machine()}",
            "install the Android SDK and set ANDROID_HOME",
        )
    return f"prebuilt/{folder}/aapt2"


def _unpack(archive: Path, entry: str, to: Path) -> Path:
    """Extracts one entry of a zip as an executable file, unless that is done already."""
    if not to.is_file():
        with zipfile.ZipFile(archive) as opened, files.replacing(to) as beside:
            beside.write_bytes(opened.read(entry))
            beside.chmod(0o755)
    return to
