"""`python -m export report`, as a user runs it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from export import artifacts
from export.report import report
from pipeline.core import runs, stages
from tests.export.report.conftest import ARABIC, MARKUP, SCRIPT
from tests.support.verbs import RUN, fine, here, rewrite, watched

pytestmark = pytest.mark.slow


def page(place: Path) -> str:
    return (place / RUN / artifacts.REPORT).read_text("utf-8")


def test_it_says_the_verdict_what_is_missing_and_what_to_open(place):
    (place / RUN / artifacts.REPORT).unlink()
    said = fine(here("export", "report", cwd=place))
    told = json.loads((place / RUN / artifacts.REPORT_JSON).read_text("utf-8"))
    assert told["title"] in said
    assert all(sentence in said for sentence in told["sentences"])
    assert "python -m export apk pictures" in said
    assert f"open  {RUN / artifacts.REPORT}" in said


def test_nothing_is_redone_and_no_heavy_library_loaded(place):
    before = {name: (place / RUN / name).stat().st_mtime_ns for name in report.OUTPUTS}
    ended, modules = watched("export", "report", cwd=place)
    fine(ended)
    assert {name: (place / RUN / name).stat().st_mtime_ns for name in report.OUTPUTS} == before
    assert not {"tensorflow", "matplotlib", "sklearn"} & modules


@pytest.mark.parametrize("name", [artifacts.NOTES, artifacts.PARITY])
def test_what_changed_since_gets_in(place, name):
    path = place / RUN / name
    if name == artifacts.NOTES:
        path.write_text("Something new & <b>bold</b>", "utf-8")
    else:
        document = json.loads(path.read_text("utf-8"))
        for row in document["targets"]:
            row["verdict"] = "failed"
            row["checks"][0] |= {"verdict": "failed", "text": "agreement is 0.5000, must be >= 0.94"}
        rewrite(place / RUN, name, json.dumps(document))
    fine(here("export", "report", cwd=place))
    if name == artifacts.NOTES:
        assert "Something new &amp; &lt;b&gt;bold&lt;/b&gt;" in page(place)
    else:
        assert "Do not ship it" in page(place)
        assert "agreement is 0.5000" in page(place)


def test_the_page_refers_to_nothing_outside(place):
    text = page(place)
    links = re.findall(r'(?:href|src)="([^"]{0,20})', text)
    assert len(links) > 50
    assert [link for link in links if not link.startswith(("#", "data:"))] == []
    assert "url(" not in text
    assert "http" not in re.sub(r"data:[^\"]+", "", text).replace("http-equiv", "")


def test_notes_are_markdown_without_html(place):
    text = page(place)
    assert "<p>The <em>red</em> ones are &lt;b&gt;easy&lt;/b&gt;.\nThey go on here.</p>" in text
    assert "<ul>\n<li>dark pictures</li>\n<li>&lt;script&gt;alert(2)&lt;/script&gt;</li>\n</ul>" in text
    assert "<ol>\n<li>first</li>\n<li>second</li>\n</ol>" in text


def test_without_pictures_there_are_none(place):
    fine(here("export", "report", "--no-pictures", cwd=place))
    text = page(place)
    assert "image/jpeg" not in text
    assert "image/png" not in text
    assert "image/svg+xml" in text  # the curves show no picture
    assert json.loads((place / RUN / artifacts.REPORT_JSON).read_text("utf-8"))["pictures"] is False


def test_pictures_that_are_gone_leave_a_gap(place):
    shutil.rmtree(place / "pictures")
    (place / RUN / artifacts.REPORT).unlink()
    fine(here("export", "report", cwd=place))
    assert "file missing" in page(place)


ORDER = (
    *(
        artifacts.PHOTOS,
        artifacts.SIMULATED,
        artifacts.EXPLAINED,
        artifacts.PASSPORT,
        artifacts.PARITY,
        "export",
        "predictions",
    ),
    *(
        stages.LABEL_ISSUES,
        stages.EVALUATION,
        stages.TRAINING,
        stages.MODEL,
        stages.FOLDS,
        stages.OUT_OF_FOLD,
    ),
    *(
        stages.FRAME,
        stages.FIGURES,
        stages.SHORTCUTS,
        stages.AUDIT,
        stages.SPLIT,
        stages.EXCLUDED,
        stages.PICTURES,
    ),
)


def test_a_run_that_lacks_ever_more_still_has_a_report_that_says_so(place, capfd):
    from tests.support.verbs import call

    for name in ORDER:
        path = place / RUN / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        said = fine(call(capfd, "export", "report", "pictures", "--json", cwd=place))
        told = json.loads(said)
        assert len(told["sentences"]) == 3
        assert all(told["sentences"]), name
        assert (place / RUN / artifacts.MODEL_CARD).is_file()
    assert told["verdict"] == "unknown"
    assert len(told["missing"]) == 16
    text = page(place)
    for missing in told["missing"]:
        assert missing["command"] in text


@pytest.mark.parametrize(
    "name",
    [
        artifacts.PARITY,
        stages.EVALUATION,
        artifacts.EXPLAINED,
        stages.AUDIT,
        stages.FOLDS,
        artifacts.PHOTOS,
        artifacts.PASSPORT,
    ],
)
def test_a_damaged_artefact_is_missing_with_its_reason(place, capfd, name):
    from tests.support.verbs import call

    (place / RUN / name).write_text('{"half": ', "utf-8")
    told = json.loads(fine(call(capfd, "export", "report", "pictures", "--json", cwd=place)))
    assert any("damaged" in row["reason"] for row in told["missing"])


def test_hostile_names_are_text_in_the_page_and_in_the_card(hostile):
    run = hostile / runs.RUNS / "hostile"
    text = (run / artifacts.REPORT).read_text("utf-8")
    assert text.count("<script>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;x&#34;" in text
    assert ARABIC in text
    card = (run / artifacts.MODEL_CARD).read_text("utf-8")
    assert "<" not in card
    assert '&lt;script&gt;alert(1)&lt;/script&gt; &amp; "x"' in card
    assert ARABIC in card
    assert MARKUP not in card
    assert "\\*plain\\* \\| \\_name\\_ \\[x\\](y)" in card
    told = json.loads((run / artifacts.REPORT_JSON).read_text("utf-8"))
    assert told["labels"] == sorted([SCRIPT, ARABIC, MARKUP])


def test_the_card_has_the_sections_of_the_convention(place):
    card = (place / RUN / artifacts.MODEL_CARD).read_text("utf-8")
    sections = re.findall(r"^## (.+)$", card, re.MULTILINE)
    assert sections == [
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ]
    assert "pipeline_tag: image-classification" in card


def test_what_is_of_another_model_or_version_is_not_shown_as_this_ones(place, capfd):
    from tests.support.verbs import call

    def reasons() -> dict[str, str]:
        told = json.loads(fine(call(capfd, "export", "report", "pictures", "--json", cwd=place)))
        return {row["what"]: row["reason"] for row in told["missing"] if row["reason"]}

    assert reasons() == {}
    recipes = place / RUN / "recipes"
    changed = "it was made from something that has changed since"
    parity = json.loads((recipes / "parity.json").read_text("utf-8"))
    (recipes / "parity.json").write_text(json.dumps({**parity, "version": 1}), "utf-8")
    assert reasons() == {"the comparison with the Keras model": "another version of Vignette made it"}
    (recipes / "explain.json").unlink()
    assert reasons()["where the model looks"] == "it was not finished"
    # As after another training under the same name: the files are those of the model before.
    model = json.loads((recipes / "model.json").read_text("utf-8"))
    (recipes / "model.json").write_text(json.dumps({**model, "key": "another"}), "utf-8")
    found = reasons()
    for what in (
        "the scores on the held-out pictures",
        "what each file is, and which runtimes load it",
        "the pictures that set the integer ranges",
        "times on this computer",
        "photos from the field",
        "the model on pictures of a screen",
    ):
        assert found[what] == changed
    assert "the folds" not in found
    assert "Not known yet" in page(place)


def missing(capfd, place: Path, *options: str) -> dict[str, str]:
    """What the report says is missing, and why."""
    from tests.support.verbs import call

    told = json.loads(fine(call(capfd, "export", "report", "pictures", "--json", *options, cwd=place)))
    return {row["what"]: row["reason"] for row in told["missing"]}


@pytest.mark.parametrize("how", ["gone", "replaced"])
def test_a_file_for_the_phone_that_is_gone_or_another_is_not_called_ready(place, capfd, how):
    file = place / RUN / "export/int8/model_int8.tflite"
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes((place / RUN / "export/float32/model_float32.tflite").read_bytes())
    found = missing(capfd, place)
    changed = "it was made from something that has changed since"
    assert found["the comparison with the Keras model"] == changed
    assert found["what each file is, and which runtimes load it"] == changed
    assert "Not known yet" in page(place)


def test_sheets_of_another_comparison_are_not_shown(place, capfd):
    heading = "Held-out pictures as if taken from a screen"
    assert heading in page(place)
    recipe = place / RUN / "recipes" / "simulated.json"
    recipe.write_text(
        json.dumps({**json.loads(recipe.read_text("utf-8")), "inputs": {"plain": "x"}}), "utf-8"
    )
    assert "the model on pictures of a screen" in missing(capfd, place)
    assert heading not in page(place)


def test_pictures_that_come_back_are_shown_again(place, capfd):
    away = place / "away"
    (place / "pictures").rename(away)
    missing(capfd, place)
    assert "file missing" in page(place)
    away.rename(place / "pictures")
    missing(capfd, place)
    assert "file missing" not in page(place)


@pytest.mark.parametrize("value", ["3", '"x"', "[1]", "{}"])
@pytest.mark.parametrize(
    "name", [artifacts.PARITY, stages.EVALUATION, stages.FOLDS, stages.FRAME, artifacts.EXPLAINED]
)
def test_json_of_another_shape_is_damaged(place, capfd, name, value):

    rewrite(place / RUN, name, value)  # as in a run that has no digests
    words = r"is damaged: \w+: Field required" if value == "{}" else "is damaged: expected an object"
    reasons = [reason for reason in missing(capfd, place).values() if re.search(words, reason)]
    assert len(reasons) == 1
    assert name in reasons[0]


def test_notes_without_end_are_cut(place, capfd):
    (place / RUN / artifacts.NOTES).write_text("word " * 400_000, "utf-8")
    missing(capfd, place)
    text = page(place)
    assert "… and more in notes.md" in text
    assert text.count("word ") < 30_000


@pytest.mark.parametrize(("name", "key"), [("float16", "float16"), ("contract.json", "int8")])
def test_an_app_of_any_flavour_is_shown_until_its_bundle_changes(place, monkeypatch, name, key):
    """An app that was built before it could hold other flavours than int8 names the contract."""
    from pipeline.core.records import OutOfDate
    from pipeline.core.runs import Run

    monkeypatch.chdir(place)
    run = Run(RUN)
    run.record(stages.recipe("apk", {name: run.key(f"export/{key}/contract")}))
    assert run.out_of_date("apk") is None
    run.record(stages.recipe("apk", {name: "of another model"}))
    assert run.out_of_date("apk") is OutOfDate.CHANGED
