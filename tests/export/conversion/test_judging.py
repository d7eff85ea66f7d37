from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from export.conversion import calibration, judging
from pipeline.core.errors import DataError
from pipeline.tflite import interpreter as litert


def test_judges_have_calibrated_nothing_and_are_not_chosen_from(experiment):
    first = calibration.first_choice(experiment)
    judges, others = judging.outside(experiment, first)
    paths = [{picture.path for picture in part} for part in (first, judges, others)]
    assert sum(map(len, paths)) == len(set.union(*paths)) == len(experiment.split.train)
    assert len(judges) == (len(experiment.split.train) - len(first)) // 2


def test_without_pictures_left_there_are_no_judges(experiment):
    assert judging.outside(experiment, experiment.split.train) == ([], [])


def test_a_file_is_judged_by_moved_probability_on_two_views_of_each_picture(
    experiment, reference, files, monkeypatch
):
    asked: list[int] = []

    def answer(_data: bytes, frames: Any, _prepare: Any) -> np.ndarray:
        asked.append(len(frames))
        rows = np.array(reference.predict_on_batch(np.stack(frames).astype(np.float32)))
        return rows[:, [1, 0, 2]]

    panel = judging.Panel(experiment, reference, experiment.split.train[:5])
    near = panel.judge("float32", files["float32"])
    assert (near.name, near.agreement) == ("float32", 1)
    assert near.mean_abs_dp < 1e-4
    monkeypatch.setattr(litert, "predictions", answer)
    assert panel.judge("swapped", b"").mean_abs_dp > 0.1
    assert asked == [10]


def test_a_picture_that_has_changed_is_no_judge(experiment, reference, tmp_path, monkeypatch):
    from tests.support import verbs

    monkeypatch.chdir(verbs.shutil.copytree(".", tmp_path, dirs_exist_ok=True))
    changed = experiment.table.file(experiment.split.train[0])
    changed.write_bytes(changed.read_bytes() + b"more")
    with pytest.raises(DataError, match="has changed since the training"):
        judging.Panel(experiment, reference, experiment.split.train[:2])
