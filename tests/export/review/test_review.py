"""The page in a real browser: a set with wrong labels is cleaned by keys alone, and trained again."""

from __future__ import annotations

import contextlib
import csv
import json
import random
import shutil
import tomllib
from pathlib import Path

import pytest

from export import artifacts
from export.bundle import bundle
from pipeline.core.runs import Run
from pipeline.images import decode
from pipeline.tflite.interpreter import XNNPACK
from pipeline.training.experiment import open_trained
from tests.support import verbs
from tests.support.app_folder import NOBODY_SAID, take
from tests.support.verbs import RUN, here

pytestmark = pytest.mark.slow

SETTINGS = (
    "model.backbone=tiny",
    "train.preset=fast",
    "model.input=64x64",
    "head.l2=0.001",
    "augment.views=1",
    "train.folds=3",
    "train.epochs=20",
    "train.learning_rate=0.02",
    "data.held_out=0.3",
)
SWAPPED, CONTRADICTIONS = 20, 5


def said(place: Path, module: str, *arguments: object) -> str:
    return verbs.fine(here(module, *arguments, cwd=place))


def truth_of(path: str) -> str:
    """The true class, which the tests write into the name of a wrong file."""
    folder, name = path.split("/")
    return Path(name).stem.partition("-was-")[2] or folder


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A trained run of drawn pictures, of which 20 lie in a wrong class and 5 in two."""
    place, numbers = tmp_path_factory.mktemp("review"), random.Random(19)
    verbs.draw_pictures(place / "pictures", 120)
    files = sorted((place / "pictures").rglob("*.jpg"))
    classes = sorted({file.parent.name for file in files})
    for number, file in enumerate(numbers.sample(files, SWAPPED + CONTRADICTIONS)):
        own = file.parent.name
        other = numbers.choice([name for name in classes if name != own])
        wrong = file.parent.parent / other / f"{file.stem}-{number}-was-{own}.jpg"
        if number < SWAPPED:
            file.rename(wrong)
        else:
            shutil.copy(file, wrong)
    verbs.here("pipeline", "train", "pictures", *verbs.sets(SETTINGS), cwd=place)
    said(place, "pipeline", "evaluate")
    said(place, "export", "review")
    return place


@contextlib.contextmanager
def opened(browser, place: Path):
    """The page of the run in `place`; whatever it complains about fails the test."""
    context = browser.new_context(offline=True, accept_downloads=True, locale="en-GB")
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.goto((place / RUN / artifacts.REVIEW).as_uri())
    yield page
    assert complaints == []
    context.close()


@pytest.fixture
def page(browser, place):
    with opened(browser, place) as page:
        yield page


def save(page, path: Path) -> list[dict[str, str]]:
    """Saves the decisions by the key; gives the rows."""
    with page.expect_download() as download:
        page.keyboard.press("s")
    download.value.save_as(path)
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def test_a_spoilt_set_is_cleaned_by_keys_alone_and_trains_better(place, page):
    data = json.loads(page.inner_text("#data"))
    labels, cards = data["labels"], data["cards"]
    assert sum("contradiction" in card["reasons"] for card in cards) == CONTRADICTIONS
    for card in cards:
        assert page.inner_text("#path") == card["path"]
        page.keyboard.press(str(labels.index(truth_of(card["path"])) + 1))
        if card is not cards[-1]:
            assert page.inner_text("#place").startswith(f"{cards.index(card) + 2} ")
    assert page.inner_text("#progress") == f"{len(cards)} of {len(cards)} decided"
    # Progress is kept in the page.
    page.reload()
    assert page.inner_text("#progress") == f"{len(cards)} of {len(cards)} decided"
    rows = save(page, place / "decisions.csv")
    assert {row["sha256"] for row in rows} == {card["sha256"] for card in cards}
    assert {row["decision"] for row in rows} == {"keep", "relabel"}

    before = json.loads((place / RUN / "folds.json").read_text())["accuracy"]
    files = {path: path.read_bytes() for path in (place / "pictures").rglob("*.jpg")}
    command = ("train", "pictures", *verbs.sets((*SETTINGS, "data.decisions=decisions.csv")))
    ended = here("pipeline", *command, cwd=place)
    assert ended.returncode == 0, ended.stderr
    assert "pictures relabelled, 0 left out" in ended.stdout
    assert json.loads((place / RUN / "folds.json").read_text())["accuracy"] > before + 0.03
    evaluation = json.loads(said(place, "pipeline", "evaluate", "--json"))
    assert evaluation["as_decided"]["accuracy"] > evaluation["held_out"]["accuracy"]
    assert evaluation["as_decided"]["relabelled"]
    assert "Trust the first" in evaluation["gaps"][-1]
    report = (place / RUN / artifacts.REPORT).read_text("utf-8") if said(place, "export", "report") else ""
    assert "Held-out pictures relabelled by your decisions, scored as they were: " in report
    assert all(f"<li><bdi>{path}</bdi></li>" in report for path in evaluation["as_decided"]["relabelled"])
    assert {path: path.read_bytes() for path in (place / "pictures").rglob("*.jpg")} == files
    # What is decided is not asked again, and stays decided.
    again = json.loads(said(place, "export", "review", "--json"))
    assert again["shown"] < len(cards) / 2
    without = here("pipeline", "train", "pictures", *verbs.sets(SETTINGS), cwd=place)
    assert (
        "decisions.csv goes on deciding about pictures of this run; to end that, add --set" in without.stdout
    )
    assert "pictures relabelled, 0 left out" in without.stdout
    assert tomllib.loads((place / RUN / "config.toml").read_text())["data"]["decisions"] == "decisions.csv"


def test_keys_and_buttons_do_the_same(page):
    page.keyboard.press("x")
    assert page.inner_text("#place").startswith("2 ")
    page.keyboard.press("ArrowLeft")
    assert page.get_attribute("#leave", "aria-pressed") == "true"
    page.keyboard.press("u")
    assert page.get_attribute("#leave", "aria-pressed") == "false"
    page.click("#keep")
    page.keyboard.press("ArrowLeft")
    assert page.get_attribute("#keep", "aria-pressed") == "true"
    page.fill("#note", 'said "so", twice')
    page.keyboard.press("Tab")
    with page.expect_download() as download:
        page.click("#save")
    rows = csv.DictReader(Path(download.value.path()).read_text("utf-8").splitlines())
    first = json.loads(page.inner_text("#data"))["cards"][0]
    row = next(row for row in rows if row["sha256"] == first["sha256"])
    assert (row["decision"], row["note"]) == ("keep", 'said "so", twice')


def test_photos_from_the_field_are_labelled_by_keys_and_adopted(tmp_path_factory, tmp_path, browser, draw):
    place = verbs.copy_finished(tmp_path_factory, tmp_path / "place")
    run = Run(place / RUN)
    with contextlib.chdir(place):
        experiment = open_trained(Run(RUN))
        found = bundle.read(RUN / "export/int8")
        labels = experiment.labels
        mislabelled = experiment.split.held_out[0]
        pixels = decode.read(experiment.table.file(mislabelled)) // 2
        wrong = next(label for label in labels if label != mislabelled.label)
        take(place / "walk", 0, pixels, found, wrong, kernels=XNNPACK)
        for number in (1, 2):
            take(place / "walk", number, draw(160, 90, seed=number), found, NOBODY_SAID, kernels=XNNPACK)
    scored = json.loads(said(place, "export", "photos", "walk", "--json"))
    assert (len(scored["errors"]), len(scored["unlabelled"])) == (1, 2)
    asked = json.loads(said(place, "export", "review", "--json"))
    assert asked["photos"] == 3
    with opened(browser, place) as page:
        cards = json.loads(page.inner_text("#data"))["cards"][:3]
        assert [card["reasons"] for card in cards] == [["field_mistake"], *[["unlabelled"]] * 2]
        assert f"Labelled {wrong} (" not in page.inner_text("#said")
        page.keyboard.press(str(labels.index(mislabelled.label) + 1))
        # A photo without a label cannot be kept as it is.
        page.keyboard.press(" ")
        assert page.inner_text("#place").startswith("2 ")
        assert page.is_disabled("#keep")
        page.keyboard.press(str(labels.index(wrong) + 1))
        page.keyboard.press("x")
        rows = save(page, place / "decisions.csv")
        assert "--decisions decisions.csv --adopt field" in page.inner_text("#after")
    assert [row["decision"] for row in rows] == ["relabel", "relabel", "leave_out"]
    decided = ("walk", "--decisions", "decisions.csv")
    after = json.loads(said(place, "export", "photos", *decided, "--adopt", "field", "--json"))
    assert (after["field"]["n"], after["unlabelled"]) == (2, [])
    assert [entry["reason"] for entry in after["excluded"]] == ["left out by decisions.csv, line 4"]
    table = list(csv.DictReader((place / "data/pictures/field.csv").read_text("utf-8").splitlines()))
    assert {row["label"] for row in table} == {mislabelled.label, wrong}
    # A class that the run does not have is refused by line, and photos that are gone are named.
    (place / "decisions.csv").write_text(
        f"sha256,decision,label,note\n{rows[0]['sha256']},relabel,nothing,\n", "utf-8"
    )
    refused = here("export", "photos", *decided, cwd=place)
    assert refused.returncode == 2
    assert "decisions.csv, line 2: no class is called 'nothing'" in refused.stderr
    for path in (place / "walk").rglob("*.png"):
        path.unlink()
    (warning,) = json.loads(said(place, "export", "review", "--json"))["warnings"]
    assert "photos gone since they were scored: " in warning
    run.path(artifacts.PHOTOS).unlink()
    assert json.loads(said(place, "export", "review", "--json"))["photos"] == 0


def test_an_unevaluated_run_is_refused(place, tmp_path):
    shutil.copytree(place / "pictures", tmp_path / "pictures")
    shutil.copytree(place / "data", tmp_path / "data")
    for name in ("evaluation.json", "label_issues.json"):
        (tmp_path / RUN / name).unlink()
    ended = here("export", "review", cwd=tmp_path)
    assert ended.returncode == 1
    assert "make it first: python -m pipeline evaluate pictures" in ended.stderr


def test_axe_finds_no_serious_fault_and_nothing_is_wider_than_the_screen(page):
    from axe_playwright_python.sync_playwright import Axe

    page.keyboard.press("x")
    for theme in ("light", "dark"):
        for width in (360, 1280):
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 900})
            page.reload()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            found = Axe().run(page).response["violations"]
            serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
            assert [(fault["id"], fault["nodes"][0]["html"]) for fault in serious] == []
