"""Builds the Android app around a bundle: resources, classes, dex, zip, signature.

The sources are those in `android_demo`, which Gradle builds, too. `toolchain` finds the programs,
`runtime` the runtime inside; `apk_info` describes the finished file.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from export import app_versions
from export.android.apk import apk_info, archive, assets, programs, runtime, signature, toolchain
from export.android.apk.apk_info import ApkInfo, Origin, RuntimeInside
from export.android.apk.runtime import Runtime
from export.android.apk.toolchain import Toolchain
from export.android.apk.verdict import Verdict
from export.bundle import bundle as bundles
from export.model_file import operators
from pipeline.core import files
from pipeline.core.errors import ConfigError, storage_error
from pipeline.core.progress import Progress, silent

_STAGE = "building the APK"
SOURCES = Path("app/src/main")
_ANDROID = "http://schemas.android.com/apk/res/android"
_STEPS = ("tools", "resources", "classes", "dex", "zip", "signature", "description")


@dataclass(frozen=True)
class _Site:
    """Where one APK is being built."""

    sources: Path
    folder: Path
    versions: Mapping[str, str]
    tools: Toolchain


def build_apk(
    bundle: Path,
    out: Path,
    *,
    others: Mapping[Path, Verdict | None] = {},
    archives: Sequence[Path] = (),
    keystore: Path | None = None,
    flavour: str = "",
    verdict: Verdict | None = None,
    abis: Sequence[str] = (),
    project: Path = app_versions.PROJECT,
    cache: Path = toolchain.CACHE,
    progress: Progress = silent,
) -> ApkInfo:
    """Builds a signed release APK with a bundle inside.

    The same inputs give the same bytes if the key is an RSA key; other kinds sign with random numbers.

    Args:
        bundle: A bundle's folder.
        out: The .apk to write.
        others: Bundles of the other flavours, to benchmark and to switch to, each with its verdict.
        archives: LiteRT's .aar files, to replace the pinned runtime.
        keystore: The user's own; its password is in VIGNETTE_KEYSTORE_PASSWORD.
        flavour: The bundle's flavour, for `ApkInfo`.
        verdict: What the gate says about the model; None if it was not asked.
        abis: The processors to support; empty for those of `versions.properties`.
        project: The Android project.
        cache: A folder for unpacked tools.
        progress: Called after every step.

    Raises:
        BundleError: The bundle's files do not belong together.
        GateError: The runtime cannot run a model.
        UsageError: An archive, the keystore or ANDROID_HOME is unusable.
        ConfigError: The project is incomplete.
        ToolError: A program is missing or failed.
        StorageError: The APK could not be written.
    """
    steps = iter(range(1, len(_STEPS) + 1))
    progress(_STAGE, 0, len(_STEPS))

    def advance() -> None:
        progress(_STAGE, next(steps), len(_STEPS))

    whole = bundles.read(bundle)
    rest = [(bundles.read(folder), own) for folder, own in others.items()]
    versions = app_versions.read_versions(project)
    if abis:
        versions = {**versions, "abis": ",".join(abis)}
    files.make_folder(out.parent)
    inside = runtime.open_archives(archives, versions["abis"].split(",")) if archives else None
    version = inside.version if inside else app_versions.pinned_version(versions)
    # Refuse before anything is fetched or built.
    for one in (whole, *(other for other, _ in rest)):
        name = inside.name if inside else f"tensorflow-lite {version}"
        runtime.require(operators.compare(one.data, version), name, one.model.name)
    tools = toolchain.find(versions, cache)
    inside = inside or runtime.pinned(versions, cache)
    key = signature.choose_key(keystore, cache.parent.with_name("keys") / signature.OWN.name)
    advance()
    min_sdk = int(versions["min_sdk"])
    with tempfile.TemporaryDirectory(prefix="vignette-apk-") as temporary:
        site = _Site(project / SOURCES, Path(temporary), versions, tools)
        try:
            resources = _resources(site)
            advance()
            jars = _unpack_classes(site, inside)
            classes = _compile(site, jars)
            advance()
            dex = _dex(site, classes, jars)
            advance()
            unsigned = site.folder / "unsigned.apk"
            _zip(unsigned, resources, dex, assets.contents(whole, verdict, rest), inside)
        except OSError as error:
            raise storage_error(site.folder, error) from error
        advance()
        with files.replacing(out) as beside:
            signature.sign(tools.apksig, key, unsigned, beside, min_sdk)
        advance()
    origin = Origin(
        built_with=tools.origin,
        model=f"{whole.contract.model.file}, sha256 {whole.contract.model.sha256}",
        runtime=RuntimeInside(
            name=inside.name,
            version=inside.version,
            operators=tuple(operators.compare(whole.data, version)),
        ),
        flavour=flavour,
        benchmarked=tuple(one.contract.flavour for one, _ in rest),
        verdict=verdict,
    )
    verified = signature.verify(tools.apksig, out, min_sdk, key.origin)
    info = apk_info.describe(out, tools, verified, origin)
    apk_info.require(info)
    advance()
    return info


def fetch(
    project: Path = app_versions.PROJECT,
    cache: Path = toolchain.CACHE,
    progress: Progress = silent,
) -> str:
    """Fetches everything that a build needs, so that it works offline.

    Args:
        project: The Android project.
        cache: A folder for unpacked tools.
        progress: Called at the beginning and at the end.

    Returns:
        Where the tools come from, as a phrase.

    Raises:
        ToolError: A JDK or Maven is missing, or Maven could not fetch something.
        UsageError: ANDROID_HOME is not a usable SDK.
        ConfigError: There is no such project.
    """
    progress("fetching the build tools", 0, 1)
    versions = app_versions.read_versions(project)
    tools = toolchain.find(versions, cache)
    runtime.pinned(versions, cache)
    progress("fetching the build tools", 1, 1)
    return tools.origin


def _manifest(site: _Site) -> Path:
    """Writes the manifest with what Gradle would add."""
    path = site.sources / "AndroidManifest.xml"
    ET.register_namespace("android", _ANDROID)
    try:
        root = ET.fromstring(path.read_text("utf-8"))  # noqa: S314  (a file of this repository)
    except (OSError, ET.ParseError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "restore it from the repository") from error
    root.set("package", site.versions["application_id"])
    for application in root.iter("application"):
        # Android maps the libraries from the APK, where they are stored and aligned.
        application.set(f"{{{_ANDROID}}}extractNativeLibs", "false")
    merged = site.folder / "AndroidManifest.xml"
    merged.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
    return merged


def _resources(site: _Site) -> Path:
    """Writes an archive with the manifest and the resources, and R.java beside it."""
    compiled, linked = site.folder / "resources.zip", site.folder / "resources.apk"
    aapt2, versions = site.tools.aapt2, site.versions
    what = "compiling resources"
    programs.run(aapt2, "compile", "--dir", site.sources / "res", "-o", compiled, what=what)
    programs.run(
        *(aapt2, "link", "-I", site.tools.android, "--manifest", _manifest(site)),
        *("--java", site.folder / "generated", "-o", linked),
        *("--min-sdk-version", versions["min_sdk"], "--target-sdk-version", versions["target_sdk"]),
        *("--version-code", versions["version_code"], "--version-name", versions["version_name"]),
        compiled,
        what="linking resources",
    )
    return linked


def _unpack_classes(site: _Site, inside: Runtime) -> list[Path]:
    jars = []
    for number, data in enumerate(inside.classes):
        jars.append(site.folder / f"runtime-{number}.jar")
        jars[-1].write_bytes(data)
    return jars


def _compile(site: _Site, jars: Sequence[Path]) -> list[Path]:
    """Compiles the app for Java 8, which every Android since API level 26 supports."""
    sources = [
        *sorted((site.sources / "java").rglob("*.java")),
        *sorted(site.folder.glob("generated/**/*.java")),
    ]
    classes = site.folder / "classes"
    options = ("-nowarn", "-Xlint:-options", "--release", "8", "-encoding", "UTF-8", "-g", "-proc:none")
    path = ":".join(str(jar) for jar in (site.tools.android, *jars))
    javac = programs.java("javac")
    flags = (f"-J{flag}" for flag in programs.JVM)
    programs.run(javac, *flags, *options, "-cp", path, "-d", classes, *sources, what="compiling the app")
    return sorted(classes.rglob("*.class"))


def _dex(site: _Site, classes: Sequence[Path], jars: Sequence[Path]) -> list[Path]:
    folder = site.folder / "dex"
    folder.mkdir()
    libraries = [word for library in site.tools.libraries for word in ("--lib", library)]
    programs.run(
        *(programs.java("java"), *programs.JVM, "-cp", site.tools.d8, "com.android.tools.r8.D8"),
        *(
            "--release",
            "--min-api",
            site.versions["min_sdk"],
            *libraries,
            "--output",
            folder,
            *classes,
            *jars,
        ),
        what="making dex files",
    )
    return sorted(folder.glob("classes*.dex"))


def _zip(out: Path, resources: Path, dex: Sequence[Path], held: Mapping[str, bytes], inside: Runtime) -> None:
    with zipfile.ZipFile(resources) as linked:
        entries = [
            archive.Content(
                info.filename,
                linked.read(info),
                stored=info.compress_type == zipfile.ZIP_STORED or info.filename == "resources.arsc",
            )
            for info in sorted(linked.infolist(), key=lambda info: info.filename)
        ]
    entries += [archive.Content(path.name, path.read_bytes(), stored=False) for path in dex]
    entries += [
        archive.Content(f"assets/{name}", data, stored=name.endswith(".tflite"))
        for name, data in sorted(held.items())
    ]
    entries += [archive.Content(name, data, stored=True) for name, data in sorted(inside.libraries.items())]
    # The manifest comes first, as everywhere; then what leaves the widest gaps, for the others to fill.
    entries.sort(key=lambda one: (one.name != "AndroidManifest.xml", -archive.alignment(one.name)))
    archive.write(out, entries)
