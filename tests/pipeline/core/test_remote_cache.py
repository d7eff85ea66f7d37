from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.core import remote
from pipeline.core.errors import StorageError
from pipeline.core.packages import ROOT
from pipeline.core.remote_cache import Remote, RemoteCache, fetched_ahead, locate
from tests.support import stores
from tests.support.verbs import environment

KB = 1e-6  # GB
_READER = """
import sys
from pipeline.core.remote_cache import RemoteCache
cache = RemoteCache(float(sys.argv[2]))
for turn in range(3):
    for number in range(40):
        with cache.open(f"{sys.argv[1]}/{number}.jpg") as file:
            data = file.read()
        assert data == bytes([number]) * 1000, number
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(remote, "_FIRST_WAIT_S", 0.001)


@pytest.fixture
def web(workplace):
    folder = workplace / "files"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.jpg").write_bytes(bytes([number]) * 1000)
    with stores.web(folder) as server:
        yield server


def kept() -> list[Path]:
    place = Path("data/cache/remote")
    return [path for path in place.iterdir() if path.name != ".lock"] if place.exists() else []


def size_kept() -> int:
    total = 0
    for path in kept():
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # just deleted
            continue
    return total


def contents(cache: RemoteCache, address: str) -> bytes:
    with cache.open(address) as file:
        return file.read()


def test_a_file_is_read_from_the_server_once(web):
    address = f"{web.address}/3.jpg"
    for cache in (RemoteCache(), RemoteCache()):
        for _ in range(3):
            assert contents(cache, address) == bytes([3]) * 1000
    assert web.requests == [("HEAD", "/3.jpg"), ("GET", "/3.jpg")]


def test_a_file_that_has_changed_is_read_again_once_it_is_looked_at(web, workplace):
    address, path = f"{web.address}/3.jpg", workplace / "files/3.jpg"
    assert contents(RemoteCache(), address) == bytes([3]) * 1000
    path.write_bytes(b"other")
    assert contents(RemoteCache(), address) == bytes([3]) * 1000
    cache = RemoteCache()
    cache.look([address])
    assert contents(cache, address) == b"other"
    assert contents(RemoteCache(), address) == b"other"


@pytest.mark.parametrize(
    "untold", [{"Last-Modified"}, {"Content-Length"}, {"Last-Modified", "Content-Length"}]
)
def test_a_file_whose_server_proves_nothing_is_read_again_once_after_each_look(web, workplace, untold):
    address, path = f"{web.address}/3.jpg", workplace / "files/3.jpg"
    web.untold |= untold
    assert contents(RemoteCache(), address) == bytes([3]) * 1000
    path.write_bytes(bytes([4]) * 1000)
    assert contents(RemoteCache(), address) == bytes([3]) * 1000
    cache = RemoteCache()
    cache.look([address])
    web.requests.clear()
    for _ in range(3):
        assert contents(cache, address) == bytes([4]) * 1000
    assert web.requests == [("GET", "/3.jpg")]
    assert contents(RemoteCache(), address) == bytes([4]) * 1000


def test_half_a_file_is_not_kept_if_the_server_told_its_size(web):
    address = f"{web.address}/3.jpg"
    web.fault = lambda *_: stores.ENDED
    with pytest.raises(OSError, match="only 4 of 1,000 bytes came"):
        RemoteCache().open(address)
    assert kept() == []


def test_paths_of_local_files_are_not_looked_at(web):
    assert RemoteCache().look(["cat/1.jpg", "/cat/1.jpg"]) == {}
    assert web.requests == []


def test_what_was_found_missing_is_not_asked_for_again(web):
    cache, address = RemoteCache(), f"{web.address}/none.jpg"
    cache.look([address])
    web.requests.clear()
    with pytest.raises(FileNotFoundError, match="there is no such file at this address"):
        cache.open(address)
    assert web.requests == []


def test_a_file_too_large_for_a_picture_is_not_read(web, workplace):
    with (workplace / "files/film.mp4").open("wb") as file:
        file.truncate(200_000_001)
    with pytest.raises(OSError, match="200,000,001 bytes, the limit is 200,000,000"):
        RemoteCache().open(f"{web.address}/film.mp4")
    assert [method for method, _ in web.requests] == ["HEAD"]


def test_the_cache_stays_within_its_bound_and_keeps_what_was_used_last(web):
    cache = RemoteCache(10 * KB)
    for number in range(40):
        assert contents(cache, f"{web.address}/{number}.jpg") == bytes([number]) * 1000
        assert contents(cache, f"{web.address}/0.jpg") == bytes([0]) * 1000
        assert size_kept() <= 10_000
        time.sleep(0.002)  # modification times must differ
    assert len(kept()) >= 7
    assert web.requests.count(("GET", "/0.jpg")) == 1
    assert web.requests.count(("GET", "/39.jpg")) == 1


def test_a_file_larger_than_the_bound_is_read_all_the_same(web):
    cache = RemoteCache(0.5 * KB)
    for number in range(5):
        assert contents(cache, f"{web.address}/{number}.jpg") == bytes([number]) * 1000
    assert kept() == []


def test_a_file_that_is_open_can_be_read_after_it_had_to_go(web):
    cache = RemoteCache(3 * KB)
    contents(cache, f"{web.address}/0.jpg")
    with cache.open(f"{web.address}/0.jpg") as file:
        for number in range(1, 20):
            contents(cache, f"{web.address}/{number}.jpg")
        assert not any(path.read_bytes() == bytes([0]) * 1000 for path in kept())
        assert file.read() == bytes([0]) * 1000


@pytest.mark.slow
def test_threads_share_the_cache(web):
    cache = RemoteCache(10 * KB)
    numbers = [turn % 40 for turn in range(200)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: contents(cache, f"{web.address}/{number}.jpg"), numbers))
    assert found == [bytes([number]) * 1000 for number in numbers]
    assert size_kept() <= 10_000


@pytest.mark.slow
def test_two_processes_share_the_cache_and_its_bound(web, workplace):
    command = [sys.executable, "-W", "error", "-c", _READER, web.address, str(30 * KB)]
    processes = [
        subprocess.Popen(
            command, cwd=workplace, env=environment(PYTHONPATH=str(ROOT)), stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    most = 0
    while any(process.poll() is None for process in processes):
        most = max(most, size_kept())
        time.sleep(0.002)
    assert [process.communicate()[1] for process in processes] == [b"", b""]
    # Beside what is complete, each process writes one file.
    assert 20_000 < most <= 30_000 + 2 * 1_000
    assert size_kept() <= 30_000
    assert not any(path.name.startswith(".vignette.") for path in kept())


def test_a_lower_bound_counts_at_once(web):
    cache = RemoteCache()
    for number in range(40):
        contents(cache, f"{web.address}/{number}.jpg")
    contents(RemoteCache(10 * KB), f"{web.address}/39.jpg")
    assert size_kept() == 8_000


def test_a_file_cut_short_by_a_power_cut_is_read_again(web):
    address = f"{web.address}/3.jpg"
    contents(RemoteCache(), address)
    (path,) = kept()
    path.write_bytes(b"")
    cache = RemoteCache()
    cache.look([address])
    assert contents(cache, address) == bytes([3]) * 1000


def test_what_a_killed_process_left_goes_after_an_hour(web):
    contents(RemoteCache(), f"{web.address}/0.jpg")
    for name, age in (("old", 3700), ("new", 3500)):
        path = Path("data/cache/remote", f".vignette.{name}")
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age, time.time() - age))
    contents(RemoteCache(), f"{web.address}/1.jpg")
    assert [path.name for path in kept() if path.name.startswith(".")] == [".vignette.new"]


def test_a_full_disk_is_no_unreadable_picture(web, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageError, match="No space left on device") as caught:
        RemoteCache().open(f"{web.address}/0.jpg")
    assert "free some disk space" in caught.value.hint
    assert kept() == []


def test_a_path_leads_below_the_root_or_anywhere():
    cache = RemoteCache()
    assert locate(Path("root"), "cat/a.jpg", cache) == Path("root/cat/a.jpg")
    assert locate(Path("root"), "/cat/a.jpg", cache) == Path("/cat/a.jpg")
    place = locate(Path("root"), "s3://bucket//a.jpg", cache)
    assert (place, str(place)) == (Remote("s3://bucket//a.jpg", RemoteCache()), "s3://bucket//a.jpg")


@pytest.mark.slow
def test_remote_files_are_read_ahead_and_yielded_in_order_whatever_becomes_of_them(web):
    cache = RemoteCache()
    numbers = [*range(40), 99]
    threads = set()
    web.fault = lambda *_: threads.add(threading.current_thread()) or 0
    items = fetched_ahead(numbers, lambda number: Remote(f"{web.address}/{number}.jpg", cache))
    assert list(items) == numbers
    assert len(kept()) == 40
    assert len(threads) > 2


def test_local_files_are_not_read_ahead():
    numbers = range(3)
    assert fetched_ahead(numbers, lambda number: Path(f"{number}.jpg")) is numbers
