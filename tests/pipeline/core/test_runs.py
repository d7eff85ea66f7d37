from __future__ import annotations

import errno
import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.core import config as configuration
from pipeline.core import files, locks, runs, stages
from pipeline.core.errors import ConfigError, RunError, StorageError, UsageError
from pipeline.core.packages import ROOT
from pipeline.core.runs import Run


def python(code: str, *arguments: object, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def run(workplace) -> Run:
    return Run(runs.RUNS / "first")


def make_run(name: str, *settings: str, at: int = 0) -> Run:
    run = Run(runs.RUNS / name)
    files.write_text(run.path(stages.CONFIG), configuration.dump(configuration.load(Path(), settings)))
    if at:
        os.utime(run.path(stages.CONFIG), (at, at))
    return run


def test_json_comes_back_as_it_was_written(run):
    value = {"ä": [1, 2.5, None, True], "nested": {"日本": "x"}}
    files.write_json(run.path("a.json"), value)
    assert run.read_json("a.json") == value
    assert "日本" in run.path("a.json").read_text("utf-8")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_not_written(run, number):
    files.write_json(run.path("a.json"), 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(run.path("a.json"), [number])
    assert run.read_json("a.json") == 1


@pytest.mark.parametrize("read", ["read_json", "read_csv"])
def test_a_missing_artefact_is_named_with_the_verb_that_makes_it(run, read):
    with pytest.raises(RunError, match="data/runs/first/x is missing") as caught:
        getattr(run, read)("x")
    assert "python -m pipeline train" in caught.value.hint
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("read", "content"),
    [
        ("read_json", b""),
        ("read_json", b'{"a": 1'),
        ("read_json", b"\xff\xfe"),
        ("read_csv", b"a,b\n1\n"),
        ("read_csv", b"a,b\n1,2,3\n"),
        ("read_csv", b'a,b\n1,"2\n'),
        ("read_csv", b"a,b\n1,\xff\n"),
    ],
)
def test_a_damaged_artefact_is_named_with_the_remedy(run, read, content):
    files.write_bytes(run.path("x"), content)
    with pytest.raises(RunError, match="data/runs/first/x is damaged") as caught:
        getattr(run, read)("x")
    assert caught.value.hint == "delete it and run the command again"


def test_rows_of_a_table_come_by_column(run):
    files.write_text(run.path("x"), 'a,b\n1,"x, ""y"""\n"2\n3",\n')
    assert list(run.read_csv("x")) == [{"a": "1", "b": 'x, "y"'}, {"a": "2\n3", "b": ""}]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(run, monkeypatch):
    path = run.path("a.json")
    files.write_text(path, "old")
    write = Path.write_bytes

    def fill_the_disk(self: Path, data: bytes) -> int:
        write(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
    with pytest.raises(StorageError) as caught:
        files.write_text(path, "new and longer")
    assert caught.value.message == "cannot write data/runs/first/a.json: No space left on device"
    assert caught.value.hint.startswith("free some disk space")
    assert path.read_text("utf-8") == "old"
    assert names(path.parent) == ["a.json"]


def test_any_other_failure_while_writing_leaves_the_old_file_and_nothing_else(run):
    path = run.path("a.bin")
    files.write_text(path, "old")

    def write() -> None:
        with files.replacing(path) as beside:
            beside.write_text("half", "utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text("utf-8") == "old"
    assert names(path.parent) == ["a.bin"]


def test_the_limit_on_the_size_of_a_file_leaves_the_old_file(run):
    path = run.path("a.bin")
    files.write_bytes(path, b"old")
    code = """
import resource, sys
from pathlib import Path
from pipeline.core import errors, files, runs
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    files.write_bytes(Path(sys.argv[1]), b"x" * 5000)
except errors.StorageError as error:
    print(error.message, error.hint, sep="|")
"""
    out, err = python(code, path).communicate(timeout=60)
    assert out.startswith("cannot write data/runs/first/a.bin: File too large|"), err
    assert "ulimit -f" in out
    assert path.read_bytes() == b"old"
    assert names(path.parent) == ["a.bin"]


def test_a_kill_in_the_middle_of_a_write_leaves_the_old_file_and_sweep_the_rest(run):
    path = run.path("export", "a.json")
    files.write_text(path, "old")
    code = """
import sys, time
from pathlib import Path
from pipeline.core import files
with files.replacing(Path(sys.argv[1])) as beside:
    beside.write_text("half")
    print("written", flush=True)
    time.sleep(60)
"""
    process = python(code, path)
    assert process.stdout.readline() == "written\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert path.read_text("utf-8") == "old"
    with run.locked():
        assert names(path.parent) == ["a.json"]


def test_sweep_leaves_everything_else(run):
    for name in (
        ".lock",
        ".note.txt",
        "1.txt",
        ".123abc.txt",
        ".2024.notes.txt",
        ".vignette.x.txt",
        "a.json",
    ):
        files.write_text(run.path(name), "x")
    with run.locked():
        assert len(names(run.folder)) == 7


def test_libraries_find_their_ending_on_the_temporary_name(run):
    with files.replacing(run.path("model.keras")) as beside:
        assert beside.suffix == ".keras"
        assert beside.parent == run.folder
        beside.write_bytes(b"x")
    assert run.path("model.keras").read_bytes() == b"x"


def test_no_permission_names_the_file(powerless):
    folder = powerless(lambda root: (root / "runs").mkdir())
    with pytest.raises(StorageError, match=r"a\.json: Permission denied") as caught:
        files.write_text(folder / "runs" / "a.json", "x")
    assert "check your write permission" in caught.value.hint
    with pytest.raises(StorageError, match="new: Permission denied"):
        files.make_folder(folder / "runs" / "new")
    with pytest.raises(StorageError, match="Permission denied"), Run(folder / "runs").locked():
        pass


def test_a_file_where_a_folder_belongs_is_said(workplace):
    (workplace / "data").write_text("x", "utf-8")
    with pytest.raises(StorageError, match="cannot write data/runs") as caught:
        files.write_text(runs.RUNS / "first" / "a.json", "x")
    assert caught.value.hint == "a part of this path is a file, not a folder; choose another folder"


def test_a_locked_run_is_refused_and_the_process_named(run):
    code = """
import sys, time
from pathlib import Path
from pipeline.core.runs import Run
with Run(Path(sys.argv[1])).locked():
    print("locked", flush=True)
    sys.stdin.read()
"""
    process = python(code, run.folder, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "locked\n"
    begin = time.monotonic()
    with pytest.raises(RunError) as caught, run.locked():
        pass
    assert time.monotonic() - begin < 2
    holder = f"{process.pid} on {platform.node()} ("
    assert caught.value.message.startswith(f"data/runs/first is in use by process {holder}")
    assert caught.value.hint == "wait until it is done, or give this run another --name"
    assert caught.value.exit_code == 1
    process.communicate()
    with run.locked():
        pass


def test_who_waits_for_the_cache_says_for_whom(workplace):
    folder = runs.CACHE / "abc"
    files.make_folder(folder)
    code = """
import sys
from pathlib import Path
from pipeline.core import locks
with locks.waiting_for(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""
    process = python(code, folder, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "held\n"
    said = []

    def warn(words: str) -> None:
        said.append(words)
        process.stdin.write("go on\n")
        process.stdin.flush()

    with process, locks.waiting_for(folder, warn):
        assert process.wait(60) == 0
    (words,) = said
    assert words.startswith(f"waiting for process {process.pid} on {platform.node()} (")
    assert words.endswith(f"), which is using {folder}")
    with locks.waiting_for(folder, warn):
        assert len(said) == 1


def test_a_folder_that_is_in_use_is_passed_over_by_who_does_not_wait(workplace):
    folder = runs.CACHE / "abc"
    files.make_folder(folder)
    with locks.if_free(folder) as holder:
        assert holder == ""
        with locks.if_free(folder) as second:
            assert second.startswith(f"{os.getpid()} on ")
    with locks.if_free(folder) as holder:
        assert holder == ""


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_refused(run, monkeypatch, number):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    refused = pytest.raises(StorageError, match=r"data/runs/first: the file system has no locks")
    with refused as caught, run.locked():
        pass
    assert "NFS: without nolock" in caught.value.hint


def test_a_killed_process_holds_no_lock(run):
    code = """
import os, sys, signal
from pathlib import Path
from pipeline.core.runs import Run
with Run(Path(sys.argv[1])).locked():
    os.kill(os.getpid(), signal.SIGKILL)
"""
    process = python(code, run.folder)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    with run.locked():
        assert str(os.getpid()) in run.path(".lock").read_text("utf-8")


def test_the_lock_is_free_again_after_a_failure(run):
    with pytest.raises(ZeroDivisionError), run.locked():
        raise ZeroDivisionError
    with run.locked():
        pass


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("thumbnails.toml", "thumbnails"),
        ("data/pictures/flowers5", "flowers5"),
        ("data/pictures/flowers5/", "flowers5"),
        ("a/table.csv", "table"),
        ("my pictures (new)!", "my-pictures-new"),
        ("photos.v2", "photos.v2"),
        ("été", "été"),
        ("قطط", "قطط"),
        ("...", "run"),
        ("/", "run"),
    ],
)
def test_a_run_is_named_after_its_source(workplace, source, name):
    assert runs.run_name(Path(source)) == name


def test_a_run_of_the_working_directory_is_named_after_it(workplace):
    assert runs.run_name(Path()) == workplace.name.strip(".-")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a\\b"])
def test_the_name_of_a_run_is_one_folder_name(workplace, name):
    with pytest.raises(UsageError, match="a run's name must be a single folder name") as caught:
        runs.open_for(name, configuration.load(Path()), overwrite=False)
    assert caught.value.hint == "for example --name first"


def test_a_run_of_another_configuration_is_refused_with_the_keys(workplace):
    files.write_json(make_run("first").path(stages.FOLDS), {})
    other = configuration.load(Path(), ["head.l2=0.5", "train.folds=3"])
    with pytest.raises(ConfigError) as caught:
        runs.open_for("first", other, overwrite=False)
    assert caught.value.message == (
        "data/runs/first was made with another configuration; it differs in head.l2, train.folds"
    )
    assert caught.value.hint == "use --name NAME for another run, or --overwrite to replace this one"
    assert caught.value.exit_code == 2
    assert runs.open_for("first", other, overwrite=True).name == "first"
    assert runs.open_for("second", other, overwrite=False).name == "second"


def test_a_run_has_one_folder_of_pictures(workplace):
    """From its first split on, whatever was made of it; the same folder may be called otherwise."""
    make_run("first", "data.pictures=a/pictures")
    other = configuration.load(Path(), ["data.pictures=b/pictures"])
    for keys in (None, ("data.pictures",)):
        with pytest.raises(ConfigError, match=r"it differs in data\.pictures"):
            runs.open_for("first", other, keys=keys)
    same = configuration.load(Path(), [f"data.pictures={workplace}/a/pictures", "head.l2=0.5"])
    files.write_json(make_run("first", "data.pictures=a/pictures").path(stages.FOLDS), {})
    assert runs.open_for("first", same, keys=("data.pictures",)).name == "first"
    with pytest.raises(ConfigError, match=r"it differs in head\.l2$"):
        runs.open_for("first", same)


def test_the_size_of_the_cache_makes_no_other_run(workplace):
    files.write_json(make_run("first").path(stages.FOLDS), {})
    own = runs.find("first").config()
    other = own.with_values({"data.remote_cache_gb": 50.0})
    assert runs.open_for("first", other).name == "first"


def test_a_damaged_configuration_says_how_to_write_it_anew(workplace):
    run = make_run("first")
    run.path(stages.CONFIG).write_text("[data", "utf-8")
    with pytest.raises(ConfigError) as caught:
        runs.find("first").config()
    assert "python -m pipeline train CONFIG_OR_FOLDER --name first --overwrite" in caught.value.hint


def test_a_run_of_the_same_configuration_is_continued(workplace):
    make_run("first", "head.l2=[0.1, 0.2]")
    config = configuration.load(Path(), ["head.l2=[0.1, 0.2]"])
    run = runs.open_for("first", config, overwrite=False)
    assert run.config() == config


def test_find_takes_the_newest_run_or_the_named_one(workplace):
    make_run("old", at=1000)
    make_run("new", at=3000)
    make_run("middle", at=2000)
    assert runs.find(None).name == "new"
    assert runs.find("old").folder == runs.RUNS / "old"
    assert runs.find("data/runs/middle").name == "middle"
    assert runs.find(str(workplace / "data/runs/middle")).name == "middle"


def test_find_names_the_runs_that_there_are(workplace):
    with pytest.raises(UsageError, match="no runs in data/runs") as none:
        runs.find(None)
    assert none.value.hint.startswith(
        "train one: python -m pipeline train CONFIG_OR_FOLDER; or go to the folder"
    )
    with pytest.raises(UsageError, match="no run called x in data/runs") as unknown:
        runs.find("x")
    assert unknown.value.hint == "there are no runs yet"
    make_run("b")
    make_run("a")
    (runs.RUNS / "half").mkdir()
    with pytest.raises(UsageError, match="the run's name is empty"):
        runs.find("")
    with pytest.raises(UsageError) as unknown:
        runs.find("half")
    assert unknown.value.hint == "runs here: a, b"


@pytest.mark.slow
def test_two_processes_that_write_the_same_file_leave_one_whole(run):
    code = """
import sys
from pathlib import Path
from pipeline.core import files, runs
for _ in range(200):
    files.write_json(Path(sys.argv[1]), [int(sys.argv[2])] * 500)
"""
    path = run.path("a.json")
    processes = [python(code, path, number) for number in (1, 2)]
    while any(process.poll() is None for process in processes):
        if path.exists():
            assert len(set(json.loads(path.read_text("utf-8")))) == 1
    assert [process.communicate()[1] for process in processes] == ["", ""]
    assert names(run.folder) == ["a.json"]
