from __future__ import annotations

import json

import pytest

from export.android.apk import apk_info
from export.android.apk.apk_info import ApkInfo, Library, Sizes
from export.android.apk.verdict import Verdict
from export.model_file.operators import Operator
from pipeline.core import documents
from pipeline.core.errors import ToolError
from tests.support.apk_infos import apk_info_of

INFO = apk_info_of("ab" * 32)


def changed(**changes: object) -> ApkInfo:
    return INFO.model_copy(update=changes)


def test_it_is_read_back_as_it_was_written():
    runtime = INFO.runtime.model_copy(update={"operators": (Operator("ADD", 2, None),)})
    verdict = Verdict(verdict="not shown", n=36, second_look=True)
    info = changed(runtime=runtime, flavour="int8", verdict=verdict)
    assert documents.document_of(info.model_dump_json(), ApkInfo) == info
    assert info.words["gate"] == "int8: not shown, n = 36, second look"
    assert info.words["operators fit"].startswith("not checked: there is no table of operator versions")


def test_one_of_the_version_before_is_read():
    written = INFO.model_dump(mode="json") | {"missing_at_min_sdk": ["android.view.X, used by y"]}
    del written["verdict"], written["flavour"]
    written["words"]["missing at API 26"] = "1, each to be reached behind a check of the version only"
    assert documents.document_of(json.dumps(written), ApkInfo) == INFO


def test_libraries_for_small_pages_are_told():
    narrow = Library(path="lib/arm64-v8a/libx.so", size_bytes=9, alignment_bytes=4096)
    small = Library(path="lib/armeabi-v7a/libx.so", size_bytes=9, alignment_bytes=4096)
    assert changed(libraries=(small,)).ready_for_16_kb
    info = changed(libraries=(narrow, small))
    assert not info.ready_for_16_kb
    assert info.words["16 KB pages"].startswith(
        "not ready: lib/arm64-v8a/libx.so is aligned for 4 KB pages. It runs on phones with 4 KB pages;"
    )


def test_sizes_are_shown_in_megabytes():
    sizes = Sizes(whole=6_000_000, dex=500_000, libraries=1_400_000, model=4_000_000, other=100_000)
    shown = "6.00 MB: dex 0.50, libraries 1.40, model 4.00, other 0.10"
    assert changed(sizes=sizes).words["sizes"] == shown


def test_what_android_would_refuse_is_refused():
    apk_info.require(INFO)
    broken = INFO.signature.model_copy(update={"verified": False, "errors": ("no signer",)})
    with pytest.raises(ToolError, match=r"the signature of demo\.apk is invalid: no signer") as caught:
        apk_info.require(changed(signature=broken))
    assert caught.value.hint == "build it again: python -m export apk"
    with pytest.raises(ToolError, match=r"demo\.apk has entries that Android cannot map: classes\.dex"):
        apk_info.require(changed(misaligned=("classes.dex",)))
