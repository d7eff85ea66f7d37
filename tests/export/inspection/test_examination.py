from __future__ import annotations

import contextlib
import os
import random
import resource
import struct
import time

import numpy as np
import pytest

from export.inspection import sandbox
from export.inspection.examination import examine
from pipeline.core.errors import DataError, StorageError
from tests.support import odd_models, verbs
from tests.support.small_models import LABELS, build

pytestmark = pytest.mark.slow

QUICKLY = 10


def refused(path, message: str, hint: str) -> None:
    begun = time.monotonic()
    with pytest.raises(DataError) as caught:
        examine(path)
    assert time.monotonic() - begun < QUICKLY
    assert caught.value.message == f"{path} {message}"
    assert caught.value.hint == hint


def test_a_healthy_file_is_read_and_run(tmp_path):
    path = tmp_path / "x.tflite"
    path.write_bytes(build("int8"))
    found = examine(path)
    assert (found.trial.runs, found.trial.finite, found.trial.constant) == (True, True, False)
    assert [call[0].shape for call in found.calls] == [(1, 32, 64, 3)] * 4
    assert (found.calls[0][0].max(), found.calls[1][0].min()) == (0, 255)
    assert len({answer.tobytes() for answer in found.answers}) > 1
    assert found.metadata is None
    (taken,) = found.structure.inputs
    assert (taken.shape, taken.dtype, taken.scale, taken.zero_point) == ((1, 32, 64, 3), "uint8", 1.0, 0)
    assert {operator.name for operator in found.structure.operators} >= {
        "CONV_2D",
        "RESHAPE",
        "SOFTMAX",
    }
    assert found.structure.per_channel >= 3
    assert found.structure.signatures[0].key == "serving_default"


def test_metadata_come_along(tmp_path):
    path = tmp_path / "x.tflite"
    path.write_bytes(odd_models.build("float border"))
    found = examine(path)
    assert found.metadata == odd_models.SAID
    assert found.metadata.labels == LABELS


@pytest.mark.parametrize("odd", odd_models.ODD)
def test_files_of_others_run_as_well(tmp_path, odd):
    path = tmp_path / "x.tflite"
    path.write_bytes(odd_models.build(odd))
    found = examine(path)
    assert (found.trial.runs, found.trial.finite) == (True, True)


def test_bytes_of_constants_are_counted_by_the_operator_that_takes_them(tmp_path):
    path = tmp_path / "x.tflite"
    path.write_bytes(build("float16"))
    structure = examine(path).structure
    held = {operator.name: operator.constant_bytes for operator in structure.operators}
    # In a float16 file every kernel passes through DEQUANTIZE first.
    assert held["DEQUANTIZE"] == 0
    assert held["CONV_2D"] >= 2 * 3 * 3 * 3 * 8
    assert sum(held.values()) == sum(structure.constants.values())


@pytest.mark.parametrize(
    ("content", "begins"),
    [
        (b"\xff\xd8\xff\xe0" + bytes(500), "it looks like a JPEG picture"),
        (b"\x89PNG\r\n" + bytes(500), "it looks like a PNG picture"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "it looks like a Git LFS pointer whose file was not fetched",
        ),
        (b"<!DOCTYPE html>", "it looks like a web page or XML"),
        (b"hello, world", "it looks like something else"),
        (b"", "it is empty"),
    ],
)
def test_what_is_no_tflite_is_named(tmp_path, content, begins):
    path = tmp_path / "x_int8.tflite"
    path.write_bytes(content)
    hint = "bytes 5 to 8 of a .tflite are TFL3; export it again, or fetch the right file"
    refused(path, f"is not a .tflite: {begins}", hint)


DAMAGED = "it was truncated, corrupted, or is not really a .tflite: fetch or export it again"


def test_a_file_that_is_cut_off_is_named(tmp_path):
    data = build("int8")
    path = tmp_path / "x_int8.tflite"
    path.write_bytes(data[: len(data) // 2])
    begun = time.monotonic()
    with pytest.raises(DataError) as caught:
        examine(path)
    assert time.monotonic() - begun < QUICKLY
    assert caught.value.message.startswith(f"{path} is damaged: ")
    assert caught.value.message.endswith(f" {len(data) // 2:,}")
    assert caught.value.hint == DAMAGED


def test_offsets_that_lead_out_of_the_file_are_named(tmp_path):
    data = odd_models.wild(build("int8"))
    path = tmp_path / "x_int8.tflite"
    path.write_bytes(data)
    refused(path, f"is damaged: an offset points to byte 2,147,483,632 of {len(data):,}", DAMAGED)


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "x.tflite"
    with path.open("wb") as file:
        file.write(b"\x1c\0\0\0TFL3")
        file.truncate(20_000_000_000)
    hint = "a classifier for a phone takes a few MB: is this the right file?"
    refused(path, "is 20.0 GB; the limit is 1 GB", hint)


def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.tflite")
    hint = "give the path of a .tflite, or the name of a run"
    for path in (tmp_path, tmp_path / "pipe.tflite"):
        refused(path, "is not a regular file", hint)
    hint = "check the path and your read permission"
    refused(tmp_path / "absent.tflite", "cannot be read: No such file or directory", hint)


def test_a_reader_that_hangs_is_stopped(tmp_path):
    path = tmp_path / "x.tflite"
    path.write_bytes(build("int8"))
    with pytest.raises(DataError) as caught:
        examine(path, seconds=0)
    assert (
        caught.value.message == f"{path} cannot be read as a .tflite: reading it took longer than 0 seconds"
    )
    assert caught.value.hint == "it is damaged or malicious: fetch or export it again"


def test_no_room_for_what_is_found_is_not_the_files_fault(tmp_path, monkeypatch):
    path = tmp_path / "x.tflite"
    path.write_bytes(build("int8"))
    program = "import os\nos.write(2, b'No space left on device')\nraise SystemExit(os.EX_IOERR)\n"
    reader_that(tmp_path, monkeypatch, program)
    with pytest.raises(StorageError) as caught:
        examine(path)
    assert caught.value.message.startswith("cannot write temporary files in ")
    assert caught.value.message.endswith(": No space left on device")
    assert caught.value.hint == "free some space, or set TMPDIR to another folder"


def test_a_file_system_that_takes_no_more_is_told_so(tmp_path):
    """The reader's own writes stop at 100 bytes."""
    path = tmp_path / "x.tflite"
    path.write_bytes(build("int8"))
    ended = verbs.verb(
        "export",
        "passport",
        path,
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )
    assert ended.returncode == 1
    message, hint = ended.stderr.splitlines()
    assert message.startswith("error: cannot write temporary files in ")
    assert message.endswith(": File too large")
    assert hint == "hint: free some space, or set TMPDIR to another folder"


def reader_that(place, monkeypatch, program: str) -> None:
    """Puts another program in the reader's place."""
    monkeypatch.setattr(sandbox, "ROOT", place)
    folder = place / "export" / "inspection"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").write_text("")
    (folder / "examiner.py").write_text(program)


def test_a_reader_that_eats_memory_is_stopped(tmp_path, monkeypatch):
    path = tmp_path / "x.tflite"
    path.write_bytes(build("int8"))
    limited = f"import sys; sys.path.insert(0, {str(verbs.ROOT)!r})\n"
    limited += "[sys.modules.pop(name) for name in ('export.inspection', 'export')]\n"
    limited += "from export.inspection.sandbox import limit\nlimit(800_000_000, 5)\nbytes(10**9)\n"
    reader_that(tmp_path, monkeypatch, limited)
    with pytest.raises(DataError) as caught:
        examine(path)
    assert caught.value.message == f"{path} cannot be read as a .tflite: reading it failed"


def test_a_reader_that_crashes_is_an_answer(tmp_path, monkeypatch):
    path = tmp_path / "x.tflite"
    path.write_bytes(build("int8"))
    reader_that(tmp_path, monkeypatch, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    with pytest.raises(DataError) as caught:
        examine(path)
    assert caught.value.message == f"{path} cannot be read as a .tflite: reading it crashed (SIGSEGV)"


def test_a_model_that_cannot_run_says_why(tmp_path):
    def custom(model) -> None:
        model.operatorCodes[0].builtinCode = 32
        model.operatorCodes[0].deprecatedBuiltinCode = 32
        model.operatorCodes[0].customCode = b"Invented"

    path = tmp_path / "x.tflite"
    path.write_bytes(odd_models.changed(build("float32"), custom))
    found = examine(path)
    assert not found.trial.runs
    assert "Invented" in found.trial.words
    assert any(operator.name == "CUSTOM Invented" for operator in found.structure.operators)


def hurt(data: bytes, rng: random.Random) -> bytes:
    """The same bytes after one of the things that happen to files, or are done to them."""
    what = rng.choice(("bit", "offset", "cut"))
    if what == "cut":
        return data[: rng.randrange(8, len(data))]
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 4))):
        place = rng.randrange(len(damaged) - 4)
        if what == "bit":
            damaged[place] ^= 1 << rng.randrange(8)
        else:
            wild = rng.choice((0xFFFFFFFF, 0x7FFFFFFF, 0, 8))
            struct.pack_into("<I", damaged, place // 4 * 4, wild)
    return bytes(damaged)


@pytest.mark.parametrize("part", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 10))])
def test_whatever_bytes_are_changed_there_is_a_verdict_or_an_error(tmp_path, part):
    """Two hundred seeded damages of a small file in all."""
    rng = random.Random(part)
    data = odd_models.build("float border")
    path = tmp_path / "x_int8.tflite"
    for _ in range(20):
        path.write_bytes(hurt(data, rng))
        begun = time.monotonic()
        with contextlib.suppress(DataError):  # nothing else may come out
            found = examine(path)
            assert found.trial.words or found.trial.runs
        assert time.monotonic() - begun < QUICKLY


def test_answers_that_are_not_finite_are_seen(tmp_path):
    def poison(model) -> None:
        # The bias of the last layer.
        last = next(o for o in reversed(model.subgraphs[0].operators) if len(o.inputs) == 3)
        buffer = model.buffers[model.subgraphs[0].tensors[last.inputs[2]].buffer]
        buffer.data = np.frombuffer(np.full(len(LABELS), np.nan, np.float32).tobytes(), np.uint8)

    path = tmp_path / "x.tflite"
    path.write_bytes(odd_models.changed(build("float32"), poison))
    trial = examine(path).trial
    assert (trial.runs, trial.finite) == (True, False)
