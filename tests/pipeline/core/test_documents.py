from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from pydantic import Field

from pipeline.core import documents
from pipeline.core.documents import DocumentError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "expected an object"),
        ("null", "expected an object"),
        ("1", "expected an object"),
        ('{"a": 1}', "it lacks b, c"),
        ('{"a": 1', "Expecting ',' delimiter"),
        ("", "Expecting value"),
        ('{"a": NaN}', "NaN is not a number"),
        ('{"a": ' + "9" * 5000 + "}", "Exceeds the limit"),
        (b'{"\xff": 1}', "'utf-8' codec"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_json_of_another_form_is_refused_in_words(text, words):
    with pytest.raises(DocumentError, match=words):
        documents.object_of(text, ("a", "b", "c"))


def test_an_object_comes_as_it_is():
    assert documents.object_of('{"a": [1, null]}', ("a",)) == {"a": [1, None]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a,b\n1\n", "a row is incomplete"),
        (b"a,b\n1,2,3\n", "a row is incomplete"),
        (b"a,c\n1,2\n", "it lacks the column b"),
        (b"", "it lacks the column a"),
        (b'a,b\n1,"2\n', "unexpected end of data"),
        (b"a,b\n1,\xff\n", "'utf-8' codec"),
        (b"a,b\n" + b"x" * 200_000 + b",2\n", "field larger than field limit"),
    ],
)
def test_a_table_of_another_form_is_refused_in_words(text, words):
    with pytest.raises(DocumentError, match=words):
        documents.rows_of(text, ["a", "b"])


def packed(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def test_every_flipped_bit_of_arrays_gives_arrays_or_is_refused_in_words():
    whole = packed(truth=np.arange(40), probabilities=np.linspace(0, 1, 120).reshape(40, 3))
    for place in range(0, 8 * len(whole), 3):
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        try:
            arrays = documents.arrays_of(bytes(data), ("truth", "probabilities"))
        except DocumentError:
            continue
        assert {len(array) for array in arrays.values()} == {40}


def test_arrays_that_lack_one_or_are_not_equally_long_are_refused():
    with pytest.raises(DocumentError, match="it lacks truth"):
        documents.arrays_of(packed(a=np.arange(3)), ("truth",))
    with pytest.raises(DocumentError, match="differ in length"):
        documents.arrays_of(packed(a=np.arange(3), b=np.arange(4)), ("a", "b"))
    with pytest.raises(DocumentError):
        documents.arrays_of(b"\x93NUMPY", ())


class Score(documents.Document):
    label: str
    correct: int
    of: dict[str, float] = Field(default={})


def test_a_document_has_the_types_of_its_form():
    assert documents.document_of(b'{"label": "cat", "correct": 3}', Score) == Score(label="cat", correct=3)
    later = b'{"label": "cat", "correct": 3, "of": {"a": 1.5}, "new": 1}'
    assert documents.document_of(later, Score).of == {"a": 1.5}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"label": "cat"}', "correct: Field required"),
        (b'{"label": "cat", "correct": "3"}', "correct: Input should be a valid integer"),
        (b'{"label": "cat", "correct": 3, "of": {"a": "x"}}', "of.a: Input should be a valid number"),
        (b"[]", "expected an object"),
        (b"{", "Expecting"),
    ],
)
def test_a_document_of_another_form_is_refused_by_its_place(text, said):
    with pytest.raises(documents.DocumentError, match=said):
        documents.document_of(text, Score)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_is_written_as_csv_writes_it_and_read_back(end):
    rows = [("a", "1"), ('say "ä", twice', "two\nlines"), ("", "日本")]
    expected = io.StringIO(newline="")
    csv.writer(expected, lineterminator=end).writerows([("name", "value"), *rows])
    data = documents.csv_of(("name", "value"), rows, end)
    assert data == expected.getvalue().encode()
    read = documents.rows_of(data, ("name", "value"))
    for _ in range(2):
        assert [tuple(row.values()) for row in read] == rows
