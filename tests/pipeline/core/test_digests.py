import hashlib

import numpy as np
import pytest

from pipeline.core.digests import DigestIndex, digest_array

EQUAL_BEGINNINGS = [bytes(8) + bytes([n] * 24) for n in (1, 2, 3)]


def digests(*values):
    return np.array([np.void(value) for value in values], "V32")


def test_every_digest_has_its_row_and_others_have_none():
    numbers = np.random.default_rng(0)
    own = [numbers.bytes(32) for _ in range(1000)]
    index = DigestIndex(digests(*own))
    assert index.rows(own).tolist() == list(range(1000))
    assert index.rows([numbers.bytes(32) for _ in range(1000)]).tolist() == [-1] * 1000
    assert len(index) == 1000


def test_digests_with_one_beginning_are_told_apart():
    index = DigestIndex(digests(*EQUAL_BEGINNINGS))
    assert [index.row(digest) for digest in EQUAL_BEGINNINGS] == [0, 1, 2]
    assert index.row(bytes(32)) == -1


def test_the_last_record_of_a_digest_holds():
    one, other = EQUAL_BEGINNINGS[:2]
    assert DigestIndex(digests(one, other, one)).row(one) == 2


@pytest.mark.parametrize("kind", ["V16", "V32"])
def test_no_records_hold_no_digest(kind):
    assert DigestIndex(np.zeros(0, kind)).row(bytes(32)) == -1


def test_hexadecimal_digests_take_a_byte_for_each_character():
    digests = [hashlib.sha256(bytes([number])).hexdigest() for number in range(3)]
    array = digest_array(iter(digests))
    assert (array.dtype, array.nbytes) == (np.dtype("S64"), 3 * 64)
    assert [digest.decode() for digest in array.tolist()] == digests
    assert digest_array([]).shape == (0,)
