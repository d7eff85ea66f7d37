from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core import files, recipes, runs, stages
from pipeline.core.errors import RunError, StorageError
from pipeline.core.recipes import Recipe, key_of
from pipeline.core.records import OutOfDate
from pipeline.core.runs import Run
from pipeline.core.stages import Command, Stage
from tests.pipeline.core.test_runs import python

RECIPE = Recipe("tested", 1, {"split": "abc"}, {"head": {"l2": 0.1}}, ("numpy",))


@pytest.fixture(autouse=True)
def _table(monkeypatch) -> None:
    """A stage of its own in the table, with one output."""
    monkeypatch.setattr(stages, "_ROWS", dict(stages._ROWS))
    stages.add(Stage("tested", 1, ("a.json",)))


@pytest.fixture
def run(workplace) -> Run:
    return Run(runs.RUNS / "first")


def test_the_key_of_a_recipe_is_stable():
    assert RECIPE.key == Recipe("tested", 1, {"split": "abc"}, {"head": {"l2": 0.1}}, ["numpy"]).key
    shown = python("import sys; from tests.pipeline.core.test_records import RECIPE; print(RECIPE.key)")
    assert shown.communicate()[0].strip() == RECIPE.key


def test_a_file_that_is_not_as_its_stage_left_it_is_named_with_the_command_that_makes_it_again(run):
    recipe = replace(RECIPE, stage="evaluation")
    files.write_json(run.path(stages.EVALUATION), {"a": 1})
    files.write_text(run.path(stages.ANSWERS), "path\n")
    run.record(recipe)
    assert run.done(recipe)
    assert run.holds(stages.EVALUATION)
    run.require_whole("evaluation")
    files.write_json(run.path(stages.EVALUATION), {"a": 2})
    assert not run.done(recipe)
    assert not run.holds(stages.EVALUATION)
    for read in (lambda: run.read_json(stages.EVALUATION), lambda: run.require_whole("evaluation")):
        with pytest.raises(RunError) as caught:
            read()
        assert caught.value.message == (
            "data/runs/first/evaluation.json is damaged: it is not the file that `evaluate` wrote"
        )
        assert caught.value.hint == "recreate it: python -m pipeline evaluate first"


def test_a_new_artifact_is_one_row(run):
    """Done, out of date and the hint follow from the row; so does what rests on it."""
    stages.add(
        Stage("guide", 1, ("guide.json",), {"tested": "tested"}, Command("export", "guide", "--run RUN")),
        Stage("index/*", 1, ("index/*.txt",), {"guide": "guide"}),
    )
    for name in ("a.json", "guide.json"):
        files.write_json(run.path(name), {})
    files.write_text(run.path("index", "en.txt"), "x")
    run.record(RECIPE)
    guide = stages.recipe("guide", {"tested": RECIPE.key})
    index = stages.recipe("index/en", {"guide": guide.key})
    assert not run.done(guide)
    assert run.out_of_date("guide") is OutOfDate.UNFINISHED
    run.record(guide)
    run.record(index)
    assert run.done(guide)
    assert run.done(index)
    assert run.out_of_date("guide") is None
    assert run.out_of_date("index/en") is None
    assert run.recorded("index/en")["outputs"] == ["index/en.txt"]

    files.write_json(run.path("guide.json"), [])
    assert not run.done(guide)
    assert run.out_of_date("index/en") is OutOfDate.CHANGED
    with pytest.raises(RunError) as caught:
        run.require_whole("guide")
    assert caught.value.message == (
        "data/runs/first/guide.json is damaged: it is not the file that `guide` wrote"
    )
    assert caught.value.hint == "recreate it: python -m export guide --run first"

    files.write_json(run.path("guide.json"), {})
    assert run.out_of_date("index/en") is None
    run.record(replace(RECIPE, settings={}))
    assert run.out_of_date("guide") is OutOfDate.CHANGED
    assert run.out_of_date("index/en") is OutOfDate.CHANGED
    stages.add(replace(stages.row("guide"), version=2))
    assert run.out_of_date("guide") is OutOfDate.OTHER_VERSION


def test_what_was_made_from_a_file_of_the_run_is_out_of_date_with_it(run):
    stages.add(Stage("reader", 1, ("b.json",)))
    stages.add(Stage("writer", 1, ("sub/a.txt",), {"tested": "tested"}))
    files.write_text(run.path("sub", "a.txt"), "1")
    files.write_json(run.path("a.json"), 1)
    run.record(RECIPE)
    run.record(stages.recipe("writer", {"tested": RECIPE.key}))
    run.record(stages.recipe("reader", {"sub/a.txt": files.digest(run.path("sub", "a.txt"))}))
    assert run.out_of_date("reader") is None
    files.write_text(run.path("sub", "a.txt"), "2")
    assert run.out_of_date("reader") is OutOfDate.CHANGED
    files.write_text(run.path("sub", "a.txt"), "1")
    assert run.out_of_date("reader") is None
    run.record(replace(RECIPE, settings={}))
    assert run.out_of_date("reader") is OutOfDate.CHANGED


def test_commands_are_as_a_shell_takes_them():
    folder = Path("data/runs/My RUN of CONFIG")
    assert stages.TRAIN.of(folder) == (
        "python -m pipeline train 'data/runs/My RUN of CONFIG/config.toml' --name 'My RUN of CONFIG'"
    )
    assert stages.EVALUATE.of(folder) == "python -m pipeline evaluate 'My RUN of CONFIG'"


def test_every_input_of_a_stage_is_a_stage():
    for row in stages.table():
        for name in row.inputs.values():
            assert stages.find(name.replace("*", "int8")), f"{row.name}: {name}"


@pytest.mark.parametrize(
    ("stage", "command"),
    [
        ("folds", "python -m pipeline train data/runs/first/config.toml --name first"),
        ("predictions/keras", "python -m pipeline evaluate first"),
        ("evaluation", "python -m pipeline evaluate first"),
        # Of another version of Vignette.
        ("sketch", "python -m pipeline train data/runs/first/config.toml --name first"),
    ],
)
def test_every_stage_has_the_command_that_makes_it(run, stage, command):
    files.write_text(run.path("x"), "1")
    if stages.find(stage):
        run.record(replace(RECIPE, stage=stage), ["x"])
    else:
        stages.add(Stage(stage, 1))
        run.record(replace(RECIPE, stage=stage), ["x"])
        del stages._ROWS[stage]
    files.write_text(run.path("x"), "2")
    with pytest.raises(RunError) as caught:
        run.require_whole(stage)
    assert caught.value.hint == f"recreate it: {command}"


def test_a_note_with_a_damaged_part_is_no_note(run):
    run.record(RECIPE)
    path = run.path("recipes", "tested.json")
    path.write_text(path.read_text("utf-8").replace('"split": "abc"', '"split": "abd"'), "utf-8")
    assert not run.done(RECIPE)


@pytest.mark.parametrize("form", ["outputs", "inputs", "settings", "libraries", "files"])
def test_a_note_of_another_form_is_as_good_as_none(run, form):
    run.record(RECIPE)
    path = run.path("recipes", "tested.json")
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), form: 1}), "utf-8")
    assert run.recorded("tested") == {}


def test_the_order_of_settings_does_not_change_the_key():
    assert key_of({"a": 1, "b": [1, 2]}) == key_of({"b": [1, 2], "a": 1})
    assert key_of([1, 2]) != key_of([2, 1])


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "folds"},
        {"version": 2},
        {"inputs": {"split": "abd"}},
        {"inputs": {"splits": "abc"}},
        {"inputs": {}},
        {"settings": {"head": {"l2": 0.2}}},
        {"settings": {}},
        {"libraries": ("numpy", "scipy")},
        {"libraries": ()},
    ],
    ids=str,
)
def test_every_part_of_a_recipe_changes_its_key(change):
    assert replace(RECIPE, **change).key != RECIPE.key


def test_another_version_of_a_library_changes_the_key(monkeypatch):
    before = RECIPE.key
    monkeypatch.setattr(recipes, "library_version", lambda name: "0.0.0")
    assert RECIPE.key != before


def test_a_stage_is_done_once_recorded_with_its_outputs(run):
    assert not run.done(RECIPE)
    files.write_json(run.path("a.json"), 1)
    files.write_json(run.path("b.json"), 1)
    assert not run.done(RECIPE)
    run.record(RECIPE, ["b.json"], pictures="xyz")
    assert run.done(RECIPE)
    assert not run.done(replace(RECIPE, version=2))
    entry = run.recorded("tested")
    assert (entry["key"], entry["pictures"], entry["outputs"]) == (RECIPE.key, "xyz", ["a.json", "b.json"])
    assert entry["settings"] == {"head": {"l2": 0.1}}
    for name in ("a.json", "b.json"):
        data = run.path(name).read_bytes()
        run.path(name).unlink()
        assert not run.done(RECIPE)
        run.path(name).write_bytes(data)
        assert run.done(RECIPE)


def test_stages_with_a_slash_have_records_of_their_own(run):
    run.record(replace(RECIPE, stage="predictions/keras"))
    assert run.recorded("predictions/keras")["stage"] == "predictions/keras"
    assert run.recorded("predictions/float32") == {}
    assert run.recorded("predictions") == {}


@pytest.mark.parametrize("damage", ["", "{", "[1]", "null", '{"key": '])
def test_a_damaged_record_is_as_good_as_none(run, damage):
    run.record(RECIPE)
    run.path("recipes", "tested.json").write_text(damage, "utf-8")
    assert run.recorded("tested") == {}
    assert not run.done(RECIPE)


def test_make_builds_only_what_is_out_of_date(run):
    built = []

    def build() -> None:
        built.append(1)
        files.write_json(run.path("a.json"), len(built))

    assert run.make(RECIPE, build)
    assert not run.make(RECIPE, build)
    run.path("a.json").unlink()
    assert run.make(RECIPE, build)
    assert run.make(replace(RECIPE, version=2), build)
    assert len(built) == 3


def test_a_build_that_fails_is_not_recorded(run):
    def build() -> None:
        files.write_json(run.path("a.json"), 1)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        run.make(RECIPE, build)
    assert not run.done(RECIPE)


def test_a_stage_that_is_made_again_is_not_done_until_it_is_finished(run):
    run.make(RECIPE, lambda: files.write_text(run.path("a.json"), "old"))

    def killed():
        files.write_text(run.path("a.json"), "one of two")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.make(replace(RECIPE, version=2), killed)
    assert not run.done(RECIPE)
    assert run.recorded("tested") == {}


def test_a_note_that_cannot_be_taken_back_is_an_error_in_words(run, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        run.forget("folds")


def test_the_key_of_a_stage_that_was_not_made_is_asked_for_in_words(run):
    with pytest.raises(RunError, match="tested has not been made yet") as caught:
        run.key("tested")
    assert caught.value.hint == (
        "finish the training first: python -m pipeline train data/runs/first/config.toml --name first"
    )
    run.record(RECIPE)
    assert run.key("tested") == RECIPE.key


def test_the_makers_of_a_file_stand_in_the_table():
    assert stages.makers(stages.MODEL) == ["given", "model"]
    assert stages.makers(f"{stages.FIGURES}/curves.svg") == [f"{stages.FIGURES}/curves.svg"]
    assert stages.makers(f"{stages.FIGURES}/more/curves.svg") == []
    assert stages.makers("notes.md") == []
