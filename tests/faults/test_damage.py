"""Every artifact of a run in another form, or with one bit flipped: named, never a traceback, never used."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from pipeline.core import runs
from tests.support import verbs
from tests.support.verbs import RUN, call

pytestmark = pytest.mark.slow
COMMANDS = (
    ("pipeline", "evaluate", "pictures"),
    ("export", "parity", "pictures"),
    ("export", "verify", "pictures"),
    ("export", "report", "pictures", "--no-pictures"),
)


def damages(name: str, data: bytes) -> dict[str, bytes]:
    middle = len(data) // 2
    flipped = {"a bit": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]}
    if name.startswith("recipes/"):
        return {**flipped, "[]": b"[]"}
    if name.endswith(".json"):
        return {**flipped, "[]": b"[]", "null": b"null", "deep": b"[" * 100_000 + b"]" * 100_000, "{}": b"{}"}
    if name.endswith(".csv"):
        return {**flipped, "cut": data[:middle], "doubled": data + data.splitlines(keepends=True)[-1]}
    return {**flipped, "cut": data[:middle]}


def state(place: Path) -> dict[Path, tuple[int, int, int]]:
    """Every file of a place with what changes when it is written; locks aside."""
    files = (path for path in place.rglob("*") if path.is_file() and path.name != ".lock")
    facts = ((path.relative_to(place), path.stat()) for path in files)
    return {path: (fact.st_ino, fact.st_size, fact.st_mtime_ns) for path, fact in facts}


def mend(place: Path, finished: Path, whole: dict[Path, tuple[int, int, int]]) -> None:
    """Makes a place what it was: only what a command wrote, or a test damaged, is copied again."""
    now = state(place)
    for path in now.keys() | whole.keys():
        if now.get(path) != whole.get(path):
            (place / path).unlink(missing_ok=True)
            if path in whole:
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(finished / path, place / path)
                fact = (place / path).stat()
                whole[path] = (fact.st_ino, fact.st_size, fact.st_mtime_ns)


def test_every_damaged_artefact_is_named_and_ends_no_command_with_a_traceback(
    tmp_path_factory, tmp_path, capfd
):
    finished = verbs.finished(tmp_path_factory)
    place = verbs.copy_finished(tmp_path_factory, tmp_path / "place")
    names = [name for name in verbs.artifacts(finished / RUN) if not name.startswith("figures/")]
    whole = state(place)
    for name in names:
        for kind, data in damages(name, (finished / RUN / name).read_bytes()).items():
            (place / RUN / name).write_bytes(data)
            said = ""
            for command in COMMANDS:
                # Anything but an exit with words is raised from here.
                ended = call(capfd, *command, cwd=place)
                said += ended.stdout + ended.stderr
                assert ended.returncode in (0, 1, 2, 3), (name, kind, command)
                assert "Traceback" not in said, (name, kind, command, said)
            # A note is no artifact: without it the stage is done again.
            if not name.startswith("recipes/"):
                assert name in said.replace("\n", ""), (name, kind)
            mend(place, finished, whole)


def test_every_damaged_artefact_comes_back_as_it_was_by_the_commands_that_made_it(tmp_path_factory, tmp_path):
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    finished = verbs.contents(place / RUN)
    files = [name for name in verbs.artifacts(place / RUN) if not name.startswith("recipes/")]
    for name in files:
        path = place / RUN / name
        path.write_bytes(damages(name, path.read_bytes())["a bit"])
    with contextlib.chdir(place):
        verbs.make_run(runs.Run(RUN), verbs.tiny_config())
    assert [name for name, value in verbs.contents(place / RUN).items() if value != finished[name]] == []
