from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core import config as configuration
from pipeline.core import runs
from pipeline.core.errors import DataError
from pipeline.core.runs import Run
from pipeline.data import changes, dataset, decisions, fingerprints, splits, stored_table
from pipeline.data.audit import audit
from pipeline.data.decisions import Decision
from tests.support.heard import Heard

A, B = "a" * 64, "b" * 64


def written(*rows: str, heading: str = "sha256,decision,label,note") -> Path:
    path = Path("decisions.csv")
    path.write_text("".join(f"{row}\r\n" for row in (heading, *rows)), "utf-8")
    return path


def test_rows_are_read_by_content(workplace):
    found = decisions.read(written(f'{A},relabel,owl,"a note, quoted"', f"{B},leave_out,cat,"))
    assert found == {
        A: Decision("relabel", "owl", "a note, quoted", 2),
        B: Decision("leave_out", "cat", "", 3),
    }


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((f"{A},relabel,owl",), "decisions.csv, line 2: expected 4 cells"),
        ((f"{A},keep,owl,,more",), "decisions.csv, line 2: expected 4 cells"),
        (("abc,keep,owl,",), "decisions.csv, line 2: 'abc' is not a sha256"),
        (
            (f"{A},keep,owl,", f"{B},drop,owl,"),
            "decisions.csv, line 3: the decision must be keep, relabel or leave_out. Received: 'drop'",
        ),
        (
            (f"{A},keep,owl,", f"{A},relabel,cat,"),
            "decisions.csv, line 3: line 2 decides about the same picture",
        ),
    ],
)
def test_a_wrong_row_is_refused_by_its_line(workplace, rows, message):
    with pytest.raises(DataError) as caught:
        decisions.read(written(*rows))
    assert caught.value.message == message


def test_a_foreign_file_is_refused(workplace):
    with pytest.raises(DataError, match=r"must be sha256, decision, label, note\. Received: path, label"):
        decisions.read(written("a.jpg,cat", heading="path,label"))
    with pytest.raises(DataError, match=r"Received: nothing"):
        decisions.read(written(heading=""))
    Path("decisions.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8 text"):
        decisions.read(Path("decisions.csv"))
    with pytest.raises(DataError, match="No such file"):
        decisions.read(Path("gone.csv"))


@pytest.fixture
def table(workplace, make_data_set) -> dataset.Table:
    make_data_set(workplace / "pictures", {"cat": 30, "dog": 30})
    return dataset.scan(Path("pictures"))


def look(*settings: str):
    """The audited table and its split, as train makes them, and what was warned of."""
    config = configuration.load(Path("pictures"), ["data.decisions=decisions.csv", *settings])
    run, heard = Run(runs.RUNS / "run"), Heard()
    run.folder.mkdir(parents=True, exist_ok=True)
    with fingerprints.open_cache(heard.warn) as cache:
        result = audit.make(run, config, heard, cache)
    return result.table, splits.make(run, result.table, config), heard.warnings


def test_training_sees_decisions_and_the_held_out_side_stays_as_given(table):
    written()
    _, before, _ = look()
    trained, held_out = before.train, before.held_out
    moved, gone = trained[0], trained[1]
    other = {"cat": "dog", "dog": "cat"}
    written(
        f"{moved.sha256},relabel,{other[moved.label]},",
        f"{gone.sha256},leave_out,{gone.label},blurred",
        f"{trained[2].sha256},keep,{trained[2].label},",
        f"{held_out[0].sha256},relabel,{other[held_out[0].label]},",
        f"{held_out[1].sha256},leave_out,{held_out[1].label},",
        f"{'0' * 64},keep,cat,",
    )
    decided, after, warnings = look()
    assert warnings == ["decisions.csv: decisions about pictures that are not here: 1 (the first: line 7)"]
    labels = {picture.path: picture.label for picture in after.train}
    assert labels == {p.path: p.label for p in trained if p != gone} | {moved.path: other[moved.label]}
    assert [(p.path, p.label) for p in after.held_out] == [(p.path, p.label) for p in held_out]
    assert after.train_key != before.train_key
    assert after.held_out_key == before.held_out_key
    relabelled, left_out = decisions.changes(decided.pictures)
    assert {p.path for p in relabelled} == {moved.path, held_out[0].path}
    assert {p.path for p in left_out} == {gone.path, held_out[1].path}
    # The stored table says the same, and no decision at all gives the first split again.
    loaded = stored_table.load(Run(runs.RUNS / "run"), Path("pictures"))
    assert loaded.pictures == decided.pictures
    written()
    _, again, _ = look()
    assert again == before


def test_a_class_that_does_not_exist_is_refused(table):
    written(f"{table.pictures[0].sha256},relabel,fox,")
    with pytest.raises(DataError) as caught:
        look()
    assert caught.value.message == "decisions.csv, line 2: no class is called 'fox'"
    assert caught.value.hint == "use one of: cat, dog"


def test_a_contradiction_ends_when_its_copies_have_one_label(table, workplace):
    data = (workplace / "pictures" / table.pictures[0].path).read_bytes()
    (workplace / "pictures" / "dog" / "copy.png").write_bytes(data)
    written()
    before, _, _ = look()
    assert [entry.path for entry in before.excluded] == ["cat/000.png", "dog/copy.png"]
    written(f"{table.pictures[0].sha256},relabel,dog,")
    after, split, _ = look()
    assert not after.excluded
    labels = {p.path: p.label for p in (*split.train, *split.held_out)}
    assert labels["cat/000.png"] == labels["dog/copy.png"] == "dog"
    assert not changes.changed_since(after, Path("pictures"), 0)
    written(f"{table.pictures[0].sha256},leave_out,cat,")
    without, split, _ = look()
    assert [entry.reason for entry in without.excluded] == ["left out by a decision"] * 2
    assert len(split.train) + len(split.held_out) == 59
