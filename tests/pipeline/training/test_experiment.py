"""A trained run is opened as it was trained, or refused with the command that mends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pipeline.core import config as configuration
from pipeline.core import stages
from pipeline.core.errors import DataError, NetworkError, RunError
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.data import changes, dataset, fingerprints, stored_table
from pipeline.data.audit import audit
from pipeline.data.pictures import Pictures
from pipeline.images import decode
from pipeline.training import experiment as experiments
from pipeline.training import train
from pipeline.training.results import Search
from tests.support import verbs
from tests.support.heard import Heard
from tests.support.verbs import RUN


def test_a_run_that_is_not_finished_cannot_be_opened(spoiled):
    (RUN / stages.MODEL).unlink()
    with pytest.raises(RunError) as caught:
        experiments.open_trained(Run(RUN))
    assert caught.value.message == f"{RUN / stages.MODEL} is missing"
    assert caught.value.hint == (
        f"finish the training first: python -m pipeline train {RUN / stages.CONFIG} --name pictures"
    )


def refused_to_open(run: Run) -> str:
    with pytest.raises(RunError) as caught:
        experiments.open_trained(run)
    assert caught.value.hint == (
        f"finish the training first: python -m pipeline train {run.path(stages.CONFIG)} --name {run.name}"
    )
    return caught.value.message.removeprefix(f"the model {run.path(stages.MODEL)} ")


def test_a_model_is_not_opened_with_labels_that_were_renamed_since(spoiled):
    """The audit notes the folders as they are; the outputs of the model still stand in the old order."""
    run = Run(RUN)
    folders = sorted(path for path in Path("pictures").iterdir() if path.is_dir())
    folders[0].rename("pictures/zz-last")
    with fingerprints.open_cache() as cache:
        audit.make(run, run.config(), ProgressReporter(), cache)
    assert refused_to_open(run) == "was trained on pictures, labels or folds that differ from the run's"
    ended = verbs.here("export", "tflite", cwd=spoiled)
    verbs.refused(
        ended,
        1,
        f"the model {RUN / stages.MODEL} was trained on pictures, labels or folds that differ from the run's",
        f"finish the training first: python -m pipeline train {RUN / stages.CONFIG} --name pictures",
    )


def test_a_model_is_not_opened_with_a_label_that_only_held_out_pictures_have(spoiled):
    run = Run(RUN)
    experiment = experiments.open_trained(run)
    rows = Pictures(
        p._replace(label="another") if p == experiment.split.held_out[0] else p
        for p in experiment.table.pictures
    )
    run.forget("pictures")
    stored_table.save(run, replace(experiment.table, pictures=rows))
    assert refused_to_open(Run(RUN)) == "was trained for labels that differ from the run's"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seed=5", "was trained on pictures, labels or folds that differ from the run's"),
        ("head.l2=0.5", "was trained with settings that differ from the run's"),
        ("augment.views=3", "was trained with settings that differ from the run's"),
    ],
)
def test_an_old_model_is_not_opened_after_a_training_that_was_interrupted(
    spoiled, monkeypatch, setting, words
):
    """Killed before the folds: the new configuration and split lie there, and the old model."""

    def killed(*_):
        raise KeyboardInterrupt

    run = Run(RUN)
    monkeypatch.setattr(train, "_folds", killed)
    with pytest.raises(KeyboardInterrupt):
        train.train(run, verbs.tiny_config(setting), ProgressReporter())
    assert refused_to_open(run) == words


def test_an_old_model_is_not_opened_beside_new_folds(spoiled, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    run = Run(RUN)
    monkeypatch.setattr(train, "_model", killed)
    with pytest.raises(KeyboardInterrupt):
        train.train(run, verbs.tiny_config("head.l2=0.5"), ProgressReporter())
    assert refused_to_open(run) == "was not trained from the folds beside it"


def test_an_old_model_is_not_opened_after_a_search_that_was_interrupted(spoiled, monkeypatch):
    run = Run(RUN)
    run.path(stages.CONFIG).write_text(configuration.dump(verbs.tiny_config("head.l2=[0.001, 0.5]")))
    run.write(Search(n=1, winner={"head.l2": 0.001}, rows=()), stages.SEARCH)
    assert refused_to_open(run) == "is older than the search, which is unfinished"


def test_a_class_without_a_held_out_picture_is_named(spoiled):
    run = Run(RUN)
    split = experiments.open_trained(run).split
    gone = [p for p in split.held_out if p.label == split.held_out[0].label]
    table = stored_table.load(run, Path("pictures"))
    run.forget("pictures")
    stored_table.save(run, replace(table, pictures=Pictures(p for p in table.pictures if p not in gone)))
    with pytest.raises(
        DataError, match=f"class {split.held_out[0].label} has no picture in the held-out set"
    ):
        experiments.open_trained(run)


def flipped(path: Path) -> None:
    """One bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def one_row_doubled(path: Path) -> None:
    rows = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join([*rows, rows[-1]]), "utf-8")


def one_row_lost(path: Path) -> None:
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:-1]), "utf-8")


def another_side(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace(",train,", ",held_out,", 1), "utf-8")


DAMAGED: dict[str, tuple[str, Callable[[Path], object]]] = {
    "folds of another form": (stages.FOLDS, lambda path: path.write_text("[]")),
    "folds with one bit flipped": (stages.FOLDS, flipped),
    "out-of-fold answers with one bit flipped": (stages.OUT_OF_FOLD, flipped),
    "a frame of another size": (stages.FRAME, lambda path: path.write_text('{"width": 32, "height": 32}')),
    "a picture lost": (stages.PICTURES, one_row_lost),
    "a picture doubled": (stages.PICTURES, one_row_doubled),
    "a picture on the other side of the split": (stages.SPLIT, another_side),
    "a split that was cut off": (stages.SPLIT, one_row_lost),
    "another model": (stages.MODEL, lambda path: path.write_bytes(b"PK")),
}


@pytest.mark.parametrize("name", sorted(DAMAGED))
def test_a_damaged_artefact_is_named_and_the_command_that_is_named_makes_it_again(spoiled, finished, name):
    file, damage = DAMAGED[name]
    damage(RUN / file)
    run = Run(RUN)

    def opened() -> None:
        experiments.open_trained(run)
        experiments.load_out_of_fold(run)

    with pytest.raises(RunError) as caught:
        opened()
    assert caught.value.message == f"{RUN / file} is damaged: it is not the file that `train` wrote"
    assert caught.value.hint == (
        f"recreate it: python -m pipeline train {RUN / stages.CONFIG} --name pictures"
    )
    train.train(run, run.config(), ProgressReporter())
    assert verbs.content(RUN / file) == verbs.content(finished / RUN / file)
    opened()


@pytest.mark.slow
def test_a_split_with_later_additions_is_put_back_from_its_copy_and_this_is_said(spoiled):
    run, heard = Run(RUN), Heard()
    label = min(path.name for path in Path("pictures").iterdir())
    for number in range(3):
        Image.new("RGB", (160, 90), (40 * number, 9, 9)).save(f"pictures/{label}/new{number}.jpg")
    train.train(run, run.config(), ProgressReporter())
    grown = (RUN / stages.SPLIT).read_bytes()
    another_side(RUN / stages.SPLIT)
    train.train(run, run.config(), heard)
    assert f"{RUN / stages.SPLIT} was damaged and has been restored from its copy" in heard.warnings
    assert (RUN / stages.SPLIT).read_bytes() == grown
    for path in (RUN / stages.SPLIT, RUN / "recipes/split.csv"):
        another_side(path)
    with pytest.raises(RunError) as caught:
        train.train(run, run.config(), ProgressReporter())
    assert caught.value.message == (
        f"{RUN / stages.SPLIT} is damaged, and its copy {RUN / 'recipes/split.csv'} too"
    )
    assert caught.value.hint == "restore the file, or use --resplit to start a new run"


def test_a_damaged_note_is_made_again_with_what_it_is_of(spoiled):
    """Its inputs are compared when a run is opened: a flipped one may not stay for ever."""
    path = RUN / "recipes/folds.json"
    note = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**note, "inputs": {**note["inputs"], "train": "x"}}), "utf-8")
    run = Run(RUN)
    refused_to_open(run)
    train.train(run, run.config(), ProgressReporter())
    experiments.open_trained(run)


def test_a_run_of_an_older_version_opens_and_is_given_digests_when_it_is_trained_again(spoiled):
    run = Run(RUN)
    for path in (RUN / "recipes").rglob("*.json"):
        note = json.loads(path.read_text("utf-8"))
        del note["files"]
        path.write_text(json.dumps(note), "utf-8")
    (RUN / "recipes/split.csv").unlink()
    before = verbs.stamps(RUN)
    experiments.open_trained(run)
    assert verbs.stamps(RUN) == before
    verbs.make_run(run, verbs.tiny_config())
    after = verbs.stamps(RUN)
    rewritten = {name for name in after if after[name] != before.get(name)}
    assert {name for name in rewritten if not name.startswith("recipes/")} <= {stages.SPLIT}
    flipped(RUN / stages.MODEL)
    with pytest.raises(RunError, match="not the file that `train` wrote"):
        experiments.open_trained(run)


def moved(count: int) -> None:
    one, other = sorted(path for path in Path("pictures").iterdir() if path.is_dir())[:2]
    for path in sorted(one.iterdir())[:count]:
        path.rename(other / f"from-{path.name}")


def test_pictures_that_were_relabelled_since_the_training_are_said_in_one_line(spoiled):
    moved(6)
    heard = Heard()
    experiments.open_trained(Run(RUN), heard)
    (warning,) = heard.warnings
    assert warning == (
        "pictures have changed since training (6 relabelled); the old ones still count; to train again: "
        f"python -m pipeline train {RUN / stages.CONFIG} --name pictures, then run this command again"
    )


def test_pictures_that_are_as_they_were_are_not_read_and_nothing_is_said(finished, monkeypatch):
    monkeypatch.chdir(finished)
    monkeypatch.setattr(decode, "digest", lambda path: pytest.fail(f"{path} was read"))
    heard = Heard()
    experiments.open_trained(Run(RUN), heard)
    assert heard.warnings == []


def test_pictures_that_are_gone_are_said(spoiled):
    Path("pictures").rename("elsewhere")
    heard = Heard()
    experiments.open_trained(Run(RUN), heard)
    (warning,) = heard.warnings
    assert warning.startswith(
        "the pictures are not those of the training run: pictures: no such folder of pictures; "
        "to train again: "
    )


def test_pictures_whose_store_does_not_answer_are_said(spoiled, monkeypatch):
    def silent(*_: object) -> None:
        raise NetworkError("s3://bucket has stopped answering", "check the connection")

    monkeypatch.setattr(changes, "changed_since", silent)
    heard = Heard()
    experiments.open_trained(Run(RUN), heard)
    assert heard.warnings == [
        "it is not known whether the pictures have changed: s3://bucket has stopped answering"
    ]


def test_the_table_of_a_run_is_that_of_its_folder(finished, monkeypatch):
    monkeypatch.chdir(finished)
    stored = stored_table.load(Run(RUN), Path("pictures"))
    assert stored == dataset.scan(Path("pictures"))
