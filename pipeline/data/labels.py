"""The classes of a data set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pipeline.core.errors import DataError


def labels_of(source: Path, labels: Sequence[str]) -> tuple[str, ...]:
    """The classes in their fixed order.

    Raises:
        DataError: Fewer than two, or names that differ only in case or cannot be used.
    """
    distinct = sorted(set(labels))
    if not distinct:
        raise DataError(
            f"{source}: no pictures found" + (" in class folders" if source.is_dir() else ""),
            "put them into one folder per class: FOLDER/CLASS/picture.jpg",
        )
    folded: dict[str, list[str]] = defaultdict(list)
    for label in distinct:
        folded[label.casefold()].append(label)
        if any(ord(c) < 32 for c in label):
            raise DataError(f"{source}: the class name {label!r} contains a control character", "rename it")
    for alike in folded.values():
        if len(alike) > 1:
            raise DataError(
                f"{source}: classes {' and '.join(alike)} differ only in case", "merge them, or rename one"
            )
    if len(distinct) < 2:
        inside = source / distinct[0]
        raise DataError(
            f"{source}: only one class, {distinct[0]}",
            f"if the folders in it are the classes, use {inside}"
            if inside.is_dir() and any(path.is_dir() for path in inside.iterdir())
            else "a classifier needs at least two: add a folder for another class",
        )
    return tuple(distinct)


def numbers_of(names: Iterable[str], labels: Sequence[str]) -> np.ndarray:
    """The number of each name among the labels, int64, shape (n,); raises KeyError."""
    numbers = {label: number for number, label in enumerate(labels)}
    return np.array([numbers[name] for name in names], np.int64)
