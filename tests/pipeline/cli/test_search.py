"""`search`, as a user runs it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from pipeline.cli import search
from pipeline.cli.terminal import speaking
from pipeline.core import runs, stages
from pipeline.stats.metrics import Interval
from pipeline.training.results import Budget, Frontier, NotTried, Reason, Tried
from tests.support import verbs
from tests.support.verbs import RUN, call, fine, here, refused, sets, watched

FOLDER = ("pictures", *sets(), "--set", 'model.input=["32x32", "64x64"]', "--preset", "fast")
SEARCH = ("pipeline", "search", *FOLDER)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A working directory with a finished search."""

    def build(place: Path) -> None:
        verbs.draw_pictures(place / "pictures", 12)
        said = fine(here(*SEARCH, "--set", "head.depths=[1, 2]", cwd=place))
        (place / "said.txt").write_text(said, "utf-8")

    made = verbs.made_once(tmp_path_factory, "searched", build)
    return Path(verbs.shutil.copytree(made, tmp_path_factory.mktemp("search"), dirs_exist_ok=True))


@pytest.fixture(scope="module")
def said(place) -> str:
    return (place / "said.txt").read_text("utf-8")


def again(*more: str) -> tuple[str, ...]:
    return (*SEARCH, "--set", "head.depths=[1, 2]", *more)


@pytest.mark.slow
def test_it_prints_the_candidates_best_first(said):
    _, found, table = said.partition("Candidates, best first (out-of-fold, n = ")
    assert found
    _, head, *rows = table.split("\n\n")[0].splitlines()
    assert head.split() == ["backbone", "frame", "depths", "preset", "ms", "MB", "score", "95%"]
    assert len(rows) == 4
    assert any(row.startswith("*tiny") for row in rows)
    scores = [float(row.split()[-2]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert "the held-out pictures were not used" in said


def test_the_table_fits_80_columns_and_brackets_a_preset_that_gained_nothing(capfd):
    values = {"model.backbone": "efficientnet_lite0", "model.input": "auto", "head.depths": "auto"}
    rows = tuple(
        Tried(
            values={**values, "train.preset": preset},
            frame="224x224",
            depths=6,
            accuracy=0.93,
            interval=Interval(0.918, 0.941),
            log_loss=0.3,
            chosen_epoch=9,
            latency_ms=3.94,
            size_bytes=3_984_520,
            fine_tuned=preset == "best",
            on_frontier=preset == "best",
        )
        for preset in ("best", "balanced", "fast")
    )
    missing = {"values": {**values, "train.preset": "fast"}, "frame": "224x224", "depths": 6}
    without = NotTried(**missing, reason=Reason.UNAVAILABLE, problem="no weights: install them")
    slow = NotTried(**missing, reason=Reason.LATENCY, latency_ms=7.12, size_bytes=1)
    late = NotTried(**missing, reason=Reason.TIME, latency_ms=3.0, size_bytes=1, minutes=9.04)
    budget = Budget(max_latency_ms=6, max_minutes=20)
    with speaking() as terminal:
        search._show(terminal, Frontier(n=2097, budget=budget, rows=rows, not_tried=(without, slow, late)))
    lines = capfd.readouterr().out.splitlines()
    table = lines[lines.index("Candidates, best first (out-of-fold, n = 2,097)") + 1 :][:4]
    assert table[1:] == [
        "*efficientnet_lite0  224x224       6        best  3.9  3.98  0.930  0.918–0.941",
        " efficientnet_lite0  224x224       6  (balanced)  3.9  3.98  0.930  0.918–0.941",
        " efficientnet_lite0  224x224       6        fast  3.9  3.98  0.930  0.918–0.941",
    ]
    assert max(map(len, table)) <= 80
    assert [line.split("  ")[-1] for line in lines if line.startswith("efficientnet")] == [
        *("no weights: install them", "7.1 ms, over 6", "no time left for about 9.0 min")
    ]


@pytest.mark.slow
def test_it_leaves_the_split_the_document_and_the_figure(place):
    names = {path.relative_to(place / RUN).as_posix() for path in (place / RUN).rglob("*") if path.is_file()}
    assert {stages.FRONTIER, stages.SPLIT, stages.AUDIT, "figures/frontier.png"} <= names
    assert not {stages.FOLDS, stages.MODEL, stages.CONFIG} & names


@pytest.mark.slow
def test_what_was_tried_is_not_tried_again_and_needs_no_tensorflow(place, said):
    ended, modules = watched(*again(), cwd=place)
    assert fine(ended) == said
    assert not modules & {"tensorflow", "keras"}


@pytest.mark.slow
def test_json_is_one_document(place, capfd):
    document = json.loads(fine(call(capfd, *again("--json"), cwd=place)))
    assert document.keys() == {"run", "n", "budget", "note", "rows", "not_tried", "warnings", "files"}
    assert len(document["rows"]) == 4
    for file in document["files"]:
        assert (place / file).is_file()


@pytest.mark.slow
def test_what_breaks_the_budget_is_listed_with_its_figure(place, capfd):
    document = json.loads(fine(call(capfd, *again("--json"), cwd=place)))
    sizes = sorted({row["size_bytes"] for row in document["rows"]})
    limit = (sizes[0] + sizes[1]) / 2e6
    ended = call(capfd, *again("--max-size-mb", f"{limit}", "--json"), cwd=place)
    document = json.loads(fine(ended))
    assert {row["reason"] for row in document["not_tried"]} == {"size"}
    assert len(document["rows"]) + len(document["not_tried"]) == 4
    shown = fine(call(capfd, *again("--max-size-mb", f"{limit}"), cwd=place))
    assert f"{sizes[-1] / 1e6:.2f} MB, over {limit:g}" in shown


@pytest.mark.slow
def test_a_budget_that_nothing_fits_ends_with_3(place, capfd):
    ended = call(capfd, *again("--max-latency-ms", "0.000001"), cwd=place)
    assert "ms, over 1e-06" in ended.stdout
    refused(
        ended,
        3,
        "no candidate fits the budget",
        'allow more, or try smaller frames: --set \'model.input=["128x128", "96x96"]\'',
    )


@pytest.mark.slow
def test_a_search_without_minutes_ends_with_3(place, capfd):
    other = ("--set", "head.l2=0.5", "--max-minutes", "0.000001")
    ended = call(capfd, *SEARCH, *other, cwd=place)
    assert "no time left" in ended.stdout
    refused(ended, 3, "nothing could be tried in 1e-06 min", "give it more: --max-minutes")


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (
            ("--max-latency-ms", "0"),
            "--max-latency-ms 0: expected a number above 0",
            "for example --max-latency-ms 6",
        ),
        (
            ("--max-minutes", "-3"),
            "--max-minutes -3: expected a number above 0",
            "for example --max-minutes 6",
        ),
        (("--preset", "swift"), "--preset swift: no such preset", "use fast, balanced, best"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_made(tmp_path, capfd, words, message, hint):
    refused(call(capfd, "pipeline", "search", "pictures", *words, cwd=tmp_path), 2, message, hint)
    assert list(tmp_path.iterdir()) == []


def test_a_backbone_without_weights_is_named_with_what_to_install(place, capfd, monkeypatch):
    from pipeline.core.errors import WeightsError
    from pipeline.training import footprint

    def measured(*_: object) -> None:
        raise WeightsError("its package is missing", "pip install it")

    monkeypatch.setattr(footprint, "measure", measured)
    ended = call(capfd, *SEARCH, "--set", "head.l2=0.5", cwd=place)
    assert "its package is missing; pip install it" in " ".join(ended.stdout.split())
    refused(
        ended,
        1,
        "no backbone can be tried",
        "install its weights, or name another one with --set model.backbone=...",
    )


@pytest.mark.slow
def test_the_next_command_trains_the_winner_with_the_folds_of_the_search(place, said, capfd, monkeypatch):
    from pipeline.training import heads

    *_, command = said.strip().splitlines()
    program, *words = shlex.split(command.removeprefix("next: python -m "))
    assert (program, words[:2]) == ("pipeline", ["train", "pictures"])
    verbs.shutil.copytree(place, place / "copy", ignore=verbs.shutil.ignore_patterns("copy"))
    with monkeypatch.context() as patch:
        patch.setattr(heads, "run_folds", lambda *_: pytest.fail("trained again"))
        fine(call(capfd, program, *words, cwd=place / "copy"))
    assert (place / "copy" / RUN / stages.MODEL).is_file()
    # The run has a model now: another one would get a name of its own.
    other = fine(call(capfd, *again("--set", "head.l2=0.5"), cwd=place / "copy"))
    assert other.strip().endswith("--name pictures-2")
    # A search of a trained run keeps to its split.
    ended = call(capfd, *again("--set", "data.held_out=0.5"), cwd=place / "copy")
    assert ended.returncode == 2
    assert "it differs in data.held_out" in ended.stderr
    assert (place / "copy" / runs.RUNS).is_dir()
