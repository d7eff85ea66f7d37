import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core import runs, shards
from pipeline.core.errors import RunError, UsageError
from pipeline.core.packages import ROOT
from pipeline.core.recipes import Recipe
from pipeline.core.shards import Shard

OWN = Recipe("features", 2, {"weights": "abc"}, {"frame": "64x64"}, ("numpy",))


def write(recipe: Recipe, shard: Shard, text: str) -> Path:
    with shards.making(recipe, shard) as folder:
        (folder / "content").write_text(text, "utf-8")
    return folder


def taken(recipe: Recipe, **options) -> tuple[list[str], list[str]]:
    contents: list[str] = []
    names = shards.take_in(
        recipe, lambda folder: contents.append((folder / "content").read_text("utf-8")), **options
    )
    return names, contents


def test_every_picture_is_in_one_shard_of_about_equal_size():
    digests = [hashlib.sha256(str(n).encode()).digest() for n in range(6400)]
    counts = [sum(Shard(k, 64).holds(digest) for digest in digests) for k in range(1, 65)]
    assert sum(counts) == 6400
    assert 60 < min(counts) <= max(counts) < 150


def test_a_shard_of_twice_as_many_is_half_of_one():
    digests = [hashlib.sha256(str(n).encode()).digest() for n in range(500)]
    for digest in digests:
        if Shard(3, 8).holds(digest):
            assert Shard(5, 16).holds(digest) != Shard(6, 16).holds(digest)


@pytest.mark.parametrize("text", ["1/1", "3/64", " 64/64 "])
def test_a_shard_is_written_as_a_fraction(text):
    assert str(Shard.parse(text)) == text.strip()


@pytest.mark.parametrize("text", ["0/4", "5/4", "3", "a/b", "-1/4", "1/0", ""])
def test_what_is_no_fraction_is_refused(text):
    with pytest.raises(UsageError, match=r"--shard .*: expected a number and how many shards there are"):
        Shard.parse(text)


def test_finished_shards_are_taken_in_once_in_their_order(workplace):
    for number in (10, 2, 1):
        write(OWN, Shard(number, 12), str(number))
    assert taken(OWN) == (["1/12", "2/12", "10/12"], ["1", "2", "10"])
    assert taken(OWN) == ([], [])
    write(OWN, Shard(2, 12), "again")
    assert taken(OWN) == (["2/12"], ["again"])


def test_a_shard_that_a_process_is_working_on_is_left_out_and_this_is_said(workplace):
    write(OWN, Shard(1, 2), "done")
    said: list[str] = []
    with shards.making(OWN, Shard(2, 2)) as folder:
        (folder / "content").write_text("half", "utf-8")
        assert taken(OWN, warn=said.append) == (["1/2"], ["done"])
    (line,) = said
    assert line.startswith("shard 2/2 is left out: process ")
    assert line.endswith(" is working on it")
    assert taken(OWN) == (["2/2"], ["half"])


def test_an_interrupted_taking_in_is_repeated(workplace):
    write(OWN, Shard(1, 1), "all")

    def fail(_: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shards.take_in(OWN, fail)
    assert taken(OWN) == (["1/1"], ["all"])


OTHERS = {
    "weights": (
        Recipe("features", 2, {"weights": "other"}, {"frame": "64x64"}, ("numpy",)),
        "was made with other weights",
    ),
    "version": (
        Recipe("features", 1, {"weights": "abc"}, {"frame": "64x64"}, ("numpy",)),
        "was made by another version of Vignette",
    ),
    "library": (
        Recipe("features", 2, {"weights": "abc"}, {"frame": "64x64"}, ("pillow",)),
        "was made with pillow ",
    ),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_shard_made_otherwise_is_refused_by_name_and_kept(workplace, other):
    recipe, words = OTHERS[other]
    folder = write(recipe, Shard(3, 4), "theirs")
    for refused in (lambda: taken(OWN), lambda: write(OWN, Shard(3, 4), "mine")):
        with pytest.raises(RunError) as caught:
            refused()
        assert caught.value.message.startswith(f"{folder} {words}")
        assert caught.value.hint.startswith("install the same versions on every machine")
    assert (folder / "content").read_text("utf-8") == "theirs"


def test_another_configuration_has_shards_of_its_own(workplace):
    other = Recipe("features", 2, {"weights": "abc"}, {"frame": "96x96"}, ("numpy",))
    write(other, Shard(1, 1), "other")
    assert taken(OWN) == ([], [])
    assert taken(other) == (["1/1"], ["other"])


def with_field(name: str, value: object) -> str:
    return json.dumps({**OWN.as_dict(), name: value})


@pytest.mark.parametrize(
    "damaged",
    [
        *("", "{", "null", "[1]", "{}", '"recipe"', "NaN", "\ufeff{}"),
        "[" * 100_000 + "]" * 100_000,
        *(with_field(name, None) for name in OWN.as_dict()),
        *(with_field(name, [1]) for name in OWN.as_dict()),
        *(with_field(name, {"numpy": [1]}) for name in ("inputs", "libraries")),
        with_field("settings", {"frame": "\ud800"}),
    ],
    ids=lambda text: text[:60],
)
def test_a_damaged_recipe_is_named_whatever_it_holds(workplace, damaged):
    folder = write(OWN, Shard(1, 1), "all")
    (folder / "recipe.json").write_text(damaged, "utf-8")
    for refused in (lambda: taken(OWN), lambda: write(OWN, Shard(1, 1), "mine")):
        with pytest.raises(RunError, match=r"recipe.json cannot be read: .") as caught:
            refused()
        assert caught.value.hint == f"delete {folder} and make the shard again"
    assert (folder / "content").read_text("utf-8") == "all"


def test_a_recipe_that_is_no_text_is_named(workplace):
    (write(OWN, Shard(1, 1), "all") / "recipe.json").write_bytes(b"\xff{}")
    with pytest.raises(RunError, match=r"recipe.json cannot be read: "):
        taken(OWN)


def test_what_a_later_version_adds_to_a_recipe_counts(workplace):
    folder = write(OWN, Shard(1, 1), "all")
    (folder / "recipe.json").write_text(with_field("platform", "arm"), "utf-8")
    with pytest.raises(RunError, match=r" was made with other settings"):
        taken(OWN)


@pytest.mark.slow
def test_two_workers_on_one_shard_take_turns(workplace):
    code = f"""
import sys, time
from pathlib import Path
from pipeline.core import shards
from pipeline.core.recipes import Recipe
recipe = Recipe(**{json.dumps({"stage": "s", "version": 1, "inputs": {}})})
with shards.making(recipe, shards.Shard(1, 1)) as folder:
    path = folder / "content"
    for _ in range(20):
        count = int(path.read_text()) if path.exists() else 0
        time.sleep(0.002)
        path.write_text(str(count + 1))
"""
    workers = [
        subprocess.Popen([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}) for _ in range(3)
    ]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert taken(Recipe("s", 1, {})) == (["1/1"], ["60"])
    assert not list(runs.CACHE.rglob("content"))


def test_what_a_killed_process_left_of_a_shard_keeps_its_recipe(workplace, monkeypatch):
    """Otherwise another version would go on with it."""
    recipe = Recipe("features", 2, {})
    with shards.making(recipe, Shard(1, 2)) as folder:
        for name in ("a.bin", "z.bin"):
            (folder / name).touch()
    left: list[list[str]] = []
    unlink = Path.unlink

    def watched(path: Path, **options: bool) -> None:
        left.append(sorted(entry.name for entry in folder.iterdir()))
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", watched)
    assert shards.take_in(recipe, lambda _: None) == ["1/2"]
    monkeypatch.undo()
    assert [names for names in left if "recipe.json" not in names] == []
    with shards.making(Recipe("features", 3, {}), Shard(1, 2)):
        pass
    with pytest.raises(RunError), shards.making(recipe, Shard(1, 2)):
        pass
