import zlib

import numpy as np
import pytest

from pipeline.core.errors import StorageError
from pipeline.core.record_file import RecordFile, intact, sealed, tell

KIND = np.dtype([("sha256", "V4"), ("value", "<f4", (3,)), ("crc32", "<u4")])


def some(count):
    records = np.zeros(count, KIND)
    records["value"] = np.arange(3 * count).reshape(-1, 3)
    return records


def test_the_checksum_is_zlib_s_of_all_bytes_before_it():
    made = sealed(some(5))
    assert made["crc32"].tolist() == [zlib.crc32(record.tobytes()[:-4]) for record in made]
    assert intact(made).tolist() == [True] * 5
    assert intact(made[:0]).shape == (0,)


@pytest.mark.parametrize("place", range(KIND.itemsize))
def test_one_flipped_bit_is_noticed_in_its_record(place):
    data = bytearray(sealed(some(3)).tobytes())
    data[KIND.itemsize + place] ^= 1
    assert intact(np.frombuffer(data, KIND)).tolist() == [True, False, True]


def test_how_many_are_damaged_is_said_only_if_any_are(tmp_path):
    said = []
    tell(np.array([True, True]), tmp_path, said.append)
    tell(np.array([True, False]), tmp_path, said.append)
    assert said == [f"1 of 2 records in the cache {tmp_path} are damaged and will be recomputed"]


def test_records_are_appended_replaced_and_kept(tmp_path):
    file = RecordFile(tmp_path / "a.bin", KIND)
    assert (file.count(), len(file.rows(0))) == (0, 0)
    file.append(some(4), 0)
    before = file.rows(4)
    file.put(some(5)[4:], 1)
    assert before["value"][:, 0].tolist() == [0, 12, 6, 9]
    file.append(some(1), 4)
    file.keep(np.array([1, 4]))
    assert file.count() == 2
    assert file.rows(2)["value"][:, 0].tolist() == [12, 0]
    assert intact(file.rows(2)).all()


def test_a_full_disk_is_said(tmp_path):
    file = RecordFile(tmp_path / "gone" / "a.bin", KIND)
    for write in (lambda: file.append(some(1), 0), lambda: file.put(some(1), 0)):
        with pytest.raises(StorageError, match=r"a\.bin"):
            write()
