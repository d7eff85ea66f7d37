import hashlib
import os
import time

import pytest

from pipeline.core.errors import StorageError
from pipeline.data import file_hashes
from pipeline.data.file_hashes import FileHashes, state_of

LONG_AGO = time.time() - 1000


@pytest.fixture
def picture(tmp_path, monkeypatch):
    # A status change cannot be backdated: here it counts as settled at once.
    monkeypatch.setattr(file_hashes, "_SETTLED_NS", 0)
    path = tmp_path / "a.jpg"
    path.write_bytes(b"first")
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def remember(file, *paths):
    index = FileHashes(file)
    for path in paths:
        index.add(path, state_of(path), sha256(path))
    index.write()


def test_an_unchanged_file_is_known_by_the_next_process(picture, tmp_path):
    remember(tmp_path / "files.bin", picture)
    assert FileHashes(tmp_path / "files.bin").get(picture, state_of(picture)) == sha256(picture)
    other = tmp_path / "b.jpg"
    other.write_bytes(b"first")
    assert FileHashes(tmp_path / "files.bin").get(other, state_of(other)) is None


@pytest.mark.parametrize("year", [1600, 1960, 1969.999, 2200, 2500])
def test_a_file_of_any_year_is_known(picture, tmp_path, monkeypatch, year):
    at = int((year - 1970) * 365.2425 * 86_400) * 10**9
    state = (5, at, int(LONG_AGO) * 10**9, 2**64 - 1)
    # Years that are still to come do not count as settled otherwise.
    monkeypatch.setattr(file_hashes, "_SETTLED_NS", -(10**20))
    index = FileHashes(tmp_path / "files.bin")
    index.add(picture, state, sha256(picture))
    index.write()
    assert FileHashes(tmp_path / "files.bin").get(picture, state) == sha256(picture)
    assert FileHashes(tmp_path / "files.bin").get(picture, (5, -at, *state[2:])) is None


def touched(path):
    os.utime(path)


def of_the_same_size_and_time(path):
    path.write_bytes(b"other")
    os.utime(path, (LONG_AGO, LONG_AGO))


def replaced_by_a_file_of_the_same_size_and_time(path):
    other = path.with_name("other")
    other.write_bytes(b"other")
    os.utime(other, (LONG_AGO, LONG_AGO))
    other.replace(path)


@pytest.mark.parametrize(
    "change", [touched, of_the_same_size_and_time, replaced_by_a_file_of_the_same_size_and_time]
)
def test_a_file_that_may_have_changed_is_not_known(picture, tmp_path, change):
    remember(tmp_path / "files.bin", picture)
    time.sleep(0.02)  # longer than a tick of the file system's clock
    change(picture)
    assert FileHashes(tmp_path / "files.bin").get(picture, state_of(picture)) is None
    remember(tmp_path / "files.bin", picture)
    assert FileHashes(tmp_path / "files.bin").get(picture, state_of(picture)) == sha256(picture)


def test_a_file_that_was_just_written_is_not_trusted(picture, tmp_path, monkeypatch):
    monkeypatch.setattr(file_hashes, "_SETTLED_NS", 2_000_000_000)
    remember(tmp_path / "files.bin", picture)
    assert not (tmp_path / "files.bin").exists()


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_a_damaged_record_counts_as_none(picture, tmp_path, place):
    file = tmp_path / "files.bin"
    remember(file, picture)
    data = bytearray(file.read_bytes())
    data[place % len(data)] ^= 1
    file.write_bytes(data)
    assert FileHashes(file).get(picture, state_of(picture)) is None


def test_a_damaged_record_of_another_index_is_not_added(picture, tmp_path):
    other = picture.with_name("b.jpg")
    other.write_bytes(b"b")
    remember(tmp_path / "other.bin", picture, other)
    whole = (tmp_path / "other.bin").read_bytes()
    (tmp_path / "other.bin").write_bytes(bytes([whole[0] ^ 1]) + whole[1:] + whole[:50])
    FileHashes(tmp_path / "files.bin").add_all(tmp_path / "other.bin")
    assert (tmp_path / "files.bin").read_bytes() == whole[len(whole) // 2 :]


def test_half_a_record_is_cut_off(picture, tmp_path):
    file = tmp_path / "files.bin"
    remember(file, picture)
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:50])
    other = picture.with_name("b.jpg")
    other.write_bytes(b"b")
    remember(file, other)
    assert len(file.read_bytes()) == 2 * len(whole)
    assert FileHashes(file).get(other, state_of(other)) == sha256(other)


def test_a_full_disk_is_said(picture, tmp_path):
    index = FileHashes(tmp_path / "gone" / "files.bin")
    index.add(picture, state_of(picture), sha256(picture))
    with pytest.raises(StorageError, match=r"files\.bin"):
        index.write()


def test_what_a_process_adds_is_written_in_portions(picture, tmp_path, monkeypatch):
    monkeypatch.setattr(file_hashes, "_WRITTEN_AT_ONCE", 2)
    file = tmp_path / "files.bin"
    index = FileHashes(file)
    sizes = []
    for _ in range(4):
        index.add(picture, state_of(picture), sha256(picture))
        sizes.append(file.stat().st_size if file.exists() else 0)
    record = sizes[-1] // 4
    assert sizes == [0, 2 * record, 2 * record, 4 * record]
