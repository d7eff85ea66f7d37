"""`predict` answers as the bundle's file does, picture by picture, and passes nothing over."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from export.bundle import bundle, predict
from pipeline.core import stages
from pipeline.core.errors import DataError
from pipeline.core.runs import Run
from pipeline.images import decode
from pipeline.images.letterbox import letterbox
from pipeline.tflite.interpreter import Interpreter
from tests.support import verbs


@pytest.fixture
def pictures(tmp_path, draw) -> Path:
    folder = tmp_path / "pictures"
    for number, name in enumerate(("a.png", "deep/er/b.jpg", "c d.png")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(90, 60 + number, number)).save(path)
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes((folder / "a.png").read_bytes())
    return folder


@pytest.fixture
def place(int8_bundle, tmp_path) -> Path:
    """A working directory with a run that holds nothing but its configuration and an int8 bundle."""
    run = Run(tmp_path / "data/runs/mine")
    shutil.copytree(int8_bundle, run.path("export/int8"))
    run.path(stages.CONFIG).write_text('[data]\npictures = "pictures"\n')
    run.make(stages.recipe("export/int8", {}), lambda: None)
    run.make(stages.recipe("export/int8/contract", {"export": run.key("export/int8")}), lambda: None)
    return tmp_path


def test_answers_are_those_of_the_file(int8_bundle, pictures):
    opened = bundle.read(int8_bundle)
    files = predict.listed([pictures])
    assert [path.relative_to(pictures).as_posix() for path in files] == ["a.png", "c d.png", "deep/er/b.jpg"]
    interpreter = Interpreter(opened.data)
    for path, answer in zip(files, predict.predict(opened, files), strict=True):
        row = interpreter.answer(letterbox(decode.read(path), opened.contract.input.frame))
        first = answer.top[0]
        assert answer.path == str(path)
        assert opened.contract.labels[int(row.argmax())] == first.label
        assert first.probability == row.max()
        assert [guess.probability for guess in answer.top] == sorted(row, reverse=True)[: len(answer.top)]
        assert answer.label == (first.label if row.max() >= opened.contract.threshold else None)


def test_below_the_threshold_it_does_not_know(int8_bundle, pictures):
    opened = bundle.read(int8_bundle)
    files = predict.listed([pictures])
    probabilities = [answer.top[0].probability for answer in predict.predict(opened, files)]
    for threshold, known in ((0.0, True), (min(probabilities), True), (1.01, False)):
        object.__setattr__(opened.contract, "threshold", threshold)
        assert all((answer.label is not None) == known for answer in predict.predict(opened, files))


def test_what_cannot_be_read_keeps_its_place(int8_bundle, pictures):
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    files = [pictures / "a.png", pictures / "broken.png", pictures / "missing.png", pictures / "notes.txt"]
    answers = list(predict.predict(bundle.read(int8_bundle), files))
    assert [bool(answer.problem) for answer in answers] == [False, True, True, True]
    assert answers[2].problem == "cannot be opened: No such file or directory"


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match="no picture in this folder"):
        predict.listed([tmp_path])


def test_the_command_prints_a_table_json_or_csv(place, pictures, capfd, monkeypatch):
    told = verbs.call(capfd, "export", "predict", "pictures", cwd=place)
    assert told.returncode == 0
    assert "mine, int8: answers to 3 pictures" in told.stdout
    assert "pictures/deep/er/b.jpg" in told.stdout
    document = json.loads(verbs.call(capfd, "export", "predict", "pictures", "--json", cwd=place).stdout)
    assert document["pictures"][0]["path"] == "pictures/a.png"
    monkeypatch.setattr("sys.stdin", io.StringIO("pictures/c d.png\n\npictures/a.png\n"))
    table = verbs.call(capfd, "export", "predict", "-", "--csv", "--run", "mine", cwd=place).stdout
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["path"] for row in rows] == ["pictures/c d.png", "pictures/a.png"]
    first = document["pictures"][0]["top"][0]
    assert (rows[1]["label"], float(rows[1]["probability"])) == (
        first["label"],
        pytest.approx(first["probability"], abs=1e-6),
    )


def test_an_unreadable_picture_ends_with_1_after_all_answers(place, pictures, capfd):
    ended = verbs.call(capfd, "export", "predict", "pictures/notes.txt", "pictures/a.png", cwd=place)
    assert ended.returncode == 1
    assert "answers to 1 picture" in ended.stdout
    assert "pictures/notes.txt: " in ended.stdout


def test_without_a_bundle_it_says_how_to_make_one(place, pictures, capfd):
    ended = verbs.call(capfd, "export", "predict", "pictures", "--flavour", "float16", cwd=place)
    hint = "export it first: python -m export tflite mine"
    verbs.refused(ended, 1, "data/runs/mine/export/float16 is missing, or older than the model", hint)
    odd = verbs.call(capfd, "export", "predict", "pictures", "--flavour", "int9", cwd=place)
    known = "one of float32, float16, dynamic_range, int8"
    verbs.refused(odd, 2, "--flavour int9: no such flavour", known)
    both = verbs.call(capfd, "export", "predict", "pictures", "--csv", "--json", cwd=place)
    verbs.refused(both, 2, "--csv and --json are both given", "omit one of them")


def test_a_bundle_of_an_earlier_model_does_not_answer(place, pictures, capfd):
    run = Run(place / "data/runs/mine")
    run.make(stages.recipe("export/int8", {"model": "of an earlier training"}), lambda: None)
    ended = verbs.call(capfd, "export", "predict", "pictures", cwd=place)
    hint = "export it first: python -m export tflite mine"
    verbs.refused(ended, 1, "data/runs/mine/export/int8 is missing, or older than the model", hint)


def test_an_empty_list_of_files_is_refused(place, capfd, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    ended = verbs.call(capfd, "export", "predict", "-", cwd=place)
    verbs.refused(ended, 2, "no pictures given", "name files or folders; - reads a list of files from stdin")
