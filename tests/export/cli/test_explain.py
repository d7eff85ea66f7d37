"""`python -m export explain`, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from export import artifacts
from export.explain.explanation import Explanation
from pipeline.cli.terminal import speaking
from pipeline.core import runs, stages
from pipeline.core.runs import Run
from tests.support.verbs import (
    RUN,
    copy_finished,
    draw_pictures,
    fine,
    forked,
    here,
    refused,
    stamps,
    watched,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def explained(tmp_path_factory) -> Path:
    place = copy_finished(tmp_path_factory, tmp_path_factory.mktemp("explained") / "place")
    said = fine(forked("export", "explain", "--limit", "40", cwd=place))
    (place / "said.txt").write_text(said, "utf-8")
    return place


def document(place: Path) -> dict:
    return json.loads((place / RUN / artifacts.EXPLAINED).read_text("utf-8"))


def test_it_says_what_it_found_and_where(explained):
    said = (explained / "said.txt").read_text("utf-8")
    held_out = document(explained)["n"]
    assert f"of {held_out} held-out pictures, int8 file" in said
    assert "does the border decide the answers?" in said
    assert f"open  {RUN / artifacts.EXPLAINED}" in said
    assert "next: python -m export report pictures" in said


BY_CHOICE = (
    "23 outside the sample, answered correctly by both, and not among the most or least confident of their "
    "class; --limit 160 shows all"
)


@pytest.mark.parametrize(
    ("n", "shown", "limit", "said"),
    [
        (80, 80, 160, ""),
        (80, 40, 40, "40, because of the limit of 40; --limit 160 shows all"),
        (3000, 100, 100, "2900, because of the limit of 100; --limit N shows more"),
        (80, 57, 100, BY_CHOICE),
    ],
)
def test_fewer_pictures_than_are_held_out_have_a_reason(n, shown, limit, said, capsys):
    from export.cli import explain

    lists = {"pictures": (None,) * shown, "mistakes": (), "classes": (), "alarms": ()}
    explanation = Explanation.model_construct(None, n=n, limit=limit, model="int8", **lists)
    with speaking() as terminal:
        explain._show(terminal, Run(RUN), explanation)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line.startswith("not shown")] == [f"not shown  {said}"] * bool(said)


def test_only_held_out_pictures_are_explained_and_at_most_as_many_as_asked(explained):
    found = document(explained)
    split = (explained / RUN / stages.SPLIT).read_text("utf-8").splitlines()
    held_out = {line.split(",")[0] for line in split if ",held_out," in line}
    paths = [row["path"] for row in found["pictures"]]
    assert 10 <= len(paths) <= 40
    assert set(paths) <= held_out


def test_every_picture_has_its_maps_and_its_neighbours(explained):
    for row in document(explained)["pictures"]:
        with Image.open(explained / RUN / row["maps"]) as image:
            image.load()
            assert image.width > 3 * image.height * 0.9
        assert len(row["nearest"]) == 3
        similar = [near["similarity"] for near in row["nearest"]]
        assert similar == sorted(similar, reverse=True)
        assert similar[0] <= 1.00001
        assert {"answer", "score", "second", "second_score", "truth_score"} <= row["file"].keys()
        assert row["flip"] == (row["file"]["answer"] != row["keras"]["answer"])


def test_every_mistake_is_listed_with_whose_it_is(explained):
    import numpy as np

    found = document(explained)
    predictions = {m: np.load(explained / RUN / "predictions" / f"{m}.npz") for m in ("keras", "int8")}
    truth = predictions["int8"]["truth"]
    predicted = {m: one["probabilities"].argmax(1) for m, one in predictions.items()}
    assert sum(not row["right"] for row in found["mistakes"]) == (predicted["int8"] != truth).sum()
    own = (predicted["int8"] != truth) & (predicted["keras"] != predicted["int8"])
    assert sum(row["flip"] and not row["right"] for row in found["mistakes"]) == own.sum()


def test_the_surest_and_the_least_sure_of_each_class_are_named(explained):
    for row in document(explained)["classes"]:
        assert row["most_confident"]
        assert not set(row["most_confident"]) & set(row["least_confident"])


def test_repeating_does_nothing_and_needs_no_tensorflow(explained):
    before = stamps(explained / RUN)
    ended, modules = watched("export", "explain", "--limit", "40", cwd=explained)
    fine(ended)
    assert stamps(explained / RUN) == before
    assert "tensorflow" not in modules


def test_a_map_that_was_deleted_comes_back(explained):
    lost = explained / RUN / document(explained)["pictures"][0]["maps"]
    before = lost.read_bytes()
    lost.unlink()
    fine(here("export", "explain", "--limit", "40", cwd=explained))
    assert lost.read_bytes() == before


def test_given_pictures_are_explained_instead(explained):
    draw_pictures(explained / "others", 1)
    before = (explained / RUN / artifacts.EXPLAINED).read_bytes()
    found = json.loads(fine(here("export", "explain", "others", "--json", cwd=explained)))
    assert [Path(row["path"]).parts[0] for row in found["pictures"]] == ["others"] * 3
    assert all((explained / RUN / row["maps"]).is_file() for row in found["pictures"])
    assert all(
        row["file"].keys() == {"answer", "score", "second", "second_score"} for row in found["pictures"]
    )
    assert (explained / RUN / artifacts.EXPLAINED).read_bytes() == before
    one = found["pictures"][0]["path"]
    assert "Own pictures, answered by the int8 file: 1" in fine(
        here("export", "explain", "--run", "pictures", one, cwd=explained)
    )


def test_what_cannot_be_read_of_the_given_is_listed_and_the_rest_explained(explained):
    draw_pictures(explained / "mixed", 1)
    (explained / "mixed" / "broken.jpg").write_bytes(b"no picture")
    said = fine(here("export", "explain", "--run", "pictures", "mixed", cwd=explained))
    assert "cannot read 1 file: mixed/broken.jpg: " in said
    assert "Own pictures, answered by the int8 file: 3" in said
    maps = explained / RUN / artifacts.EXPLANATIONS / "given"
    assert len(list(maps.iterdir())) == 3  # and none of an earlier call
    refused(
        here("export", "explain", "mixed/broken.jpg", cwd=explained),
        2,
        "none of the pictures can be read",
        "check that they open, and save them as JPEG again",
    )


def test_wrong_use_is_refused(explained):
    (explained / "empty").mkdir(exist_ok=True)
    refused(
        here("export", "explain", "empty", cwd=explained),
        2,
        "empty: no pictures there",
        "give a picture, or a folder of pictures",
    )
    refused(
        here("export", "explain", "empty/x.jpg", cwd=explained),
        2,
        "empty/x.jpg: no pictures there",
        "give a picture, or a folder of pictures",
    )
    refused(
        here("export", "explain", "--run", "nonsense", cwd=explained),
        2,
        f"no run called nonsense in {runs.RUNS}",
        "runs here: pictures",
    )
    ended = here("export", "explain", "--limit", "20", "others", cwd=explained)
    assert ended.returncode == 2


def test_a_run_without_its_file_names_the_command(tmp_path_factory, tmp_path):
    place = copy_finished(tmp_path_factory, tmp_path / "place")
    (place / RUN / "export/int8/model_int8.tflite").unlink()
    refused(
        here("export", "explain", cwd=place),
        1,
        f"{RUN}/export/int8/model_int8.tflite is missing",
        "export it: python -m export tflite pictures",
    )
