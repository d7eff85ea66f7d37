"""`python -m export tflite`, with a run and with a model of the user's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from export.conversion import compensation
from export.conversion.compensate.layer_error import LayerError
from export.model_file.file_kind import GIVE_KERAS
from pipeline.core.size import Size
from tests.support import own_models, verbs
from tests.support.verbs import RUN, call, refused

LABELS = "--pictures FOLDER (one folder per class) and --labels FILE (one label per line)"
LAYERS = (
    LayerError(name="conv0", before=0.2, after=0.0991),
    LayerError(name="answer", before=0.3, after=0.2),
)


@pytest.fixture
def place(tmp_path) -> Path:
    """A working directory with a model and its pictures, and no run."""
    own_models.fill(tmp_path)
    return tmp_path


def test_details_show_the_error_of_every_layer(tmp_path_factory, tmp_path, capfd, monkeypatch):
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    monkeypatch.setattr(compensation, "layers", lambda _: LAYERS)
    said = verbs.call(capfd, "export", "tflite", "pictures", "--details", cwd=place).stdout
    rows = [line.split() for line in said.splitlines()]
    assert ["conv0", "0.200", "0.099"] in rows
    assert ["answer", "0.300", "0.200"] in rows
    assert "conv0" not in verbs.call(capfd, "export", "tflite", "pictures", cwd=place).stdout


def test_details_say_why_there_are_none(tmp_path_factory, tmp_path, capfd):
    place = verbs.copy_finished(tmp_path_factory, tmp_path)
    said = verbs.call(capfd, "export", "tflite", "pictures", "--details", cwd=place).stdout
    assert "The int8 file is not compensated: 29 training pictures are left to judge with, and 30 are" in said


def test_options_that_do_not_go_together_are_refused(place, capfd):
    def said(*words: object) -> str:
        ended = call(capfd, "export", "tflite", *words, cwd=place)
        assert ended.returncode == 2
        return ended.stderr

    assert said("--keras", "mine.keras") == (
        f"error: --keras mine.keras needs --pictures and --labels\nhint: {LABELS}\n"
    )
    assert "needs --labels\n" in said("--keras", "mine.keras", "--pictures", "pictures")
    assert "error: x and --keras mine.keras are both given" in said("x", *own_models.words())
    assert said("--pictures", "pictures", "--size", "8x8") == (
        "error: --pictures, --size: only with --keras FILE\nhint: omit them, or add --keras\n"
    )
    assert "--range 1,0: expected two numbers, lower first" in said(*own_models.words("--range", "1,0"))
    assert "--name a/b: a run's name must be a single folder name" in said(*own_models.words("--name", "a/b"))
    assert "--name : a run's name must be a single folder name" in said(*own_models.words("--name", ""))
    assert not (place / "data").exists()


def test_how_a_file_differs_from_a_runs_model_is_told(tmp_path_factory, tmp_path, capfd):
    place = verbs.copy_finished(tmp_path_factory, tmp_path / "place")
    own_models.save(place / "five.keras", outputs=5)
    labels = sorted(path.name for path in (place / "pictures").iterdir())
    refused(
        call(capfd, "export", "passport", "five.keras", "--run", "pictures", cwd=place),
        2,
        f"five.keras is not a .tflite: it is a Keras model; unlike the model of {RUN}, it has 5 outputs, not "
        f"one for each of 3 labels ({', '.join(labels)}) and it takes 48x32, not 64x64",
        GIVE_KERAS,
    )
    own_models.save(place / "same.keras", frame=Size(64, 64))
    ended = call(capfd, "export", "passport", "same.keras", "--run", "pictures", cwd=place)
    assert "it has as many outputs and the same frame as the model of" in ended.stderr


def test_a_file_in_the_place_of_a_runs_model_is_not_the_one_that_was_trained(
    tmp_path_factory, tmp_path, capfd
):
    place = verbs.copy_finished(tmp_path_factory, tmp_path / "place")
    shutil.copy(own_models.save(place / "five.keras", outputs=5), place / RUN / "model.keras")
    refused(
        call(capfd, "export", "tflite", "pictures", cwd=place),
        1,
        f"{RUN}/model.keras is damaged: it is not the file that `train` wrote",
        f"recreate it: python -m pipeline train {RUN}/config.toml --name pictures",
    )


@pytest.mark.slow
def test_a_users_own_model_makes_the_whole_journey(place):
    """From a .keras file to what an app needs, its field photos and its report, by the real commands."""

    def run(*words: object) -> dict:
        ended = verbs.forked("export", *words, "--json", cwd=place)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    (place / "given.toml").unlink()
    words = ("--keras", "mine.keras", "--pictures", "pictures", "--labels", "labels.txt", "--range=-1,1")
    made = run("tflite", *words)
    assert [row["model"] for row in made["targets"]] == ["float32", "float16", "dynamic_range", "int8"]
    assert (made["run"], made["n"], made["labels"]) == ("mine", 36, list(own_models.LABELS))
    assert made["targets"][0]["agreement"] == 1
    assert all(row["verdict"] != "failed" for row in made["targets"])
    assert run("verify", "mine")["passed"]
    assert set(run("passport", "mine")["passports"]) == {row["model"] for row in made["targets"]}
    assert run("parity", "mine")["targets"] == made["targets"]
    assert run("tflite", "mine")["targets"] == made["targets"]
    assert run("simulate", "mine")["trained_on_screens"] is None
    own_models.draw_pictures(place / "field", 30)
    assert run("photos", "field", "--run", "mine")["labels"] == list(own_models.LABELS)
    assert run("report", "mine")["labels"] == list(own_models.LABELS)
    models = ("--reference", "mine.keras", "--target", "mine", "--pictures", "pictures")
    by_hand = ("--labels", "labels.txt", "--range=-1,1", "--fit", "letterbox")
    assert run("compare-models", *models, *by_hand)["targets"][0]["agreement"] == 1
