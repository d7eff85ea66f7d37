"""Turns a folder of pictures, or a table, into a Table of pictures and labels.

Every file that `folders` finds ends up in `Table.pictures` or, with the reason, in `Table.excluded`.
`reading` reads the files; `splits` decides what is held out; `audit` finds what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from pipeline.core.errors import DataError
from pipeline.core.progress import Progress, silent
from pipeline.core.recipes import key_of_rows
from pipeline.core.remote_cache import Place, RemoteCache, locate
from pipeline.data import folders, reading, tables
from pipeline.data.fingerprints import Fingerprints
from pipeline.data.folders import Excluded, Layout, Note
from pipeline.data.labels import check_losses, labels_of
from pipeline.data.pictures import Picture, Pictures
from pipeline.data.reading import Content

_MAX_UNREADABLE = 0.10


@dataclass(frozen=True)
class Table:
    """All pictures of a data set, in one fixed order.

    Attributes:
        root: What the paths are relative to.
        labels: The classes, ordered by code point of their normalized (NFC) names.
        pictures: Those that can be used, ordered by path.
        excluded: Those that cannot, ordered by path.
        notes: How the data set was read; not stored in a run.
        cache: Of what lies at addresses.
    """

    root: Path
    labels: tuple[str, ...]
    pictures: Pictures
    excluded: tuple[Excluded, ...]
    notes: tuple[Note, ...] = field(default=(), compare=False)
    cache: RemoteCache = field(default_factory=RemoteCache, compare=False, repr=False)

    def at(self, path: str) -> Place:
        """Where a path of the table leads."""
        return locate(self.root, path, self.cache)

    def file(self, picture: Picture) -> Place:
        return self.at(picture.path)

    def views_again(self, sha256: str) -> np.ndarray:
        """As `reading.views_again`, of a picture in the table with this content."""
        row = next(row for row in range(len(self.pictures)) if self.pictures.sha256(row) == sha256)
        return reading.views_again(self.file(self.pictures[row]), sha256)

    @cached_property
    def key(self) -> str:
        """A hash of all that training sees of the data set."""
        rows = (
            (p.path, p.label, p.group, p.given_split, p.sha256, p.near_duplicates)
            + ((p.decision, p.decided_label) if p.decision else ())
            for p in self.pictures
        )
        return key_of_rows(rows, list(self.labels))


def scan(
    source: Path,
    known: Table | None = None,
    progress: Progress = silent,
    cache: Fingerprints | None = None,
    allowed: float = _MAX_UNREADABLE,
    remote: RemoteCache | None = None,
) -> Table:
    """Reads every file of a data set; pictures that are not known yet are decoded fully.

    Args:
        source: `FOLDER/CLASS/**`, `FOLDER/{train,val,test}/CLASS/**`, or a table (CSV or Parquet) with the
            columns path and label, and optionally group and split (train, val or test).
        known: An earlier table; the facts of files with the same content are taken from it.
        progress: Called as pictures are read.
        cache: Receives the fingerprint of every picture, made from the same decode.
        allowed: The share of a class that may be unreadable.
        remote: The cache of pictures at addresses.

    Raises:
        DataError: No pictures, fewer than two classes, an empty class, classes that differ
            only in case, a row of the table, or more of a class unreadable than is allowed.
        NetworkError: Pictures are at addresses where nothing answers.
    """
    layout = tables.layout_of(source, remote)
    labels = labels_of(source, layout.candidates.labels())
    table = _table(layout, labels, *_look(layout, known, progress, cache))
    check_losses(source, layout, table.excluded, allowed)
    return table


def survey(
    source: Path,
    progress: Progress = silent,
    cache: Fingerprints | None = None,
    allowed: float = _MAX_UNREADABLE,
    remote: RemoteCache | None = None,
) -> tuple[Table, DataError | None]:
    """Like `scan`, but for any folder with pictures in it; returns why `scan` would refuse it, too.

    Raises:
        DataError: There are no pictures, or the table is wrong.
        NetworkError: As `scan`.
    """
    refusal: DataError | None = None
    try:
        layout = tables.layout_of(source, remote)
        labels = labels_of(source, layout.candidates.labels())
    except DataError as error:
        layout = folders.anything(source) if source.is_dir() else Layout(source, Pictures())
        if not layout.candidates:
            raise
        refusal, labels = error, tuple(sorted({*layout.candidates.labels()}))
    table = _table(layout, labels, *_look(layout, None, progress, cache))
    try:
        check_losses(source, layout, table.excluded, allowed)
    except DataError as error:
        refusal = refusal or error
    return table, refusal


def _table(layout: Layout, labels: tuple[str, ...], pictures: Pictures, excluded: list[Excluded]) -> Table:
    everything = sorted([*excluded, *layout.ignored], key=lambda entry: entry.path)
    return Table(layout.root, labels, pictures.in_order(), tuple(everything), layout.notes, layout.cache)


def _look(
    layout: Layout, known: Table | None, progress: Progress, cache: Fingerprints | None
) -> tuple[Pictures, list[Excluded]]:
    facts: dict[str, Content] = {}
    refused: dict[str, Excluded] = {}
    if known:
        refused = {entry.sha256: entry for entry in known.excluded if entry.sha256}
        if cache is None:
            facts = {p.sha256: Content(p.sha256, p.width, p.height, p.remarks) for p in known.pictures}
    excluded: list[Excluded] = []

    def pictures() -> Iterator[Picture]:
        for entry, found in reading.read(layout, cache, progress, facts, refused):
            if isinstance(found, Excluded):
                excluded.append(found)
            else:
                yield Picture(entry.path, entry.label, entry.group, entry.given_split, *found)

    return Pictures(pictures()), excluded
