"""Fetches artifacts with Maven's own resolver and strict checksums.

Maven's settings, mirrors and local repository are the user's. `toolchain` and `runtime` decide which
artifacts they need.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from export.android.apk import programs
from pipeline.core import documents, files
from pipeline.core.documents import DocumentError
from pipeline.core.errors import ToolError

_POM = Path(__file__).with_name("pom.xml")
_NAMESPACE = "http://maven.apache.org/POM/4.0.0"
_DEPENDENCY_LIST = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:list"
_REMEMBERED = "artifacts.json"


def fetch(artifacts: Sequence[str], cache: Path) -> list[Path]:
    """The paths of artifacts in Maven's local repository, in order.

    Only what was not fetched before is fetched: from Maven's default repository, else from Google's.

    Args:
        artifacts: `group:artifact:type:version`, each artifact in one version only.
        cache: A folder for the list of what was fetched.

    Raises:
        ToolError: Maven is missing, or could not fetch something.
    """
    known = _remembered(cache)
    absent = [artifact for artifact in artifacts if artifact not in known]
    if absent:
        known |= _ask_maven(absent, cache)
        files.write_json(cache / _REMEMBERED, {name: str(path) for name, path in sorted(known.items())})
    return [known[artifact] for artifact in artifacts]


def _remembered(cache: Path) -> dict[str, Path]:
    try:
        entries = documents.object_of((cache / _REMEMBERED).read_bytes())
    except (OSError, DocumentError):
        return {}
    return {
        name: Path(path) for name, path in entries.items() if isinstance(path, str) and Path(path).is_file()
    }


def _ask_maven(artifacts: Sequence[str], cache: Path) -> dict[str, Path]:
    if not shutil.which("mvn"):
        raise ToolError("building the APK needs Maven", programs.APT)
    ET.register_namespace("", _NAMESPACE)
    root = ET.parse(_POM).getroot()  # noqa: S314  (a file of this repository)
    listing = _element(root, "dependencies")
    for artifact in artifacts:
        dependency = _element(listing, "dependency")
        for key, value in zip(("groupId", "artifactId", "type", "version"), artifact.split(":"), strict=True):
            _element(dependency, key, value)
        everything = _element(_element(dependency, "exclusions"), "exclusion")
        _element(everything, "groupId", "*")
        _element(everything, "artifactId", "*")
    files.write_text(cache / "pom.xml", ET.tostring(root, encoding="unicode"))
    listed = cache / "artifacts.txt"
    command = ("mvn", "-q", "-B", "-ntp", "-C", "-f", cache / "pom.xml", _DEPENDENCY_LIST)
    options = ("-DoutputAbsoluteArtifactFilename=true", f"-DoutputFile={listed.absolute()}")
    what = "fetching " + ", ".join(artifact.split(":")[1] for artifact in artifacts)
    environment = {"MAVEN_OPTS": " ".join((*programs.JVM, os.environ.get("MAVEN_OPTS", "")))}
    try:
        programs.run(*command, *options, what=what, environment=environment)
    except ToolError:
        programs.run(*command, *options, "-Pgoogle", what=what, environment=environment)
    paths = {}
    for line in listed.read_text("utf-8").splitlines():
        match = re.match(r"\s*([^:\s]+:[^:]+:[^:]+:[^:]+):compile:(.+?)(?: -- module .*)?$", line)
        if match:
            paths[match[1]] = Path(match[2])
    listed.unlink()
    absent = [artifact for artifact in artifacts if artifact not in paths]
    if absent:
        raise ToolError(
            f"Maven did not list {', '.join(absent)}",
            "run the command again, or run make setup, which fetches everything",
        )
    return paths


def _element(parent: ET.Element, name: str, text: str | None = None) -> ET.Element:
    element = ET.SubElement(parent, f"{{{_NAMESPACE}}}{name}")
    element.text = text
    return element
