from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from pipeline.core import runs, stages
from pipeline.core.progress import ProgressReporter
from pipeline.core.runs import Run
from tests.support import stores, verbs
from tests.support.verbs import RUN, fine, here

START = "s3://bucket/flowers/"
OWN = Run(runs.RUNS / "table")


@pytest.fixture(scope="module")
def folder_s(tmp_path_factory) -> Path:
    return verbs.finished(tmp_path_factory)


def rows(run: Path, name: str) -> list[dict[str, str]]:
    """The rows of a table of a run, with paths as in the folder."""
    with (run / name).open(encoding="utf-8", newline="") as file:
        return [{**row, "path": row["path"].removeprefix(START)} for row in csv.DictReader(file)]


def document(run: Path, name: str) -> Any:
    return json.loads((run / name).read_text("utf-8").replace(START, ""))


@pytest.mark.slow
def test_a_run_from_a_bucket_that_fails_now_and_then_is_that_from_the_folder(
    folder_s, workplace, monkeypatch
):
    pictures = folder_s / "pictures"
    shutil.copytree(pictures, workplace / "upload/flowers")
    names = sorted(path.relative_to(pictures).as_posix() for path in pictures.rglob("*.jpg"))
    columns = {"path": [START + name for name in names], "label": [name.split("/")[0] for name in names]}
    parquet.write_table(pa.table(columns), "table.parquet", row_group_size=30)
    # Half of the pictures: every command reads from the bucket.
    limit = sum(path.stat().st_size for path in pictures.rglob("*.jpg")) // 2
    with stores.s3(monkeypatch) as s3:
        s3.fill("bucket", workplace / "upload")
        s3.fault = lambda number, _: (503, stores.CUT)[number // 10 % 2] if number % 10 == 0 else 0
        verbs.make_run(
            OWN,
            verbs.tiny_config(f"data.remote_cache_gb={limit / 1e9}", source="table.parquet"),
            ProgressReporter(),
        )
        assert OWN.config().data.pictures == "table.parquet"
        before = folder_s / RUN
        for name in (stages.PICTURES, stages.EXCLUDED, stages.SPLIT):
            assert rows(OWN.folder, name) == rows(before, name)
        for name in ("folds.json", "evaluation.json", "label_issues.json", "audit.json"):
            assert document(OWN.folder, name) == document(before, name)
        own, other = (document(folder, "parity.json")["targets"] for folder in (OWN.folder, before))
        assert [{**row, "latency": None} for row in own] == [{**row, "latency": None} for row in other]
        s3.requests.clear()
        for command in (
            ("export", "explain", "--run", "table"),
            ("export", "simulate", "table"),
            ("export", "review", "table"),
            ("export", "report", "table"),
            ("export", "verify", "--run", "table"),
        ):
            fine(here(*command, cwd=workplace))
        assert sum(method == "GET" and "jpg" in path for method, path in s3.requests) > 50
    page = (OWN.folder / "report.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") > 10
    kept = [path for path in (runs.CACHE / "remote").iterdir() if path.name != ".lock"]
    assert 0 < sum(path.stat().st_size for path in kept) <= limit
