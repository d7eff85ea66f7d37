from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core import config as configuration
from pipeline.core import files, runs, stages
from pipeline.core.errors import DataError, NetworkError, RunError
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.data import changes, dataset, fingerprints, splits, stored_table
from pipeline.data.audit import audit
from pipeline.data.pictures import Pictures
from pipeline.evaluation import evaluate
from pipeline.images import decode
from pipeline.training import backbones, classifier, train
from pipeline.training import experiment as experiments
from pipeline.training.results import Search
from tests.support import verbs
from tests.support.heard import Heard
from tests.support.verbs import ROOT, RUN

MADE_BY_TRAIN = {
    "pictures.csv",
    "excluded.csv",
    "audit.json",
    "shortcuts.json",
    "split.csv",
    "frame.json",
    "folds.json",
    "out_of_fold.npz",
    "model.keras",
    "training.json",
    "figures/curves.svg",
    "figures/classes.svg",
    "figures/samples.png",
    "figures/augmentation.png",
}
MADE_BY_EVALUATE = {
    "predictions/keras.npz",
    "evaluation.json",
    "answers.csv",
    "label_issues.json",
    "figures/label_issues.png",
    "figures/confusion.svg",
    "figures/f1.svg",
}
FLAVOURS = ("float32", "float16", "dynamic_range", "int8")
MADE_BY_EXPORT = {
    *(f"predictions/{name}.npz" for name in (*FLAVOURS, "int8_built_in")),
    *(f"export/{name}/model_{name}.tflite" for name in FLAVOURS),
    *(f"export/{name}/labels.txt" for name in FLAVOURS),
    *(f"export/{name}/contract.json" for name in FLAVOURS),
    "export/calibration.json",
    "export/compensation.json",
    "export/latency.json",
    "figures/flips.png",
    "parity.json",
    "passport.json",
}
STAGES = {
    *("audit", "shortcuts", "pictures", "split", "frame", "folds", "model", "evaluation", "label_issues"),
    *("calibration", "compensation", "latency", "parity", "passport"),
    *(f"predictions/{name}" for name in ("keras", *FLAVOURS, "int8_built_in")),
    *(f"export/{name}" for name in FLAVOURS),
    *(f"export/{name}/{part}" for name in FLAVOURS for part in ("labels", "contract")),
    *(name for name in MADE_BY_TRAIN | MADE_BY_EVALUATE | MADE_BY_EXPORT if name.startswith("figures/")),
}
RECORDS = {f"recipes/{stage}.json" for stage in STAGES}
RECORDS |= {"recipes/split.csv"}
EVERYTHING = MADE_BY_TRAIN | MADE_BY_EVALUATE | MADE_BY_EXPORT | RECORDS


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return verbs.finished(tmp_path_factory)


@pytest.fixture
def spoiled(tmp_path_factory, tmp_path, monkeypatch) -> Path:
    """A copy of the finished run, to be spoiled; the working directory."""
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    monkeypatch.chdir(place)
    return place


def siblings(run: Path, name: str) -> set[str]:
    """The files that one stage makes together with this one, and the record of it."""
    for path in (run / "recipes").rglob("*.json"):
        outputs = json.loads(path.read_text("utf-8"))["outputs"]
        record = path.relative_to(run).as_posix()
        if name in outputs or name == record:
            return {*outputs, record}
    raise AssertionError(f"no stage made {name}")


def test_every_artefact_is_there(finished):
    assert set(verbs.artifacts(finished / RUN)) == EVERYTHING
    assert (finished / RUN / stages.CONFIG).is_file()


def test_the_whole_configuration_lies_in_the_run(finished):
    with contextlib.chdir(finished):
        assert Run(RUN).config() == verbs.tiny_config()


def test_repeating_the_verbs_touches_nothing(spoiled):
    before = verbs.stamps(RUN)
    verbs.make_run(Run(RUN), verbs.tiny_config())
    assert verbs.stamps(RUN) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_a_deleted_artefact_comes_back_equal_and_nothing_else_is_touched(spoiled, finished, name):
    before = verbs.stamps(RUN)
    together = siblings(RUN, name)
    (RUN / name).unlink()
    verbs.make_run(Run(RUN), verbs.tiny_config())
    after = verbs.stamps(RUN)
    assert after.keys() == before.keys()
    made, expected = verbs.content(RUN / name), verbs.content(finished / RUN / name)
    if name == "recipes/split.json":
        # Whether pictures were added since can no longer be known, so it does not claim to.
        made["pictures"] = expected["pictures"]
    assert made == expected
    touched = {key for key in after if after[key] != before[key]}
    assert touched - together == set()
    for other in touched - {name}:
        assert verbs.content(RUN / other) == verbs.content(finished / RUN / other), other


@pytest.mark.slow
def test_the_same_configuration_gives_the_same_numbers_again(finished, spoiled):
    run = Run(runs.RUNS / "again")
    files.make_folder(run.folder)
    train.train(run, verbs.tiny_config(), ProgressReporter())
    evaluate.evaluate(experiments.open_trained(run), ProgressReporter())
    made, expected = verbs.contents(run.folder), verbs.contents(finished / RUN)
    assert made.keys() >= MADE_BY_TRAIN | MADE_BY_EVALUATE
    assert [name for name in made if made[name] != expected[name]] == []


@pytest.mark.slow
def test_a_new_cache_gives_the_same_features(finished, tmp_path, monkeypatch):
    """The backbone is converted and every view is made anew; the answers stay equal."""
    (tmp_path / "pictures").symlink_to(finished / "pictures")
    monkeypatch.chdir(tmp_path)
    run = Run(RUN)
    files.make_folder(run.folder)
    train.train(run, verbs.tiny_config(), ProgressReporter())
    for name in (stages.FOLDS, stages.OUT_OF_FOLD, stages.MODEL):
        assert verbs.content(run.path(name)) == verbs.content(finished / RUN / name)


@pytest.mark.slow
def test_another_seed_gives_another_split_and_other_numbers(finished, spoiled):
    run = Run(runs.RUNS / "seeded")
    files.make_folder(run.folder)
    train.train(run, verbs.tiny_config("seed=1"), ProgressReporter())
    for name in (stages.SPLIT, stages.FOLDS, stages.OUT_OF_FOLD):
        assert verbs.content(run.path(name)) != verbs.content(finished / RUN / name)


def test_out_of_fold_answers_are_those_of_a_model_that_did_not_see_the_picture(finished, monkeypatch):
    """Each fold's answers are made again by hand, from features and the head of the other folds."""
    monkeypatch.chdir(finished)
    from pipeline.training import heads

    experiment = experiments.open_trained(Run(RUN))
    stored, folds = experiments.load_out_of_fold(Run(RUN)), json.loads((RUN / stages.FOLDS).read_text())
    examples = experiments.examples_of(experiment, ProgressReporter())
    trainer = experiments.trainer_of(experiment, examples)
    assert sorted(set(stored["fold"].tolist())) == [0, 1, 2]
    for fold in range(3):
        inside, outside = (np.flatnonzero(stored["fold"] != fold), np.flatnonzero(stored["fold"] == fold))
        trainer.start(examples, inside)
        steps = folds["chosen_epoch"] * -(-len(inside) // experiment.config.train.batch_size)
        for _ in trainer.epochs(examples, inside, steps):
            pass
        np.testing.assert_array_equal(trainer.logits(examples, outside), stored["logits"][outside])
    assert isinstance(trainer, heads.HeadTrainer)


@pytest.mark.slow
def test_held_out_pictures_are_never_opened_while_training(finished, tmp_path, monkeypatch):
    """They could as well be damaged after the look at all pictures: the numbers stay."""
    verbs.shutil.copytree(finished / "pictures", tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    held_out = {
        row["path"] for row in Run(finished / RUN).read_csv(stages.SPLIT) if row["side"] == splits.HELD_OUT
    }
    opened: set[str] = set()
    from pipeline.images import decode

    read = decode.read

    def note(path: Path, *arguments: object, **options: object) -> np.ndarray:
        opened.add(path.relative_to("pictures").as_posix())
        return read(path, *arguments, **options)

    monkeypatch.setattr(decode, "read", note)
    run = Run(RUN)
    files.make_folder(run.folder)
    train.train(run, verbs.tiny_config(), ProgressReporter())
    assert len(held_out) == 36
    assert opened
    assert not opened & held_out


def test_the_split_is_stratified_with_every_class_on_both_sides_and_in_every_fold(finished):
    rows = Run(finished / RUN).read_csv(stages.SPLIT)
    labels = sorted({row["path"].split("/")[0] for row in rows})
    assert len(labels) == 3
    for label in labels:
        own = [row for row in rows if row["path"].startswith(label)]
        assert sum(row["side"] == "held_out" for row in own) == 12
        folds = [row["fold"] for row in own if row["side"] == "train"]
        assert sorted(folds.count(str(fold)) for fold in range(3)) == [9, 9, 10]


def test_the_chosen_epoch_is_where_the_mean_validation_loss_is_lowest(finished):
    folds = Run(finished / RUN).read_json(stages.FOLDS)
    losses = np.mean([fold["validation_loss"] for fold in folds["history"]], axis=0)
    assert folds["chosen_epoch"] == int(np.argmin(losses)) + 1
    assert folds["epoch_was_chosen"] is True
    assert len(losses) == 12


def test_the_final_model_takes_as_many_steps_as_the_folds(finished):
    run = Run(finished / RUN)
    folds, training = run.read_json(stages.FOLDS), run.read_json(stages.TRAINING)
    assert folds["steps"] == training["steps"] == folds["chosen_epoch"] * 2  # 56 of 84 pictures, 32 a batch
    assert training["n"] == folds["n"] == 84
    assert training["trainable_parameters"] == 32 * 3 + 3


@pytest.mark.slow
def test_without_choice_the_last_epoch_counts(spoiled):
    run = Run(runs.RUNS / "all")
    files.make_folder(run.folder)
    heard = Heard()
    train.train(run, verbs.tiny_config("train.select_best_epoch=false", "train.epochs=5"), heard)
    folds = run.read_json(stages.FOLDS)
    assert (folds["chosen_epoch"], folds["epoch_was_chosen"]) == (5, False)
    assert heard.warnings == []


@pytest.mark.slow
def test_a_loss_that_still_falls_at_the_last_epoch_is_said(spoiled):
    run = Run(runs.RUNS / "short")
    files.make_folder(run.folder)
    heard = Heard()
    train.train(run, verbs.tiny_config("train.epochs=2"), heard)
    assert heard.warnings == [
        "the validation loss was still falling at the last epoch; try --set train.epochs=4"
    ]


def test_the_temperature_is_folded_into_the_model_and_kept_in_the_run(finished, monkeypatch):
    monkeypatch.chdir(finished)
    run = Run(RUN)
    folds, stored = run.read_json(stages.FOLDS), experiments.load_out_of_fold(run)
    calibrated = stored["logits"] / folds["temperature"]
    expected = np.exp(calibrated) / np.exp(calibrated).sum(1, keepdims=True)
    np.testing.assert_allclose(stored["probabilities"], expected, atol=1e-6)
    assert folds["temperature"] != 1

    # The head once more, on all training pictures: the shipped model is it, divided.
    experiment = experiments.open_trained(run)
    examples = experiments.examples_of(experiment, ProgressReporter())
    trainer = experiments.trainer_of(experiment, examples)
    rows = np.arange(84)
    trainer.start(examples, rows)
    for _ in trainer.epochs(examples, rows, folds["steps"]):
        pass
    import keras
    from scipy import special

    from pipeline.images.views import plain_view

    model = keras.models.load_model(run.path(stages.MODEL), compile=False)
    frames = np.stack(
        [plain_view(experiment.table.file(p), experiment.frame) for p in experiment.split.train[:8]]
    ).astype(np.float32)
    wanted = special.softmax(trainer.logits(examples, rows[:8]) / folds["temperature"], axis=1)
    np.testing.assert_allclose(model(frames, training=False).numpy(), wanted, atol=1e-4)


def test_the_threshold_keeps_the_wanted_share_of_right_answers(finished):
    run = Run(finished / RUN)
    folds, stored = run.read_json(stages.FOLDS), experiments.load_out_of_fold(run)
    right = stored["probabilities"].argmax(1) == stored["truth"]
    sure = stored["probabilities"].max(1)[right]
    assert (sure >= folds["threshold"]).mean() >= 0.95
    assert (sure >= folds["threshold"] + 1 / 256).mean() < 0.95 + 1 / len(sure)
    assert (folds["threshold"] * 256).is_integer()


# Search.


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> tuple[Path, Heard]:
    place = verbs.copy_finished(tmp_path_factory, tmp_path_factory.mktemp("searched"))
    heard = Heard()
    run = Run(runs.RUNS / "search")
    with contextlib.chdir(place):
        files.make_folder(run.folder)
        train.train(run, verbs.tiny_config("head.l2=[0.001, 3.0]", "model.input=['64x64', '96x64']"), heard)
    return place / run.folder, heard


@pytest.mark.slow
def test_a_search_ranks_every_combination_and_names_the_winner(searched):
    found = Run(searched[0]).read_json(stages.SEARCH)
    tried = [(row["values"]["head.l2"], row["values"]["model.input"]) for row in found["rows"]]
    assert sorted(tried) == [(0.001, "64x64"), (0.001, "96x64"), (3.0, "64x64"), (3.0, "96x64")]
    order = [(-row["accuracy"], row["log_loss"]) for row in found["rows"]]
    assert order == sorted(order)
    assert found["winner"] == found["rows"][0]["values"]
    assert "slightly optimistic" in found["note"]
    for row in found["rows"]:
        assert row["interval"][0] <= row["accuracy"] <= row["interval"][1]
        assert row["frame"] == row["values"]["model.input"]
    assert found["n"] == 84


@pytest.mark.slow
def test_a_search_draws_its_figure_and_trains_the_winner(searched):
    run, heard = Run(searched[0]), searched[1]
    found = run.read_json(stages.SEARCH)
    assert run.path(stages.FIGURES, "search.svg").read_bytes().startswith(b"<?xml")
    assert run.read_json(stages.FOLDS)["accuracy"] == found["rows"][0]["accuracy"]
    frame = run.read_json(stages.FRAME)
    assert f"{frame['width']}x{frame['height']}" == found["winner"]["model.input"]
    best = ", ".join(f"{key}={value}" for key, value in found["winner"].items())
    assert heard.said["search"] == f"4 settings tried, best out-of-fold: {best}"
    assert any(warning.startswith("the best head.l2, ") for warning in heard.warnings)


@pytest.mark.slow
def test_training_over_lists_prints_what_was_tried_the_best_first(searched, capfd):
    place, run = searched[0].parents[2], Run(searched[0])
    config = str(runs.RUNS / "search" / stages.CONFIG)
    out = verbs.fine(verbs.call(capfd, "pipeline", "train", config, "--name", "search", cwd=place))
    assert "Settings tried, best first (out-of-fold, n = 84)" in out
    lines = out.splitlines()
    (header,) = [at for at, line in enumerate(lines) if line.startswith(("head.l2", "model.input"))]
    assert lines[header].split() == ["model.input", "head.l2", "accuracy", "95%", "log", "loss", "epoch"]
    for line, row in zip(lines[header + 1 :], run.read_json(stages.SEARCH)["rows"], strict=False):
        size, l2, accuracy, low, _, high, *_ = line.split()
        assert (size, float(l2)) == (row["values"]["model.input"], row["values"]["head.l2"])
        assert (accuracy, low, high) == tuple(f"{n:.3f}" for n in (row["accuracy"], *row["interval"]))
    assert "is at the edge of the values tried; try the next one too: --set 'head.l2=[" in out.replace(
        "\n", " "
    )


@pytest.mark.slow
def test_a_cell_of_a_search_scores_what_a_run_of_it_alone_scores(searched, finished):
    found = Run(searched[0]).read_json(stages.SEARCH)
    cell = {"head.l2": 0.001, "model.input": "64x64"}
    row = next(row for row in found["rows"] if row["values"] == cell)
    alone = Run(finished / RUN).read_json(stages.FOLDS)
    assert (row["accuracy"], row["chosen_epoch"]) == (alone["accuracy"], alone["chosen_epoch"])


@pytest.mark.slow
def test_the_winner_of_a_search_is_opened_by_later_verbs(searched, monkeypatch):
    monkeypatch.chdir(searched[0].parents[2])
    run = Run(runs.RUNS / "search")
    experiment = experiments.open_trained(run)
    winner = run.read_json(stages.SEARCH)["winner"]
    assert experiment.config.head.l2 == winner["head.l2"]
    assert str(experiment.frame) == winner["model.input"]
    assert experiment.config.search == {}
    assert run.config().search.keys() == {"head.l2", "model.input"}


@pytest.mark.parametrize("name", ["search.json", "figures/search.svg"])
@pytest.mark.slow
def test_a_deleted_result_of_a_search_comes_back_equal(searched, monkeypatch, name):
    monkeypatch.chdir(searched[0].parents[2])
    run = Run(runs.RUNS / "search")
    before, stamps, together = (
        verbs.content(run.path(name)),
        verbs.stamps(run.folder),
        siblings(run.folder, name),
    )
    run.path(name).unlink()
    train.train(run, run.config(), ProgressReporter())
    assert verbs.content(run.path(name)) == before
    after = verbs.stamps(run.folder)
    assert {key for key in after if after[key] != stamps.get(key)} <= together


# Other settings.


@pytest.mark.slow
def test_a_given_split_is_kept_and_a_leak_is_said(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for at, path in enumerate(sorted((finished / "pictures").glob("*/*.jpg"))):
        label, number = path.parent.name, at % 40
        if number < 20:
            place = Path("given", ("train", "test", "val")[number % 3], label)
            place.mkdir(parents=True, exist_ok=True)
            verbs.shutil.copy(path, place)
    one = next(Path("given", "train", "kitchen-lab").iterdir())
    verbs.shutil.copy(one, Path("given", "test", "kitchen-lab", "same.jpg"))
    run, heard = Run(runs.RUNS / "given"), Heard()
    files.make_folder(run.folder)
    experiment = train.train(run, verbs.tiny_config(source="given"), heard)
    assert {p.path.split("/")[0] for p in experiment.split.held_out} == {"test"}
    assert {p.path.split("/")[0] for p in experiment.split.train} == {"train", "val"}
    assert heard.said["split"].endswith("held out, using the data set's own split")
    leak = (
        "the data set's own split leaks: copies of 1 picture are on both sides (1 of the held-out ones); "
        "evaluate reports the score with and without them"
    )
    assert leak in heard.warnings


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
    assert refused_to_open(run) == "was trained on other pictures, labels or folds than the run has now"
    ended = verbs.here("export", "tflite", cwd=spoiled)
    verbs.refused(
        ended,
        1,
        f"the model {RUN / stages.MODEL} was trained on other pictures, labels or folds than the run has now",
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
    assert refused_to_open(Run(RUN)) == "was trained for other labels than the run has now"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seed=5", "was trained on other pictures, labels or folds than the run has now"),
        ("head.l2=0.5", "was trained with other settings than the run has now"),
        ("augment.views=3", "was trained with other settings than the run has now"),
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


@pytest.mark.slow
def test_a_split_that_is_given_later_moves_nothing_and_says_so(spoiled):
    run, heard = Run(RUN), Heard()
    split = experiments.open_trained(run).split
    rows = ["path,label,split"]
    for picture in (*split.train, *split.held_out):
        side = "test" if picture in (split.train[0], *split.held_out) else "train"
        rows.append(f"pictures/{picture.path},{picture.label},{side}")
    Path("table.csv").write_text("\n".join(rows) + "\n", "utf-8")
    train.train(run, verbs.tiny_config(source="table.csv"), heard)
    assert heard.said["split"].endswith("held out")
    assert (
        "1 picture stays where it was although the data set now puts it on the other side of the split "
        f"(the first: pictures/{split.train[0].path}); use --resplit for a run that follows the data set"
    ) in heard.warnings


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
    assert rewritten <= RECORDS | {stages.SPLIT}
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


def test_pictures_that_are_as_they_were_are_not_read_and_nothing_is_said(spoiled, monkeypatch):
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


@pytest.mark.slow
def test_the_reference_recipe_builds_the_reference_numbers_of_parameters(monkeypatch):
    monkeypatch.chdir(ROOT)
    config = configuration.load(Path("configs/thumbnails.toml"), ["model.weights=none"])
    assert (config.train.folds, config.train.epochs, config.train.select_best_epoch) == (2, 30, False)
    backbone = backbones.build(config.model, config.model.frame or Size(224, 224), config.seed)
    model = classifier.build_classifier(backbone, 3, config.head)
    trainable, frozen = (
        sum(int(np.prod(v.shape)) for v in part)
        for part in (model.trainable_weights, model.non_trainable_weights)
    )
    assert (trainable, frozen) == (128_403, 2_257_984)


@pytest.mark.slow
def test_the_dense_head_trains_and_ships_the_same_parameters_as_it_builds(spoiled):
    run = Run(runs.RUNS / "dense")
    files.make_folder(run.folder)
    train.train(
        run, verbs.tiny_config("head.kind=dense", "head.units=10", "train.epochs=3"), ProgressReporter()
    )
    training = run.read_json(stages.TRAINING)
    assert training["trainable_parameters"] == 32 * 10 + 10 + 10 * 3 + 3
    assert training["frozen_parameters"] == 3 * 3 * (3 * 8 + 8 * 16 + 16 * 32) + 8 + 16 + 32


def test_the_table_of_a_run_is_that_of_its_folder(finished, monkeypatch):
    monkeypatch.chdir(finished)
    stored = stored_table.load(Run(RUN), Path("pictures"))
    assert stored == dataset.scan(Path("pictures"))
