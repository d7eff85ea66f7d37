"""A table may name pictures anywhere: the result is the same as of the folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from pipeline.core import remote, runs
from pipeline.core.errors import DataError, NetworkError
from pipeline.core.remote_cache import RemoteCache
from pipeline.core.runs import Run
from pipeline.data import changes, fingerprints, name_groups, stored_table
from pipeline.data.dataset import Table, scan
from pipeline.images.thumbnails import thumbnails
from tests.support import stores
from tests.support.heard import Heard


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(remote, "_FIRST_WAIT_S", 0.001)


@pytest.fixture
def pictures(workplace, make_data_set) -> Path:
    folder = make_data_set(workplace / "pictures", {"cat": 12, "dog": 12})
    (folder / "cat/500.png").write_bytes((folder / "cat/000.png").read_bytes()[:300])
    return folder


@pytest.fixture
def s3(monkeypatch):
    with stores.s3(monkeypatch) as server:
        yield server


def table_of(pictures: Path, start: str, path: Path = Path("table.parquet")) -> Path:
    """A table that names the pictures of a folder at another place."""
    names = sorted(file.relative_to(pictures).as_posix() for file in pictures.rglob("*.png"))
    columns = {"path": [f"{start}{name}" for name in names], "label": [name.split("/")[0] for name in names]}
    parquet.write_table(pa.table(columns), path, row_group_size=10)
    return path


def moved(table: Table, start: str) -> tuple[object, ...]:
    """All that a table says, with paths without their beginning."""
    pictures = [row._replace(path=row.path.removeprefix(start)) for row in table.pictures]
    excluded = [replace(row, path=row.path.removeprefix(start)) for row in table.excluded]
    return table.labels, pictures, excluded


def test_absolute_paths_lead_to_the_same_pictures(pictures):
    found = scan(table_of(pictures, f"{pictures}/"))
    assert moved(found, f"{pictures}/") == moved(scan(pictures), "")
    assert len(found.pictures) == 24
    assert [row.reason for row in found.excluded] == ["cannot be decoded (image file is truncated)"]
    assert found.file(found.pictures[0]) == pictures / "cat/000.png"


@pytest.mark.slow
@pytest.mark.parametrize("failing", [False, True])
def test_a_bucket_gives_the_same_pictures_though_requests_fail(pictures, s3, failing):
    s3.fill("bucket", pictures)
    if failing:
        s3.fault = lambda number, _: (503, stores.CUT)[number // 10 % 2] if number % 10 == 0 else 0
    s3.requests.clear()
    found = scan(table_of(pictures, "s3://bucket/"))
    assert moved(found, "s3://bucket/") == moved(scan(pictures), "")
    # Two folders are listed, and each of 25 pictures is read.
    assert len(s3.requests) == 27 if not failing else len(s3.requests) > 27
    assert str(found.file(found.pictures[0])) == "s3://bucket/cat/000.png"


@pytest.mark.slow
def test_a_web_server_that_fails_now_and_then_gives_the_same_pictures(pictures):
    with stores.web(pictures) as server:
        server.fault = lambda number, _: (503, stores.CUT)[number // 10 % 2] if number % 10 == 0 else 0
        found = scan(table_of(pictures, f"{server.address}/"))
    assert moved(found, f"{server.address}/") == moved(scan(pictures), "")


@pytest.mark.slow
def test_a_cache_smaller_than_the_pictures_gives_the_same_pictures(pictures):
    assert sum(file.stat().st_size for file in pictures.rglob("*.png")) > 4_000
    with stores.web(pictures) as server:
        found = scan(table_of(pictures, f"{server.address}/"), remote=RemoteCache(4e-6))
    assert moved(found, f"{server.address}/") == moved(scan(pictures), "")
    kept = [file for file in (runs.CACHE / "remote").iterdir() if file.name != ".lock"]
    assert 0 < sum(file.stat().st_size for file in kept) <= 4_000


def test_places_may_be_mixed_in_one_table(pictures, workplace):
    shutil.move(pictures / "cat/001.png", workplace / "one.png")
    with stores.web(pictures) as server:
        lines = ["path,label", f"{server.address}/cat/002.png,cat", f"{workplace}/one.png,cat"]
        lines += ["pictures/dog/001.png,dog", "pictures/dog/002.png,dog"]
        Path("table.csv").write_text("\n".join(lines), "utf-8")
        found = scan(Path("table.csv"))
    assert {row.path: row.label for row in found.pictures} == {
        f"{server.address}/cat/002.png": "cat",
        f"{workplace}/one.png": "cat",
        "pictures/dog/001.png": "dog",
        "pictures/dog/002.png": "dog",
    }


@pytest.mark.slow
def test_missing_and_forbidden_files_are_excluded_with_the_reason(pictures):
    with stores.web(pictures) as server:
        table = table_of(pictures, f"{server.address}/")
        server.fault = lambda _, path: {"/cat/000.png": 404, "/dog/000.png": 403}.get(path, 0)
        found = scan(table, allowed=0.2)
        assert {row.path.removeprefix(server.address): row.reason for row in found.excluded} == {
            "/cat/000.png": "cannot be opened: there is no such file at this address",
            "/cat/500.png": "cannot be decoded (image file is truncated)",
            "/dog/000.png": "cannot be opened: access is denied (HTTP 403)",
        }
        with pytest.raises(DataError, match="2 of 13 pictures of class cat cannot be used") as caught:
            scan(table, allowed=0.1)
        assert caught.value.hint.endswith("continue without them: --allow-unreadable 16%")


@pytest.mark.slow
def test_a_picture_that_no_answer_came_for_is_read_again_the_next_time(pictures):
    run = Run(runs.RUNS / "first")
    with stores.web(pictures) as server:
        table = table_of(pictures, f"{server.address}/")
        server.fault = lambda _, path: 503 * (path == "/dog/003.png")
        first = scan(table)
        lost = [row for row in first.excluded if row.path.endswith("/dog/003.png")]
        assert [(row.reason, row.sha256) for row in lost] == [
            ("cannot be opened: no answer in 5 attempts (HTTP 503)", "")
        ]
        stored_table.save(run, first)
        server.fault = stores.sound
        again = scan(table, stored_table.load(run, table))
    assert moved(again, f"{server.address}/") == moved(scan(pictures), "")


@pytest.mark.slow
def test_a_picture_of_which_half_came_is_read_again_the_next_time(pictures):
    run = Run(runs.RUNS / "first")
    with stores.web(pictures) as server, fingerprints.open_cache() as cache:
        server.untold |= {"Content-Length", "Last-Modified"}
        table = table_of(pictures, f"{server.address}/")
        server.fault = lambda _, path: stores.ENDED * (path == "/dog/003.png")
        first = scan(table, cache=cache)
        assert f"{server.address}/dog/003.png" in {row.path for row in first.excluded}
        stored_table.save(run, first)
        server.fault = stores.sound
        again = scan(table, stored_table.load(run, table), cache=cache)
    assert moved(again, f"{server.address}/") == moved(scan(pictures), "")


@pytest.mark.slow
def test_other_pictures_of_the_same_size_are_seen_though_the_server_tells_no_time(pictures):
    shades = {0: "cat/501.png", 200: "dog/501.png"}
    for shade, name in shades.items():
        Image.new("L", (64, 64), shade).save(pictures / name, "BMP")
    with stores.web(pictures) as server, fingerprints.open_cache() as cache:
        server.untold.add("Last-Modified")
        table = table_of(pictures, f"{server.address}/")
        scan(table, cache=cache)
        for shade, name in shades.items():
            Image.new("L", (64, 64), shade + 1).save(pictures / name, "BMP")
        again = scan(table, cache=cache)
    assert moved(again, f"{server.address}/") == moved(scan(pictures), "")


def test_a_server_that_is_down_is_one_error(pictures):
    with stores.web(pictures) as server:
        table = table_of(pictures, f"{server.address}/")
    with pytest.raises(NetworkError, match="has stopped answering") as caught:
        scan(table)
    assert "what was read is kept" in caught.value.hint


@pytest.mark.slow
def test_changes_in_a_bucket_are_seen_by_listing_it(pictures, s3):
    s3.fill("bucket", pictures)
    table = table_of(pictures, "s3://bucket/")
    found = scan(table)
    moment = max(
        identity.modified for identity in RemoteCache().look(p.path for p in found.pictures).values()
    )
    s3.requests.clear()
    assert not changes.changed_since(found, table, moment)
    assert s3.requests == [("GET", "/bucket")] * 2
    client = s3.client()
    client.delete_object(Bucket="bucket", Key="cat/003.png")
    client.put_object(Bucket="bucket", Key="dog/001.png", Body=(pictures / "dog/002.png").read_bytes())
    s3.requests.clear()
    # One second is as exact as S3 is.
    assert str(changes.changed_since(found, table, moment - 1)) == "2 changed"
    assert s3.requests.count(("GET", "/bucket/dog/001.png")) == 1


def test_pictures_on_a_web_server_count_as_unchanged_without_being_asked_for(pictures):
    with stores.web(pictures) as server:
        table = table_of(pictures, f"{server.address}/")
        found = scan(table)
        server.requests.clear()
        assert not changes.changed_since(found, table, 0)
        assert server.requests == []


@pytest.mark.slow
def test_a_picture_is_checked_against_what_was_trained_on(pictures):
    with stores.web(pictures) as server:
        found = scan(table_of(pictures, f"{server.address}/"))
        stored_table.check_unchanged(found, found.pictures)
        shutil.copy(pictures / "cat/001.png", pictures / "cat/002.png")
        later = replace(found, cache=RemoteCache())
        later.cache.look(row.path for row in found.pictures)
        with pytest.raises(DataError, match=r"/cat/002\.png has changed since the training"):
            stored_table.check_unchanged(later, found.pictures)


def test_without_network_pictures_in_the_cache_can_be_used(pictures):
    with stores.web(pictures) as server:
        found = scan(table_of(pictures, f"{server.address}/"))
    stored_table.check_unchanged(replace(found, cache=RemoteCache()), found.pictures)


@pytest.mark.slow
def test_many_repeated_requests_reach_the_reporter(pictures):
    reporter = Heard()
    with stores.web(pictures) as server:
        server.fault = lambda number, _: 503 * (number % 3 == 0)
        scan(table_of(pictures, f"{server.address}/"), remote=RemoteCache(1, reporter.warn))
    assert reporter.warnings == [f"{server.address}: 10 requests had to be repeated (the last: HTTP 503)"]


def test_names_in_addresses_tell_groups():
    address = "https://example.org/visit3_frame_0012.jpg?size=2_frame_1"
    assert name_groups.group_of(address, "frames") == "visit3"


def test_thumbnails_and_sheets_leave_a_gap_for_a_picture_that_nobody_sends(pictures):
    with stores.web(pictures) as server:
        found = scan(table_of(pictures, f"{server.address}/"))
    shutil.rmtree(runs.CACHE / "remote")
    gone = replace(found, cache=RemoteCache())
    assert thumbnails({row.path: gone.file(row) for row in gone.pictures}) == {}
