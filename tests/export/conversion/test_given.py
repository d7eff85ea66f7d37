from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.bundle import bundle
from export.conversion import convert, given
from export.conversion.given import Given
from export.explain import explain
from export.report import report
from pipeline.core import config as configuration
from pipeline.core import runs, stages
from pipeline.core.errors import ConfigError, DataError, RunError, UsageError
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.evaluation import evaluate
from pipeline.images.views import plain_view
from pipeline.stats import metrics
from pipeline.training import experiment as experiments
from pipeline.training import train
from pipeline.training.experiment import Experiment
from pipeline.training.results import GivenModel
from tests.support import own_models, verbs
from tests.support.heard import Heard
from tests.support.own_models import FILE, LABELS

OWN = Given(Path(FILE), Path("given.toml"), LABELS, Path("labels.txt"), (-1.0, 1.0))
RUN = runs.RUNS / "mine"
AGAIN = "python -m export tflite --keras FILE --pictures FOLDER --labels FILE --name mine"
OTHER = "use --name NAME for another run"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return own_models.given(tmp_path_factory)


@pytest.fixture
def place(made, tmp_path, monkeypatch) -> Path:
    """A copy of the working directory, and the present one."""
    folder = Path(shutil.copytree(made, tmp_path / "place"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def fresh(tmp_path, monkeypatch) -> Path:
    """A working directory with a model and its pictures, and no run."""
    own_models.fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def give(own: Given = OWN, reporter: ProgressReporter | None = None) -> Experiment:
    config = given.configured(own)
    run = given.run_of(own, config)
    with run.locked():
        return given.give(run, config, own, reporter or ProgressReporter())


def opened() -> Experiment:
    return experiments.open_trained(Run(RUN))


def refused(kind: type[Exception], own: Given) -> tuple[str, str]:
    with pytest.raises(kind) as caught:
        give(own)
    return caught.value.message, caught.value.hint  # type: ignore[attr-defined]


def test_the_run_knows_its_model_and_has_the_labels_in_output_order(place):
    experiment = opened()
    document = Run(RUN).read(GivenModel, stages.GIVEN)
    assert experiment.given == document
    assert experiment.labels == document.labels == LABELS != experiment.table.labels
    assert experiment.frame == own_models.FRAME
    assert (document.file, document.limits, document.softmax_added) == (FILE, (-1.0, 1.0), True)
    assert document.n == len(experiment.split.train) == len(experiment.split.held_out) == 36
    assert document.accuracy > 0.8
    made = bundle.read(RUN / "export/int8")
    assert made.contract.labels == LABELS
    assert made.contract.threshold == document.threshold == experiment.threshold
    assert not (RUN / stages.FOLDS).exists()


def test_what_is_set_for_training_does_not_stand_in_its_configuration(place):
    text = (RUN / stages.CONFIG).read_text("utf-8")
    assert "[export]" in text
    assert "held_out = 0.5" in text
    assert not {"[model]", "[head]", "[train]"} & set(text.splitlines())
    assert configuration.load(RUN / stages.CONFIG).export.flavours == ("float32", "int8")


def test_the_stored_answers_are_those_of_the_users_file(place):
    import keras

    experiment = opened()
    model = keras.models.load_model(FILE)
    frames = np.stack(
        [plain_view(experiment.table.file(p), experiment.frame) for p in experiment.split.held_out]
    )
    logits = model.predict(frames.astype(np.float32) / 127.5 - 1, verbose=0)
    odds = np.exp(logits - logits.max(1, keepdims=True))
    for name in ("keras", "float32"):
        stored = Run(RUN).read_arrays(stages.PREDICTIONS, f"{name}.npz")
        assert np.allclose(stored["probabilities"], odds / odds.sum(1, keepdims=True), atol=1e-4)
        assert [LABELS[label] for label in stored["truth"]] == [p.label for p in experiment.split.held_out]


def test_the_threshold_is_chosen_on_the_pictures_that_calibrate(place):
    from pipeline.training import classifier

    experiment = opened()
    frames = [plain_view(experiment.table.file(p), experiment.frame) for p in experiment.split.train]
    answers = classifier.predict(classifier.load(RUN / stages.MODEL), frames)
    truth = np.array([LABELS.index(p.label) for p in experiment.split.train])
    assert experiment.threshold == metrics.dont_know_threshold(answers, truth, 0.95)


def test_given_again_nothing_is_made_again(place):
    before = verbs.stamps(RUN)
    convert.convert(give(), ProgressReporter())
    assert verbs.stamps(RUN) == before


def test_two_runs_of_one_model_have_one_split(place):
    give(replace(OWN, name="second"))
    assert (runs.RUNS / "second/split.csv").read_bytes() == (RUN / "split.csv").read_bytes()


def test_copies_stay_on_one_side(fresh):
    for number in range(8):
        shutil.copy(f"pictures/red/{number:02d}.png", f"pictures/red/copy{number}.png")
    split = give().split
    side = {p.path: name for name, part in (("a", split.train), ("b", split.held_out)) for p in part}
    assert len({side[f"red/{number:02d}.png"] for number in range(8)}) == 2
    for number in range(8):
        assert side[f"red/{number:02d}.png"] == side[f"red/copy{number}.png"]


def test_the_data_sets_own_split_is_kept(fresh):
    for label in LABELS:
        for name, numbers in (("train", range(16)), ("test", range(16, 24))):
            (fresh / "pictures" / name / label).mkdir(parents=True)
            for number in numbers:
                shutil.move(f"pictures/{label}/{number:02d}.png", f"pictures/{name}/{label}")
        Path("pictures", label).rmdir()
    split = give().split
    assert {p.path.split("/")[0] for p in split.held_out} == {"test"}
    assert (len(split.train), len(split.held_out)) == (48, 24)


def test_pictures_that_all_judge_leave_none_to_calibrate_on(fresh):
    files = sorted(Path("pictures").glob("*/*"))
    rows = [f"{path},{path.parent.name},test" for path in files]
    (fresh / "table.csv").write_text("\n".join(["path,label,split", *rows]), "utf-8")
    message, hint = refused(DataError, replace(OWN, source=Path("table.csv")))
    assert message == "table.csv: classes blue, green, red have no training picture"
    assert hint.startswith("add some (train/ or split = train)")


@pytest.mark.slow
def test_what_was_made_of_the_model_is_said(fresh):
    heard = Heard()
    give(reporter=heard)
    assert heard.said["split"] == "36 to calibrate on, 36 to judge by"
    assert heard.said["model"].startswith("mine.keras, ")
    assert heard.said["model"].endswith("3 outputs; 48x32, letterbox, pixels as -1 to 1")
    assert heard.said["softmax"] == "added: mine.keras ends with a linear layer, so its answers are logits"
    assert "chosen on the 36 pictures that calibrate (accuracy there " in heard.said["threshold"]
    assert any("trained on is not known here" in text for text in heard.warnings)
    assert not any("guessing" in text for text in heard.warnings)


def test_labels_in_another_order_are_noticed(fresh):
    heard = Heard()
    give(replace(OWN, labels=("green", "blue", "red")), heard)
    (warning,) = [text for text in heard.warnings if "guessing" in text]
    assert "check --range (now -1,1) and the order of the labels in labels.txt" in warning


def test_labels_and_classes_must_be_the_same(fresh):
    message, hint = refused(DataError, replace(OWN, labels=("red", "green", "pink")))
    assert message == (
        "the labels are not the classes of the pictures: only labels.txt has pink; only given.toml has blue"
    )
    assert hint == "name each folder of pictures as the label of its output"
    assert refused(DataError, replace(OWN, labels=("red", "red", "blue")))[0] == "labels.txt names red twice"
    message, _ = refused(DataError, replace(OWN, labels=("red", "blue")))
    assert message == "mine.keras has 3 outputs, but labels.txt names 2 labels"
    assert list(fresh.rglob(stages.CONFIG)) == []


def test_another_model_does_not_take_the_place_of_the_runs_own(place):
    own_models.save(place / "wide.keras", frame=Size(64, 64))
    assert refused(UsageError, replace(OWN, file=Path("wide.keras"), name="mine")) == (
        "wide.keras is a different model from the one in data/runs/mine: it takes 64x64, not 48x32",
        OTHER,
    )
    message, _ = refused(UsageError, replace(OWN, labels=("blue", "green", "red")))
    assert message.endswith("its labels are blue, green, red, not red, green, blue")
    own_models.draw_pictures(place / "others", 6)
    message, hint = refused(ConfigError, replace(OWN, source=Path("others")))
    assert "it differs in data.pictures" in message
    assert OTHER in hint


@pytest.mark.slow
def test_a_new_version_of_the_model_replaces_it_and_what_was_made_of_it(place):
    before = Run(RUN).read(GivenModel, stages.GIVEN)
    key = Run(RUN).key("export/int8")
    own_models.save(place / FILE, seed=1)
    experiment = give()
    assert experiment.given
    assert experiment.given.sha256 != before.sha256
    assert Run(RUN).out_of_date("export/int8")
    with pytest.raises(RunError, match="was made from a different model"):
        convert.require(experiment, "int8")
    convert.convert(experiment, ProgressReporter())
    assert Run(RUN).key("export/int8") != key
    assert Run(RUN).out_of_date("export/int8") is None


def test_a_trained_run_and_a_given_one_do_not_mix(place):
    trained = runs.RUNS / "trained"
    trained.mkdir()
    (trained / stages.MODEL).write_bytes(b"x")
    message = "data/runs/trained holds a model that was trained here"
    assert refused(UsageError, replace(OWN, name="trained")) == (message, OTHER)
    with pytest.raises(UsageError, match="holds a model that was given, not trained: it has no folds"):
        train.train(Run(RUN), Run(RUN).config(), ProgressReporter())


def test_what_only_training_gives_is_refused_in_one_line(place):
    experiment = opened()
    begin = "data/runs/mine holds a model that was given, not trained: it has "
    with pytest.raises(UsageError) as caught:
        evaluate.evaluate(experiment, ProgressReporter())
    assert caught.value.message == begin + "no folds to score"
    assert caught.value.hint == "its held-out scores: python -m export parity mine"
    with pytest.raises(UsageError) as caught:
        explain.explain(experiment, ProgressReporter())
    assert caught.value.message == begin + "no layers to explain it by"
    assert caught.value.hint == "see the rest of it: python -m export report mine"
    with pytest.raises(UsageError) as caught:
        experiments.load_out_of_fold(experiment.run)
    assert caught.value.message == begin + "no out-of-fold predictions"
    assert caught.value.hint == "python -m export compare-models compares it on pictures"


@pytest.mark.parametrize("name", [stages.MODEL, stages.GIVEN])
def test_a_damaged_file_is_named_with_the_command_that_gives_it_again(place, name):
    data = (RUN / name).read_bytes()
    (RUN / name).write_bytes(data[:-1] + b" ")
    with pytest.raises(RunError) as caught:
        opened()
    assert caught.value.message == f"data/runs/mine/{name} is damaged: it is not the file that `tflite` wrote"
    assert caught.value.hint == f"recreate it: {AGAIN}"


def test_a_missing_model_and_other_pictures_are_told(place):
    rows = (RUN / stages.PICTURES).read_text("utf-8")
    verbs.rewrite(RUN, stages.PICTURES, rows.replace("red/00.png,red", "red/00.png,blue"))
    with pytest.raises(RunError) as caught:
        opened()
    assert "was given with pictures or labels that differ from the run's" in caught.value.message
    assert caught.value.hint == f"give the model again: {AGAIN}"
    (RUN / stages.MODEL).unlink()
    with pytest.raises(RunError, match="is missing"):
        opened()


def test_pictures_that_have_changed_are_said(place):
    heard = Heard()
    shutil.copy("pictures/red/00.png", "pictures/red/new.png")
    experiments.open_trained(Run(RUN), heard)
    (warning,) = heard.warnings
    assert warning.startswith("pictures have changed since the run was made (")
    assert f"to give the model again: {AGAIN}" in warning


def test_a_search_is_refused(fresh):
    (fresh / "given.toml").write_text('data.pictures = "pictures"\nhead.l2 = [0.1, 0.01]\n', "utf-8")
    message, _ = refused(ConfigError, OWN)
    assert message == "given.toml: head.l2: a model that is given is not searched"


def test_its_report_tells_where_the_model_is_from_and_misses_nothing_of_training(place):
    report.report(Run(RUN), ProgressReporter())
    summary = json.loads((RUN / "report.json").read_text("utf-8"))
    missing = " ".join(row["command"] for row in summary["missing"])
    assert "pipeline" not in missing
    assert "explain" not in missing
    assert summary["labels"] == list(LABELS)
    assert summary["sentences"][1].endswith(
        "If the model was trained on some of them, it does worse on new ones."
    )
    page = (RUN / "report.html").read_text("utf-8")
    assert "The model was not trained here: mine.keras was given" in page
    assert "36 calibration pictures, 36 held out" in page
    again = (
        "python -m export tflite --keras mine.keras --pictures data/runs/mine/config.toml "
        "--labels data/runs/mine/export/int8/labels.txt --range=-1,1 --size 48x32 --name mine-again"
    )
    assert again in page
    card = (RUN / "model_card.md").read_text("utf-8")
    assert "Model: mine.keras, not trained here, with" in card
    assert "Classes, in the order of the output: red, green, blue" in card
    assert "Backbone: " not in card
    assert "## Calibration data" in card
