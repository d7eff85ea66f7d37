#!/usr/bin/env python3
"""Tests the app on a plain JVM: no Gradle, no Android SDK, no phone, no emulator.

    python run.py [--bundle DIR ...] [--rewrite] [--fetch] [-- MAVEN-ARGUMENTS]
    python run.py --photos OUT [--pictures DIR] [--bundle DIR] [--kernels XNNPACK]

Makes what Gradle would make (R.java and the resource table by aapt2), the native half of TensorFlow
Lite for this machine, the golden cases and small bundles of every flavour (by tests/support),
then runs Maven. The second form tests nothing: it empties OUT and lets the app's own classes fill
it with photos of the pictures in DIR/CLASS (in DIR/unsaid: unnamed ones), or of noise.

Needs a JDK (17 or later), Maven and the repository's .venv; without gcc the tests that need a running model
are skipped, and say so. Everything made lies in target/.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
import zipfile
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEMO = HERE.parent
ROOT = DEMO.parent
APP = DEMO / "app/src/main"
TARGET = HERE / "target"
TOOLS = TARGET / "tools"
MADE = TARGET / "made"
# Which entry of versions.properties is which ${….version} of pom.xml.
SHARED_WITH_POM = (
    "tensorflow_lite",
    "tensorflow_lite_api",
    "android_all",
    "oldest_android_all",
    "apktool_lib",
    "host_tensorflow_lite",
    "junit",
    "robolectric",
)
# Golden cases and bundles, and what decides their bytes.
MADE_FROM = {
    "cases": ("pipeline/images/letterbox.py", "export/bundle/camera.py"),
    "bundles": (
        *("pipeline/images/letterbox.py", "pipeline/tflite/interpreter.py", "export/bundle/bundle.py"),
        *("export/bundle/contract.py", "export/bundle/golden.py", "export/bundle/tolerance.py"),
        *("export/model_file/metadata.py", "tests/support/small_models.py"),
    ),
}


class BuildError(Exception):
    """A step that cannot go on, with what to do about it."""


def versions() -> dict[str, str]:
    """The entries of versions.properties."""
    lines = (DEMO / "versions.properties").read_text(encoding="utf-8").splitlines()
    entries = (line.partition("=") for line in lines if line.strip() and not line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in entries}


def run(*command: object, cwd: Path | None = None) -> str:
    """What a command prints.

    Raises:
        BuildError: It failed.
    """
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd)
    if done.returncode:
        raise BuildError(f"{' '.join(words)[:300]}\n{done.stdout}{done.stderr}")
    return done.stdout


def maven(known: dict[str, str], *arguments: str) -> int:
    """Runs Maven, offline where everything was fetched before. Returns its exit code."""
    defines = [f"-D{key}.version={known[key].rsplit(':', 1)[1]}" for key in SHARED_WITH_POM]
    command = ["mvn", "-B", "-ntp", "-Dstyle.color=never", "-f", str(HERE / "pom.xml"), *defines, *arguments]
    stamp = TARGET / "fetched"
    recipe = (HERE / "pom.xml").read_bytes() + repr(sorted(known.items())).encode()
    key = hashlib.sha256(recipe + arguments[0].encode()).hexdigest()
    fetched = stamp.read_text().split() if stamp.exists() else []
    if key in fetched:
        done = subprocess.run([*command, "-o"], check=False, stdout=subprocess.PIPE, text=True)
        if "offline mode" not in done.stdout:
            print(done.stdout, end="", flush=True)
            return done.returncode
    code = subprocess.run(command, check=False).returncode
    if code == 0:
        stamp.write_text("\n".join({*fetched, key}))
    return code


def unpack(archive: Path, entry: str, to: Path) -> None:
    """One entry of a zip as a file."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as opened:
        to.write_bytes(opened.read(entry))


def make_resources(known: dict[str, str]) -> None:
    """R.java, the compiled resources, and the file that tells Robolectric where they are."""
    aapt2 = TOOLS / "aapt2"
    framework = TOOLS / "android-framework.jar"
    if not framework.exists():
        unpack(TOOLS / "apktool-lib.jar", "prebuilt/linux/aapt2", aapt2)
        aapt2.chmod(0o755)
        unpack(TOOLS / "apktool-lib.jar", "prebuilt/android-framework.jar", framework)
    package = known["application_id"]
    manifest = MADE / "AndroidManifest.xml"
    text = (APP / "AndroidManifest.xml").read_text(encoding="utf-8")
    manifest.write_text(text.replace("<manifest", f'<manifest package="{package}"', 1), encoding="utf-8")
    compiled, table, assets = MADE / "resources.zip", MADE / "resources.ap_", MADE / "assets"
    run(aapt2, "compile", "--dir", APP / "res", "-o", compiled)
    run(
        *(aapt2, "link", "-I", framework, "--manifest", manifest, "--java", MADE / "fresh"),
        *("--min-sdk-version", known["min_sdk"], "--target-sdk-version", known["target_sdk"]),
        *("--version-code", known["version_code"], "--version-name", known["version_name"]),
        *("-A", assets, "-0", ".tflite", "-o", table, compiled),
    )
    # Were R.java only newer, Maven would compile everything again.
    fresh, kept = (MADE / name / package.replace(".", "/") / "R.java" for name in ("fresh", "gen"))
    if not kept.exists() or kept.read_bytes() != fresh.read_bytes():
        shutil.copytree(MADE / "fresh", MADE / "gen", dirs_exist_ok=True)
    config = TARGET / "test-classes/com/android/tools/test_config.properties"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(
        f"android_resource_apk={table}\nandroid_merged_manifest={manifest}\n"
        f"android_merged_assets={assets}\nandroid_custom_package={package}\n"
    )


def make_native() -> None:
    """The native half of TensorFlow Lite's Java classes for this machine."""
    native = MADE / "native"
    reason = native / "missing"
    shutil.rmtree(native, ignore_errors=True)
    native.mkdir(parents=True)
    compiler = shutil.which("gcc")
    if (platform.system(), platform.machine()) != ("Linux", "x86_64") or not compiler:
        reason.write_text("needs gcc on Linux x86-64")
        print(f"tests with a running model are skipped: {reason.read_text()}", flush=True)
        return
    with zipfile.ZipFile(TOOLS / "host-tensorflow-lite.jar") as jar:
        library = next(name for name in jar.namelist() if name.endswith("libjnitensorflowlite.so"))
    unpack(TOOLS / "host-tensorflow-lite.jar", library, native / "libjnitensorflowlite.so")
    javac = shutil.which("javac")
    if not javac:
        raise BuildError("no javac; install a JDK (17 or later)")
    include = Path(os.path.realpath(javac)).parents[1] / "include"
    run(
        *(compiler, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"),
        *(f"-I{include}", f"-I{include / 'linux'}", "-o", native / "libtensorflowlite_jni.so"),
        *sorted((HERE / "shim").glob("*.c")),
        *(f"-L{native}", "-l:libjnitensorflowlite.so", "-Wl,-rpath,$ORIGIN"),
    )


def make_cases() -> None:
    """Golden cases from the Python side, and small bundles of every flavour."""
    for made, sources in MADE_FROM.items():
        files = [ROOT / f"tests/support/app_{made}.py", *(ROOT / name for name in sources)]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in files))
        digest.update(
            repr([metadata.version(name) for name in ("numpy", "pillow", "ai-edge-litert")]).encode()
        )
        stamp = MADE / made / "made-by"
        if not stamp.exists() or stamp.read_text() != digest.hexdigest():
            shutil.rmtree(MADE / made, ignore_errors=True)
            run(sys.executable, "-m", f"tests.support.app_{made}", MADE / made, cwd=ROOT)
            stamp.write_text(digest.hexdigest())
    shutil.rmtree(MADE / "assets", ignore_errors=True)
    shutil.copytree(MADE / "bundles/int8", MADE / "assets", ignore=shutil.ignore_patterns("made-by"))


def main() -> int:
    """Does what the command line asks for. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--bundle", type=Path, nargs="*", action="extend", default=[], help="further bundles to prove"
    )
    parser.add_argument("--fetch", action="store_true", help="only fetch what the tests need")
    parser.add_argument("--rewrite", action="store_true", help="write the screenshots anew")
    parser.add_argument("--photos", type=Path, help="only make photos, in this folder")
    parser.add_argument("--pictures", type=Path, help="what is photographed: a folder for each class")
    parser.add_argument("--kernels", choices=("built-in", "XNNPACK"), default="built-in")
    parser.add_argument("maven", nargs="*", help="e.g. -Dtest=LetterboxTest")
    options = parser.parse_args()
    start = time.monotonic()

    def step(what: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {what}", flush=True)

    try:
        for needed in ("mvn", "javac"):
            if not shutil.which(needed):
                raise BuildError(f"no {needed}; install a JDK (17 or later) and Maven")
        known = versions()
        MADE.mkdir(parents=True, exist_ok=True)
        jars = [MADE / f"{name}.jar" for name in ("tensorflow-lite", "tensorflow-lite-api")]
        wanted = TARGET / "tools-of"
        key = repr(sorted(known.items()))
        if not wanted.exists() or wanted.read_text() != key:
            shutil.rmtree(TOOLS, ignore_errors=True)
            if maven(known, "dependency:copy@tools", "-q"):
                raise BuildError("Maven could not fetch the tools; its own words are above")
            for jar in jars:
                unpack(TOOLS / f"{jar.stem}.aar", "classes.jar", jar)
            wanted.write_text(key)
        step("tools")
        if options.fetch:
            (MADE / "assets").mkdir(exist_ok=True)
        else:
            make_cases()
        step("cases and bundles")
        make_resources(known)
        make_native()
        step("resources and native half")
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.fetch:
        # One plain test, because only a running test shows all that Maven wants for it.
        return maven(known, "test", "-q", "-Dtest=SelfTestTest")
    bundles = os.pathsep.join(str(path.resolve()) for path in options.bundle)
    if options.photos:
        pictures = str(options.pictures.resolve()) if options.pictures else ""
        return maven(
            *(known, "test", "-q", "-Dtest=PhotoMakerTest", f"-Dvignette.bundles={bundles}"),
            *(f"-Dvignette.photos={options.photos.resolve()}", f"-Dvignette.pictures={pictures}"),
            f"-Dvignette.kernels={options.kernels}",
        )
    rewrite = f"-Dvignette.rewrite={str(options.rewrite).lower()}"
    code = maven(known, "test", f"-Dvignette.bundles={bundles}", rewrite, *options.maven)
    step("tests")
    if options.rewrite:
        run(sys.executable, "-m", "tests.support.app_goldens", HERE / "golden", cwd=ROOT)
    return code


if __name__ == "__main__":
    sys.exit(main())
