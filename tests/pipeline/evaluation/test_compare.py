from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from pipeline.core import config as configuration
from pipeline.core import files, runs, stages
from pipeline.core.errors import DataError, RunError
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from pipeline.evaluation import compare
from pipeline.stats import intervals
from pipeline.training import experiment as experiments
from pipeline.training import train
from pipeline.training.results import Search
from tests.support import verbs
from tests.support.verbs import RUN


def made_up_run(name: str, right: dict[str, bool], *settings: str) -> Run:
    """A run that answered these pictures out of fold, rightly or not."""
    run = Run(runs.RUNS / name)
    files.write_text(run.path(stages.CONFIG), configuration.dump(configuration.load(Path(), settings)))
    hits = np.array(list(right.values()))
    probabilities = np.zeros((len(hits), 2), np.float32)
    probabilities[np.arange(len(hits)), np.where(hits, 0, 1)] = 1
    run.write_arrays(
        stages.OUT_OF_FOLD,
        sha256=np.array(list(right)),
        group=np.array([f"group:{name}" for name in right]),
        truth=np.zeros(len(hits), int),
        fold=np.zeros(len(hits), int),
        logits=probabilities,
        probabilities=probabilities,
    )
    return run


def pictures(first: int, last: int, wrong: int = 0) -> dict[str, bool]:
    """Pictures of these numbers; so many of them, from the first, answered wrongly."""
    return {f"picture{number:03d}": number >= first + wrong for number in range(first, last)}


def test_runs_are_ranked_and_paired_on_the_pictures_they_share(workplace):
    many = [
        made_up_run("weak", pictures(0, 100, wrong=30), "head.l2=0.5"),
        made_up_run("strong", pictures(20, 120, wrong=5), "train.folds=3"),
        made_up_run("middle", pictures(0, 100, wrong=20)),
    ]
    ranking = compare.compare(many)
    assert ranking.ranked_by == "out-of-fold accuracy"
    assert [row.run for row in ranking.rows] == ["strong", "middle", "weak"]
    assert [row.accuracy for row in ranking.rows] == pytest.approx([0.95, 0.8, 0.7])
    assert [row.n for row in ranking.rows] == [100, 100, 100]
    assert [row.shared_with_best for row in ranking.rows] == [100, 80, 80]
    # Of pictures 20 ... 99, strong misses 20 ... 24, middle none, weak 20 ... 29.
    differences = [row.difference_to_best for row in ranking.rows]
    assert differences == pytest.approx([0, 5 / 80, -5 / 80])
    for row in ranking.rows:
        low, high = row.difference_interval
        assert low <= row.difference_to_best <= high


def test_the_keys_that_differ_are_shown(workplace):
    many = [
        made_up_run("one", pictures(0, 40), "head.l2=0.5"),
        made_up_run("two", pictures(0, 40, wrong=1), "train.folds=3"),
    ]
    assert compare.compare(many).configuration == {
        "head.l2": {"one": 0.5, "two": 0.01},
        "train.folds": {"one": 5, "two": 3},
    }


def test_of_a_run_that_searched_the_values_found_best_are_shown(workplace):
    searched = made_up_run("searched", pictures(0, 40), "head.l2=[0.5, 0.1]", "model.input=['64x64', 'auto']")
    winner = {"head.l2": 0.1, "model.input": "auto"}
    searched.write(Search(n=40, winner=winner, rows=()), stages.SEARCH)
    ranking = compare.compare([searched, made_up_run("plain", pictures(0, 40, wrong=1))])
    assert ranking.configuration == {"head.l2": {"searched": 0.1, "plain": 0.01}}


def test_runs_that_share_fewer_than_30_pictures_are_not_compared(workplace):
    many = [made_up_run("one", pictures(0, 60)), made_up_run("two", pictures(31, 91, wrong=1))]
    with pytest.raises(DataError) as caught:
        compare.compare(many)
    assert caught.value.message == "two and one share 29 training pictures; a comparison needs 30"
    assert caught.value.hint == "compare runs of the same pictures"
    many = [made_up_run("one", pictures(0, 60)), made_up_run("two", pictures(30, 90, wrong=1))]
    assert compare.compare(many).rows[1].shared_with_best == 30


def test_equal_pictures_are_shared_pictures_but_count_for_n_each(workplace):
    """n is the number of pictures, as everywhere else, also where two files have the same bytes."""
    run = made_up_run("one", pictures(0, 40))
    arrays = experiments.load_out_of_fold(run)
    arrays["sha256"][1] = arrays["sha256"][0]
    run.write_arrays(stages.OUT_OF_FOLD, **arrays)
    ranking = compare.compare([run, made_up_run("two", pictures(0, 40, wrong=1))])
    assert ranking.rows[0].n == 40


def test_runs_are_paired_with_those_of_the_version_before_which_stored_text(workplace):
    def content(digit: int, wrong: int) -> dict[str, bool]:
        return {f"{number:063d}{digit}": number >= wrong for number in range(40)}

    new = made_up_run("new", content(1, wrong=0))
    arrays = experiments.load_out_of_fold(new)
    assert arrays["sha256"].dtype == "S64"
    new.write_arrays(stages.OUT_OF_FOLD, **{**arrays, "group": intervals.group_numbers(arrays["group"])})
    ranking = compare.compare([new, made_up_run("old", content(1, wrong=4))])
    assert [row.shared_with_best for row in ranking.rows] == [40, 40]
    assert ranking.rows[1].difference_to_best == pytest.approx(-0.1)


def test_two_runs_in_different_folders_with_one_name_are_both_shown(workplace):
    one = made_up_run("same", pictures(0, 40), "head.l2=0.5")
    Path("elsewhere").mkdir()
    moved = Run(one.folder.rename(Path("elsewhere", "same")))
    other = made_up_run("same", pictures(0, 40, wrong=10))
    ranking = compare.compare([moved, other])
    assert sorted(row.accuracy for row in ranking.rows) == [0.75, 1.0]


def test_a_run_without_out_of_fold_answers_is_named(workplace):
    run = made_up_run("one", pictures(0, 40))
    run.path(stages.OUT_OF_FOLD).unlink()
    with pytest.raises(RunError) as caught:
        compare.compare([run, made_up_run("two", pictures(0, 40))])
    assert caught.value.message == f"{run.path(stages.OUT_OF_FOLD)} is missing"
    assert "python -m pipeline train" in caught.value.hint


@pytest.mark.slow
def test_a_run_compares_with_one_of_another_head(finished, tmp_path):
    with contextlib.chdir(verbs.shutil.copytree(finished, tmp_path, dirs_exist_ok=True)):
        other = Run(runs.RUNS / "other")
        files.make_folder(other.folder)
        train.train(other, verbs.tiny_config("head.l2=3.0"), ProgressReporter())
        ranking = compare.compare([Run(RUN), other])
    assert {row.run for row in ranking.rows} == {"pictures", "other"}
    assert {row.shared_with_best for row in ranking.rows} == {84}
    assert set(ranking.configuration) == {"head.l2"}
