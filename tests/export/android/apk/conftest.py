from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from export import app_versions
from export.android.apk import build, programs, toolchain
from export.android.apk.apk_info import ApkInfo
from tests.support import verbs

VERSIONS = """
# A project as small as can be.
application_id=org.example.small
version_code=7
version_name=1.2
min_sdk=26
target_sdk=35
compile_sdk=35
abis=arm64-v8a,armeabi-v7a
tensorflow_lite=org.tensorflow:tensorflow-lite:2.16.1
tensorflow_lite_api=org.tensorflow:tensorflow-lite-api:2.16.1
android_all=org.robolectric:android-all:15-robolectric-13954326
oldest_android_all=org.robolectric:android-all:8.0.0_r4-robolectric-r1
apktool_lib=org.apktool:apktool-lib:3.0.3
r8=com.android.tools:r8:9.5.28
apksig=com.android.tools.build:apksig:9.5.0
"""
# As Gradle has it: the package's name stands elsewhere.
MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<manifest xmlns:android="http://schemas.android.com/apk/res/android">
    <uses-permission android:name="android.permission.CAMERA" />
    <application android:label="@string/app_name">
        <activity android:name=".Main" android:exported="true">
            <intent-filter>
                <action android:name="android.intent.action.MAIN" />
                <category android:name="android.intent.category.LAUNCHER" />
            </intent-filter>
        </activity>
    </application>
</manifest>
"""
SOURCE = """package org.example.small;

import android.app.Activity;
import android.os.Build;
import android.os.Bundle;
import android.view.Window;
import org.tensorflow.lite.Interpreter;

public final class Main extends Activity {
    private Runnable later;

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        setTitle(R.string.app_name);
        Window window = getWindow();
        later = () -> new Interpreter(new java.io.File("model"));
        if (Build.VERSION.SDK_INT >= 30) {
            window.setDecorFitsSystemWindows(false);
        }
    }
}
"""


def needs_tools() -> None:
    """Skips where no APK can be built."""
    missing = programs.missing_programs()
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")


def write_project(folder: Path) -> Path:
    main = folder / "app/src/main"
    (main / "res/values").mkdir(parents=True)
    (main / "java/org/example/small").mkdir(parents=True)
    (main / "AndroidManifest.xml").write_text(MANIFEST)
    (main / "res/values/strings.xml").write_text(
        '<resources><string name="app_name">Small</string></resources>'
    )
    (main / "java/org/example/small/Main.java").write_text(SOURCE)
    (folder / "versions.properties").write_text(VERSIONS)
    return folder


@pytest.fixture(autouse=True, scope="session")
def nobodys_keys(tmp_path_factory):
    """Keeps the user's own Android folders out of the tests."""
    saved = {name: os.environ.pop(name, None) for name in ("ANDROID_HOME", "ANDROID_USER_HOME")}
    os.environ["ANDROID_USER_HOME"] = str(tmp_path_factory.mktemp("nobody"))
    yield
    os.environ.pop("ANDROID_USER_HOME")
    os.environ.update({name: value for name, value in saved.items() if value is not None})


@pytest.fixture
def project(tmp_path) -> Path:
    """A project of the test's own."""
    return write_project(tmp_path / "project")


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """Unpacked tools, shared by all tests; the keys lie beside it."""

    def make(place: Path) -> None:
        (place / "cache/android").mkdir(parents=True)

    return verbs.made_once(tmp_path_factory, "android", make) / "cache/android"


@pytest.fixture(scope="session")
def tools(cache, tmp_path_factory) -> toolchain.Toolchain:
    """The pinned toolchain."""
    needs_tools()
    folder = write_project(tmp_path_factory.mktemp("tools") / "project")
    versions = app_versions.read_versions(folder)

    def fetch(_: Path) -> None:
        toolchain.find(versions, cache)

    verbs.made_once(tmp_path_factory, "fetched", fetch)
    return toolchain.find(versions, cache)


@pytest.fixture(scope="session")
def built(tools, cache, small_bundles, tmp_path_factory) -> tuple[Path, ApkInfo, list]:
    """The small project as an APK with the small int8 bundle, its passport, and the progress reports."""

    def make(place: Path) -> None:
        seen = []
        made = build.build_apk(
            small_bundles["int8"],
            place / "demo.apk",
            project=write_project(place / "project"),
            cache=cache,
            progress=lambda *report: seen.append(report),
        )
        (place / "passport.json").write_text(made.model_dump_json())
        (place / "progress.json").write_text(json.dumps(seen))

    place = verbs.made_once(tmp_path_factory, "built", make)
    made = ApkInfo.model_validate_json((place / "passport.json").read_text())
    seen = [tuple(report) for report in json.loads((place / "progress.json").read_text())]
    return place / "demo.apk", made, seen


@pytest.fixture
def no_programs(tmp_path, monkeypatch) -> Path:
    """A machine without JDK and Maven: an empty folder is the whole path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return folder


@pytest.fixture
def fake_program(no_programs):
    """Puts a shell script on the path."""

    def put(name: str, script: str) -> None:
        path = no_programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return put


@pytest.fixture
def real_java(fake_program) -> None:
    """Adds the machine's JDK to the empty path."""
    for name in ("java", "javac", "keytool"):
        path = shutil.which(name, path=os.defpath + ":/usr/local/bin:/usr/bin")
        if path is None:
            pytest.skip("needs a JDK where the system keeps programs")
        fake_program(name, f'exec {path} "$@"')
