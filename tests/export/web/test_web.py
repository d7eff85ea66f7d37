"""`python -m export web`, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from export import artifacts
from export.web import litert_js
from tests.support import verbs
from tests.support.verbs import RUN, fine, refused

pytestmark = pytest.mark.slow

PAGE = RUN / artifacts.TRY


@pytest.fixture
def exported(tmp_path_factory, tmp_path, library) -> Path:
    """A working directory with an exported run without a page."""
    return verbs.copy_finished(tmp_path_factory, tmp_path / "place")


def run(place: Path, *words: object):
    return verbs.here("export", "web", *words, cwd=place)


def stamp(place: Path) -> int:
    return (place / PAGE).stat().st_mtime_ns


def test_the_page_is_made_once_and_again_when_its_model_changes(exported):
    ended, modules = verbs.watched("export", "web", cwd=exported)
    assert f"MB with the int8 model inside\n         open  {PAGE}\n" in fine(ended)
    assert not modules & {"tensorflow", "keras", "playwright"}
    before = stamp(exported)
    assert "int8 model inside (up to date)" in fine(run(exported))
    assert stamp(exported) == before
    said = json.loads(fine(run(exported, "pictures", "--flavour", "float32", "--json")))
    assert (said["run"], said["flavour"]) == ("pictures", "float32")
    assert said["size_bytes"] == (exported / PAGE).stat().st_size
    assert stamp(exported) != before


def test_the_report_links_to_the_page_while_it_is_of_the_runs_model(exported):
    fine(run(exported))
    fine(verbs.here("export", "report", cwd=exported))
    link = f'<a href="{artifacts.TRY}">'
    report = exported / RUN / artifacts.REPORT
    assert link in report.read_text("utf-8")
    (exported / PAGE).unlink()
    (exported / RUN / "recipes/web.json").unlink()
    fine(verbs.here("export", "report", cwd=exported))
    assert link not in report.read_text("utf-8")


def test_what_is_missing_is_named_with_what_to_run(exported, monkeypatch, tmp_path):
    refused(
        run(exported, "--flavour", "int4"),
        2,
        f"--flavour int4: {RUN} exports float32, float16, dynamic_range, int8",
        "name one of these, or add it to export.flavours and train with --overwrite",
    )
    refused(
        run(exported, "--fetch", "--flavour", "int8"),
        2,
        "--fetch makes no page, so it takes no run and no other option",
        "omit them",
    )
    contract = exported / RUN / "export/int8/contract.json"
    contract.rename(contract.with_suffix(".away"))
    refused(
        run(exported),
        1,
        f"{RUN}/export/int8 is missing, or older than the model",
        "export it first: python -m export tflite pictures",
    )
    contract.with_suffix(".away").rename(contract)
    contract.write_bytes(contract.read_bytes() + b" ")
    refused(
        run(exported),
        1,
        f"{contract.relative_to(exported)} is damaged: it is not the file that `tflite` wrote",
        "recreate it: python -m export tflite pictures",
    )
    assert not (exported / PAGE).exists()


def test_without_litert_js_the_verb_says_what_to_run(exported, monkeypatch, tmp_path):
    monkeypatch.setattr(litert_js.read, "__defaults__", (tmp_path / "absent.tgz",))
    refused(
        run(exported),
        1,
        f"the page needs LiteRT.js, @litertjs/core 2.5.3: {tmp_path / 'absent.tgz'} is missing",
        "fetch it once, with a network: make setup, or python -m export web --fetch",
    )
    assert not (exported / PAGE).exists()


def test_fetching_twice_fetches_once(library, tmp_path):
    said = json.loads(fine(run(tmp_path, "--fetch", "--json")))
    assert (said["fetched"], said["archive"]) == (False, str(litert_js.ARCHIVE))
