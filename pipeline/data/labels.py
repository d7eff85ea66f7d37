"""The classes of a data set, and whether enough of each can be read."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pipeline.core.errors import DataError
from pipeline.data.folders import Excluded, ExclusionKind, Layout


def labels_of(source: Path, labels: Iterable[str]) -> tuple[str, ...]:
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


def check_losses(source: Path, layout: Layout, excluded: Iterable[Excluded], allowed: float) -> None:
    """Checks that enough of every class can be read.

    Args:
        source: Of the data set.
        layout: Its files.
        excluded: Those that cannot be used.
        allowed: The share of a class that may be unreadable.

    Raises:
        DataError: More are; the message names the classes and the first reasons.
    """
    totals = Counter(layout.candidates.labels())
    lost = defaultdict(list)
    for entry in excluded:
        if entry.kind is not ExclusionKind.PASSED_OVER:
            lost[entry.label].append(entry)
    over = {label: entries for label, entries in lost.items() if len(entries) > allowed * totals[label]}
    for label, entries in sorted(over.items()):
        listed = "; ".join(f"{entry.path}: {entry.reason}" for entry in entries[:3])
        most = max(math.ceil(100 * len(some) / totals[name]) for name, some in over.items())
        raise DataError(
            f"{source}: {len(entries)} of {totals[label]} pictures of class {label} cannot be used "
            f"(more than {allowed:.0%}): {listed}" + (" ..." if len(entries) > 3 else ""),
            f"{_remedy(layout, entries)}, or continue without them: --allow-unreadable {most}%",
        )


def _remedy(layout: Layout, lost: Sequence[Excluded]) -> str:
    """What to do about most of these files."""
    if 2 * sum(entry.kind is ExclusionKind.MISSING for entry in lost) > len(lost):
        return f"correct their paths, which are relative to {layout.root}"
    return "re-save them as JPEG"
