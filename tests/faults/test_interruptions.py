"""Commands that are killed, interrupted, or meet another one."""

from __future__ import annotations

import platform
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import verbs
from tests.support.commands import no_rubbish, refused, train_copy
from tests.support.forked import Forked
from tests.support.verbs import RUN, here, sets

pytestmark = pytest.mark.slow


def files_of(place: Path) -> set[Path]:
    return {path for path in (place / "data").rglob("*") if path.is_file()}


def wait_for_files(process: subprocess.Popen | Forked, place: Path, count: int, before: set[Path]) -> None:
    """Waits until a command has made so many new files, or has ended."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if len(files_of(place) - before) >= count:
            return
        time.sleep(0.002)


def stop_in_the_middle(
    sign: signal.Signals,
    place: Path,
    count: int,
    late: float,
    *command: object,
    begin: Any = verbs.begin_forked,
):
    """Sends a signal a little after a command has made so many new files; gives (code, stdout, stderr)."""
    before = files_of(place)
    process = begin(*command, cwd=place)
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
        verbs.fine(here(*command, cwd=tmp_path))
    assert kills >= 6
    everything_is_equal(tmp_path, finished)
    no_rubbish(tmp_path / RUN)


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
                assert err == "interrupted; run the same command again to continue\n"
                stopped += 1
        verbs.fine(here(*command, cwd=tmp_path))
        no_rubbish(tmp_path / RUN)
    assert stopped >= 4
    everything_is_equal(tmp_path, finished)


def test_ctrl_c_while_tensorflow_loads_ends_with_130(finished, tmp_path):
    shutil.copytree(finished / "pictures", tmp_path / "pictures")
    command = ("pipeline", "train", "pictures", *sets())
    code, _, err = stop_in_the_middle(signal.SIGINT, tmp_path, 8, 0.3, *command, begin=verbs.start)
    assert code in (130, -signal.SIGINT)
    assert err == "interrupted; run the same command again to continue\n"


def test_a_second_verb_on_a_locked_run_is_refused_and_names_the_process(finished, tmp_path):
    shutil.copytree(finished / "pictures", tmp_path / "pictures")
    holder = verbs.begin_forked("pipeline", "train", "pictures", *sets(), cwd=tmp_path)
    try:
        wait_for_files(holder, tmp_path, 5, set())
        second = train_copy(tmp_path)
        assert holder.poll() is None, "the first command was done too soon"
        refused(
            second,
            1,
            f"{RUN} is in use by process {holder.pid} on {platform.node()} "
            f"({verbs.ROOT}/pipeline/__main__.py train pictures)",
            "wait until it is done, or give this run another --name",
        )
    finally:
        holder.kill()
        holder.communicate()
