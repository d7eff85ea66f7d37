from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.core import config as configuration
from pipeline.core import files, runs, stages
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.data import splits
from pipeline.evaluation import evaluate
from pipeline.training import backbones, classifier, train
from pipeline.training import experiment as experiments
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
        "the data set's own split leaks: 1 group of pictures that belong together is on both sides, with 1 "
        "of the held-out ones; evaluate reports the score with and without them"
    )
    assert leak in heard.warnings


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
