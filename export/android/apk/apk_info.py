"""What an APK really is: read from the finished file, in words that a user can act on."""

from __future__ import annotations

import hashlib
import re
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from export.android.apk import archive, programs
from export.android.apk.runtime import Operator
from export.android.apk.signature import Signature
from export.android.apk.toolchain import Toolchain
from pipeline.core.errors import ToolError

BUILD_AGAIN = "build it again: python -m export apk"
# Only 64-bit processors run with pages of 16 KB.
_WIDE_ABIS = ("arm64-v8a", "x86_64")


@dataclass(frozen=True)
class Library:
    """A native library: its path in the APK, and the smallest alignment of its LOAD segments."""

    path: str
    size_bytes: int
    alignment_bytes: int


@dataclass(frozen=True)
class RuntimeInside:
    """The runtime, and every operator of the model against the highest version that it runs."""

    name: str
    version: str
    operators: tuple[Operator, ...]


@dataclass(frozen=True)
class Sizes:
    """Bytes that the parts take in the file, compressed as they are."""

    whole: int
    dex: int
    libraries: int
    model: int
    other: int


@dataclass(frozen=True)
class ApkPassport:
    """Everything that was found out about an APK.

    Attributes:
        file: Its name.
        sha256: Of the file.
        package: The application's id.
        version: Its name and code, e.g. `1.0 (1)`.
        min_sdk: The oldest API level that it runs on.
        target_sdk: The one that it is made for.
        debuggable: A release is not.
        abis: The processors that it has libraries for.
        libraries: Them.
        permissions: What it asks for.
        sizes: Of its parts.
        misaligned: Stored entries that Android could not map; none in a sound file.
        built_with: The tools.
        model: Its file and sha256.
        runtime: What runs it.
        missing_at_min_sdk: What it uses of Android that `min_sdk` does not have, so must not be
            reached there; None where that was not checked.
        signature: Its signature.
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
    missing_at_min_sdk: tuple[str, ...] | None
    signature: Signature

    @property
    def ready_for_16_kb(self) -> bool:
        """Whether every 64-bit library can be mapped on phones with memory pages of 16 KB."""
        return not self._narrow

    @property
    def _narrow(self) -> list[Library]:
        wide = [library for library in self.libraries if library.path.split("/")[1] in _WIDE_ABIS]
        return [library for library in wide if library.alignment_bytes % archive.PAGE]

    def words(self) -> list[tuple[str, str]]:
        """The passport as rows of a table: what, and what was found."""
        newest = [
            f"{op.name} {op.model}/{'?' if op.runtime is None else op.runtime}"
            for op in self.runtime.operators
        ]
        return [
            (
                "application",
                f"{self.package} {self.version}, Android API {self.min_sdk} to {self.target_sdk}",
            ),
            ("kind", "debuggable" if self.debuggable else "release, not debuggable"),
            ("processors", ", ".join(self.abis)),
            ("model", self.model),
            ("runtime", self.runtime.name),
            ("operators", f"version needed/highest that the runtime runs: {', '.join(newest)}"),
            ("operators fit", self.operators_words()),
            ("16 KB pages", self.pages_words()),
            ("permissions", ", ".join(self.permissions) or "none"),
            (f"missing at API {self.min_sdk}", self.missing_words()),
            ("signature", self.signature_words()),
            ("sizes", self.sizes_words()),
            ("built with", self.built_with),
        ]

    def operators_words(self) -> str:
        """Whether the runtime runs the model's operators."""
        if any(operator.fits is None for operator in self.runtime.operators):
            version = self.runtime.version or "of unknown version"
            return f"not checked: there is no table of operator versions for runtime {version}"
        return "yes, all of them"

    def pages_words(self) -> str:
        """What the libraries' alignment means for phones."""
        if not self._narrow:
            return "ready: every 64-bit library is aligned for memory pages of 16 KB"
        least = min(library.alignment_bytes for library in self._narrow) // 1024
        names = ", ".join(library.path for library in self._narrow)
        return (
            f"not ready: {names} is aligned for pages of {least} KB. Phones with 4 KB pages run it; those "
            "with 16 KB pages refuse it under Android 15 and run it in a compatibility mode from Android 16; "
            "the Play store refuses it. LiteRT's newer archives are ready: --runtime FILE.aar"
        )

    def missing_words(self) -> str:
        """What the app uses of Android that its oldest version lacks."""
        if self.missing_at_min_sdk is None:
            return f"not checked: an SDK brings the classes by sdkmanager 'platforms;android-{self.min_sdk}'"
        if not self.missing_at_min_sdk:
            return "nothing"
        return (
            f"{len(self.missing_at_min_sdk)}, each to be reached behind a check of the version only: "
            + "; ".join(self.missing_at_min_sdk)
        )

    def signature_words(self) -> str:
        """Whose signature, by which schemes, and whether it holds."""
        if not self.signature.verified:
            return "does not hold: " + "; ".join(self.signature.errors)
        schemes = " and ".join(f"v{scheme}" for scheme in self.signature.schemes)
        return f"holds ({schemes}), by {self.signature.key}, certificate sha256 {self.signature.sha256[:16]}…"

    def sizes_words(self) -> str:
        """The parts in MB."""
        parts = asdict(self.sizes)
        whole = parts.pop("whole")
        return f"{whole / 1e6:.2f} MB: " + ", ".join(
            f"{name} {size / 1e6:.2f}" for name, size in parts.items()
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON values, with the findings in words."""
        return {**asdict(self), "ready_for_16_kb": self.ready_for_16_kb, "words": dict(self.words())}


def describe(path: Path, tools: Toolchain) -> dict[str, Any]:
    """What the file itself says: the part of a passport that needs no knowledge of the build.

    Args:
        path: A signed APK.
        tools: For aapt2, which reads the manifest.

    Raises:
        ToolError: The file is no APK.
    """
    badging = programs.run(tools.aapt2, "dump", "badging", path, what=f"reading {path.name}")

    def said(pattern: str) -> str:
        match = re.search(pattern, badging, re.MULTILINE)
        if match is None:
            raise ToolError(f"aapt2 says nothing of {pattern} in {path.name}", BUILD_AGAIN)
        return match[1]

    version_name = said(r"^package: .*versionName='([^']*)'")
    version_code = said(r"^package: .*versionCode='(\d+)'")
    entries = archive.entries(path)
    with zipfile.ZipFile(path) as opened:
        natives = [(entry, opened.read(entry.name)) for entry in entries if entry.name.startswith("lib/")]
    libraries = tuple(Library(e.name, e.size_bytes, archive.load_alignment(data)) for e, data in natives)
    whole = path.stat().st_size
    dex = sum(e.size_bytes for e in entries if e.name.endswith(".dex"))
    model = sum(e.size_bytes for e in entries if e.name.endswith(".tflite"))
    native = sum(e.size_bytes for e, _ in natives)
    return {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "package": said(r"^package: name='([^']+)'"),
        "version": f"{version_name} ({version_code})",
        "min_sdk": int(said(r"^(?:minSdkVersion|sdkVersion):'(\d+)'")),
        "target_sdk": int(said(r"^targetSdkVersion:'(\d+)'")),
        "debuggable": "application-debuggable" in badging,
        "abis": tuple(sorted({library.path.split("/")[1] for library in libraries})),
        "libraries": libraries,
        "permissions": tuple(
            re.findall(r"^uses-permission(?:-sdk-\d+)?: name='([^']+)'", badging, re.MULTILINE)
        ),
        "sizes": Sizes(whole, dex, native, model, whole - dex - native - model),
        "misaligned": tuple(entry.name for entry in entries if not entry.aligned),
    }


def require(made: ApkPassport) -> None:
    """Refuses an APK that Android would refuse.

    Raises:
        ToolError: The signature does not hold, or an entry cannot be mapped.
    """
    if not made.signature.verified or not {2, 3} <= set(made.signature.schemes):
        raise ToolError(
            f"the signature of {made.file} does not hold: {'; '.join(made.signature.errors)}", BUILD_AGAIN
        )
    if made.misaligned:
        raise ToolError(
            f"{made.file} has entries that cannot be mapped: {', '.join(made.misaligned)}", BUILD_AGAIN
        )
