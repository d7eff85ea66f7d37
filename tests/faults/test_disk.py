"""A disk that is full or may not be written: what is said, and what is left."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest

from pipeline.core import runs, stages
from pipeline.data import file_hashes
from tests.support import verbs
from tests.support.commands import WRITE_THERE, no_rubbish, refused, train, train_copy
from tests.support.verbs import RUN, forked, here, sets, verb

pytestmark = pytest.mark.slow


def with_full_disk(wanted: str, module: str, *arguments: object, cwd: Path):
    """A command for which the disk is full as soon as a file of this name has been written."""
    fsync = os.fsync

    def full(number: int) -> None:
        if Path(f"/proc/self/fd/{number}").readlink().name.endswith(f".{wanted}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(number)

    with mock.patch.object(os, "fsync", full):
        return here(module, *arguments, cwd=cwd)


def disk_was_full(ended, name: str) -> None:
    refused(
        ended,
        1,
        f"cannot write {RUN / name}: No space left on device",
        "free some disk space, then run the command again: it continues where it stopped",
    )


MADE = {
    "pictures.csv": ("pipeline", "train", "pictures", *sets()),
    "figures/confusion.svg": ("pipeline", "evaluate"),
    "passport.json": ("export", "passport"),
    "parity.json": ("export", "parity"),
    "split.csv": ("pipeline", "train", "pictures", *sets()),
    "out_of_fold.npz": ("pipeline", "train", "pictures", *sets()),
    "model.keras": ("pipeline", "train", "pictures", *sets()),
    "figures/samples.png": ("pipeline", "train", "pictures", *sets()),
    "predictions/keras.npz": ("pipeline", "evaluate"),
    "export/int8/model_int8.tflite": ("export", "tflite"),
}


@pytest.mark.parametrize(
    "name",
    list(MADE),
)
def test_a_full_disk_is_named_and_the_run_stays_usable(finished, copy, name):
    command = MADE[name]
    (copy / RUN / name).unlink()
    before = verbs.stamps(copy / RUN)
    disk_was_full(with_full_disk(Path(name).name, *command, cwd=copy), name)
    assert not (copy / RUN / name).exists()
    after = verbs.stamps(copy / RUN)
    # Only the note that the stage is finished is taken back.
    lost = before.keys() - after.keys()
    assert all(name in verbs.content(finished / RUN / key)["outputs"] for key in lost)
    assert {key: after.get(key) for key in before if key not in lost} == {
        key: stamp for key, stamp in before.items() if key not in lost
    }
    no_rubbish(copy / RUN)
    verbs.fine(here(*command, cwd=copy))
    assert verbs.content(copy / RUN / name) == verbs.content(finished / RUN / name)


def test_a_write_that_stops_half_way_leaves_no_half_file(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 12, "dog": 12})
    limit = "the file size limit was reached (ulimit -f); raise it and try again"
    ended = train(tmp_path, way=forked, largest_file=1000)
    (views,) = tmp_path.glob(f"{runs.CACHE}/*/views.bin")
    refused(ended, 1, f"cannot write {views.relative_to(tmp_path)}: File too large", limit)
    assert verbs.artifacts(tmp_path / RUN) == []
    # With all pictures in the cache, the run itself is what cannot be written. Files that were only just
    # written would be looked at again.
    time.sleep(file_hashes._SETTLED_NS / 1e9)
    verbs.fine(verb("pipeline", "audit", "pictures", "--name", "first", cwd=tmp_path))
    ended = train(tmp_path, way=forked, largest_file=1000)
    refused(
        ended,
        1,
        f"cannot write {RUN / stages.AUDIT}: File too large",
        limit,
    )
    assert verbs.artifacts(tmp_path / RUN) == []
    no_rubbish(tmp_path / RUN)


def test_temporary_files_that_cannot_be_written_are_told(finished, tmp_path):
    """The converter writes some of its own; its failure must not be a riddle."""
    shutil.copytree(finished / "pictures", tmp_path / "pictures")
    ended = train_copy(tmp_path, way=forked, largest_file=20_000)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "File too large" in ended.stderr or "temporary" in ended.stderr


def test_writes_that_stop_half_way_at_any_size_are_named_and_mended_by_repeating(finished, tmp_path):
    # The converted backbone is kept, because the converter writes temporary files of its own.
    shutil.copytree(finished / "pictures", tmp_path / "pictures")
    shutil.copytree(finished / runs.CACHE, tmp_path / runs.CACHE)
    for records in (tmp_path / runs.CACHE).rglob("records.bin"):
        records.unlink()
    stopped = set()
    for size in (4_000, 20_000, 40_000, 60_000, 100_000):
        ended = train_copy(tmp_path, way=forked, largest_file=size)
        assert ended.returncode == 1
        message, hint = ended.stderr.splitlines()
        assert message.startswith("error: cannot write data/")
        assert message.endswith(": File too large")
        assert hint == "hint: the file size limit was reached (ulimit -f); raise it and try again"
        stopped.add(message.split(": ")[1].rsplit("/", 1)[-1])
        no_rubbish(tmp_path / RUN)
    assert stopped >= {"records.bin", stages.MODEL, "samples.png"}
    verbs.fine(train_copy(tmp_path))
    made = verbs.contents(tmp_path / RUN)
    expected = verbs.contents(finished / RUN)
    assert made == {name: expected[name] for name in made}
    assert stages.MODEL in made


_STRANGER = """
import os, runpy, sys
# A stranger may not be able to read Python's own modules; these are all that the command needs.
import pipeline.cli.terminal, pipeline.data.synthetic, pipeline.evaluation.evaluate, pipeline.training.train
user, group, module = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
sys.argv = sys.argv[3:]
os.setgroups([])
os.setgid(group)
os.setuid(user)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def stranger(tmp_path_factory) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Runs a command in a copy of the finished run, as a user who may only read it."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a command as another user")
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        pytest.skip("there is no user called nobody here")
    folder = Path(tempfile.mkdtemp())
    shutil.copytree(verbs.finished(tmp_path_factory), folder, dirs_exist_ok=True)
    folder.chmod(0o755)

    def run(*command: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", _STRANGER, str(nobody.pw_uid), str(nobody.pw_gid), *map(str, command)],
            cwd=folder,
            env=verbs.environment(HOME="/nonexistent", PYTHONDONTWRITEBYTECODE="1"),
            text=True,
            capture_output=True,
            check=False,
        )

    trial = run("pipeline", "--help")
    if trial.returncode:
        shutil.rmtree(folder)
        pytest.skip("another user cannot run this checkout: " + trial.stderr.strip().splitlines()[-1])
    yield run
    shutil.rmtree(folder)


def test_missing_permission_is_named(stranger):
    refused(stranger("pipeline", "evaluate"), 1, f"cannot write {RUN}/.lock: Permission denied", WRITE_THERE)
    other = stranger("pipeline", "train", "pictures", *sets(), "--name", "other")
    refused(other, 1, "cannot write data/runs/other: Permission denied", WRITE_THERE)
    drawn = stranger("pipeline", "draw", "elsewhere", "--train", 1, "--test", 0)
    assert drawn.returncode == 1
    assert drawn.stderr.startswith("error: cannot write elsewhere/train/")
    assert drawn.stderr.endswith(f": Permission denied\nhint: {WRITE_THERE}\n")


def test_a_picture_that_may_not_be_read_is_listed(tmp_path, make_data_set, powerless):
    from pipeline.data import dataset

    def prepare(folder: Path) -> None:
        make_data_set(folder, {"cat": 12, "dog": 12})
        (folder / "cat" / "003.png").chmod(0)

    table = dataset.scan(powerless(prepare))
    assert [(entry.path, entry.reason) for entry in table.excluded] == [
        ("cat/003.png", "cannot be opened: Permission denied")
    ]
