"""The page in a real browser: a set with wrong labels is cleaned by keys alone, and trained again."""

from __future__ import annotations

import csv
import json
import random
import shutil
from pathlib import Path

import pytest

from export import artifacts
from tests.support import verbs
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


@pytest.fixture
def page(browser, place):
    context = browser.new_context(offline=True, accept_downloads=True, locale="en-GB")
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((place / RUN / artifacts.REVIEW).as_uri())
    yield page
    assert complaints == []
    context.close()


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
    with page.expect_download() as download:
        page.keyboard.press("s")
    download.value.save_as(place / "decisions.csv")
    rows = list(csv.DictReader((place / "decisions.csv").read_text("utf-8").splitlines()))
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
    assert {path: path.read_bytes() for path in (place / "pictures").rglob("*.jpg")} == files
    # What is decided is not asked again.
    again = json.loads(said(place, "export", "review", "--json"))
    assert again["shown"] < len(cards) / 2


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
