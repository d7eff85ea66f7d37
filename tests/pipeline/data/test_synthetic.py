from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core import config as configuration
from pipeline.core.errors import DataError, UsageError
from pipeline.core.runs import Run
from pipeline.core.size import Size
from pipeline.data import dataset, splits, synthetic

SMALL = Size(160, 90)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.jpg")}


def test_three_channels_are_drawn_into_a_given_split(tmp_path):
    assert synthetic.draw_channels(tmp_path, train=2, test=1, size=SMALL) == 9
    names = {channel.name for channel in synthetic.CHANNELS}
    assert len(names) == 3
    assert set(files(tmp_path)) == {
        f"{part}/{name}/{number}.jpg"
        for name in names
        for part, number in (("train", "0001"), ("train", "0002"), ("test", "0001"))
    }
    with Image.open(tmp_path / "train" / synthetic.CHANNELS[0].name / "0001.jpg") as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", SMALL)


def test_pictures_have_the_size_of_thumbnails_by_default():
    image = synthetic.thumbnail(synthetic.CHANNELS[0], 1)
    assert (image.size, image.mode) == ((1280, 720), "RGB")


def test_the_same_seed_draws_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        synthetic.draw_channels(tmp_path / name, train=2, test=1, size=SMALL, seed=seed)
    one, same, other = (files(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same
    assert not set(one.values()) & set(other.values())


def test_every_picture_is_another(tmp_path):
    synthetic.draw_channels(tmp_path, train=12, test=6, size=SMALL)
    assert len(set(files(tmp_path).values())) == 3 * 18


def test_drawing_goes_on_where_it_stopped(tmp_path):
    synthetic.draw_channels(tmp_path, train=2, test=0, size=SMALL)
    kept = tmp_path / "train" / synthetic.CHANNELS[0].name / "0001.jpg"
    kept.write_bytes(b"mine")
    assert synthetic.draw_channels(tmp_path, train=4, test=1, size=SMALL) == 15
    assert kept.read_bytes() == b"mine"
    fresh = tmp_path / "fresh"
    kept.unlink()
    synthetic.draw_channels(tmp_path, train=4, test=1, size=SMALL)
    before = files(tmp_path)
    synthetic.draw_channels(fresh, train=4, test=1, size=SMALL)
    assert files(fresh) == before


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "holiday").mkdir()
    with pytest.raises(DataError) as caught:
        synthetic.draw_channels(tmp_path, train=1, test=1, size=SMALL)
    assert caught.value.message == f"{tmp_path} contains other files, such as holiday"
    assert caught.value.hint == "choose another folder"
    assert files(tmp_path) == {}


def test_classes_that_were_not_drawn_here_are_not_mixed_with_drawn_ones(tmp_path):
    """A data set of one's own with train/ and test/ must not get drawn pictures among its own."""
    own = tmp_path / "train" / "my-cats"
    own.mkdir(parents=True)
    (own / "1.jpg").write_bytes(b"mine")
    with pytest.raises(DataError):
        synthetic.draw_channels(tmp_path, train=1, test=1, size=SMALL)


@pytest.mark.parametrize(
    ("train", "test", "size"), [(0, 1, SMALL), (1, -1, SMALL), (1, 1, Size(15, 90)), (1, 1, Size(160, 8))]
)
def test_nothing_to_draw_is_refused(tmp_path, train, test, size):
    with pytest.raises(UsageError) as caught:
        synthetic.draw_channels(tmp_path / "new", train=train, test=test, size=size)
    assert caught.value.message == (
        f"nothing to draw. Received: train={train}, test={test}, size={size.width}x{size.height}"
    )
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("size", [Size(16, 16), Size(40, 200), Size(300, 20)])
def test_any_size_from_16_pixels_can_be_drawn(tmp_path, size):
    synthetic.draw_channels(tmp_path, train=6, test=0, size=size)
    for path in tmp_path.rglob("*.jpg"):
        with Image.open(path) as image:
            assert image.size == size


def test_drawn_pictures_are_a_data_set(tmp_path):
    synthetic.draw_channels(tmp_path / "demo", train=6, test=3, size=SMALL)
    table = dataset.scan(tmp_path / "demo")
    split = splits.make(Run(tmp_path / "run"), table, configuration.load(tmp_path / "demo"))
    assert (len(split.train), len(split.held_out), table.excluded) == (18, 9, ())


def test_the_channels_differ_and_overlap():
    """A plain look at colours tells most channels apart, and not all: the task is not trivial."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    rows, truth = [], []
    for index, channel in enumerate(synthetic.CHANNELS):
        for number in range(60):
            image = synthetic.thumbnail(channel, number, SMALL).resize((8, 4))
            rows.append(np.asarray(image, np.float64).ravel() / 255)
            truth.append(index)
    score = cross_val_score(LogisticRegression(max_iter=2000), np.array(rows), truth, cv=4).mean()
    assert 0.45 < score < 0.95


def test_progress_counts_every_picture(tmp_path):
    told = []
    synthetic.draw_channels(tmp_path, train=2, test=0, size=SMALL, progress=lambda *step: told.append(step))
    assert told == [("drawing", number, 6) for number in range(1, 7)]
