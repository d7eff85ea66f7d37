"""What the app uses of Android that its oldest version lacks; the reader of class files is tried first."""

from __future__ import annotations

import subprocess
import zipfile

import pytest

from export import app_versions
from export.android.apk import build, maven, runtime, toolchain
from tests.export.android.apk.conftest import needs_tools
from tests.support import android_members

# Each compiles Java.
pytestmark = pytest.mark.slow

NEW = {
    "android/view/Window.java": """package android.view;
        public class Window extends java.lang.Thread {
            public int old; public static long added;
            public void both() {} public void changed(int x) {} public void more() {}
        }""",
    "android/view/Base.java": "package android.view; public interface Base { default void inherited() {} }",
    "android/view/Panel.java": "package android.view; public class Panel extends Window implements Base {}",
    "android/view/Sheet.java": "package android.view; public class Sheet { public void show() {} }",
}
OLD = {
    **NEW,
    "android/view/Window.java": """package android.view;
        public class Window extends java.lang.Thread {
            public int old; public void both() {} public void changed(long x) {}
        }""",
}
del OLD["android/view/Sheet.java"]
USER = """package org.example;
    import android.view.*;
    public class Main {
        long all(Panel panel, Window[] windows) {
            panel.both(); panel.inherited(); panel.start(); panel.hashCode(); windows.clone();
            panel.changed(1); panel.more(); panel.old = 3;
            double large = 1e300; long wide = 1L << 40; String text = "é\\0𝄞";
            new Sheet().show();
            return Window.added + panel.old;
        }
    }"""


def compiled(folder, sources, *path):
    for name, text in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    command = ["javac", "--release", "8", "-Xlint:-options", "-encoding", "UTF-8", "-d", folder / "classes"]
    subprocess.run([*command, *path, *(folder / name for name in sources)], check=True, capture_output=True)
    jar = folder / "android.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        for file in sorted((folder / "classes").rglob("*.class")):
            archive.write(file, file.relative_to(folder / "classes").as_posix())
    return jar


@pytest.fixture(scope="module")
def jars(tmp_path_factory):
    needs_tools()
    new = compiled(tmp_path_factory.mktemp("new"), NEW)
    old = compiled(tmp_path_factory.mktemp("old"), OLD)
    folder = tmp_path_factory.mktemp("user")
    compiled(folder, {"org/example/Main.java": USER}, "-cp", new)
    return new, old, (folder / "classes/org/example/Main.class").read_bytes()


def test_nothing_is_missing_from_what_it_was_compiled_against(jars):
    new, _, main = jars
    assert android_members.missing([main], new, new) == []


def test_what_an_older_android_lacks_is_listed_with_its_user(jars):
    new, old, main = jars
    assert android_members.missing([main], new, old) == [
        "android.view.Panel.changed(I)V, used by org.example.Main",
        "android.view.Panel.more()V, used by org.example.Main",
        "android.view.Sheet, used by org.example.Main",
        "android.view.Window.added:J, used by org.example.Main",
    ]


def test_class_file_is_read_whole(jars):
    found = android_members.read(jars[2])
    assert found.name == "org/example/Main"
    assert found.parents == ("java/lang/Object",)
    assert found.members == {"<init>()V", "all(Landroid/view/Panel;[Landroid/view/Window;)J"}
    assert ("android/view/Panel", "old:I") in found.uses


def test_the_app_uses_nothing_newer_than_its_oldest_android_but_behind_a_check(tools, cache, tmp_path):
    """All of these are reached behind a check of the version; a new one must be looked at."""
    project = app_versions.PROJECT
    versions = app_versions.read_versions(project)
    (oldest,) = maven.fetch([toolchain.coordinate(versions["oldest_android_all"])], cache)
    inside = runtime.pinned(versions, cache)
    site = build._Site(project / build.SOURCES, tmp_path, versions, tools)
    build._resources(site)
    jars = build._unpack_classes(site, inside)
    classes = [path.read_bytes() for path in build._compile(site, jars)]
    for jar in jars:
        with zipfile.ZipFile(jar) as opened:
            classes += [opened.read(name) for name in opened.namelist() if name.endswith(".class")]
    missing = android_members.missing(classes, tools.android, oldest)
    assert [member.split(", ")[0] for member in missing] == [
        "android.os.Build.SOC_MANUFACTURER:Ljava/lang/String;",
        "android.os.Build.SOC_MODEL:Ljava/lang/String;",
        "android.os.PowerManager.getCurrentThermalStatus()I",
        "android.view.Window.setDecorFitsSystemWindows(Z)V",
        "android.view.WindowInsets$Type",
        "android.view.WindowInsets.getInsets(I)Landroid/graphics/Insets;",
    ]
