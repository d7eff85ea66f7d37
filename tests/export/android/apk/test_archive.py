from __future__ import annotations

import struct
import zipfile

import numpy as np
import pytest

from export.android.apk import archive


def elf(*alignments: int, wide: bool = True) -> bytes:
    """A library with one NOTE segment and a LOAD segment of each alignment."""
    size, start = (56, 64) if wide else (32, 52)
    segments = b""
    for kind, alignment in ((4, 1), *((1, value) for value in alignments)):
        if wide:
            segments += struct.pack("<IIQQQQQQ", kind, 0, 0, 0, 0, 0, 0, alignment)
        else:
            segments += struct.pack("<IIIIIIII", kind, 0, 0, 0, 0, 0, 0, alignment)
    head = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    if wide:
        head += struct.pack(
            "<HHIQQQIHHHHHH", 3, 183, 1, 0, start, 0, 0, start, size, 1 + len(alignments), 0, 0, 0
        )
    else:
        head += struct.pack(
            "<HHIIIIIHHHHHH", 3, 40, 1, 0, start, 0, 0, start, size, 1 + len(alignments), 0, 0, 0
        )
    return head + segments


@pytest.mark.parametrize("wide", [True, False])
def test_smallest_alignment_of_the_load_segments_counts(wide):
    assert archive.load_alignment(elf(16384, 4096, 65536, wide=wide)) == 4096
    assert archive.load_alignment(elf(16384, wide=wide)) == 16384


@pytest.mark.parametrize(("data", "words"), [(b"no library at all", "ELF"), (elf(), "no LOAD segment")])
def test_other_files_are_refused(data, words):
    with pytest.raises(ValueError, match=words):
        archive.load_alignment(data)


def test_stored_entries_are_aligned_wherever_they_come(tmp_path):
    contents = {
        "a": (b"x", True),
        "lib/arm64-v8a/libé.so": (b"\x7fELF" * 9, True),
        "b.xml": (b"text " * 99, False),
        "assets/m.tflite": (b"model", True),
        "lib/x/liby.so": (b"", True),
    }
    archive.write(tmp_path / "x.apk", [archive.Content(name, *rest) for name, rest in contents.items()])
    found = {entry.name: entry for entry in archive.entries(tmp_path / "x.apk")}
    whole = (tmp_path / "x.apk").read_bytes()
    for name, (data, stored) in contents.items():
        entry = found[name]
        assert entry.aligned
        assert entry.stored == stored
        if stored:
            assert entry.offset % archive.alignment(name) == 0
            assert whole[entry.offset : entry.offset + len(data)] == data
    with zipfile.ZipFile(tmp_path / "x.apk") as read:
        assert read.testzip() is None
        assert {name: read.read(name) for name in read.namelist()} == {n: d for n, (d, _) in contents.items()}


def test_entry_that_starts_anywhere_is_not_aligned(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.apk", "w") as made:
        made.writestr("m.tflite", b"model")
        made.writestr(zipfile.ZipInfo("text"), b"x" * 99, zipfile.ZIP_DEFLATED)
    assert [entry.aligned for entry in archive.entries(tmp_path / "x.apk")] == [False, True]


def test_small_entries_fill_the_gap_before_a_library(tmp_path):
    """Each library would cost half a page of zeros; what may lie anywhere takes that room."""
    noise = np.random.default_rng(0)
    small = [
        archive.Content(f"res/{n}.xml", noise.bytes(int(noise.integers(200, 900))), stored=False)
        for n in range(60)
    ]
    first = archive.Content("AndroidManifest.xml", noise.bytes(700), stored=False)
    library = archive.Content("lib/x/liby.so", noise.bytes(50_000), stored=True)
    table = archive.Content("resources.arsc", noise.bytes(5_000), stored=True)
    archive.write(tmp_path / "x.apk", [first, table, library, *small])
    names = [entry.name for entry in archive.entries(tmp_path / "x.apk")]
    assert names[:2] == ["AndroidManifest.xml", "resources.arsc"]
    assert all(entry.aligned for entry in archive.entries(tmp_path / "x.apk"))
    directory = sum(46 + len(name) for name in names) + 22
    padding = (tmp_path / "x.apk").stat().st_size - directory
    padding -= sum(one.size_bytes for one in (first, table, library, *small))
    assert padding < 300  # 10,000 if the library came third
