"""What goes wrong for a user, through the real commands: what is said, and how it ends."""

from __future__ import annotations

import csv
import io
import os
import pwd
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from pipeline import runs
from tests.export import verbs
from tests.export.verbs import RUN, sets, verb

pytestmark = pytest.mark.slow

# Enough to see a fault; nobody looks at the score.
QUICK = (
    "model.backbone=tiny",
    "model.input=64x64",
    "train.folds=2",
    "train.epochs=3",
    "augment.views=1",
)
WRITE_THERE = "give yourself the right to write there, or choose another folder"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished run; only to be looked at."""
    return verbs.finished(tmp_path_factory)


@pytest.fixture
def copy(tmp_path_factory, tmp_path) -> Path:
    """A working directory with a finished run, to be spoiled."""
    return verbs.copy_finished(tmp_path_factory, tmp_path)


def train(place: Path, *arguments: object, source: str = "pictures", **options):
    return verb("pipeline", "train", source, *sets(QUICK), *arguments, cwd=place, **options)


def train_copy(place: Path, *arguments: object, **options):
    """The command that the finished run was made with."""
    return verb("pipeline", "train", "pictures", *sets(), *arguments, cwd=place, **options)


def refused(ended, code: int, message: str, hint: str) -> None:
    verbs.refused(ended, code, message, hint)
    assert "Traceback" not in ended.stderr


def without_a_run(place: Path) -> None:
    assert not list((place / "data").rglob(runs.CONFIG))


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))


# Pictures that cannot be trained on.


def test_a_source_that_is_not_there_is_named(tmp_path):
    refused(
        train(tmp_path, source="nowhere"),
        2,
        "nowhere: no such file or folder",
        "give a configuration (.toml), a folder with one folder of pictures per class, or a table (.csv)",
    )


def test_a_folder_of_pictures_that_is_not_there_is_named(tmp_path):
    (tmp_path / "mine.toml").write_text('[data]\npictures = "nowhere"\n')
    refused(
        train(tmp_path, source="mine.toml"),
        2,
        "nowhere: no such folder of pictures",
        "put the pictures there, one folder per class, or set data.pictures",
    )
    without_a_run(tmp_path)


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "notes.txt").write_text("no picture")
    refused(
        train(tmp_path),
        2,
        "pictures: no pictures found",
        "put them into one folder per class: FOLDER/CLASS/picture.jpg",
    )
    without_a_run(tmp_path)


def test_one_class_is_too_few(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 8})
    refused(
        train(tmp_path),
        2,
        "pictures: only one class, cat",
        "a classifier needs two: add a folder for another class",
    )
    without_a_run(tmp_path)


def test_an_empty_class_is_named(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 8, "dog": 8, "emu": 0})
    refused(
        train(tmp_path),
        2,
        "pictures/emu: class emu is empty",
        "add pictures to it, or remove the folder",
    )
    without_a_run(tmp_path)


def test_classes_that_differ_in_case_only_are_named(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"Cat": 8, "cat": 8, "dog": 8})
    refused(
        train(tmp_path),
        2,
        "pictures: classes Cat and cat differ in case only",
        "merge them, or rename one",
    )
    without_a_run(tmp_path)


def test_fewer_pictures_of_a_class_than_folds_and_one_are_too_few(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 8, "dog": 2})
    refused(
        train(tmp_path),
        2,
        "pictures: class dog has 2 pictures, 2 folds and a held-out set need 3",
        "add pictures to dog, or use fewer folds: --set train.folds=2",
    )
    without_a_run(tmp_path)


def test_a_hint_to_use_fewer_folds_is_true(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 3, "dog": 3})
    ended = train(tmp_path, "--set", "train.folds=3")
    assert "fewer folds: --set train.folds=2" in ended.stderr
    from pipeline import config, dataset, splits

    table = dataset.scan(tmp_path / "pictures")
    split = splits.make(runs.Run(tmp_path / "run"), table, config.load(tmp_path, ["train.folds=2"]))
    assert (len(split.train), len(split.held_out)) == (4, 2)


# Pictures that cannot be read.


def spoil(folder: Path, count: int) -> dict[str, str]:
    """Up to five bad pictures in a class; gives their names and the reason that is expected."""
    bad = {
        "unreadable.jpg": (b"no picture at all", "not a picture that can be read"),
        "truncated.png": (next(folder.glob("*.png")).read_bytes()[:400], "cannot be decoded"),
        "bomb.png": (bomb(), "20000x20000 pixels, the limit is 120,000,000"),
        "zero.bmp": (zero_pixels(), "not a picture that can be read"),
        "empty.jpg": (b"", "the file is empty"),
    }
    chosen = dict(list(bad.items())[:count])
    for name, (data, _) in chosen.items():
        (folder / name).write_bytes(data)
    return {f"{folder.name}/{name}": reason for name, (_, reason) in chosen.items()}


def bomb() -> bytes:
    """A small PNG that unfolds to 20,000 x 20,000 pixels."""
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    return file.getvalue()


def zero_pixels() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "BMP")
    data = bytearray(file.getvalue())
    data[18:22] = bytes(4)  # the width in the header
    return bytes(data)


def test_pictures_that_cannot_be_used_are_skipped_counted_and_listed(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 41, "dog": 20})
    expected = spoil(tmp_path / "pictures" / "cat", 4)
    said = verbs.fine(train(tmp_path))
    first = min(expected)
    assert f"4 files are left out, listed in {RUN / runs.LEFT_OUT}; the first: {first}: " in said
    assert "61 in 2 classes: cat 41, dog 20" in said
    listed = {row["path"]: row for row in rows_of(tmp_path / RUN / runs.LEFT_OUT)}
    assert listed.keys() == expected.keys()
    for path, reason in expected.items():
        assert reason in listed[path]["reason"]
        assert listed[path]["label"] == "cat"
    used = {row["path"] for row in rows_of(tmp_path / RUN / runs.PICTURES)}
    assert not used & expected.keys()
    assert len(used) == 61


def test_over_a_tenth_of_a_class_that_cannot_be_used_is_an_error(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 41, "dog": 20})
    expected = spoil(tmp_path / "pictures" / "cat", 5)
    ended = train(tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(
        "error: pictures: 5 of 46 pictures of class cat cannot be used (more than 10%): "
    )
    assert ended.stderr.endswith(" ...\nhint: replace or remove these files\n")
    assert sum(path in ended.stderr for path in expected) == 3
    assert "Traceback" not in ended.stderr
    without_a_run(tmp_path)


def test_a_picture_beside_the_class_folders_is_not_lost_silently(tmp_path, make_data_set):
    root = make_data_set(tmp_path / "pictures", {"cat": 5, "dog": 5})
    shutil.copy(root / "cat" / "000.png", root / "stray.png")
    from pipeline import dataset

    assert [entry.path for entry in dataset.scan(root).left_out] == ["stray.png"]


# Configuration.


def test_a_misspelt_key_is_named_with_a_suggestion(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 4})
    ended = train(tmp_path, "--set", "head.l3=1")
    refused(ended, 2, "pictures: unknown key head.l3", "did you mean head.l2?")
    (tmp_path / "mine.toml").write_text('[data]\npictures = "pictures"\n[train]\nepoch = 3\n')
    ended = verb("pipeline", "train", "mine.toml", cwd=tmp_path)
    refused(ended, 2, "mine.toml: unknown key train.epoch", "did you mean train.epochs?")
    without_a_run(tmp_path)


def test_a_wrong_value_is_named_with_what_is_allowed(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 4})
    ended = train(tmp_path, "--set", "train.folds=1")
    message = "pictures: train.folds: expected a number greater than or equal to 2. Received: 1"
    refused(ended, 2, message, "")
    ended = train(tmp_path, "--set", "model.backbone=resnet")
    message = (
        "pictures: model.backbone: expected 'efficientnet_lite0', 'mobilenet_v2' or 'tiny'. "
        'Received: "resnet"'
    )
    refused(ended, 2, message, "")
    without_a_run(tmp_path)


def test_a_file_that_is_not_toml_is_named_with_the_line(tmp_path):
    (tmp_path / "mine.toml").write_text("[data]\npictures = \n")
    ended = verb("pipeline", "train", "mine.toml", cwd=tmp_path)
    message = "mine.toml: not TOML: Invalid value (at line 2, column 12)"
    refused(ended, 2, message, "mend the line that it names")


def test_another_configuration_under_the_same_name_is_refused_with_the_keys(copy):
    before = verbs.stamps(copy / RUN)
    refused(
        train_copy(copy, "--set", "head.l2=0.5", "--set", "train.epochs=9"),
        2,
        "data/runs/pictures was made with another configuration; different: head.l2, train.epochs",
        "--name NAME makes another run, --overwrite replaces this one",
    )
    assert verbs.stamps(copy / RUN) == before


def test_overwrite_redoes_nothing_that_does_not_depend_on_what_changed(copy):
    before = verbs.stamps(copy / RUN)
    verbs.fine(train_copy(copy, "--set", "gate.max_drop=0.1", "--overwrite"))
    assert runs.Run(copy / RUN).config().gate.max_drop == 0.1
    assert verbs.stamps(copy / RUN) == before


@pytest.mark.slow
def test_overwrite_replaces_the_configuration_and_redoes_what_depends_on_it(copy):
    before = verbs.stamps(copy / RUN)
    verbs.fine(train_copy(copy, "--set", "head.l2=0.5", "--overwrite"))
    assert runs.Run(copy / RUN).config().head.l2 == 0.5
    after = verbs.stamps(copy / RUN)
    assert after[runs.MODEL] != before[runs.MODEL]
    assert after[runs.SPLIT] == before[runs.SPLIT]


# Weights.


def test_weights_that_cannot_be_had_offline_say_what_else_works(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 4})
    closed = "http://127.0.0.1:9"
    offline = verbs.environment(
        KERAS_HOME=str(tmp_path / "keras"),
        http_proxy=closed,
        https_proxy=closed,
        HTTPS_PROXY=closed,
        HTTP_PROXY=closed,
        no_proxy="",
        NO_PROXY="",
    )
    wanted = ("--set", "model.backbone=mobilenet_v2", "--set", "model.alpha=0.35")
    ended = train(tmp_path, *wanted, env=offline)
    assert ended.returncode == 1
    message, hint = ended.stderr.splitlines()
    assert message.startswith("error: the imagenet weights of mobilenet_v2 (alpha 0.35) cannot be had: ")
    assert "Connection refused" in message
    assert hint == (
        "hint: use model.weights = imagenet (downloaded once), a .weights.h5 file, or none (untrained); "
        "or model.backbone = efficientnet_lite0, which needs no download"
    )


@pytest.mark.slow
def test_weights_of_another_shape_are_refused(tmp_path, make_data_set):
    import keras

    make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 4})
    picture = keras.Input((64, 64, 3))
    x = keras.layers.Rescaling(1 / 127.5)(picture)
    for filters in (4, 8, 16):
        x = keras.layers.Conv2D(filters, 3)(x)
    keras.Model(picture, x).save_weights(tmp_path / "other.weights.h5")
    ended = train(tmp_path, "--set", "model.weights=other.weights.h5")
    assert ended.returncode == 1
    message, hint = ended.stderr.splitlines()
    assert message.startswith("error: other.weights.h5 does not hold the weights of tiny with alpha 1: ")
    assert hint.startswith("hint: use model.weights = none")


def test_a_weights_file_that_is_missing_is_named(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 4})
    ended = train(tmp_path, "--set", "model.weights=missing.weights.h5")
    assert ended.returncode == 1
    message, hint = ended.stderr.splitlines()
    assert message == "error: missing.weights.h5: No such file or directory"
    assert hint.startswith("hint: use model.weights = none")


def test_after_a_fault_of_the_weights_the_hint_can_be_followed(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 4, "dog": 4})
    assert train(tmp_path, "--set", "model.weights=missing.weights.h5").returncode == 1
    # Nothing was made with these weights, so they bind nobody; others are taken up.
    ended = train(tmp_path, "--set", "model.weights=also_missing.weights.h5")
    assert ended.stderr.startswith("error: also_missing.weights.h5: No such file or directory\n")


# The disk.

_FULL = """
import errno, os, runpy, sys
wanted, module = sys.argv[1:3]
sys.argv = [module, *sys.argv[3:]]
fsync = os.fsync
def full(number):
    if os.readlink(f"/proc/self/fd/{number}").endswith("." + wanted):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    fsync(number)
os.fsync = full
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def with_full_disk(wanted: str, module: str, *arguments: object, cwd: Path):
    """A command for which the disk is full as soon as a file of this name has been written."""
    return subprocess.run(
        [sys.executable, "-c", _FULL, wanted, module, *map(str, arguments)],
        cwd=cwd,
        env=verbs.environment(),
        text=True,
        capture_output=True,
        check=False,
    )


def disk_was_full(ended, name: str) -> None:
    refused(
        ended,
        1,
        f"cannot write {RUN / name}: No space left on device",
        "free some disk space, then repeat the command: it continues where it stopped",
    )


def no_rubbish(run: Path) -> None:
    assert [path for path in run.rglob(".*") if path.name != ".lock"] == []


QUICKLY_MADE = {
    "pictures.csv": ("pipeline", "train", "pictures", *sets()),
    "figures/confusion.svg": ("pipeline", "evaluate"),
    "passport.json": ("export", "passport"),
}
SLOWLY_MADE = {
    "parity.json": ("export", "parity"),
    "split.csv": ("pipeline", "train", "pictures", *sets()),
    "out_of_fold.npz": ("pipeline", "train", "pictures", *sets()),
    "model.keras": ("pipeline", "train", "pictures", *sets()),
    "figures/samples.png": ("pipeline", "train", "pictures", *sets()),
    "answers/keras.npz": ("pipeline", "evaluate"),
    "export/int8/model_int8.tflite": ("export", "tflite"),
}


@pytest.mark.parametrize(
    "name",
    [*QUICKLY_MADE, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOWLY_MADE)],
)
def test_a_full_disk_is_named_and_the_run_stays_usable(finished, copy, name):
    command = (QUICKLY_MADE | SLOWLY_MADE)[name]
    (copy / RUN / name).unlink()
    before = verbs.stamps(copy / RUN)
    disk_was_full(with_full_disk(Path(name).name, *command, cwd=copy), name)
    assert not (copy / RUN / name).exists()
    after = verbs.stamps(copy / RUN)
    assert {key: after[key] for key in before} == before
    no_rubbish(copy / RUN)
    verbs.fine(verb(*command, cwd=copy))
    assert verbs.content(copy / RUN / name) == verbs.content(finished / RUN / name)


def limited(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_write_that_stops_half_way_leaves_no_half_file(tmp_path, make_data_set):
    make_data_set(tmp_path / "pictures", {"cat": 12, "dog": 12})
    limit = "the limit on the size of a file was reached (ulimit -f); raise it and repeat"
    ended = train(tmp_path, preexec_fn=limited(1000))
    (views,) = tmp_path.glob(f"{runs.CACHE}/*/views.bin")
    refused(ended, 1, f"cannot write {views.relative_to(tmp_path)}: File too large", limit)
    assert verbs.artefacts(tmp_path / RUN) == []
    # With the sketches of all pictures in the cache, the run itself is what cannot be written.
    verbs.fine(verb("pipeline", "audit", "pictures", "--name", "first", cwd=tmp_path))
    ended = train(tmp_path, preexec_fn=limited(1000))
    refused(
        ended,
        1,
        f"cannot write {RUN / runs.AUDIT}: File too large",
        limit,
    )
    assert verbs.artefacts(tmp_path / RUN) == []
    no_rubbish(tmp_path / RUN)


@pytest.mark.slow
def test_temporary_files_that_cannot_be_written_are_told(finished, tmp_path):
    """The converter writes some of its own; its failure must not be a riddle."""
    shutil.copytree(finished / "pictures", tmp_path / "pictures")
    ended = train_copy(tmp_path, preexec_fn=limited(20_000))
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "File too large" in ended.stderr or "temporary" in ended.stderr


@pytest.mark.slow
def test_writes_that_stop_half_way_at_any_size_are_named_and_mended_by_repeating(finished, tmp_path):
    # The converted backbone is kept, because the converter writes temporary files of its own.
    shutil.copytree(finished / "pictures", tmp_path / "pictures")
    shutil.copytree(finished / runs.CACHE, tmp_path / runs.CACHE)
    for records in (tmp_path / runs.CACHE).rglob("records.bin"):
        records.unlink()
    stopped = set()
    for size in (4_000, 20_000, 40_000, 60_000, 100_000):
        ended = train_copy(tmp_path, preexec_fn=limited(size))
        assert ended.returncode == 1
        message, hint = ended.stderr.splitlines()
        assert message.startswith("error: cannot write data/")
        assert message.endswith(": File too large")
        assert hint == "hint: the limit on the size of a file was reached (ulimit -f); raise it and repeat"
        stopped.add(message.split(": ")[1].rsplit("/", 1)[-1])
        no_rubbish(tmp_path / RUN)
    assert stopped >= {"records.bin", runs.MODEL, "samples.png"}
    verbs.fine(train_copy(tmp_path))
    made = verbs.contents(tmp_path / RUN)
    expected = verbs.contents(finished / RUN)
    assert made == {name: expected[name] for name in made}
    assert runs.MODEL in made


_STRANGER = """
import os, runpy, sys
# A stranger may not be able to read Python's own modules; these are all that the command needs.
import pipeline.console, pipeline.draw, pipeline.evaluate, pipeline.train
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


@pytest.mark.slow
def test_missing_permission_is_named(stranger):
    refused(stranger("pipeline", "evaluate"), 1, f"cannot write {RUN}/.lock: Permission denied", WRITE_THERE)
    other = stranger("pipeline", "train", "pictures", *sets(), "--name", "other")
    refused(other, 1, "cannot write data/runs/other: Permission denied", WRITE_THERE)
    drawn = stranger("pipeline", "draw", "elsewhere", "--train", 1, "--test", 0)
    assert drawn.returncode == 1
    assert drawn.stderr.startswith("error: cannot write elsewhere/train/")
    assert drawn.stderr.endswith(f": Permission denied\nhint: {WRITE_THERE}\n")


def test_a_picture_that_may_not_be_read_is_listed(tmp_path, make_data_set, powerless):
    from pipeline import dataset

    def prepare(folder: Path) -> None:
        make_data_set(folder, {"cat": 12, "dog": 12})
        (folder / "cat" / "003.png").chmod(0)

    table = dataset.scan(powerless(prepare))
    assert [(entry.path, entry.reason) for entry in table.left_out] == [
        ("cat/003.png", "cannot be opened: Permission denied")
    ]


# Interruptions.


def files_of(place: Path) -> set[Path]:
    return {path for path in (place / "data").rglob("*") if path.is_file()}


def wait_for_files(process: subprocess.Popen, place: Path, count: int, before: set[Path]) -> None:
    """Waits until a command has made so many new files, or has ended."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if len(files_of(place) - before) >= count:
            return
        time.sleep(0.002)


def stop_in_the_middle(sign: signal.Signals, place: Path, count: int, late: float, *command: object):
    """Sends a signal a little after a command has made so many new files; gives (code, stdout, stderr)."""
    before = files_of(place)
    process = verbs.start(*command, cwd=place)
    wait_for_files(process, place, count, before)
    time.sleep(late)
    process.send_signal(sign)
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    return process.returncode, out, err


def everything_is_equal(place: Path, finished: Path) -> None:
    made, expected = verbs.contents(place / RUN), verbs.contents(finished / RUN)
    assert made.keys() == expected.keys()
    assert [name for name in made if made[name] != expected[name]] == []


COMMANDS = (
    ("pipeline", "train", "pictures", *sets()),
    ("pipeline", "evaluate", "pictures"),
    ("export", "tflite", "pictures"),
)


@pytest.mark.slow
def test_the_same_commands_continue_after_kill_9_at_any_moment(finished, tmp_path):
    shutil.copytree(finished / "pictures", tmp_path / "pictures")
    numbers = random.Random(9)
    kills = 0
    for command, moments in zip(COMMANDS, ((1, 6, 3, 2, 3, 2), (1, 2), (1, 3, 2, 4)), strict=True):
        for count in moments:
            code, _, _ = stop_in_the_middle(
                signal.SIGKILL, tmp_path, count, numbers.uniform(0, 0.15), *command
            )
            kills += code == -signal.SIGKILL
        verbs.fine(verb(*command, cwd=tmp_path))
    assert kills >= 6
    everything_is_equal(tmp_path, finished)
    no_rubbish(tmp_path / RUN)


@pytest.mark.slow
def test_the_same_commands_continue_after_ctrl_c(finished, tmp_path):
    shutil.copytree(finished / "pictures", tmp_path / "pictures")
    numbers = random.Random(2)
    stopped = 0
    for command, moments in zip(COMMANDS, ((1, 5, 3, 2, 3), (1,), (2, 4)), strict=True):
        for count in moments:
            code, _, err = stop_in_the_middle(
                signal.SIGINT, tmp_path, count, numbers.uniform(0, 0.15), *command
            )
            if code:
                # Ended by the signal itself, which a shell shows as 130, too.
                assert code in (130, -signal.SIGINT)
                assert err == "interrupted; the same command continues where it stopped\n"
                stopped += 1
        verbs.fine(verb(*command, cwd=tmp_path))
        no_rubbish(tmp_path / RUN)
    assert stopped >= 4
    everything_is_equal(tmp_path, finished)


@pytest.mark.slow
def test_ctrl_c_while_tensorflow_loads_ends_with_130(finished, tmp_path):
    shutil.copytree(finished / "pictures", tmp_path / "pictures")
    command = ("pipeline", "train", "pictures", *sets())
    code, _, err = stop_in_the_middle(signal.SIGINT, tmp_path, 8, 0.3, *command)
    assert code in (130, -signal.SIGINT)
    assert err == "interrupted; the same command continues where it stopped\n"


def test_a_second_verb_on_a_locked_run_is_refused_and_names_the_process(finished, tmp_path):
    shutil.copytree(finished / "pictures", tmp_path / "pictures")
    holder = verbs.start("pipeline", "train", "pictures", *sets(), cwd=tmp_path)
    try:
        wait_for_files(holder, tmp_path, 5, set())
        second = train_copy(tmp_path)
        assert holder.poll() is None, "the first command was done too soon"
        refused(
            second,
            1,
            f"{RUN} is in use by process {holder.pid} ({verbs.ROOT}/pipeline/__main__.py train pictures)",
            "wait until it is done, or give this run another --name",
        )
    finally:
        holder.kill()
        holder.communicate()


# Pictures that come and go.


@pytest.fixture(scope="module")
def grown(tmp_path_factory) -> tuple[Path, str]:
    """A finished run whose pictures were changed since, trained again; and what that said."""
    place = verbs.copy_finished(tmp_path_factory, tmp_path_factory.mktemp("grown"))
    old = rows_of(place / RUN / runs.SPLIT)
    held_out = next(row["path"] for row in old if row["side"] == "held_out")
    trained_on = next(row["path"] for row in old if row["side"] == "train")
    Image.new("RGB", (160, 90), "teal").save(place / "pictures" / held_out)
    (place / "pictures" / trained_on).unlink()
    for number in range(3):
        path = place / "pictures" / Path(trained_on).parent / f"new{number}.jpg"
        Image.new("RGB", (160, 90), (40 * number, 9, 9)).save(path)
    return place, verbs.fine(train_copy(place))


def test_pictures_that_were_changed_added_or_removed_are_said(grown):
    assert "the pictures are not those of the last time: 3 added, 1 removed, 1 changed" in grown[1]
    assert "122 in 3 classes" in grown[1]


def test_old_pictures_keep_their_side_and_fold(grown, finished):
    after = {row["path"]: row for row in rows_of(grown[0] / RUN / runs.SPLIT)}
    for row in rows_of(finished / RUN / runs.SPLIT):
        now = after[row["path"]]
        assert (now["side"], now["fold"]) == (row["side"], row["fold"])
    assert {Path(path).name for path in after} >= {"new0.jpg", "new1.jpg", "new2.jpg"}


def test_what_depends_on_changed_pictures_is_redone(grown, finished):
    before, after = (verbs.contents(place / RUN) for place in (finished, grown[0]))
    for name in (runs.PICTURES, runs.SPLIT, runs.OUT_OF_FOLD, runs.FOLDS, runs.MODEL, runs.TRAINING):
        assert after[name] != before[name]
    assert all(after[name] == before[name] for name in ("frame.json", "figures/confusion.svg"))


def test_a_deleted_split_is_not_redrawn_after_pictures_were_added(grown, tmp_path):
    shutil.copytree(grown[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / RUN / runs.SPLIT).unlink()
    refused(
        train_copy(tmp_path),
        2,
        f"{RUN / runs.SPLIT} is gone, and pictures were added, changed or removed since it was drawn: "
        "a new split would not compare with the results so far",
        "put the file back, or use --resplit to make another run",
    )
    assert not (tmp_path / RUN / runs.SPLIT).exists()


@pytest.mark.slow
def test_resplit_makes_another_run(grown, tmp_path):
    shutil.copytree(grown[0], tmp_path, dirs_exist_ok=True)
    before = verbs.stamps(tmp_path / RUN)
    said = verbs.fine(train_copy(tmp_path, "--resplit"))
    assert "next: python -m pipeline evaluate pictures-2" in said
    assert verbs.stamps(tmp_path / RUN) == before
    old, new = (rows_of(tmp_path / runs.RUNS / name / runs.SPLIT) for name in ("pictures", "pictures-2"))
    assert {row["path"] for row in new} < {row["path"] for row in old}
    assert [row for row in new if row not in old]


def test_a_deleted_record_of_the_split_moves_no_old_picture(grown, tmp_path):
    shutil.copytree(grown[0], tmp_path, dirs_exist_ok=True)
    before = (tmp_path / RUN / runs.SPLIT).read_text()
    (tmp_path / RUN / "recipes" / "split.json").unlink()
    ended = train_copy(tmp_path)
    assert ended.returncode in (0, 2)
    assert (tmp_path / RUN / runs.SPLIT).read_text() == before


def test_a_held_out_picture_changed_since_the_training_is_not_scored(copy):
    held_out = next(row["path"] for row in rows_of(copy / RUN / runs.SPLIT) if row["side"] == "held_out")
    Image.new("RGB", (160, 90), "teal").save(copy / "pictures" / held_out)
    (copy / RUN / "answers" / "float32.npz").unlink()
    refused(
        verb("export", "parity", cwd=copy),
        2,
        f"pictures/{held_out} was changed since the training",
        "repeat the training: it notes what changed",
    )


def test_a_run_that_is_not_trained_says_what_to_do(copy):
    (copy / RUN / runs.MODEL).unlink()
    refused(
        verb("export", "tflite", cwd=copy),
        1,
        f"{RUN / runs.MODEL} is missing",
        f"finish the training first: python -m pipeline train {RUN / runs.CONFIG} --name pictures",
    )


def test_runs_that_are_not_there_are_refused(tmp_path, copy):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    refused(
        verb("pipeline", "evaluate", cwd=elsewhere),
        1,
        "no runs in data/runs",
        "make one: python -m pipeline train CONFIG_OR_FOLDER",
    )
    message = "no run called other in data/runs"
    refused(verb("pipeline", "evaluate", "other", cwd=copy), 1, message, "runs here: pictures")


def test_a_name_that_is_no_folder_name_is_refused(copy):
    message = "--name ../x: a run's name is one folder name"
    refused(train_copy(copy, "--name", "../x"), 2, message, "for example --name first")
