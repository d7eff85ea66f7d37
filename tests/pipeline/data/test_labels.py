from __future__ import annotations

import pytest

from pipeline.data.labels import numbers_of


def test_names_become_their_places_among_the_labels():
    found = numbers_of(["emu", "cat", "emu"], ("cat", "dog", "emu"))
    assert found.tolist() == [2, 0, 2]
    assert found.dtype.kind == "i"
    assert numbers_of([], ("cat", "dog")).dtype.kind == "i"  # fit to index with


def test_a_name_that_is_no_label_has_no_number():
    with pytest.raises(KeyError, match="fox"):
        numbers_of(["cat", "fox"], ("cat", "dog"))
