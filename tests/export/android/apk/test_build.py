"""The built APK, read without the code that built it where that can be."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest

from export import app_versions
from export.android.apk import assets, build, programs, runtime, signature, toolchain
from export.android.apk.verdict import Verdict
from export.bundle import bundle
from export.model_file import operators
from pipeline.core.errors import BundleError, ConfigError, GateError, StorageError, ToolError, UsageError
from tests.export.android.apk.conftest import write_project
from tests.support import small_models

# Each builds an APK.
pytestmark = pytest.mark.slow


def badging(tools, apk) -> str:
    return subprocess.run(
        [tools.aapt2, "dump", "badging", apk], capture_output=True, text=True, check=True
    ).stdout


def data_offset(apk: Path, info: zipfile.ZipInfo) -> int:
    header = apk.read_bytes()[info.header_offset : info.header_offset + 30]
    assert header[:4] == b"PK\3\4"
    return info.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))


def test_manifest_says_what_gradle_would_say(built, tools):
    text = badging(tools, built[0])
    assert "package: name='org.example.small' versionCode='7' versionName='1.2'" in text
    assert "minSdkVersion:'26'" in text
    assert "targetSdkVersion:'35'" in text
    assert "launchable-activity: name='org.example.small.Main'" in text
    assert [line for line in text.splitlines() if line.startswith("uses-permission")] == [
        "uses-permission: name='android.permission.CAMERA'"
    ]
    assert "debuggable" not in text
    assert "native-code: 'arm64-v8a' 'armeabi-v7a'" in text
    tree = subprocess.run(
        [tools.aapt2, "dump", "xmltree", "--file", "AndroidManifest.xml", built[0]],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "extractNativeLibs(0x010104ea)=false" in tree


def test_stored_entries_start_where_android_can_map_them(built, small_bundles):
    apk = built[0]
    whole = apk.read_bytes()
    with zipfile.ZipFile(apk) as archive:
        infos = {info.filename: info for info in archive.infolist()}
    for name, multiple in (
        ("lib/arm64-v8a/libtensorflowlite_jni.so", 16384),
        ("lib/armeabi-v7a/libtensorflowlite_jni.so", 16384),
        ("assets/model_int8.tflite", 4096),
        ("resources.arsc", 4),
    ):
        assert infos[name].compress_type == zipfile.ZIP_STORED
        assert data_offset(apk, infos[name]) % multiple == 0
    model = (small_bundles["int8"] / "model_int8.tflite").read_bytes()
    at = data_offset(apk, infos["assets/model_int8.tflite"])
    assert whole[at : at + len(model)] == model


def test_bundle_lies_in_the_assets_as_it_is(built, small_bundles):
    with zipfile.ZipFile(built[0]) as archive:
        names = [name for name in archive.namelist() if name.startswith("assets/")]
        assert names == ["assets/contract.json", "assets/labels.txt", "assets/model_int8.tflite"]
        for name in names:
            assert archive.read(name) == (small_bundles["int8"] / name.removeprefix("assets/")).read_bytes()


def test_other_flavours_lie_beside_it_with_contracts_of_their_own(
    small_bundles, project, cache, tools, tmp_path
):
    others = [small_bundles["float32"], small_bundles["float16"]]
    apk = tmp_path / "benchmark.apk"
    made = build.build_apk(
        small_bundles["int8"], apk, others=dict.fromkeys(others), project=project, cache=cache
    )
    assert made.benchmarked == ("float32", "float16")
    assert made.words["also inside"] == "float32, float16, to benchmark and to switch to"
    with zipfile.ZipFile(apk) as archive:
        held = {
            name.removeprefix("assets/"): archive.read(name)
            for name in archive.namelist()
            if name.startswith("assets/")
        }
        stored = [info.filename for info in archive.infolist() if info.compress_type == zipfile.ZIP_STORED]
    expected = {"labels.txt": small_bundles["int8"] / "labels.txt"}
    for flavour in ("int8", "float32", "float16"):
        contract = "contract.json" if flavour == "int8" else f"contract_{flavour}.json"
        expected[contract] = small_bundles[flavour] / "contract.json"
        expected[f"model_{flavour}.tflite"] = small_bundles[flavour] / f"model_{flavour}.tflite"
    assert held == {name: path.read_bytes() for name, path in expected.items()}
    assert {f"assets/{name}" for name in held if name.endswith(".tflite")} <= set(stored)


def test_dex_is_whole_and_holds_app_and_runtime(built):
    with zipfile.ZipFile(built[0]) as archive:
        assert [name for name in archive.namelist() if name.endswith(".dex")] == ["classes.dex"]
        dex = archive.read("classes.dex")
    assert dex[:4] == b"dex\n"
    assert dex[4:8] in (b"037\0", b"038\0", b"039\0")
    checksum, digest, size = struct.unpack_from("<I20sI", dex, 8)
    assert checksum == zlib.adler32(dex[12:])
    assert digest == hashlib.sha1(dex[32:]).digest()
    assert size == len(dex)
    count, table = struct.unpack_from("<II", dex, 0x60)
    types, strings = struct.unpack_from("<I", dex, 0x44)[0], struct.unpack_from("<I", dex, 0x3C)[0]
    classes = set()
    for number in range(count):
        (kind,) = struct.unpack_from("<I", dex, table + 32 * number)
        (string,) = struct.unpack_from("<I", dex, types + 4 * kind)
        (at,) = struct.unpack_from("<I", dex, strings + 4 * string)
        while dex[at] & 0x80:
            at += 1
        classes.add(dex[at + 1 : dex.index(b"\0", at + 1)].decode())
    assert "Lorg/example/small/Main;" in classes
    assert "Lorg/example/small/R$string;" in classes
    assert "Lorg/tensorflow/lite/Interpreter;" in classes


def test_androids_own_reader_verifies_every_dex(built, tmp_path):
    dexdump = shutil.which("dexdump")
    if not dexdump:
        pytest.skip("needs dexdump: sudo apt install dexdump")

    def read(*words: object) -> str:
        done = subprocess.run([dexdump, *map(str, words)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with zipfile.ZipFile(built[0]) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dex")]
        archive.extractall(tmp_path, names)
    assert names
    for name in names:
        assert "Checksum verified" in read("-c", tmp_path / name)
        # Without -j, it refuses what ART's verifier of the format refuses.
        (classes,) = struct.unpack_from("<I", (tmp_path / name).read_bytes(), 0x60)
        assert read(tmp_path / name).count("Class descriptor") == classes > 10
    damaged = tmp_path / "damaged.dex"
    data = bytearray((tmp_path / names[0]).read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(data)
    refused = subprocess.run([dexdump, "-c", damaged], capture_output=True, check=False)
    assert refused.returncode != 0


def test_signature_holds_by_schemes_2_and_3(built, tools):
    found = signature.verify(tools.apksig, built[0], 26)
    assert found.verified
    assert found.schemes == (2, 3)
    assert found.errors == ()
    assert found.subject == "CN=Android Debug,O=Android,C=US"
    with zipfile.ZipFile(built[0]) as archive:
        assert not [name for name in archive.namelist() if name.startswith("META-INF/")]


def test_signature_does_not_hold_for_one_changed_byte(built, tools, tmp_path):
    data = bytearray(built[0].read_bytes())
    with zipfile.ZipFile(built[0]) as archive:
        at = data_offset(built[0], archive.getinfo("assets/model_int8.tflite"))
    data[at + 100] ^= 1
    (tmp_path / "changed.apk").write_bytes(data)
    found = signature.verify(tools.apksig, tmp_path / "changed.apk", 26)
    assert not found.verified
    assert "digest" in " ".join(found.errors)


def test_built_again_elsewhere_it_has_the_same_bytes(built, cache, small_bundles, tmp_path):
    again = tmp_path / "elsewhere" / "again.apk"
    build.build_apk(small_bundles["int8"], again, project=write_project(tmp_path / "copy"), cache=cache)
    assert again.read_bytes() == built[0].read_bytes()


def test_every_entry_has_the_same_fixed_time(built):
    with zipfile.ZipFile(built[0]) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1981, 1, 1, 1, 1, 2)}


def test_progress_tells_every_step(built):
    assert built[2] == [("building the APK", done, 7) for done in range(8)]


def test_passport_agrees_with_the_file(built):
    apk, made, _ = built
    assert made.sha256 == hashlib.sha256(apk.read_bytes()).hexdigest()
    assert (made.package, made.version) == ("org.example.small", "1.2 (7)")
    assert (made.min_sdk, made.target_sdk, made.debuggable) == (26, 35, False)
    assert made.abis == ("arm64-v8a", "armeabi-v7a")
    assert made.permissions == ("android.permission.CAMERA",)
    assert made.misaligned == ()
    assert made.sizes.whole == apk.stat().st_size
    assert made.sizes.libraries == 3401672 + 2247588
    assert sum(made.sizes.model_dump().values()) == 2 * made.sizes.whole
    assert made.runtime.name == "tensorflow-lite 2.16.1"
    assert made.runtime.version == "2.16.1"
    assert {op.name: op.runtime for op in made.runtime.operators}["CONV_2D"] == 8
    assert all(op.fits for op in made.runtime.operators)


def test_passport_speaks_plainly(built):
    words = built[1].words
    assert words["build"] == "release, not debuggable"
    assert words["operators fit"] == "yes, all of them"
    assert words["16 KB pages"].startswith("not ready: lib/arm64-v8a/libtensorflowlite_jni.so is aligned for")
    assert "for 4 KB pages" in words["16 KB pages"]
    assert words["permissions"] == "android.permission.CAMERA"
    assert words["signature"].startswith("valid (v2 and v3), by a debug key created once, ")
    assert words["built with"].startswith("Maven: apktool-lib:3.0.3, ")
    assert built[1].model_dump(mode="json")["words"] == words


def test_own_key_is_kept_beside_the_runs_and_readable_by_its_owner_only(built, cache):
    key = cache.parent.with_name("keys") / "demo.keystore"
    assert key.is_file()
    assert key.stat().st_mode & 0o077 == 0


def test_model_that_the_runtime_cannot_run_is_refused_before_anything_is_fetched(
    small_bundles, project, tmp_path, no_programs
):
    folder = Path(shutil.copytree(small_bundles["float32"], tmp_path / "float32"))
    data = small_models.with_operator_version(
        (folder / "model_float32.tflite").read_bytes(), "FULLY_CONNECTED", 12
    )
    (folder / "model_float32.tflite").write_bytes(data)
    record = json.loads((folder / bundle.CONTRACT).read_text("utf-8"))
    record["model"] |= {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
    (folder / bundle.CONTRACT).write_text(json.dumps(record), "utf-8")
    words = (
        r"tensorflow-lite 2\.16\.1 inside the app cannot run model_float32\.tflite: "
        r"FULLY_CONNECTED version 12 \(supported up to 11\)"
    )
    with pytest.raises(GateError, match=words) as caught:
        build.build_apk(folder, tmp_path / "demo.apk", project=project, cache=tmp_path / "c/android")
    assert caught.value.exit_code == 3
    assert "--runtime" in caught.value.hint
    assert not (tmp_path / "demo.apk").exists()
    assert not (tmp_path / "c").exists()


def test_operator_that_the_runtime_does_not_know_is_called_so():
    unknown = [operators.Operator("DILATE", 1, 0), operators.Operator("ADD", 2, 5)]
    with pytest.raises(GateError, match=r"cannot run m\.tflite: DILATE version 1 \(unknown\)$"):
        runtime.require(unknown, "tensorflow-lite 2.16.1", "m.tflite")


def test_damaged_bundle_is_refused(int8_bundle, project, tmp_path):
    (int8_bundle / "labels.txt").write_text("x\n")
    with pytest.raises(BundleError, match=r"labels\.txt, line 1"):
        build.build_apk(int8_bundle, tmp_path / "demo.apk", project=project)


def test_project_without_its_versions_is_named(int8_bundle, tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere/versions\.properties cannot be read: No such file"):
        build.build_apk(int8_bundle, tmp_path / "demo.apk", project=tmp_path / "nowhere")


def test_missing_entries_of_the_versions_are_named(project):
    path = project / "versions.properties"
    path.write_text(path.read_text().replace("r8=", "r9=").replace("min_sdk=26", "min_sdk="))
    with pytest.raises(ConfigError, match=r"versions\.properties lacks min_sdk, r8"):
        app_versions.read_versions(project)


def test_java_that_does_not_compile_is_quoted(int8_bundle, project, cache, tools, tmp_path):
    source = project / "app/src/main/java/org/example/small/Main.java"
    source.write_text(source.read_text().replace("super.onCreate(state);", "super.onCreated(state);"))
    with pytest.raises(
        ToolError, match=r"compiling the app failed: .*Main\.java:14: error: cannot find symbol"
    ):
        build.build_apk(int8_bundle, tmp_path / "demo.apk", project=project, cache=cache)
    assert not (tmp_path / "demo.apk").exists()


def test_java_newer_than_the_oldest_phone_is_refused(int8_bundle, project, cache, tools, tmp_path):
    source = project / "app/src/main/java/org/example/small/Main.java"
    source.write_text(
        source.read_text().replace("super.onCreate(state);", 'super.onCreate(state); " ".isBlank();')
    )
    with pytest.raises(ToolError, match=r"compiling the app failed: .*cannot find symbol"):
        build.build_apk(int8_bundle, tmp_path / "demo.apk", project=project, cache=cache)


def test_resource_that_is_missing_is_quoted(int8_bundle, project, cache, tools, tmp_path):
    strings = project / "app/src/main/res/values/strings.xml"
    strings.write_text(strings.read_text().replace("app_name", "another"))
    with pytest.raises(ToolError, match=r"linking resources failed: .*string/app_name.* not found"):
        build.build_apk(int8_bundle, tmp_path / "demo.apk", project=project, cache=cache)


def test_broken_manifest_is_named(int8_bundle, project, cache, tools, tmp_path):
    (project / "app/src/main/AndroidManifest.xml").write_text("<manifest")
    with pytest.raises(ConfigError, match=r"AndroidManifest\.xml cannot be read: unclosed token: line 1"):
        build.build_apk(int8_bundle, tmp_path / "demo.apk", project=project, cache=cache)


def test_apk_that_cannot_be_written_is_named_before_the_work(int8_bundle, project, tmp_path, no_programs):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot write .*file: "):
        build.build_apk(int8_bundle, tmp_path / "file/demo.apk", project=project)


def test_machine_without_jdk_and_maven_is_told_both_at_once(int8_bundle, project, tmp_path, no_programs):
    with pytest.raises(ToolError, match=r"needs a JDK \(17 or later\) and Maven") as caught:
        build.build_apk(int8_bundle, tmp_path / "demo.apk", project=project, cache=tmp_path / "c/android")
    assert caught.value.hint == "sudo apt install default-jdk-headless maven"
    assert caught.value.exit_code == 1
    assert programs.missing_programs() == ["a JDK (17 or later)", "Maven"]


def test_old_jdk_counts_as_none(fake_program):
    fake_program("mvn", "")
    for text, missing in (
        ("javac 1.8.0_402", True),
        ("javac 11.0.2", True),
        ("javac 17.0.15", False),
        ("javac 21", False),
        ("javac 25.0.1", False),
    ):
        fake_program("javac", f"echo {text}")
        assert programs.missing_programs() == (["a JDK (17 or later)"] if missing else [])


def test_jdk_is_taken_from_java_home_first(fake_program, tmp_path, monkeypatch):
    fake_program("javac", "echo javac 11")
    fake_program("mvn", "")
    home = tmp_path / "jdk"
    (home / "bin").mkdir(parents=True)
    (home / "bin/javac").write_text("#!/bin/sh\necho javac 21.0.1\n")
    (home / "bin/javac").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert programs.missing_programs() == []
    assert programs.java("javac") == str(home / "bin/javac")


def test_what_was_fetched_is_not_asked_for_again(project, cache, tools, built, no_programs, fake_program):
    fake_program("javac", "echo javac 17.0.1")
    fake_program("mvn", "exit 1")
    assert build.fetch(project, cache) == tools.origin


def test_failing_maven_is_quoted_after_googles_repository_was_asked_too(
    int8_bundle, project, tmp_path, fake_program
):
    fake_program("javac", "echo javac 17.0.1")
    fake_program(
        "mvn", f'echo "$@" >> {tmp_path}/asked; echo "[ERROR] Could not find artifact r8" >&2; exit 1'
    )
    message = r"fetching apktool-lib, android-all, r8, apksig failed: \[ERROR\] Could not find artifact r8"
    with pytest.raises(ToolError, match=message):
        build.build_apk(int8_bundle, tmp_path / "demo.apk", project=project, cache=tmp_path / "c/android")
    first, second = (tmp_path / "asked").read_text().splitlines()
    assert " -C " in first
    assert "-Pgoogle" not in first
    assert second.endswith("-Pgoogle")
    asked = (tmp_path / "c/android/pom.xml").read_text()
    assert "<artifactId>r8</artifactId>" in asked
    assert "<version>9.5.28</version>" in asked


def test_sdk_that_lacks_something_is_named_with_what_to_install(project, monkeypatch, tmp_path, tools):
    versions = app_versions.read_versions(project)
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path))
    with pytest.raises(
        UsageError, match=r"ANDROID_HOME=.* has no build-tools with aapt2, lib/d8\.jar"
    ) as caught:
        toolchain.find(versions)
    assert "sdkmanager" in caught.value.hint
    assert "unset ANDROID_HOME" in caught.value.hint
    for name in ("aapt2", "lib/d8.jar", "lib/apksigner.jar"):
        path = tmp_path / "build-tools/35.0.1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with pytest.raises(UsageError, match=r"ANDROID_HOME=.* has no platforms/android-35/android\.jar"):
        toolchain.find(versions)


def test_installed_sdk_builds_without_maven(
    built, project, tools, cache, monkeypatch, tmp_path, small_bundles, real_java
):
    sdk = tmp_path / "sdk"
    for name, source in (
        ("aapt2", tools.aapt2),
        ("lib/d8.jar", tools.d8),
        ("lib/apksigner.jar", tools.apksig),
    ):
        for version in ("34.0.0", "35.0.0"):
            path = sdk / "build-tools" / version / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(source.absolute())
    android = sdk / "platforms/android-35/android.jar"
    android.parent.mkdir(parents=True)
    android.symlink_to(tools.android)
    monkeypatch.setenv("ANDROID_HOME", str(sdk))
    made = build.build_apk(
        small_bundles["int8"],
        tmp_path / "demo.apk",
        archives=runtime_archives(cache),
        abis=("x86_64",),
        project=project,
        cache=tmp_path / "empty/android",
    )
    assert made.built_with == "Android SDK: build-tools 35.0.0, platform 35"
    assert made.abis == ("x86_64",)
    assert made.signature.schemes == (2, 3)
    assert made.runtime.name == "tensorflow-lite-2.16.1 + tensorflow-lite-api-2.16.1"
    assert made.runtime.version == "2.16.1"


def runtime_archives(cache) -> list[Path]:
    from export.android.apk import maven

    names = ("tensorflow-lite", "tensorflow-lite-api")
    return maven.fetch([f"org.tensorflow:{name}:aar:2.16.1" for name in names], cache)


def test_assets_are_filled_for_gradle_and_old_models_go(small_bundles, project):
    folder = project / "app/src/main/assets"
    assets.fill(small_bundles["float32"], project, verdict=Verdict(verdict="failed", n=36, second_look=False))
    assert json.loads((folder / "verdict.json").read_text("utf-8"))["verdict"] == "failed"
    written = assets.fill(small_bundles["int8"], project)
    assert written == [folder / name for name in ("model_int8.tflite", "labels.txt", "contract.json")]
    assert sorted(path.name for path in folder.iterdir()) == [
        "contract.json",
        "labels.txt",
        "model_int8.tflite",
    ]
    assert bundle.read(folder).contract == bundle.read(small_bundles["int8"]).contract
