"""The versions that the Android app pins in `versions.properties`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.core.errors import ConfigError
from pipeline.core.packages import ROOT

PROJECT = ROOT / "android_demo"
VERSIONS = "versions.properties"
# The entries of versions.properties for the pinned build tools.
PINNED = ("apktool_lib", "android_all", "r8", "apksig")


def read_versions(project: Path) -> dict[str, str]:
    """The entries of the Android project's `versions.properties`.

    Raises:
        ConfigError: It is missing or incomplete.
    """
    path = project / VERSIONS
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", "restore it from the repository"
        ) from error
    entries = (line.partition("=") for line in lines if line.strip() and not line.startswith("#"))
    versions = {key.strip(): value.strip() for key, _, value in entries}
    needed = (
        "application_id",
        "version_code",
        "version_name",
        "min_sdk",
        "target_sdk",
        "compile_sdk",
        "abis",
    )
    absent = [
        key for key in (*needed, "tensorflow_lite", "tensorflow_lite_api", *PINNED) if not versions.get(key)
    ]
    if absent:
        raise ConfigError(f"{path} lacks {', '.join(absent)}", "restore it from the repository")
    return versions


def pinned_version(versions: Mapping[str, str]) -> str:
    """The version of the runtime that `versions.properties` pins."""
    return versions["tensorflow_lite"].rsplit(":", 1)[1]
