"""apk.json: what a finished APK is, read from the file itself, and in sentences that a user can act on."""

from __future__ import annotations

import hashlib
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pydantic import computed_field

from export.android.apk import archive, programs
from export.android.apk.signature import Signature
from export.android.apk.toolchain import Toolchain
from export.android.apk.verdict import Verdict
from export.model_file.operators import Operator
from pipeline.core.documents import Document
from pipeline.core.errors import ToolError

_BUILD_AGAIN = "build it again: python -m export apk"
# Only 64-bit processors use memory pages of 16 KB.
_WIDE_ABIS = ("arm64-v8a", "x86_64")


class Library(Document):
    """A native library.

    Attributes:
        path: Its path in the APK.
        size_bytes: Its size.
        alignment_bytes: The smallest alignment of its LOAD segments.
    """

    path: str
    size_bytes: int
    alignment_bytes: int


class RuntimeInside(Document):
    """The runtime, and each operator of the model with the highest version that the runtime supports."""

    name: str
    version: str
    operators: tuple[Operator, ...]


class Sizes(Document):
    """Bytes in the file, as compressed there."""

    whole: int
    dex: int
    libraries: int
    model: int
    other: int


class ApkInfo(Document):
    """Everything that is known about an APK.

    Attributes:
        file: Its name.
        sha256: Of the file.
        package: The application id.
        version: Version name and code, e.g. `1.0 (1)`.
        min_sdk: The oldest API level that it supports.
        target_sdk: The API level that it targets.
        debuggable: Whether it is a debug build.
        abis: The processors that it has libraries for.
        libraries: Its native libraries.
        permissions: The permissions that it requests.
        sizes: The sizes of its parts.
        misaligned: Stored entries that Android could not map; empty in a sound file.
        built_with: The tools.
        model: The model's file and sha256.
        runtime: The runtime that runs the model.
        signature: Its signature.
        flavour: The model's flavour; empty if it was built from a bare bundle.
        benchmarked: The other flavours that it holds, to benchmark and to switch to.
        verdict: What the gate says about the model; None if it was not asked.
    """

    file: str
    sha256: str
    package: str
    version: str
    min_sdk: int
    target_sdk: int
    debuggable: bool
    abis: tuple[str, ...]
    libraries: tuple[Library, ...]
    permissions: tuple[str, ...]
    sizes: Sizes
    misaligned: tuple[str, ...]
    built_with: str
    model: str
    runtime: RuntimeInside
    signature: Signature
    flavour: str = ""
    benchmarked: tuple[str, ...] = ()
    verdict: Verdict | None = None

    @computed_field
    @property
    def ready_for_16_kb(self) -> bool:
        """Whether every 64-bit library can be mapped on phones with memory pages of 16 KB."""
        return not self._narrow

    @computed_field
    @property
    def words(self) -> dict[str, str]:
        """The rows of a table: what, and what was found."""
        operators = [
            f"{op.name} {op.model}/{'?' if op.runtime is None else op.runtime}"
            for op in self.runtime.operators
        ]
        rows = {
            "application": f"{self.package} {self.version}, Android API {self.min_sdk} to {self.target_sdk}",
            "build": "debuggable" if self.debuggable else "release, not debuggable",
            "processors": ", ".join(self.abis),
            "model": self.model,
            "runtime": self.runtime.name,
            "operators": f"version needed/highest supported by the runtime: {', '.join(operators)}",
            "operators fit": self._operators_text(),
            "16 KB pages": self._pages_text(),
            "permissions": ", ".join(self.permissions) or "none",
            "signature": self._signature_text(),
            "sizes": self._sizes_text(),
            "built with": self.built_with,
        }
        if self.benchmarked:
            rows["also inside"] = f"{', '.join(self.benchmarked)}, to benchmark and to switch to"
        return rows | ({"gate": f"{self.flavour}: {self.verdict}"} if self.verdict else {})

    @property
    def _narrow(self) -> list[Library]:
        wide = [library for library in self.libraries if library.path.split("/")[1] in _WIDE_ABIS]
        return [library for library in wide if library.alignment_bytes % archive.PAGE]

    def _operators_text(self) -> str:
        if any(operator.fits is None for operator in self.runtime.operators):
            version = self.runtime.version or "of unknown version"
            return f"not checked: there is no table of operator versions for runtime {version}"
        return "yes, all of them"

    def _pages_text(self) -> str:
        if not self._narrow:
            return "ready: every 64-bit library is aligned for memory pages of 16 KB"
        least = min(library.alignment_bytes for library in self._narrow) // 1024
        names = ", ".join(library.path for library in self._narrow)
        return (
            f"not ready: {names} is aligned for {least} KB pages. It runs on phones with 4 KB pages; phones "
            "with 16 KB pages refuse it on Android 15 and run it in a compatibility mode from Android 16 on; "
            "the Play Store rejects it. LiteRT's newer archives are ready: --runtime FILE.aar"
        )

    def _signature_text(self) -> str:
        if not self.signature.verified:
            return "invalid: " + "; ".join(self.signature.errors)
        schemes = " and ".join(f"v{scheme}" for scheme in self.signature.schemes)
        return f"valid ({schemes}), by {self.signature.key}, certificate sha256 {self.signature.sha256[:16]}…"

    def _sizes_text(self) -> str:
        parts = self.sizes.model_dump()
        whole = parts.pop("whole")
        listed = ", ".join(f"{name} {size / 1e6:.2f}" for name, size in parts.items())
        return f"{whole / 1e6:.2f} MB: {listed}"


@dataclass(frozen=True)
class Origin:
    """What the finished file does not say about itself; the attributes are those of `ApkInfo`."""

    built_with: str
    model: str
    runtime: RuntimeInside
    flavour: str
    benchmarked: tuple[str, ...]
    verdict: Verdict | None


def describe(path: Path, tools: Toolchain, signature: Signature, origin: Origin) -> ApkInfo:
    """Describes a finished APK.

    Args:
        path: A signed APK.
        tools: For aapt2, which reads the manifest.
        signature: As it was verified.
        origin: What the file does not say about itself.

    Raises:
        ToolError: The file is no APK.
    """
    badging = programs.run(tools.aapt2, "dump", "badging", path, what=f"reading {path.name}")

    def value(pattern: str) -> str:
        match = re.search(pattern, badging, re.MULTILINE)
        if match is None:
            raise ToolError(f"aapt2 finds no {pattern} in {path.name}", _BUILD_AGAIN)
        return match[1]

    version_name = value(r"^package: .*versionName='([^']*)'")
    version_code = value(r"^package: .*versionCode='(\d+)'")
    entries = archive.entries(path)
    with zipfile.ZipFile(path) as opened:
        natives = [(entry, opened.read(entry.name)) for entry in entries if entry.name.startswith("lib/")]
    libraries = tuple(
        Library(path=e.name, size_bytes=e.size_bytes, alignment_bytes=archive.load_alignment(data))
        for e, data in natives
    )
    whole = path.stat().st_size
    dex = sum(e.size_bytes for e in entries if e.name.endswith(".dex"))
    model = sum(e.size_bytes for e in entries if e.name.endswith(".tflite"))
    native = sum(e.size_bytes for e, _ in natives)
    return ApkInfo(
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        package=value(r"^package: name='([^']+)'"),
        version=f"{version_name} ({version_code})",
        min_sdk=int(value(r"^(?:minSdkVersion|sdkVersion):'(\d+)'")),
        target_sdk=int(value(r"^targetSdkVersion:'(\d+)'")),
        debuggable="application-debuggable" in badging,
        abis=tuple(sorted({library.path.split("/")[1] for library in libraries})),
        libraries=libraries,
        permissions=tuple(
            re.findall(r"^uses-permission(?:-sdk-\d+)?: name='([^']+)'", badging, re.MULTILINE)
        ),
        sizes=Sizes(whole=whole, dex=dex, libraries=native, model=model, other=whole - dex - native - model),
        misaligned=tuple(entry.name for entry in entries if not entry.aligned),
        signature=signature,
        built_with=origin.built_with,
        model=origin.model,
        runtime=origin.runtime,
        flavour=origin.flavour,
        benchmarked=origin.benchmarked,
        verdict=origin.verdict,
    )


def require(info: ApkInfo) -> None:
    """Refuses an APK that Android would refuse.

    Raises:
        ToolError: The signature is invalid, or an entry cannot be mapped.
    """
    if not info.signature.verified or not {2, 3} <= set(info.signature.schemes):
        raise ToolError(
            f"the signature of {info.file} is invalid: {'; '.join(info.signature.errors)}", _BUILD_AGAIN
        )
    if info.misaligned:
        raise ToolError(
            f"{info.file} has entries that Android cannot map: {', '.join(info.misaligned)}", _BUILD_AGAIN
        )
