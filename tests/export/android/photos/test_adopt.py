from __future__ import annotations

import contextlib
import csv
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from export.android.photos import adopt, folder
from export.bundle import bundle
from pipeline.core import config as configuration
from pipeline.core import runs
from pipeline.core.errors import DataError, UsageError
from pipeline.core.runs import Run
from pipeline.data import dataset, splits
from pipeline.data.pictures import Pictures
from tests.support.app_folder import NOBODY_SAID, NONE, take

LABELS = ("cat", "dog")


@pytest.fixture
def experiment(workplace, make_data_set) -> Any:
    return subject_of(make_data_set(workplace / "data/pictures/animals", {"cat": 10, "dog": 10}))


def subject_of(root: Path) -> Any:
    """What adopting reads of a run: its table and its split."""
    run = Run(Path("data/runs/animals"))
    config = configuration.load(root, ["train.folds=2"])
    table = dataset.scan(root)
    return SimpleNamespace(run=run, config=config, table=table, split=splits.make(run, table, config))


@pytest.fixture
def photos(workplace, small_bundles, draw) -> folder.PhotoFolder:
    found = bundle.read(small_bundles["int8"])
    truths = ["cat", "cat", "dog", NONE, NOBODY_SAID, "dog"]
    for number, truth in enumerate(truths):
        session = "20261124-101500" if number < 3 else "20261125-080000"
        take(workplace / "photos", number, draw(90, 70, seed=100 + number), found, truth, session=session)
    return folder.read(workplace / "photos", LABELS)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_labelled_photos_join_the_pictures_of_the_run(experiment, photos):
    found = adopt.adopt(experiment, photos, "field")
    assert (found.photos, found.pictures) == (4, 20)
    rows = rows_of(found.table)
    new = [row for row in rows if row["path"].startswith("field/")]
    assert [row["label"] for row in new] == ["cat", "cat", "dog", "dog"]
    assert [row["group"] for row in new] == ["field/20261124-101500"] * 3 + ["field/20261125-080000"]
    assert {row["split"] for row in new} == {"train"}
    for row, photo in zip(new, [p for p in photos.photos if p.truth], strict=True):
        assert (runs.PICTURE_SETS / row["path"]).read_bytes() == photos.file(photo).read_bytes()


def test_the_table_is_a_data_set_with_the_same_held_out_pictures(experiment, photos):
    found = adopt.adopt(experiment, photos, "field")
    table = dataset.scan(found.table)
    assert (len(table.pictures), table.excluded, table.labels) == (24, (), LABELS)
    split = splits.make(
        Run(Path("data/runs/field")), table, configuration.load(found.table, ["train.folds=2"])
    )
    before = {picture.sha256 for picture in experiment.split.held_out}
    assert {picture.sha256 for picture in split.held_out} == before
    folds = {
        fold for picture, fold in zip(split.train, split.folds, strict=True) if "20261124" in picture.path
    }
    assert len(folds) == 1  # a session stays whole


def test_pictures_that_lie_elsewhere_are_not_named(workplace, make_data_set, photos):
    experiment = subject_of(make_data_set(workplace / "elsewhere", {"cat": 10, "dog": 10}))
    found = adopt.adopt(experiment, photos, "field")
    assert (found.photos, found.pictures) == (4, 0)
    assert set(rows_of(found.table)[0]) == {"path", "label", "group"}
    assert dataset.scan(found.table).labels == LABELS


def test_pictures_that_a_table_names_in_full_are_named_wherever_it_lies(workplace, make_data_set, photos):
    elsewhere = make_data_set(workplace / "elsewhere", {"cat": 10, "dog": 10})
    lines = [f"{path},{path.parent.name}" for path in sorted(elsewhere.rglob("*.png"))]
    for place in (workplace, workplace / "data/pictures/animals"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "table.csv").write_text("\n".join(["path,label", *lines]), "utf-8")
        experiment = subject_of(place / "table.csv")
        found = adopt.adopt(experiment, photos, f"field{place.name}")
        assert (found.photos, found.pictures) == (4, 20)
        table = dataset.scan(found.table)
        assert (len(table.pictures), table.excluded) == (24, ())


def test_the_address_of_a_picture_stays_as_it_is(experiment, photos):
    row = experiment.split.train[0]
    address = "s3://bucket//a.png"
    split = replace(experiment.split, train=Pictures([row._replace(path=address)]), held_out=Pictures())
    found = adopt.adopt(SimpleNamespace(**{**vars(experiment), "split": split}), photos, "field")
    assert address in [row["path"] for row in rows_of(found.table)]


def test_photos_of_one_class_alone_are_no_data_set(workplace, make_data_set, photos):
    experiment = subject_of(make_data_set(workplace / "elsewhere", {"cat": 10, "dog": 10}))
    for path in (workplace / "photos/20261125-080000").iterdir():
        path.unlink()
    path = max((workplace / "photos").rglob("*.png"))
    path.unlink()
    with pytest.raises(DataError, match="show only one class") as refused:
        adopt.adopt(experiment, folder.read(workplace / "photos", LABELS), "field")
    assert "into data/pictures" in refused.value.hint


def test_a_data_set_of_that_name_is_never_overwritten(experiment, photos):
    adopt.adopt(experiment, photos, "field")
    before = Path("data/pictures/field.csv").read_bytes()
    with pytest.raises(UsageError, match=r"--adopt field: data/pictures/field\.csv already exists"):
        adopt.adopt(experiment, photos, "field")
    assert Path("data/pictures/field.csv").read_bytes() == before
    with pytest.raises(UsageError, match=r"--adopt animals: data/pictures/animals/.* already exists"):
        adopt.adopt(experiment, photos, "animals")


def test_what_a_killed_process_left_is_continued(experiment, photos):
    adopt.adopt(experiment, photos, "field")
    expected = Path("data/pictures/field.csv").read_bytes()
    Path("data/pictures/field.csv").unlink()
    next(Path("data/pictures/field").rglob("*.png")).unlink()
    adopt.adopt(experiment, photos, "field")
    assert Path("data/pictures/field.csv").read_bytes() == expected
    assert len(list(Path("data/pictures/field").rglob("*.png"))) == 4


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", ".hidden"])
def test_a_name_that_is_no_folder_name_is_refused(experiment, photos, name):
    with pytest.raises(UsageError, match="expected the name of a folder"):
        adopt.adopt(experiment, photos, name)


def test_photos_without_a_class_are_nothing_to_adopt(experiment, photos, workplace, small_bundles, draw):
    shutil.rmtree(workplace / "photos")
    take(workplace / "photos", 0, draw(90, 70), bundle.read(small_bundles["int8"]))
    with pytest.raises(DataError, match="no photo has a label yet; there is nothing to adopt") as refused:
        adopt.adopt(experiment, folder.read(workplace / "photos", LABELS), "field")
    assert "label the photos in the app" in refused.value.hint
    assert not Path("data/pictures/field").exists()


def test_photos_that_are_in_the_run_already_are_not_adopted_again(experiment, photos):
    found = adopt.adopt(experiment, photos, "field")
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree("data/runs")
    table = dataset.scan(found.table)
    run = Run(Path("data/runs/field"))
    again = SimpleNamespace(
        table=table, split=splits.make(run, table, configuration.load(found.table, ["train.folds=2"]))
    )
    with pytest.raises(DataError, match="all labelled photos are already in the run"):
        adopt.adopt(again, photos, "more")
