"""Pictures that come and go, and runs that are not there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from pipeline.core import runs, stages
from tests.support import verbs
from tests.support.commands import refused, rows_of, train_copy
from tests.support.verbs import RUN, here

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def grown(tmp_path_factory) -> tuple[Path, str]:
    """A finished run whose pictures were changed since, trained again; and what that said."""
    place = verbs.copy_finished(tmp_path_factory, tmp_path_factory.mktemp("grown"))
    old = rows_of(place / RUN / stages.SPLIT)
    held_out = next(row["path"] for row in old if row["side"] == "held_out")
    trained_on = next(row["path"] for row in old if row["side"] == "train")
    Image.new("RGB", (160, 90), "teal").save(place / "pictures" / held_out)
    (place / "pictures" / trained_on).unlink()
    for number in range(3):
        path = place / "pictures" / Path(trained_on).parent / f"new{number}.jpg"
        Image.new("RGB", (160, 90), (40 * number, 9, 9)).save(path)
    return place, verbs.fine(train_copy(place))


def test_pictures_that_were_changed_added_or_removed_are_said(grown):
    assert "the pictures have changed since the last run: 3 added, 1 removed, 1 changed" in grown[1]
    assert "122 in 3 classes" in grown[1]


def test_old_pictures_keep_their_side_and_fold(grown, finished):
    after = {row["path"]: row for row in rows_of(grown[0] / RUN / stages.SPLIT)}
    for row in rows_of(finished / RUN / stages.SPLIT):
        now = after[row["path"]]
        assert (now["side"], now["fold"]) == (row["side"], row["fold"])
    assert {Path(path).name for path in after} >= {"new0.jpg", "new1.jpg", "new2.jpg"}


def test_what_depends_on_changed_pictures_is_redone(grown, finished):
    before, after = (verbs.contents(place / RUN) for place in (finished, grown[0]))
    for name in (
        stages.PICTURES,
        stages.SPLIT,
        stages.OUT_OF_FOLD,
        stages.FOLDS,
        stages.MODEL,
        stages.TRAINING,
    ):
        assert after[name] != before[name]
    assert all(after[name] == before[name] for name in ("frame.json", "figures/confusion.svg"))


def test_a_deleted_split_is_not_redrawn_after_pictures_were_added(grown, tmp_path):
    shutil.copytree(grown[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / RUN / stages.SPLIT).unlink()
    refused(
        train_copy(tmp_path),
        2,
        f"{RUN / stages.SPLIT} is gone, and pictures were added, changed or removed since it was drawn: "
        "results on a new split would not be comparable",
        "restore the file, or use --resplit to start a new run",
    )
    assert not (tmp_path / RUN / stages.SPLIT).exists()


def test_resplit_makes_another_run(grown, tmp_path):
    shutil.copytree(grown[0], tmp_path, dirs_exist_ok=True)
    before = verbs.stamps(tmp_path / RUN)
    said = verbs.fine(train_copy(tmp_path, "--resplit"))
    assert "next: python -m pipeline evaluate pictures-2" in said
    assert verbs.stamps(tmp_path / RUN) == before
    old, new = (rows_of(tmp_path / runs.RUNS / name / stages.SPLIT) for name in ("pictures", "pictures-2"))
    assert {row["path"] for row in new} < {row["path"] for row in old}
    assert [row for row in new if row not in old]


def test_a_deleted_record_of_the_split_moves_no_old_picture(grown, tmp_path):
    shutil.copytree(grown[0], tmp_path, dirs_exist_ok=True)
    before = (tmp_path / RUN / stages.SPLIT).read_text()
    (tmp_path / RUN / "recipes" / "split.json").unlink()
    ended = train_copy(tmp_path)
    assert ended.returncode in (0, 2)
    assert (tmp_path / RUN / stages.SPLIT).read_text() == before


def test_a_held_out_picture_changed_since_the_training_is_not_scored(copy):
    held_out = next(row["path"] for row in rows_of(copy / RUN / stages.SPLIT) if row["side"] == "held_out")
    Image.new("RGB", (160, 90), "teal").save(copy / "pictures" / held_out)
    (copy / RUN / "predictions" / "float32.npz").unlink()
    refused(
        here("export", "parity", cwd=copy),
        2,
        f"pictures/{held_out} has changed since the training",
        "train again to see what changed",
    )


def test_a_run_that_is_not_trained_says_what_to_do(copy):
    (copy / RUN / stages.MODEL).unlink()
    refused(
        here("export", "tflite", cwd=copy),
        1,
        f"{RUN / stages.MODEL} is missing",
        f"finish the training first: python -m pipeline train {RUN / stages.CONFIG} --name pictures",
    )


def test_runs_that_are_not_there_are_refused(tmp_path, copy):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    refused(
        here("pipeline", "evaluate", cwd=elsewhere),
        2,
        "no runs in data/runs",
        "train one: python -m pipeline train CONFIG_OR_FOLDER; or go to the folder in which you trained",
    )
    message = "no run called other in data/runs"
    refused(here("pipeline", "evaluate", "other", cwd=copy), 2, message, "runs here: pictures")


def test_a_name_that_is_no_folder_name_is_refused(copy):
    message = "--name ../x: a run's name must be a single folder name"
    refused(train_copy(copy, "--name", "../x"), 2, message, "for example --name first")
