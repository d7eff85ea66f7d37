from __future__ import annotations

import io
import zipfile

import pytest

from export.android.apk import runtime
from export.model_file import operators
from pipeline.core.errors import ToolError, UsageError
from tests.support import small_models

ABIS = ("arm64-v8a", "armeabi-v7a")


def archive(path, classes=runtime.CLASSES, abis=ABIS, version="1.4.1"):
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as inner:
        for name in classes:
            inner.writestr(name, b"")
    with zipfile.ZipFile(path, "w") as outer:
        outer.writestr("classes.jar", jar.getvalue())
        for abi in abis:
            outer.writestr(
                f"jni/{abi}/libtensorflowlite_jni.so", b"\0before\0" + version.encode() + b"\0after\0"
            )
    return path


def test_archives_are_read_together(tmp_path):
    first = archive(tmp_path / "litert-1.4.1.aar", runtime.CLASSES[:1], (*ABIS, "x86"))
    second = archive(tmp_path / "litert-api-1.4.1.aar", runtime.CLASSES[1:], ())
    found = runtime.open_archives([first, second], ABIS)
    assert (found.name, found.version) == ("litert-1.4.1 + litert-api-1.4.1", "1.4.1")
    assert sorted(found.libraries) == [f"lib/{abi}/libtensorflowlite_jni.so" for abi in ABIS]
    assert len(found.classes) == 2


def test_archive_without_its_sister_is_refused(tmp_path):
    path = archive(tmp_path / "litert.aar", runtime.CLASSES[:1])
    with pytest.raises(
        UsageError, match=r"litert\.aar lacks org\.tensorflow\.lite\.InterpreterApi"
    ) as caught:
        runtime.open_archives([path], ABIS)
    assert "give both litert and litert-api" in caught.value.hint


def test_archive_without_a_processors_library_is_refused(tmp_path):
    path = archive(tmp_path / "litert.aar", abis=("arm64-v8a",))
    with pytest.raises(UsageError, match=r"litert\.aar has no library for armeabi-v7a"):
        runtime.open_archives([path], ABIS)


@pytest.mark.parametrize("damage", ["missing", "no_zip", "no_classes", "no_jar", "damaged"])
def test_file_that_is_no_archive_is_named(tmp_path, damage):
    path = tmp_path / "litert.aar"
    if damage == "no_zip":
        path.write_text("nothing")
    if damage == "no_classes":
        zipfile.ZipFile(path, "w").close()
    if damage in ("no_jar", "damaged"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("classes.jar", "no jar " * 20)
    if damage == "damaged":
        data = bytearray(path.read_bytes())
        data[45:60] = b"\xff" * 15
        path.write_bytes(data)
    with pytest.raises(UsageError, match=r"litert\.aar is not an Android archive: ") as caught:
        runtime.open_archives([path], ABIS)
    assert "--runtime" in caught.value.hint


def test_the_library_inside_an_app_is_found_where_there_is_one(tmp_path):
    path = tmp_path / "demo.apk"
    assert runtime.library_inside(path) is None
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("lib/armeabi-v7a/libtensorflowlite_jni.so", b"other")
    assert runtime.library_inside(path) is None
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr(runtime.ARM64, b"library")
    assert runtime.library_inside(path) == b"library"
    path.write_bytes(b"no app")
    with pytest.raises(ToolError, match=r"demo\.apk cannot be read: ") as caught:
        runtime.library_inside(path)
    assert "python -m export apk" in caught.value.hint


def test_library_that_names_no_version_or_several_leaves_it_open(tmp_path):
    assert runtime.open_archives([archive(tmp_path / "a.aar", version="x")], ABIS).version == ""
    both = archive(tmp_path / "b.aar", version="1.2.3\0\0" + "4.5.6")
    assert runtime.open_archives([both], ABIS).version == ""


def test_runtime_without_a_table_leaves_the_comparison_open(small_bundles):
    data = (small_bundles["int8"] / "model_int8.tflite").read_bytes()
    for version in ("9.9.9", "", "../2.16.1"):
        needed = operators.compare(data, version)
        assert needed
        assert all(op.runtime is None and op.fits is None for op in needed)
        runtime.require(needed, "a runtime", "m.tflite")


def test_every_flavour_fits_the_pinned_runtime(small_bundles):
    for flavour, folder in small_bundles.items():
        needed = operators.compare((folder / f"model_{flavour}.tflite").read_bytes(), "2.16.1")
        assert all(op.fits for op in needed), flavour


def test_highest_version_of_an_operator_counts(small_bundles):
    data = (small_bundles["int8"] / "model_int8.tflite").read_bytes()
    newer = small_models.with_operator_version(data, "CONV_2D", 9)
    found = {op.name: op for op in operators.compare(newer, "2.16.1")}
    assert found["CONV_2D"] == operators.Operator("CONV_2D", 9, 8)
    assert [op.name for op in found.values() if not op.fits] == ["CONV_2D"]
    assert list(found) == sorted(found)


def test_table_names_operators_as_the_schema_does():
    from ai_edge_litert import schema_py_generated as schema

    table = operators.highest_versions("2.16.1")
    assert table is not None
    assert len(table) == 168
    assert set(table) <= set(vars(schema.BuiltinOperator))
    assert table["FULLY_CONNECTED"] == 11
